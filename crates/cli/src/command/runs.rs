//! `comity runs`: the newest runs.

use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, symbol, tone};
use crate::summary::money;
use crate::table::{Cell, Table};
use crate::time::{moment, span};
use crate::width::{columns, crop};
use clap::Args;
use comity_api::RunSummary;
use comity_runtime::RunStatus;
use comity_runtime::view::RunsWanted;

/// The most characters of a workflow's name.
const NAME: usize = 24;

/// List the newest runs.
#[derive(Debug, Args)]
pub struct Runs {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Only runs that stand like this; may be given several times
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Vec<RunStatus>,
    /// Only runs of workflows whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
}

fn status(word: &str) -> Result<RunStatus, String> {
    let words = || RunStatus::ALL.map(RunStatus::word).join(", ");
    let found = RunStatus::ALL.into_iter().find(|status| status.word() == word);
    found.ok_or_else(|| format!("expected one of {}", words()))
}

/// Lists them.
pub fn perform(context: &Context, args: &Runs) -> Result<Exit, Error> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let wanted = RunsWanted { limit, statuses: args.status.clone(), name: args.name.clone() };
    let (runs, now) = context.block_on(async {
        let opened = context.open(Database::Read)?;
        let runs = opened.runtime.runs_like(&wanted).await?;
        context.tell_unread(&opened.runtime);
        Ok((runs, opened.clock.now().millis()))
    })?;
    let printer = &context.printer;
    let all = wanted.statuses.is_empty() && wanted.name.is_none();
    match printer.format() {
        Format::Text if runs.is_empty() && all => printer.note("no runs yet: `comity run FLOW` starts one\n"),
        Format::Text if runs.is_empty() => printer.note("no run is like that\n"),
        Format::Text => {
            let head = ["RUN", "STATUS", "NAME", "COST", "STEPS", "TOOK", "STARTED", "OWNER"];
            let rows: Vec<Vec<Cell>> = runs.iter().map(|run| row(run, now)).collect();
            let optional = ["STEPS", "OWNER", "TOOK"];
            let table = Table { head: &head, rows: &rows, optional: &optional, soft: &[("NAME", 8)] };
            printer.out(&table.show(printer, Some(columns().unwrap_or(usize::MAX))));
        }
        Format::Json | Format::Ndjson => printer.json_list(&runs),
    }
    Ok(Exit::Done)
}

fn row(run: &RunSummary, now: u64) -> Vec<Cell> {
    vec![
        Cell::from(&run.run_id),
        Cell::toned(&format!("{} {}", symbol(&run.status), run.status), tone(&run.status)),
        Cell::from(crop(&run.name, NAME)),
        Cell::right(money(run.cost_usd)),
        Cell::right(run.steps.to_string()),
        Cell::right(span(run.duration_ms)),
        Cell::from(moment(run.opened_ms, now)),
        Cell::from(run.owner.as_deref().unwrap_or_default()),
    ]
}
