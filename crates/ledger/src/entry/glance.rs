//! Reads canonical bytes in one pass, without copying them and without writing them again.
//!
//! What it reads, [`Entry::from_bytes`] reads too, and as the same entry; what it does not know, it leaves
//! to the slow way, which says what is wrong. So a word that is missing here costs time and nothing else.

mod cursor;

use super::{CheckMark, Entry, EntryKind, Origin, RunStatus, StepRef, VERSION, Verdict};
use crate::payload::{Commitments, Slot};
use comity_core::{
    Amounts, ApprovalId, Digest, Namespace, ReasonCode, RunId, StepId, StepKind, Taint, Tenant,
};
use cursor::Cursor;
use std::borrow::Cow;

/// What an entry says but for its free texts, borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Glance<'b> {
    /// See [`Entry::approval`].
    pub approval: Option<ApprovalId>,
    /// See [`Entry::at`].
    pub at: u64,
    /// See [`Entry::caps`].
    pub caps: Option<Amounts>,
    /// See [`Entry::expires`].
    pub expires: Option<u64>,
    /// See [`Entry::hold`].
    pub hold: Option<Amounts>,
    /// See [`Entry::kind`].
    pub kind: EntryKind,
    /// See [`Entry::namespace`].
    pub namespace: &'b str,
    /// See [`Entry::origin`].
    pub origin: Option<Origin>,
    /// See [`Entry::part`].
    pub part: Option<Amounts>,
    /// See [`Entry::payloads`].
    pub payloads: Commitments,
    /// See [`Entry::policy`].
    pub policy: Option<Digest>,
    /// See [`Entry::reason`].
    pub reason: Option<ReasonCode>,
    /// See [`Entry::release`].
    pub release: Option<Amounts>,
    /// See [`Entry::run`].
    pub run: RunId,
    /// See [`Entry::status`].
    pub status: Option<RunStatus>,
    /// See [`Entry::step`].
    pub step: Option<StepRef>,
    /// See [`Entry::taint`].
    pub taint: Taint,
    /// See [`Entry::tenant`].
    pub tenant: &'b str,
    /// See [`Entry::usage`].
    pub usage: Option<Amounts>,
    /// See [`Entry::used`].
    pub used: Option<Amounts>,
}

/// What only whole entries say, still as it is written.
struct Texts<'b> {
    /// The list of marks.
    checks: &'b [u8],
    /// Who acted.
    principal: &'b [u8],
}

/// The entry that [`Entry::to_bytes`] wrote as these bytes; `None` for anything else, and for what is not known here.
pub fn entry(body: &[u8]) -> Option<Entry> {
    let (glance, texts) = parse(body)?;
    Some(Entry {
        approval: glance.approval,
        at: glance.at,
        caps: glance.caps,
        checks: marks(texts.checks)?,
        expires: glance.expires,
        hold: glance.hold,
        kind: glance.kind,
        namespace: glance.namespace.parse().ok()?,
        origin: glance.origin,
        part: glance.part,
        payloads: glance.payloads,
        policy: glance.policy,
        principal: unescaped(texts.principal)?,
        reason: glance.reason,
        release: glance.release,
        run: glance.run,
        status: glance.status,
        step: glance.step,
        taint: glance.taint,
        tenant: glance.tenant.parse().ok()?,
        usage: glance.usage,
        used: glance.used,
        v: VERSION,
    })
}

impl<'b> Glance<'b> {
    /// Reads bytes that [`Entry::to_bytes`] wrote; `None` for anything else, and for what is not known here.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        parse(body).map(|(glance, _)| glance)
    }

    /// The same of an entry that was read already.
    pub fn of(entry: &'b Entry) -> Self {
        Self {
            approval: entry.approval,
            at: entry.at,
            caps: entry.caps,
            expires: entry.expires,
            hold: entry.hold,
            kind: entry.kind,
            namespace: entry.namespace.as_str(),
            origin: entry.origin,
            part: entry.part,
            payloads: entry.payloads.clone(),
            policy: entry.policy,
            reason: entry.reason,
            release: entry.release,
            run: entry.run,
            status: entry.status,
            step: entry.step.clone(),
            taint: entry.taint,
            tenant: entry.tenant.as_str(),
            usage: entry.usage,
            used: entry.used,
        }
    }
}

