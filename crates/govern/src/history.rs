//! What the ledger says of each step of a run, folded from its entries.

use crate::acts::ActsByTarget;
use crate::planted::{Defect, is as planted};
use comity_core::{Amounts, ApprovalId, Digest, ReasonCode, StepId, StepKind, Timestamp};
use comity_ledger::{Entry, EntryKind, Record, Slot, StepRef};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// What is known of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Which child of its parent, or which step of the run.
    pub ordinal: u32,
    /// The step it is part of.
    pub parent: Option<StepId>,
    /// The last try, from 1.
    pub attempt: u32,
    /// How it stands.
    pub state: PastState,
    /// The entry that has the act's text, by its place in the chain.
    pub act: u64,
    /// How the act was to be done.
    pub contract: Digest,
    /// What is still held for it on the run's accounts.
    pub hold: Amounts,
    /// Whether doing it twice does what doing it once does.
    pub idempotent: bool,
    /// What is set aside for it out of its parent's hold.
    pub part: Amounts,
    /// What steps nested in this try have used, and what is set aside for those whose end nobody saw.
    pub nested: Amounts,
    /// What it has cost since it was first begun, or last failed.
    pub spent: Amounts,
    /// What steps nested in it that have ended came to, however deeply, since then: they are not done again.
    pub done: Amounts,
    /// The moment it waits for before it begins, or is tried again.
    pub due: Option<Timestamp>,
    /// Whether its last admission rested on a person's yes.
    pub cleared: bool,
    /// How often it has failed.
    pub failures: u32,
    /// Whether its result was taken over from another run.
    pub reused: bool,
}

impl Past {
    /// What the step itself came to, beside those nested in it, when it ended at this cost.
    pub(crate) fn own(&self, container: bool, cost: &Amounts) -> Amounts {
        let own = Amounts { millis: 0, ..*cost };
        if container {
            own.min(&Amounts { steps: 1, ..Amounts::ZERO })
        } else {
            own.saturating_sub(&self.done)
        }
    }

    /// What an entry says of its tries, its moment, and whether a person said yes.
    fn note(&mut self, entry: &Entry) {
        match entry.kind {
            EntryKind::Failed => {
                self.failures += 1;
                (self.spent, self.done) = (Amounts::ZERO, Amounts::ZERO);
            }
            EntryKind::Scheduled if planted(Defect::ForgottenMoment) => {}
            EntryKind::Scheduled => self.due = entry.expires.map(Timestamp::from_millis),
            EntryKind::Reused => self.reused = true,
            EntryKind::Admitted => {
                self.due = None;
                // A step that is gone on with keeps the yes it had.
                self.cleared =
                    entry.approval.is_some() || (self.cleared && self.state == PastState::Suspended);
            }
            _ => {}
        }
    }

    /// What is known of a step when it is first heard of.
    pub(crate) fn new(step: &StepRef, act: u64) -> Self {
        Self {
            ordinal: step.ordinal,
            parent: step.parent,
            attempt: 0,
            state: PastState::Open,
            act,
            contract: step.contract,
            hold: Amounts::ZERO,
            idempotent: step.idempotent,
            part: Amounts::ZERO,
            nested: Amounts::ZERO,
            spent: Amounts::ZERO,
            done: Amounts::ZERO,
            due: None,
            cleared: false,
            failures: 0,
            reused: false,
        }
    }
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastState {
    /// Admitted, and nothing more is known.
    Open,
    /// Waits for a person to decide.
    Held(ApprovalId),
    /// Ended with a result, in the entry at this place.
    Settled(u64),
    /// Ended without, for this reason, in the entry at this place.
    Failed(ReasonCode, u64),
    /// Refused, for this reason, in the entry at this place.
    Denied(ReasonCode, u64),
    /// Can never begin, in the entry at this place.
    Skipped(ReasonCode, u64),
    /// Nobody knows how it ended; a person has to find out.
    Unknown(ReasonCode, u64),
    /// May be tried again: it did not happen, or doing it twice does no harm.
    Retry,
    /// Waits for a moment, and has not begun.
    Scheduled,
    /// Stopped because a step nested in it waits: it is gone on with when it is asked for again.
    Suspended,
}

impl PastState {
    /// The same, in the entry at this place.
    pub(crate) fn at(self, seq: u64) -> Self {
        match self {
            Self::Settled(_) => Self::Settled(seq),
            Self::Failed(reason, _) => Self::Failed(reason, seq),
            Self::Denied(reason, _) => Self::Denied(reason, seq),
            Self::Skipped(reason, _) => Self::Skipped(reason, seq),
            Self::Unknown(reason, _) => Self::Unknown(reason, seq),
            Self::Open | Self::Held(_) | Self::Retry | Self::Scheduled | Self::Suspended => self,
        }
    }
}

/// What a person found out about an unknown step.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It happened, and produced this.
    Happened(Value),
    /// It did not happen: it may be tried again.
    NotHappened,
    /// Nobody will ever know: it counts as failed, and what was held as spent.
    Abandon,
}

