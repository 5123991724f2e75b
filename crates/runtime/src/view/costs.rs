//! What runs cost, by run, agent, model, step or day: from entries alone.
//!
//! Only `usage` is ever booked on an account, and only a run's own steps have it. What steps nested in them used is
//! in it, and is told apart here without being counted twice: a booking is shared out among the nested steps that
//! ended since the one before, and the step itself takes what is left. So the shares add up to the booking, unit by
//! unit, whatever a crash left out.

mod share;

use crate::error::Error;
use crate::runtime::Runtime;
use comity_api::{CostRow, CostsReport, usd};
use comity_core::{Amounts, RunId, StepId, StepKind};
use comity_ledger::{Error as LedgerError, Record, Slot, StepRef, read};
use comity_store::RunCell;
use serde_json::Value;
use share::{Nested, Shares};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Runs that are looked at in one read.
const PAGE: usize = 100;

/// What costs are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostsBy {
    /// The run.
    Run,
    /// The agent whose turn it was part of: the innermost.
    Agent,
    /// The model that was asked.
    Model,
    /// The run's own step, by its name.
    Step,
    /// The day it was booked, UTC.
    Day,
}

impl CostsBy {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Agent => "agent",
            Self::Model => "model",
            Self::Step => "step",
            Self::Day => "day",
        }
    }
}

/// Which costs are told, and how they are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostsWanted {
    /// The groups.
    pub by: CostsBy,
    /// Only what was booked then or later, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Only of this run.
    pub run: Option<RunId>,
}

impl Runtime {
    /// What this tenant's runs cost.
    pub async fn costs(&self, wanted: CostsWanted) -> Result<CostsReport, Error> {
        let mut sums = Sums::default();
        if let Some(run) = wanted.run {
            let cell = self.store().run(self.tenant(), run).await?;
            let cell = cell.ok_or(comity_govern::Error::NoRun(run))?;
            self.add_run(run, &cell, wanted, &mut sums).await?;
            return Ok(sums.report(wanted));
        }
        let mut before = None;
        loop {
            let page = self.store().runs(self.tenant(), before, PAGE).await?;
            let Some(last) = page.last() else { return Ok(sums.report(wanted)) };
            before = Some(last.id);
            for row in &page {
                // A run that did not change since has booked nothing since.
                if row.cell.updated.millis() >= wanted.since.unwrap_or_default() {
                    self.add_run(row.id, &row.cell, wanted, &mut sums).await?;
                }
            }
        }
    }

    async fn add_run(
        &self,
        run: RunId,
        cell: &RunCell,
        wanted: CostsWanted,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let mut walk =
            Walk { run, wanted, labels: HashMap::new(), shares: Shares::default(), seen: BTreeSet::new() };
        read(self.vault(), cell, |record| walk.add(&record, sums)).await?;
        sums.runs += u64::from(!walk.seen.is_empty());
        for key in walk.seen {
            sums.groups.entry(key).or_default().runs += 1;
        }
        Ok(())
    }
}

/// What a step is counted under.
#[derive(Clone, Debug)]
struct Label {
    /// The run's own step it is, or is inside.
    root: StepId,
    /// That step's name.
    step: Arc<str>,
    /// The innermost agent's name; empty if there is none.
    agent: Arc<str>,
    /// The model that is asked; empty if none is.
    model: Arc<str>,
}

/// One run's entries, in the order of its chain.
struct Walk {
    run: RunId,
    wanted: CostsWanted,
    labels: HashMap<StepId, Label>,
    shares: Shares,
    seen: BTreeSet<String>,
}

impl Walk {
    fn add(&mut self, record: &Record, sums: &mut Sums) -> Result<(), LedgerError> {
        let entry = &record.entry;
        let Some(step) = &entry.step else {
            // No entry without a step books anything today; what is booked is told all the same.
            entry.usage.iter().for_each(|usage| self.count(None, entry.at, *usage, sums));
            return Ok(());
        };
        let root = self.label(step, record)?;
        match (step.parent, entry.used, entry.usage) {
            (Some(parent), Some(used), _) => {
                self.shares.nested(&Nested { step: step.id, parent, root, used })
            }
            (None, _, Some(usage)) => {
                for (step, share) in self.shares.booked(step.id, usage) {
                    self.count(Some(step), entry.at, share, sums);
                }
            }
            (_, _, usage) => usage.iter().for_each(|usage| self.count(Some(step.id), entry.at, *usage, sums)),
        }
        Ok(())
    }

