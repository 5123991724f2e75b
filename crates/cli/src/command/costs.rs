//! `comity costs`: what runs cost, by run, agent, model, step or day.

use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Tone};
use crate::table::{Cell, Table};
use crate::time::{day_start, span};
use crate::width::columns;
use clap::{Args, ValueEnum};
use comity_api::{CostRow, CostsReport};
use comity_core::{MicroUsd, RunId};
use comity_runtime::view::{CostsBy, CostsWanted};

/// Say what runs cost.
#[derive(Debug, Args)]
pub struct Costs {
    /// Only this run
    pub run: Option<RunId>,
    /// What to add up
    #[arg(long, value_enum, default_value_t = By::Run)]
    pub by: By,
    /// Only what was booked since then: a span such as `36h` or `7d`, or a day such as `2026-11-01` (UTC)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Since>,
}

/// What to add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Each run
    Run,
    /// Each agent, with the models and tools it called
    Agent,
    /// Each model
    Model,
    /// Each step of the workflow, with what is nested in it
    Step,
    /// Each day, UTC
    Day,
}

impl From<By> for CostsBy {
    fn from(by: By) -> Self {
        match by {
            By::Run => Self::Run,
            By::Agent => Self::Agent,
            By::Model => Self::Model,
            By::Step => Self::Step,
            By::Day => Self::Day,
        }
    }
}

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So many milliseconds ago.
    Ago(u64),
    /// From this moment, in milliseconds since 1970.
    Moment(u64),
}

fn since(text: &str) -> Result<Since, String> {
    let wrong = || format!("`{text}` is neither a span such as `36h` or `7d` nor a day such as `2026-11-01`");
    if let Some(moment) = day_start(text) {
        return Ok(Since::Moment(moment));
    }
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok()).ok_or_else(wrong)?;
    let millis = match unit {
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 604_800_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Since::Ago).ok_or_else(wrong)
}

/// Says it.
pub fn perform(context: &Context, args: &Costs) -> Result<Exit, Error> {
    let report = context.block_on(async {
        let opened = context.open(Database::Read)?;
        let since = args.since.map(|since| match since {
            Since::Ago(millis) => opened.clock.now().millis().saturating_sub(millis),
            Since::Moment(moment) => moment,
        });
        let wanted = CostsWanted { by: args.by.into(), since, run: args.run };
        let report = opened.runtime.costs(wanted).await?;
        context.tell_unread(&opened.runtime);
        Ok(report)
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text if report.rows.is_empty() => printer.note("nothing was booked\n"),
        Format::Text => printer.out(&text(printer, &report)),
        Format::Json => printer.json(&report),
        Format::Ndjson => printer.json_list(&report.rows),
    }
    Ok(Exit::Done)
}

fn text(printer: &Printer, report: &CostsReport) -> String {
    let by = report.by.to_uppercase();
    let head = [by.as_str(), "COST", "TOKENS", "STEPS", "TIME", "RUNS"];
    let none = format!("(no {})", report.by);
    let mut rows: Vec<Vec<Cell>> = report.rows.iter().map(|row| cells(row, &none)).collect();
    let mut total = cells(&report.total, "total");
    if let Some(first) = total.first_mut() {
        *first = Cell::toned("total", Tone::Dim);
    }
    rows.push(total);
    let optional = ["RUNS", "TIME", "STEPS"];
    let table = Table { head: &head, rows: &rows, optional: &optional, soft: &[(by.as_str(), 12)] };
    table.show(printer, Some(columns().unwrap_or(usize::MAX)))
}

fn cells(row: &CostRow, none: &str) -> Vec<Cell> {
    vec![
        Cell::from(if row.key.is_empty() { none } else { &row.key }),
        Cell::right(MicroUsd::new(row.cost_micro_usd).to_string()),
        Cell::right(row.tokens.to_string()),
        Cell::right(row.steps.to_string()),
        Cell::right(span(row.duration_ms)),
        Cell::right(row.runs.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_days_are_read() {
        assert_eq!(since("36h"), Ok(Since::Ago(129_600_000)));
        assert_eq!(since("2w"), Ok(Since::Ago(1_209_600_000)));
        assert_eq!(since("2025-11-20"), Ok(Since::Moment(1_763_596_800_000)));
        for wrong in
            ["", "7", "d", "7y", "-1d", "2025-13-01", "2025-02-30", "yesterday", "99999999999999999999d"]
        {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
