//! Entries as events.

use comity_api::{Event, EventKind, Origin, usd};
use comity_core::{Amounts, ReasonCode, StepId};
use comity_flow::Plan;
use comity_ledger::{Entry, EntryKind, Record, Slot};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Turns a run's entries into events, one by one. Entries come in the order of their chain.
pub struct Events {
    plan: Arc<Plan>,
    nested: HashMap<StepId, String>,
    spent: Amounts,
}

impl Events {
    /// For a run of this plan, from its first entry on.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self::after(plan, Amounts::ZERO)
    }

    /// For a run that had cost `spent` before the first entry that will be read.
    pub fn after(plan: Arc<Plan>, spent: Amounts) -> Self {
        Self { plan, nested: HashMap::new(), spent }
    }

    /// What the run has cost in the entries seen so far.
    pub fn spent(&self) -> Amounts {
        self.spent
    }

    /// The event an entry is; `None` for entries that are no event.
    pub fn read(&mut self, record: &Record) -> Result<Option<Event>, comity_ledger::Error> {
        let entry = &record.entry;
        let usage = entry.usage.unwrap_or_default();
        self.spent = self.spent.checked_add(&usage).unwrap_or(self.spent);
        let Some(kind) = kind(entry.kind) else { return Ok(None) };
        let ends = matches!(kind, EventKind::StepSettled | EventKind::StepFailed);
        let output = record.value(Slot::Output)?;
        let message = Some(record.words(Slot::Note)?).filter(|words| !words.is_empty());
        let used = entry.usage.or(entry.used).unwrap_or_default();
        let cost = match kind {
            EventKind::RunFinished => Some(usd(self.spent.micro_usd)),
            _ => ends.then(|| usd(used.micro_usd)),
        };
        Ok(Some(Event {
            kind,
            run_id: entry.run.to_string(),
            step: self.step_name(record)?,
            seq: record.seq,
            at_ms: entry.at,
            attempt: entry.step.as_ref().map(|step| step.attempt),
            iteration: entry.step.as_ref().map(|step| step.iteration).filter(|pass| *pass > 0),
            due_ms: entry.expires.filter(|_| entry.kind == EntryKind::Scheduled),
            reason: entry.reason.map(|reason| reason.to_string()),
            message,
            approval: entry.approval.map(|approval| approval.to_string()),
            cost_usd: cost,
            duration_ms: (ends && entry.kind != EntryKind::Reused).then_some(used.millis),
            origin: origin(entry),
            status: entry.status.map(|status| status.word().to_owned()),
            output,
        }))
    }

    /// The step's name: from the plan, or for a nested step from the act it was admitted for.
    pub fn step_name(&mut self, record: &Record) -> Result<Option<String>, comity_ledger::Error> {
        let Some(step) = &record.entry.step else { return Ok(None) };
        if step.parent.is_none() {
            let plan = usize::try_from(step.ordinal).ok().and_then(|ordinal| self.plan.step(ordinal));
            return Ok(plan.map(|plan| plan.name.to_string()));
        }
        if let Some(act) = record.value(Slot::Act)?
            && let Some(name) = act.get("name").and_then(Value::as_str)
        {
            self.nested.insert(step.id, name.to_owned());
        }
        Ok(self.nested.get(&step.id).cloned())
    }
}

/// The entry of another run that this one goes back to.
pub(crate) fn origin(entry: &Entry) -> Option<Origin> {
    let edited = entry.kind == EntryKind::Reused && entry.reason == Some(ReasonCode::Edited);
    let origin = told_origin(entry.origin?);
    Some(Origin { edited_by: edited.then(|| entry.principal.to_string()), ..origin })
}

/// An entry of another run, as it is told.
pub(crate) fn told_origin(origin: comity_ledger::Origin) -> Origin {
    let (run_id, hash) = (origin.run.to_string(), origin.entry.to_string());
    Origin { run_id, seq: origin.seq, hash, edited_by: None }
}

fn kind(entry: EntryKind) -> Option<EventKind> {
    match entry {
        EntryKind::Opened | EntryKind::Resumed => Some(EventKind::RunStarted),
        EntryKind::Admitted => Some(EventKind::StepStarted),
        EntryKind::Denied | EntryKind::Rejected | EntryKind::Expired => Some(EventKind::StepDenied),
        EntryKind::Held => Some(EventKind::StepHeld),
        EntryKind::Approved => Some(EventKind::StepApproved),
        EntryKind::Settled | EntryKind::Happened | EntryKind::Reused => Some(EventKind::StepSettled),
        EntryKind::Failed | EntryKind::Abandoned => Some(EventKind::StepFailed),
        EntryKind::Cancelled | EntryKind::NotHappened => Some(EventKind::StepCancelled),
        EntryKind::Unknown => Some(EventKind::StepUnknown),
        EntryKind::Skipped => Some(EventKind::StepSkipped),
        EntryKind::Scheduled => Some(EventKind::StepScheduled),
        EntryKind::Suspended => Some(EventKind::StepSuspended),
        EntryKind::Paused | EntryKind::Closed => Some(EventKind::RunFinished),
        EntryKind::HoldPlaced
        | EntryKind::HoldLifted
        | EntryKind::RetentionSet
        | EntryKind::Erasing
        | EntryKind::Erased
        | EntryKind::Anonymized
        | EntryKind::Collected => None,
        EntryKind::Defect => None,
    }
}
