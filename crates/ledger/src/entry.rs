//! Entry v1: what one row of the ledger says.
//!
//! A header of ids, enums, integers and digests; every text is a payload. Fields stand in the order of
//! RFC 8785, so that plain serialisation is canonical (a test proves the bytes equal).

mod glance;

pub use glance::Glance;

use crate::payload::Commitments;
use comity_core::{
    Amounts, ApprovalId, Digest, Namespace, ReasonCode, RunId, Step, StepId, StepKind, Taint, Tenant,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The version of the format this module writes.
pub const VERSION: u8 = 1;

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A run begins; its workflow, policy and input are pinned.
    Opened,
    /// Another process took the run over.
    Resumed,
    /// A step may begin; what it can cost is held.
    Admitted,
    /// A step was refused.
    Denied,
    /// A step waits for a person; what it can cost is held.
    Held,
    /// A person said yes to a held step.
    Approved,
    /// A person said no to a held step.
    Rejected,
    /// Nobody decided about a held step in time.
    Expired,
    /// A step ended, and this is what it produced and cost.
    Settled,
    /// What a step of another run produced is taken over; nothing was done.
    Reused,
    /// A step ended, and failed.
    Failed,
    /// A step's caller went away before it began.
    Cancelled,
    /// Nobody saw how a step ended.
    Unknown,
    /// A person found out that an unknown step happened, and what it produced.
    Happened,
    /// A person found out that an unknown step did not happen: it may be tried again.
    NotHappened,
    /// A person gave an unknown step up; what was held counts as spent.
    Abandoned,
    /// A step can never begin, because of how those before it ended.
    Skipped,
    /// A step waits for a moment, after which it begins or is tried again.
    Scheduled,
    /// A step stopped for now, because one nested in it waits; it will be gone on with.
    Suspended,
    /// More was used than was held: the account is frozen.
    Defect,
    /// The run stops for now.
    Paused,
    /// The run has ended.
    Closed,
    /// A legal hold: what it names is not erased.
    HoldPlaced,
    /// A legal hold does not count any more.
    HoldLifted,
    /// For how long texts of runs that have ended are kept.
    RetentionSet,
    /// An erasure begins; whatever happens, it will be finished.
    Erasing,
    /// An erasure has ended: keys of runs are gone, with every text under them.
    Erased,
    /// An erasure has ended that left workflows and policies.
    Anonymized,
    /// An erasure has ended of what was kept long enough.
    Collected,
}

impl EntryKind {
    /// Whether it stands in a tenant's book, and nowhere else.
    pub const fn is_of_book(self) -> bool {
        matches!(
            self,
            Self::HoldPlaced
                | Self::HoldLifted
                | Self::RetentionSet
                | Self::Erasing
                | Self::Erased
                | Self::Anonymized
                | Self::Collected
        )
    }

    /// Whether whoever appends it becomes the run's owner: its epoch is raised.
    pub const fn takes_over(self) -> bool {
        matches!(
            self,
            Self::Resumed | Self::HoldPlaced | Self::HoldLifted | Self::RetentionSet | Self::Erasing
        )
    }
}

/// Where a run stands. The number is stored in its view row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RunStatus {
    /// Under way.
    Running = 0,
    /// Waits for a person.
    Waiting = 1,
    /// Reached a terminal step.
    Completed = 2,
    /// A failure kept it from a terminal step.
    Failed = 3,
    /// Refusals kept it from every terminal step.
    Denied = 4,
    /// A used-up budget kept it from every terminal step.
    Exhausted = 5,
    /// Stopped from outside; can be resumed.
    Interrupted = 6,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Waiting,
        Self::Completed,
        Self::Failed,
        Self::Denied,
        Self::Exhausted,
        Self::Interrupted,
    ];

    /// Reads the stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| *status as u8 == number)
    }

    /// Whether nothing can follow.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Denied | Self::Exhausted)
    }

    /// The word for people and machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Exhausted => "exhausted",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What one check said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckMark(pub Cow<'static, str>, pub Verdict);

/// What a check can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing against it.
    Pass,
    /// A person has to decide.
    Hold,
    /// It must not happen.
    Deny,
}