fn parse(body: &[u8]) -> Option<(Glance<'_>, Texts<'_>)> {
    let mut at = Cursor::new(body);
    at.take(b"{")?;
    let approval = at.field(b"\"approval\":", |at| at.id(ApprovalId::from_text))?;
    let moment = at.required(b"\"at\":", Cursor::number)?;
    let caps = at.field(b"\"caps\":", amounts)?;
    let checks = at.field(b"\"checks\":", checks)?;
    let expires = at.field(b"\"expires\":", Cursor::number)?;
    let hold = at.field(b"\"hold\":", amounts)?;
    let kind = at.required(b"\"kind\":", |at| kind(at.plain()?))?;
    let namespace = at.required(b"\"namespace\":", |at| at.name(Namespace::is_name))?;
    let origin = at.field(b"\"origin\":", origin)?;
    let part = at.field(b"\"part\":", amounts)?;
    let payloads = at.field(b"\"payloads\":", commitments)?;
    let policy = at.field(b"\"policy\":", Cursor::digest)?;
    let principal = at.required(b"\"principal\":", Cursor::text)?;
    let reason = at.field(b"\"reason\":", |at| ReasonCode::from_code(at.name(|_| true)?))?;
    let release = at.field(b"\"release\":", amounts)?;
    let run = at.required(b"\"run\":", |at| at.id(RunId::from_text))?;
    let status = at.field(b"\"status\":", |at| status(at.plain()?))?;
    let step = at.field(b"\"step\":", step)?;
    let taint = at.field(b"\"taint\":", taint)?.unwrap_or_default();
    let tenant = at.required(b"\"tenant\":", |at| at.name(Tenant::is_name))?;
    let usage = at.field(b"\"usage\":", amounts)?;
    let used = at.field(b"\"used\":", amounts)?;
    at.take(b"\"v\":1}")?;
    const { assert!(VERSION == 1) };
    at.end()?;
    let (checks, payloads) = (checks.unwrap_or_default(), payloads.unwrap_or_default());
    let glance = Glance {
        approval,
        at: moment,
        caps,
        expires,
        hold,
        kind,
        namespace,
        origin,
        part,
        payloads,
        policy,
        reason,
        release,
        run,
        status,
        step,
        taint,
        tenant,
        usage,
        used,
    };
    Some((glance, Texts { checks, principal }))
}

fn amounts(at: &mut Cursor<'_>) -> Option<Amounts> {
    at.take(b"{\"micro_usd\":")?;
    let micro_usd = at.number()?;
    at.take(b",\"millis\":")?;
    let millis = at.number()?;
    at.take(b",\"steps\":")?;
    let steps = at.number()?;
    at.take(b",\"tokens\":")?;
    let tokens = at.number()?;
    at.take(b"}")?;
    Some(Amounts { micro_usd, millis, steps, tokens })
}

/// A trusted entry says nothing of it.
fn taint(at: &mut Cursor<'_>) -> Option<Taint> {
    let bits = u8::try_from(at.number()?).ok()?;
    Taint::from_bits(bits).filter(|taint| taint.is_tainted())
}

fn origin(at: &mut Cursor<'_>) -> Option<Origin> {
    at.take(b"{\"entry\":")?;
    let entry = at.digest()?;
    at.take(b",\"run\":")?;
    let run = at.id(RunId::from_text)?;
    at.take(b",\"seq\":")?;
    let seq = at.number()?;
    at.take(b"}")?;
    Some(Origin { entry, run, seq })
}

/// The list of marks as it is written, once every mark was understood. An empty list is never written.
fn checks<'b>(at: &mut Cursor<'b>) -> Option<&'b [u8]> {
    let whole = at.rest();
    at.take(b"[")?;
    loop {
        mark(at)?;
        if at.has(b"]") {
            return whole.get(..whole.len() - at.rest().len());
        }
        at.take(b",")?;
    }
}

fn mark<'b>(at: &mut Cursor<'b>) -> Option<(&'b [u8], Verdict)> {
    at.take(b"[")?;
    let name = at.text()?;
    at.take(b",")?;
    let verdict = match at.plain()? {
        b"pass" => Verdict::Pass,
        b"hold" => Verdict::Hold,
        b"deny" => Verdict::Deny,
        _ => return None,
    };
    at.take(b"]")?;
    Some((name, verdict))
}

fn marks(list: &[u8]) -> Option<Vec<CheckMark>> {
    let (mut at, mut marks) = (Cursor::new(list), Vec::new());
    while at.has(b"[") || at.has(b",") {
        let (name, verdict) = mark(&mut at)?;
        marks.push(CheckMark(unescaped(name)?, verdict));
    }
    Some(marks)
}

