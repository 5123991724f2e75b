//! `comity runs`: the newest runs.

use crate::args::Runs;
use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, tone};
use crate::summary::money;
use crate::table::{Cell, table};
use crate::time::utc;
use comity_api::RunSummary;

/// Lists them.
pub fn perform(context: &Context, args: &Runs) -> Result<Exit, Error> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let runs = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        Ok(runtime.runs(limit).await?)
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text if runs.is_empty() => printer.note("no runs yet: `comity run FLOW` starts one\n"),
        Format::Text => {
            let head = ["RUN", "STATUS", "NAME", "COST", "ENTRIES", "STARTED", "UPDATED", "OWNER"];
            let rows: Vec<Vec<Cell>> = runs.iter().map(row).collect();
            printer.out(&table(printer, &head, &rows));
        }
        Format::Json | Format::Ndjson => printer.json_list(&runs),
    }
    Ok(Exit::Done)
}

fn row(run: &RunSummary) -> Vec<Cell> {
    vec![
        Cell::from(&run.run_id),
        Cell::toned(&run.status, tone(&run.status)),
        Cell::from(&run.name),
        Cell::from(money(run.cost_usd)),
        Cell::from(run.entries.to_string()),
        Cell::from(utc(run.opened_ms)),
        Cell::from(utc(run.updated_ms)),
        Cell::from(run.owner.as_deref().unwrap_or_default()),
    ]
}