/// Which step an entry is about, and what was declared of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRef {
    /// Which try this is, from 1.
    pub attempt: u32,
    /// How the act is done.
    pub contract: Digest,
    /// The step.
    pub id: StepId,
    /// Whether doing it twice does what doing it once does.
    pub idempotent: bool,
    /// Which pass of a loop.
    pub iteration: u32,
    /// What sort of act.
    pub kind: StepKind,
    /// Which child of its parent, or which step of the run.
    pub ordinal: u32,
    /// The step it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<StepId>,
    /// Declared risk tier, 1 to 4.
    pub risk: u8,
}

impl StepRef {
    /// Refers to this attempt at a step.
    pub fn of(step: &Step, attempt: u32) -> Self {
        Self {
            attempt,
            contract: step.contract,
            id: step.id,
            idempotent: step.idempotent,
            iteration: step.iteration,
            kind: step.kind,
            ordinal: step.ordinal,
            parent: step.parent,
            risk: step.risk.level(),
        }
    }
}

/// An entry of another run of the same tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Its hash.
    pub entry: Digest,
    /// The run it stands in.
    pub run: RunId,
    /// Its place in that run's chain.
    pub seq: u64,
}

/// One entry. Amounts are differences: an account's balance is their sum over all entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The approval it asks for, decides or rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The caps of the run's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<Amounts>,
    /// What each check said, in the order they were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckMark>,
    /// When an approval it asks for stops counting, or the moment that is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Newly reserved on the run's accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Amounts>,
    /// What it records.
    pub kind: EntryKind,
    /// Division of the tenant.
    pub namespace: Namespace,
    /// The entry of another run that it goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Set aside for a nested step out of its parent's reserve; no account changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Amounts>,
    /// The texts beside it.
    #[serde(default, skip_serializing_if = "Commitments::is_empty")]
    pub payloads: Commitments,
    /// The policy decided under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// Who acted.
    pub principal: Cow<'static, str>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonCode>,
    /// No longer reserved on the run's accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Amounts>,
    /// The run.
    pub run: RunId,
    /// Where the run stands from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// The step it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepRef>,
    /// The untrusted sources that went into what was asked for, or into what came of it.
    #[serde(default, skip_serializing_if = "Taint::is_trusted")]
    pub taint: Taint,
    /// Whose run it is.
    pub tenant: Tenant,
    /// Booked on the run's accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Amounts>,
    /// Used by a nested step; booked with its parent's usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Amounts>,
    /// The version of the format.
    pub v: u8,
}

impl Entry {
    /// An entry that says nothing yet but what, whose and when.
    pub fn new(
        kind: EntryKind,
        run: RunId,
        tenant: Tenant,
        namespace: Namespace,
        principal: Cow<'static, str>,
        at: Timestamp,
    ) -> Self {
        Self {
            approval: None,
            at: at.millis(),
            caps: None,
            checks: Vec::new(),
            expires: None,
            hold: None,
            kind,
            namespace,
            origin: None,
            part: None,
            payloads: Commitments::default(),
            policy: None,
            principal,
            reason: None,
            release: None,
            run,
            status: None,
            step: None,
            taint: Taint::NONE,
            tenant,
            usage: None,
            used: None,
            v: VERSION,
        }
    }

    /// The bytes that are hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(640);
        // Writing plain data into memory cannot fail; an empty body would not verify.
        if serde_json::to_writer(&mut out, self).is_err() {
            out.clear();
        }
        out
    }

    /// Reads bytes that [`Entry::to_bytes`] wrote; anything else, even if it means the same, is an error.
    pub fn from_bytes(body: &[u8]) -> Result<Self, String> {
        if let Some(entry) = glance::entry(body) {
            return Ok(entry);
        }
        let entry: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if entry.v != VERSION {
            return Err(format!("its format is version {}, and this build knows version {VERSION}", entry.v));
        }
        if entry.to_bytes() != body {
            return Err("its bytes are not canonical".to_owned());
        }
        Ok(entry)
    }
}

#[cfg(test)]
mod tests;