/// Adds what an ended step itself came to to every step around it.
pub(crate) fn count_done(steps: &mut HashMap<StepId, Past>, parent: Option<StepId>, own: &Amounts) {
    let mut here = parent.filter(|_| !own.is_zero());
    while let Some(past) = here.and_then(|step| steps.get_mut(&step)) {
        past.done = past.done.checked_add(own).unwrap_or(Amounts::UNLIMITED);
        here = past.parent;
    }
}

/// What an act is done to, told from its text: the model that is asked; otherwise the last part of the step's name.
fn target_of(kind: StepKind, act: &[u8]) -> Option<Arc<str>> {
    let act: Value = serde_json::from_slice(act).ok()?;
    if kind == StepKind::ModelCall
        && let Some(model) = act.pointer("/input/model").and_then(Value::as_str)
    {
        return Some(model.into());
    }
    act.get("name")?.as_str()?.rsplit('/').next().map(Arc::from)
}

/// A run's entries, folded.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) steps: HashMap<StepId, Past>,
    /// What was done, by what it was done to.
    pub(crate) acts: ActsByTarget,
    /// What each step is done to.
    targets: HashMap<StepId, Arc<str>>,
    /// How long the run was under way, waiting for people left out.
    pub(crate) elapsed: Duration,
    active_since: Option<u64>,
    /// Steps of the run itself that are under way.
    under_way: HashSet<StepId>,
    /// Steps that wait for a moment.
    scheduled: HashSet<StepId>,
}

impl History {
    /// Folds a record in: its entry, and what the act in it is done to.
    pub(crate) fn add_record(&mut self, record: &Record) -> Result<(), comity_ledger::Error> {
        self.add(record.seq, &record.entry);
        let Some(step) = &record.entry.step else { return Ok(()) };
        if record.entry.payloads.get(Slot::Act).is_some()
            && let Some(act) = record.text(Slot::Act)?
            && let Some(target) = target_of(step.kind, &act)
        {
            self.targets.insert(step.id, target);
        }
        let Some(target) = self.targets.get(&step.id) else { return Ok(()) };
        let (kind, approved) = (record.entry.kind, record.entry.approval.is_some());
        self.acts.note(target, |acts| match kind {
            EntryKind::Admitted => {
                acts.times += 1;
                acts.approved |= approved;
            }
            EntryKind::Settled => acts.settled = true,
            _ => {}
        });
        Ok(())
    }

