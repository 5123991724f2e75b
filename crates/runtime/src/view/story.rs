//! A run's entries, folded into how each pass of each step stands.

use super::Which;
use super::entries::{checks, given, kind_word, produced, trace_row};
use crate::event::{Events, origin};
use comity_api::{Asked, StepView};
use comity_core::{Amounts, Digest, StepId};
use comity_flow::Plan;
use comity_ledger::{EntryKind, Error as LedgerError, Record, Slot, StepRef};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What of each step's texts and entries is kept.
#[derive(Clone, Debug)]
pub enum Texts {
    /// None.
    Without,
    /// All of it.
    All,
    /// That of one step.
    Of(Which),
}

/// Folds entries in the order of their chain.
pub struct Story {
    plan: Arc<Plan>,
    events: Events,
    texts: Texts,
    prev: Digest,
    places: HashMap<StepId, usize>,
    steps: Vec<Told>,
}

/// One pass of one step.
struct Told {
    view: StepView,
    parent: Option<StepId>,
    /// Its place in the file, for a step of the run itself.
    ordinal: Option<u32>,
}

impl Story {
    /// Of a run of this plan.
    pub fn new(plan: Arc<Plan>, texts: Texts) -> Self {
        let events = Events::new(Arc::clone(&plan));
        Self { plan, events, texts, prev: Digest::ZERO, places: HashMap::new(), steps: Vec::new() }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the run has cost in the entries seen so far.
    pub fn spent(&self) -> Amounts {
        self.events.spent()
    }

    /// Takes an entry in.
    pub fn add(&mut self, record: &Record) -> Result<(), LedgerError> {
        // Sums what the run cost, and learns the names of nested steps.
        self.events.read(record)?;
        let prev = std::mem::replace(&mut self.prev, record.hash);
        let Some(step) = &record.entry.step else { return Ok(()) };
        let place = self.place(step, record)?;
        let Some(told) = self.steps.get_mut(place) else { return Ok(()) };
        note(&mut told.view, record)?;
        let wanted = match &self.texts {
            Texts::Without => false,
            Texts::All => true,
            Texts::Of(which) => which.is(&told.view.step, told.view.pass),
        };
        if wanted {
            let view = &mut told.view;
            view.input = given(record)?.or(view.input.take());
            view.output = produced(record)?.or(view.output.take());
            view.entries.push(trace_row(record, Some(view.step.clone()), prev)?);
        }
        Ok(())
    }

    /// The step's place, which it gets when it is first met.
    fn place(&mut self, step: &StepRef, record: &Record) -> Result<usize, LedgerError> {
        if let Some(place) = self.places.get(&step.id) {
            return Ok(*place);
        }
        let name = self.events.step_name(record)?.unwrap_or_else(|| step.id.to_string());
        let depth = step.parent.and_then(|parent| self.places.get(&parent));
        let depth = depth.and_then(|place| self.steps.get(*place)).map_or(0, |parent| parent.view.depth + 1);
        let view = StepView {
            step: name,
            id: step.id.to_string(),
            parent: step.parent.map(|parent| parent.to_string()),
            depth,
            pass: step.iteration.saturating_add(1),
            risk: step.risk,
            ..StepView::default()
        };
        let ordinal = step.parent.is_none().then_some(step.ordinal);
        self.steps.push(Told { view, parent: step.parent, ordinal });
        self.places.insert(step.id, self.steps.len() - 1);
        Ok(self.steps.len() - 1)
    }

    /// The steps as they were first met, each followed by those nested in it; then those not met yet.
    pub fn into_steps(self) -> Vec<StepView> {
        let met: HashSet<u32> = self.steps.iter().filter_map(|told| told.ordinal).collect();
        let mut nested: HashMap<StepId, Vec<usize>> = HashMap::new();
        let mut roots = Vec::new();
        for (place, told) in self.steps.iter().enumerate() {
            match told.parent.filter(|parent| self.places.contains_key(parent)) {
                Some(parent) => nested.entry(parent).or_default().push(place),
                None => roots.push(place),
            }
        }
        let ids: HashMap<usize, StepId> = self.places.iter().map(|(id, place)| (*place, *id)).collect();
        let mut views: Vec<Option<StepView>> = self.steps.into_iter().map(|told| Some(told.view)).collect();
        let mut out = Vec::with_capacity(views.len());
        roots.reverse();
        // A stack, so that however deep the nesting is, it costs no stack of ours.
        while let Some(place) = roots.pop() {
            out.extend(views.get_mut(place).and_then(Option::take));
            let inside = ids.get(&place).and_then(|id| nested.remove(id)).unwrap_or_default();
            roots.extend(inside.into_iter().rev());
        }
        let fresh = self
            .plan
            .steps()
            .iter()
            .enumerate()
            .filter(|(ordinal, _)| u32::try_from(*ordinal).is_ok_and(|ordinal| !met.contains(&ordinal)));
        out.extend(fresh.map(|(_, step)| StepView {
            step: step.name.to_string(),
            pass: 1,
            status: "pending".to_owned(),
            ..StepView::default()
        }));
        out
    }
}

/// Takes one of the step's entries into how it stands.
fn note(view: &mut StepView, record: &Record) -> Result<(), LedgerError> {
    let entry = &record.entry;
    let usage = entry.usage.or(entry.used).unwrap_or_default();
    view.cost_micro_usd = view.cost_micro_usd.saturating_add(usage.micro_usd);
    view.tokens = view.tokens.saturating_add(usage.tokens);
    if entry.usage.or(entry.used).is_some() {
        view.duration_ms = Some(view.duration_ms.unwrap_or_default().saturating_add(usage.millis));
    }
    let attempt = entry.step.as_ref().map_or(0, |step| step.attempt);
    view.attempt = view.attempt.max(attempt);
    if !entry.checks.is_empty() {
        view.checks = checks(record);
        view.policy = entry.policy.map(|policy| policy.to_string());
    }
    let words = record.words(Slot::Note)?;
    ask(view, record, &words);
    let Some(status) = status(record) else { return Ok(()) };
    status.clone_into(&mut view.status);
    view.origin = origin(entry).or(view.origin.take());
    view.reason = entry.reason.map(|reason| reason.to_string());
    // What a person said is kept beside their answer.
    let theirs = matches!(entry.kind, EntryKind::Approved | EntryKind::Happened | EntryKind::NotHappened);
    view.message = Some(words).filter(|words| !words.is_empty() && !theirs);
    view.since_ms = Some(entry.at);
    view.due_ms = entry.expires;
    if entry.kind == EntryKind::Admitted {
        view.started_ms = Some(entry.at);
    }
    Ok(())
}

/// How a step stands after an entry; `None` for entries that change nothing about that.
fn status(record: &Record) -> Option<&'static str> {
    let idempotent = record.entry.step.as_ref().is_some_and(|step| step.idempotent);
    Some(match record.entry.kind {
        EntryKind::Admitted => "running",
        EntryKind::Denied | EntryKind::Rejected | EntryKind::Expired => "denied",
        EntryKind::Held => "held",
        EntryKind::Approved => "approved",
        EntryKind::Settled | EntryKind::Happened | EntryKind::Reused => "settled",
        EntryKind::Failed | EntryKind::Abandoned => "failed",
        // A try that may be made again without harm asks nobody.
        EntryKind::Unknown if idempotent => "pending",
        EntryKind::Cancelled | EntryKind::NotHappened => "pending",
        EntryKind::Unknown => "unknown",
        EntryKind::Skipped => "skipped",
        EntryKind::Scheduled => "scheduled",
        EntryKind::Suspended => "suspended",
        EntryKind::Defect
        | EntryKind::Opened
        | EntryKind::Resumed
        | EntryKind::Paused
        | EntryKind::Closed
        | EntryKind::HoldPlaced
        | EntryKind::HoldLifted
        | EntryKind::RetentionSet
        | EntryKind::Erasing
        | EntryKind::Erased
        | EntryKind::Anonymized
        | EntryKind::Collected => return None,
    })
}

/// Takes in what the entry asks a person, or what a person answered.
fn ask(view: &mut StepView, record: &Record, words: &str) {
    let entry = &record.entry;
    match entry.kind {
        EntryKind::Held | EntryKind::Unknown => {
            let approval = entry.approval.map(|approval| approval.to_string()).unwrap_or_default();
            view.asked = Some(Asked { approval, at_ms: entry.at, ..Asked::default() });
        }
        EntryKind::Approved
        | EntryKind::Rejected
        | EntryKind::Expired
        | EntryKind::Happened
        | EntryKind::NotHappened
        | EntryKind::Abandoned => {
            let asked = view.asked.get_or_insert_with(Asked::default);
            asked.ruling = Some(kind_word(entry.kind));
            asked.by = (entry.kind != EntryKind::Expired).then(|| entry.principal.to_string());
            asked.ruled_ms = Some(entry.at);
            asked.comment = Some(words.to_owned()).filter(|words| !words.is_empty());
        }
        _ => {}
    }
}
