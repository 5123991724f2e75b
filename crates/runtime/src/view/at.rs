//! A run as it stood when one of its steps was admitted.

use super::account::{Account, Clock};
use super::entries::{kind_word, produced};
use super::story::{Story, Texts};
use super::{Depth, Which};
use crate::error::Error;
use crate::event::Events;
use crate::runtime::Runtime;
use comity_api::{AtView, SettledView, StandingView, StepView};
use comity_core::RunId;
use comity_flow::Plan;
use comity_ledger::{EntryKind, Error as LedgerError, Record, read};
use serde_json::Value;
use std::sync::Arc;

impl Runtime {
    /// The run as it stood when a step was last admitted; if it never was, when it was last decided about.
    pub async fn at(&self, id: RunId, which: &Which) -> Result<AtView, Error> {
        let view = self.view(id, &Depth::Of(which.clone())).await?;
        let none = || Error::NoStep { run: id, step: which.step.clone() };
        let step = view.steps.into_iter().rfind(|step| which.is(&step.step, step.pass)).ok_or_else(none)?;
        let seq = decided(&step).ok_or_else(|| Error::NotReached { run: id, step: which.step.clone() })?;
        let pinned = self.pinned(id).await?;
        let mut moment = Moment::new(Arc::new(self.compile(&pinned.source)?), seq);
        read(self.vault(), &pinned.cell, |record| moment.add(&record)).await?;
        Ok(moment.tell(id, &step))
    }
}

/// The entry that last admitted the step, or else last decided about it.
fn decided(step: &StepView) -> Option<u64> {
    let last = |kinds: &[&str]| {
        step.entries.iter().rfind(|entry| kinds.contains(&entry.kind.as_str())).map(|entry| entry.seq)
    };
    last(&["admitted", "reused"]).or_else(|| last(&["held", "denied", "skipped"]))
}

/// Everything up to one entry.
struct Moment {
    until: u64,
    story: Story,
    events: Events,
    account: Account,
    clock: Clock,
    owner: (String, u64),
    resumed: u64,
    settled: Vec<SettledView>,
    /// What, when and under which hash.
    entry: Option<(EntryKind, u64, String)>,
}

impl Moment {
    fn new(plan: Arc<Plan>, until: u64) -> Self {
        Self {
            until,
            story: Story::new(Arc::clone(&plan), Texts::Without),
            events: Events::new(plan),
            account: Account::default(),
            clock: Clock::default(),
            owner: (String::new(), 0),
            resumed: 0,
            settled: Vec::new(),
            entry: None,
        }
    }

    fn add(&mut self, record: &Record) -> Result<(), LedgerError> {
        if record.seq > self.until {
            return Ok(());
        }
        let entry = &record.entry;
        self.story.add(record)?;
        self.account.add(entry);
        self.clock.add(entry);
        let name = self.events.step_name(record)?;
        match entry.kind {
            EntryKind::Opened => self.owner = (entry.principal.to_string(), record.seq),
            EntryKind::Resumed => {
                self.owner = (entry.principal.to_string(), record.seq);
                self.resumed += 1;
            }
            EntryKind::Settled | EntryKind::Happened | EntryKind::Reused => self.settled.push(SettledView {
                step: name.unwrap_or_default(),
                pass: entry.step.as_ref().map_or(1, |step| step.iteration.saturating_add(1)),
                seq: record.seq,
                output: produced(record)?.unwrap_or_default(),
            }),
            _ => {}
        }
        if record.seq == self.until {
            self.entry = Some((entry.kind, entry.at, record.hash.to_string()));
        }
        Ok(())
    }

    fn tell(self, run: RunId, step: &StepView) -> AtView {
        let (kind, at, hash) = self.entry.unwrap_or((EntryKind::Opened, 0, String::new()));
        let attempt = step.entries.iter().find(|row| row.seq == self.until).and_then(|row| row.attempt);
        let others = self.story.into_steps().into_iter().filter(|other| {
            let itself = other.step == step.step && other.pass == step.pass;
            !itself && !matches!(other.status.as_str(), "settled" | "pending")
        });
        AtView {
            run_id: run.to_string(),
            step: step.step.clone(),
            pass: step.pass,
            attempt: attempt.unwrap_or_default(),
            decision: kind_word(kind),
            seq: self.until,
            hash,
            at_ms: at,
            elapsed_ms: self.clock.elapsed(at),
            worked_ms: self.clock.worked(),
            owner: self.owner.0,
            owner_since: self.owner.1,
            resumed: self.resumed,
            given: step.input.clone().unwrap_or(Value::Null),
            settled: self.settled,
            others: others.map(standing).collect(),
            account: self.account.purses(),
        }
    }
}

fn standing(step: StepView) -> StandingView {
    StandingView { step: step.step, pass: step.pass, status: step.status, reason: step.reason }
}