    /// Folds one entry in. Entries come in the order of their chain.
    pub(crate) fn add(&mut self, seq: u64, entry: &Entry) {
        self.measure(entry);
        self.follow(entry);
        let Some(step) = &entry.step else { return };
        let reason = entry.reason.unwrap_or(ReasonCode::EffectFailed);
        let past = self.steps.entry(step.id).or_insert_with(|| Past::new(step, seq));
        if entry.payloads.get(Slot::Act).is_some() {
            past.act = seq;
        }
        let held = entry.hold.unwrap_or_default();
        past.hold = past.hold.checked_add(&held).unwrap_or(Amounts::UNLIMITED);
        past.hold = past.hold.saturating_sub(&entry.release.unwrap_or_default());
        if past.attempt < step.attempt || entry.release.is_some() {
            past.nested = Amounts::ZERO;
        }
        past.attempt = past.attempt.max(step.attempt);
        let cost = entry.usage.or(entry.used).unwrap_or_default();
        past.spent = past.spent.checked_add(&cost).unwrap_or(Amounts::UNLIMITED);
        let own = match entry.kind {
            EntryKind::Settled | EntryKind::Failed => past.own(step.kind.is_container(), &cost),
            // What a nested step may have spent was set aside for it, and counted as spent.
            EntryKind::Happened | EntryKind::Abandoned => {
                let most = if step.parent.is_some() { past.part } else { cost };
                past.own(step.kind.is_container(), &most)
            }
            _ => Amounts::ZERO,
        };
        past.note(entry);
        let before = past.part;
        past.part = entry.part.unwrap_or(if entry.used.is_some() { Amounts::ZERO } else { before });
        let after = past.part;
        past.state = match entry.kind {
            EntryKind::Admitted => PastState::Open,
            EntryKind::Held => entry.approval.map_or(PastState::Open, PastState::Held),
            EntryKind::Denied | EntryKind::Rejected | EntryKind::Expired => PastState::Denied(reason, seq),
            EntryKind::Settled | EntryKind::Happened | EntryKind::Reused => PastState::Settled(seq),
            EntryKind::Failed | EntryKind::Abandoned => PastState::Failed(reason, seq),
            EntryKind::Skipped => PastState::Skipped(reason, seq),
            EntryKind::Cancelled | EntryKind::NotHappened => PastState::Retry,
            EntryKind::Suspended => PastState::Suspended,
            EntryKind::Scheduled if step.attempt == 0 => PastState::Scheduled,
            EntryKind::Unknown if step.idempotent => PastState::Retry,
            EntryKind::Unknown => PastState::Unknown(reason, seq),
            EntryKind::Opened
            | EntryKind::Resumed
            | EntryKind::Approved
            | EntryKind::Defect
            | EntryKind::Scheduled
            | EntryKind::Paused
            | EntryKind::Closed => past.state,
            // What a book says is of no step.
            EntryKind::HoldPlaced
            | EntryKind::HoldLifted
            | EntryKind::RetentionSet
            | EntryKind::Erasing
            | EntryKind::Erased
            | EntryKind::Anonymized
            | EntryKind::Collected => past.state,
        };
        if entry.kind == EntryKind::Failed && step.kind.is_container() {
            self.end_waits_in(step.id);
        }
        self.pass_up(step.parent, entry, before, after);
        count_done(&mut self.steps, step.parent, &own);
    }

    /// Who is under way, and who waits for a moment.
    fn follow(&mut self, entry: &Entry) {
        let Some(step) = &entry.step else { return };
        match entry.kind {
            EntryKind::Scheduled => drop(self.scheduled.insert(step.id)),
            EntryKind::Admitted | EntryKind::Denied | EntryKind::Held => {
                self.scheduled.remove(&step.id);
            }
            _ => {}
        }
        match entry.kind {
            EntryKind::Admitted if step.parent.is_none() => drop(self.under_way.insert(step.id)),
            EntryKind::Settled
            | EntryKind::Failed
            | EntryKind::Cancelled
            | EntryKind::Unknown
            | EntryKind::Suspended => {
                self.under_way.remove(&step.id);
            }
            _ => {}
        }
    }

    /// What steps nested in a failed one waited for, nobody waits for any more.
    fn end_waits_in(&mut self, parent: StepId) {
        let parents: HashMap<StepId, Option<StepId>> =
            self.steps.iter().map(|(step, past)| (*step, past.parent)).collect();
        for (step, past) in &mut self.steps {
            let mut here = parents.get(step).copied().flatten();
            while let Some(around) = here {
                if around == parent {
                    past.due = None;
                    break;
                }
                here = parents.get(&around).copied().flatten();
            }
        }
    }

    /// A nested step's costs are its parent's.
    fn pass_up(&mut self, parent: Option<StepId>, entry: &Entry, before: Amounts, after: Amounts) {
        let Some(parent) = parent.and_then(|parent| self.steps.get_mut(&parent)) else { return };
        let more = after.checked_add(&entry.used.unwrap_or_default()).unwrap_or(Amounts::UNLIMITED);
        let rest = parent.nested.saturating_sub(&before);
        parent.nested = rest.checked_add(&more).unwrap_or(Amounts::UNLIMITED);
    }

    fn measure(&mut self, entry: &Entry) {
        match entry.kind {
            EntryKind::Opened | EntryKind::Resumed => self.active_since = Some(entry.at),
            _ => {
                if let Some(since) = self.active_since {
                    // A gap that ends in a person's answer was that person's.
                    let theirs =
                        matches!(entry.kind, EntryKind::Approved | EntryKind::Rejected | EntryKind::Expired);
                    // So was one in which nothing but a moment was waited for.
                    let rest = self.under_way.is_empty() && !self.scheduled.is_empty();
                    let gap = if theirs || rest { 0 } else { entry.at.saturating_sub(since) };
                    self.elapsed += Duration::from_millis(gap);
                    self.active_since = (entry.kind != EntryKind::Paused).then_some(entry.at.max(since));
                }
            }
        }
    }
}
