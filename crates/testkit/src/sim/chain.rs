//! What a run's entries must say of passes, tries and moments, whatever the seed did.

use crate::sim::control::RETRIES;
use comity_core::{StepId, StepKind};
use comity_ledger::{Entry, EntryKind};
use std::collections::{BTreeMap, HashMap};

/// One step, as its entries were met.
#[derive(Default)]
struct Met {
    last: Option<EntryKind>,
    failures: u64,
    /// The moment it waits for.
    due: Option<u64>,
    /// The tries after which a moment was set.
    set: Vec<u32>,
    /// Entries of steps nested in it since it last failed.
    nested: usize,
}

/// Folds a run's entries, in the order of their chain.
#[derive(Default)]
pub struct Chain {
    steps: HashMap<StepId, Met>,
    /// How many passes of each place have been met.
    passes: BTreeMap<(Option<[u8; 16]>, u32), u32>,
}

impl Chain {
    /// Takes an entry in. Errors if it must not follow those before it.
    pub fn add(&mut self, entry: &Entry) -> Result<(), String> {
        let Some(step) = &entry.step else { return Ok(()) };
        let name = format!("step {} in pass {}", step.ordinal, step.iteration);
        let parent = step.parent.map(|parent| *parent.bytes());
        let passes = self.passes.entry((parent, step.ordinal)).or_default();
        match step.iteration {
            pass if pass == *passes => *passes += 1,
            pass if pass > *passes => return Err(format!("{name} comes after {passes} passes")),
            _ => {}
        }
        if let Some(parent) = step.parent {
            self.steps.entry(parent).or_default().nested += 1;
        }
        let met = self.steps.entry(step.id).or_default();
        match entry.kind {
            EntryKind::Admitted => {
                if matches!(met.last, Some(EntryKind::Admitted | EntryKind::Settled | EntryKind::Happened)) {
                    return Err(format!("{name} was admitted when it was {:?}", met.last));
                }
                if met.due.take().is_some_and(|due| entry.at < due) {
                    return Err(format!("{name} was admitted before its moment"));
                }
            }
            EntryKind::Scheduled => {
                if met.set.contains(&step.attempt) {
                    return Err(format!("a moment was set for {name} after try {} again", step.attempt));
                }
                met.set.push(step.attempt);
                met.due = entry.expires;
            }
            EntryKind::Failed | EntryKind::Settled => {
                if step.kind == StepKind::Workflow && met.failures > 0 && met.nested == 0 {
                    return Err(format!("{name} was tried again, and nothing in it was"));
                }
                met.nested = 0;
                met.failures += u64::from(entry.kind == EntryKind::Failed);
                if met.failures > RETRIES + 1 {
                    return Err(format!("{name} failed {} times", met.failures));
                }
            }
            _ => {}
        }
        met.last = Some(entry.kind);
        Ok(())
    }
}