    fn count(&mut self, step: Option<StepId>, at: u64, amounts: Amounts, sums: &mut Sums) {
        if amounts.is_zero() || self.wanted.since.is_some_and(|since| at < since) {
            return;
        }
        let label = step.and_then(|step| self.labels.get(&step));
        let of = |part: fn(&Label) -> &Arc<str>| label.map(part).map(ToString::to_string).unwrap_or_default();
        let key = match self.wanted.by {
            CostsBy::Run => self.run.to_string(),
            CostsBy::Agent => of(|label| &label.agent),
            CostsBy::Model => of(|label| &label.model),
            CostsBy::Step => of(|label| &label.step),
            CostsBy::Day => day(at),
        };
        let sum = &mut sums.groups.entry(key.clone()).or_default().amounts;
        *sum = sum.checked_add(&amounts).unwrap_or(Amounts::UNLIMITED);
        self.seen.insert(key);
    }

    /// Labels the step when it is first met. Returns the run's own step that it is, or is inside.
    fn label(&mut self, step: &StepRef, record: &Record) -> Result<StepId, LedgerError> {
        if let Some(label) = self.labels.get(&step.id) {
            return Ok(label.root);
        }
        let act = record.value(Slot::Act)?;
        let text = |path: &str| act.as_ref().and_then(|act| act.pointer(path)).and_then(Value::as_str);
        let name: Arc<str> = text("/name").unwrap_or_default().into();
        let around = step.parent.and_then(|parent| self.labels.get(&parent));
        let none = || Arc::from("");
        let label = Label {
            root: around.map_or(step.id, |around| around.root),
            step: around.map_or_else(|| Arc::clone(&name), |around| Arc::clone(&around.step)),
            agent: match step.kind {
                StepKind::AgentTurn => name,
                _ => around.map_or_else(none, |around| Arc::clone(&around.agent)),
            },
            model: match step.kind {
                StepKind::ModelCall => text("/input/model").unwrap_or_default().into(),
                _ => none(),
            },
        };
        let root = label.root;
        self.labels.insert(step.id, label);
        Ok(root)
    }
}

/// What of one group was summed.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    runs: u64,
    amounts: Amounts,
}

#[derive(Debug, Default)]
struct Sums {
    runs: u64,
    groups: BTreeMap<String, Group>,
}

impl Sums {
    /// The dearest first; days in their order.
    fn report(self, wanted: CostsWanted) -> CostsReport {
        let mut total = Group { runs: self.runs, amounts: Amounts::ZERO };
        let mut rows = Vec::with_capacity(self.groups.len());
        for (key, group) in self.groups {
            total.amounts = total.amounts.checked_add(&group.amounts).unwrap_or(Amounts::UNLIMITED);
            rows.push(row(key, group));
        }
        if wanted.by != CostsBy::Day {
            rows.sort_by_key(|row| Reverse((row.cost_micro_usd, row.tokens, row.duration_ms)));
        }
        let by = wanted.by.word().to_owned();
        CostsReport { by, since_ms: wanted.since, rows, total: row(String::new(), total) }
    }
}

fn row(key: String, group: Group) -> CostRow {
    let Amounts { micro_usd, millis, steps, tokens } = group.amounts;
    CostRow {
        key,
        runs: group.runs,
        steps,
        cost_usd: usd(micro_usd),
        cost_micro_usd: micro_usd,
        tokens,
        duration_ms: millis,
    }
}

/// The day of a moment, as `2026-11-20`.
fn day(millis: u64) -> String {
    let moment = i64::try_from(millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    moment.map(|moment| moment.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_utc() {
        assert_eq!([day(0), day(1_763_683_199_999)], ["1970-01-01", "2025-11-20"]);
    }
}