/// A text between its quotes, as it was before it was written.
fn unescaped(written: &[u8]) -> Option<Cow<'static, str>> {
    if !written.contains(&b'\\') {
        return Some(std::str::from_utf8(written).ok()?.to_owned().into());
    }
    let quoted = [b"\"", written, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).ok().map(Cow::Owned)
}

fn commitments(at: &mut Cursor<'_>) -> Option<Commitments> {
    const KEYS: [(&[u8], Slot); 6] = [
        (b"\"act\":", Slot::Act),
        (b"\"note\":", Slot::Note),
        (b"\"output\":", Slot::Output),
        (b"\"policy\":", Slot::Policy),
        (b"\"setup\":", Slot::Setup),
        (b"\"source\":", Slot::Source),
    ];
    at.take(b"{")?;
    let (mut found, mut ended) = (Commitments::default(), false);
    for (key, slot) in KEYS {
        if !ended && at.has(key) {
            found.set(slot, at.digest()?);
            ended = !at.has(b",");
        }
    }
    // Ends after a member: neither without any, nor after a comma.
    if !ended {
        return None;
    }
    at.take(b"}")?;
    Some(found)
}

fn step(at: &mut Cursor<'_>) -> Option<StepRef> {
    at.take(b"{")?;
    let attempt = at.required(b"\"attempt\":", Cursor::small)?;
    let contract = at.required(b"\"contract\":", Cursor::digest)?;
    let id = at.required(b"\"id\":", |at| at.id(StepId::from_text))?;
    let idempotent = at.required(b"\"idempotent\":", Cursor::flag)?;
    let iteration = at.required(b"\"iteration\":", Cursor::small)?;
    let kind = at.required(b"\"kind\":", |at| step_kind(at.plain()?))?;
    let ordinal = at.required(b"\"ordinal\":", Cursor::small)?;
    let parent = at.field(b"\"parent\":", |at| at.id(StepId::from_text))?;
    at.take(b"\"risk\":")?;
    let risk = u8::try_from(at.number()?).ok()?;
    at.take(b"}")?;
    Some(StepRef { attempt, contract, id, idempotent, iteration, kind, ordinal, parent, risk })
}

fn kind(word: &[u8]) -> Option<EntryKind> {
    Some(match word {
        b"opened" => EntryKind::Opened,
        b"resumed" => EntryKind::Resumed,
        b"admitted" => EntryKind::Admitted,
        b"denied" => EntryKind::Denied,
        b"held" => EntryKind::Held,
        b"approved" => EntryKind::Approved,
        b"rejected" => EntryKind::Rejected,
        b"expired" => EntryKind::Expired,
        b"reused" => EntryKind::Reused,
        b"settled" => EntryKind::Settled,
        b"failed" => EntryKind::Failed,
        b"cancelled" => EntryKind::Cancelled,
        b"unknown" => EntryKind::Unknown,
        b"happened" => EntryKind::Happened,
        b"not_happened" => EntryKind::NotHappened,
        b"abandoned" => EntryKind::Abandoned,
        b"skipped" => EntryKind::Skipped,
        b"scheduled" => EntryKind::Scheduled,
        b"suspended" => EntryKind::Suspended,
        b"defect" => EntryKind::Defect,
        b"paused" => EntryKind::Paused,
        b"closed" => EntryKind::Closed,
        b"hold_placed" => EntryKind::HoldPlaced,
        b"hold_lifted" => EntryKind::HoldLifted,
        b"retention_set" => EntryKind::RetentionSet,
        b"erasing" => EntryKind::Erasing,
        b"erased" => EntryKind::Erased,
        b"anonymized" => EntryKind::Anonymized,
        b"collected" => EntryKind::Collected,
        _ => return None,
    })
}

fn status(word: &[u8]) -> Option<RunStatus> {
    RunStatus::ALL.into_iter().find(|status| status.word().as_bytes() == word)
}

fn step_kind(word: &[u8]) -> Option<StepKind> {
    Some(match word {
        b"agent_turn" => StepKind::AgentTurn,
        b"model_call" => StepKind::ModelCall,
        b"tool_call" => StepKind::ToolCall,
        b"human_decision" => StepKind::HumanDecision,
        b"lease" => StepKind::Lease,
        b"send" => StepKind::Send,
        b"invoke" => StepKind::Invoke,
        b"round" => StepKind::Round,
        b"workflow" => StepKind::Workflow,
        b"timer" => StepKind::Timer,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
