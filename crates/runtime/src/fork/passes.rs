//! A run's entries, folded into how each pass of its own steps ended.

use crate::event::Events;
use comity_core::{Digest, StepId, StepKind};
use comity_flow::Plan;
use comity_ledger::{EntryKind, Error as LedgerError, Record, Slot, StepRef};
use std::collections::HashMap;
use std::sync::Arc;

/// One pass of one step of the run itself.
#[derive(Debug)]
pub struct Pass {
    pub id: StepId,
    pub name: String,
    /// From 0.
    pub iteration: u32,
    pub kind: StepKind,
    /// The place of the first entry about it, and of the last.
    pub began: u64,
    pub last: u64,
    /// The place of the entry that has its act, if that can be read.
    pub act: Option<u64>,
    /// Its result, if it has one.
    pub end: Option<End>,
    /// Whether no way led to it.
    pub skipped: bool,
    /// Whether it was done, or may have been, and could do harm when it is done again.
    pub harms: bool,
}

/// A result.
#[derive(Debug)]
pub struct End {
    pub seq: u64,
    pub hash: Digest,
    pub contract: Digest,
    pub readable: bool,
}

/// A run, pass by pass.
pub struct Walked {
    /// In the order in which they were first met.
    pub passes: Vec<Pass>,
    /// Nested steps that could do harm when they are done again, each after the step of the run that it is inside.
    pub nested: Vec<(StepId, String)>,
    /// The place and the hash of the last entry.
    pub last: Option<(u64, Digest)>,
}

impl Pass {
    /// As people name it: `draft`, or `draft#2` for its second pass.
    pub fn named(&self) -> String {
        named(&self.name, self.iteration)
    }
}

fn named(name: &str, iteration: u32) -> String {
    if iteration > 0 { format!("{name}#{}", iteration.saturating_add(1)) } else { name.to_owned() }
}

/// Folds entries in the order of their chain.
pub struct Passes {
    events: Events,
    passes: Vec<Pass>,
    places: HashMap<StepId, usize>,
    /// Nested steps: the step of the run itself that each is inside, its name, and whether it could do harm again.
    nested: Vec<(StepId, String, bool)>,
    inside: HashMap<StepId, usize>,
    last: Option<(u64, Digest)>,
}

impl Passes {
    /// Of a run of this plan.
    pub fn of(plan: Arc<Plan>) -> Self {
        Self {
            events: Events::new(plan),
            passes: Vec::new(),
            places: HashMap::new(),
            nested: Vec::new(),
            inside: HashMap::new(),
            last: None,
        }
    }

    /// Takes an entry in.
    pub fn add(&mut self, record: &Record) -> Result<(), LedgerError> {
        self.last = Some((record.seq, record.hash));
        let Some(step) = &record.entry.step else { return Ok(()) };
        let name = self.events.step_name(record)?.unwrap_or_else(|| step.id.to_string());
        match step.parent {
            Some(parent) => self.add_nested(step, parent, name, record.entry.kind),
            None => self.add_own(step, name, record)?,
        }
        Ok(())
    }

    /// What came of it.
    pub fn over(self) -> Walked {
        let harmful = self.nested.into_iter().filter(|(_, _, harms)| *harms);
        let nested = harmful.map(|(outer, name, _)| (outer, name)).collect();
        Walked { passes: self.passes, nested, last: self.last }
    }

    fn add_own(&mut self, step: &StepRef, name: String, record: &Record) -> Result<(), LedgerError> {
        let place = *self.places.entry(step.id).or_insert(self.passes.len());
        if place == self.passes.len() {
            self.passes.push(Pass {
                id: step.id,
                name,
                iteration: step.iteration,
                kind: step.kind,
                began: record.seq,
                last: record.seq,
                act: None,
                end: None,
                skipped: false,
                harms: false,
            });
        }
        let Some(pass) = self.passes.get_mut(place) else { return Ok(()) };
        pass.last = record.seq;
        if readable(record, Slot::Act)? {
            pass.act = Some(record.seq);
        }
        let kind = record.entry.kind;
        pass.harms = harms(step, kind).unwrap_or(pass.harms);
        pass.skipped = kind == EntryKind::Skipped;
        pass.end = match kind {
            EntryKind::Settled | EntryKind::Happened | EntryKind::Reused => {
                let readable = readable(record, Slot::Output)?;
                Some(End { seq: record.seq, hash: record.hash, contract: step.contract, readable })
            }
            // It is said of the account, after the step has ended.
            EntryKind::Defect => pass.end.take(),
            _ => None,
        };
        Ok(())
    }

    fn add_nested(&mut self, step: &StepRef, parent: StepId, name: String, kind: EntryKind) {
        // Invariant: a step's entries come after the first one of the step around it.
        let outer = self.inside.get(&parent).and_then(|place| self.nested.get(*place));
        let outer = outer.map_or(parent, |(outer, ..)| *outer);
        let place = *self.inside.entry(step.id).or_insert(self.nested.len());
        if place == self.nested.len() {
            self.nested.push((outer, named(&name, step.iteration), false));
        }
        if let (Some((.., harmful)), Some(harms)) = (self.nested.get_mut(place), harms(step, kind)) {
            *harmful = harms;
        }
    }
}

/// Whether the entry has a text in this slot that was not erased.
fn readable(record: &Record, slot: Slot) -> Result<bool, LedgerError> {
    match record.text(slot) {
        Err(LedgerError::Erased { .. }) => Ok(false),
        text => Ok(text?.is_some()),
    }
}

/// Whether a step that this is recorded of could do harm when it is done again; `None` when it says nothing new.
fn harms(step: &StepRef, kind: EntryKind) -> Option<bool> {
    // A person is asked again, a moment waited for again; what steps inside do is looked at step by step.
    let acts = !step.kind.is_container() && !matches!(step.kind, StepKind::HumanDecision | StepKind::Timer);
    match kind {
        EntryKind::Admitted => Some(acts && !step.idempotent),
        EntryKind::Cancelled | EntryKind::NotHappened => Some(false),
        _ => None,
    }
}
