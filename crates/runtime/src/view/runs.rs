//! The runs there are.

use crate::error::Error;
use crate::kinds;
use crate::runtime::Runtime;
use comity_api::{RunSummary, usd};
use comity_flow::compile;
use comity_ledger::{Error as LedgerError, Record, RunStatus, Slot, account, book, is_closed, read_one};
use comity_store::RunRow;

/// Runs that are looked at in one read.
const PAGE: usize = 100;

/// Which runs are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsWanted {
    /// At most so many.
    pub limit: usize,
    /// Only those that stand like one of these; all if there is none.
    pub statuses: Vec<RunStatus>,
    /// Only those whose workflow's name contains this, whatever its case.
    pub name: Option<String>,
}

impl Runtime {
    /// The newest runs, newest first.
    pub async fn runs(&self, limit: usize) -> Result<Vec<RunSummary>, Error> {
        self.runs_like(&RunsWanted { limit, ..RunsWanted::default() }).await
    }

    /// The newest runs that are wanted, newest first.
    pub async fn runs_like(&self, wanted: &RunsWanted) -> Result<Vec<RunSummary>, Error> {
        let mut out = Vec::new();
        let mut before = None;
        loop {
            let page = self.store().runs(self.tenant(), before, PAGE.min(wanted.limit.max(1))).await?;
            let Some(last) = page.last() else { return Ok(out) };
            before = Some(last.id);
            for row in &page {
                if out.len() >= wanted.limit {
                    return Ok(out);
                }
                // The tenant's book is no run of a workflow.
                if row.id == book::of_tenant(self.tenant()) {
                    continue;
                }
                out.extend(self.summary(row, wanted).await?);
            }
        }
    }

    /// One run, if it is wanted.
    async fn summary(&self, row: &RunRow, wanted: &RunsWanted) -> Result<Option<RunSummary>, Error> {
        let (status, owner) = self.standing(&row.cell).await?;
        if !wanted.statuses.is_empty() && !wanted.statuses.contains(&status) {
            return Ok(None);
        }
        let opened = read_one(self.vault(), &row.cell, 0).await?;
        let forked_from = opened.as_ref().and_then(|record| Some(record.entry.origin?.run.to_string()));
        let name = opened.map_or(Ok(String::new()), |record| name(&record))?;
        let part = wanted.name.as_ref().map(|part| part.to_lowercase());
        if part.is_some_and(|part| !name.to_lowercase().contains(&part)) {
            return Ok(None);
        }
        let account = self.store().account(self.tenant(), account::of_run(row.id)).await?;
        let (spent, held) =
            account.map(|account| (account.cell.spent, account.cell.held)).unwrap_or_default();
        Ok(Some(RunSummary {
            run_id: row.id.to_string(),
            status: status.word().to_owned(),
            name,
            cost_usd: usd(spent.micro_usd),
            entries: row.cell.next_seq,
            opened_ms: row.cell.opened.millis(),
            updated_ms: row.cell.updated.millis(),
            owner: owner.map(|pid| format!("process {pid}")),
            forked_from,
            steps: spent.steps.saturating_add(held.steps),
            duration_ms: row.cell.updated.millis().saturating_sub(row.cell.opened.millis()),
        }))
    }
}

fn name(opened: &Record) -> Result<String, LedgerError> {
    let source = opened.words(Slot::Source)?;
    if is_closed(&source) {
        return Ok(source);
    }
    let plan = compile(&source, &kinds());
    Ok(plan.ok().and_then(|plan| plan.name().map(str::to_owned)).unwrap_or_default())
}
