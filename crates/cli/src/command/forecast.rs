//! `comity forecast`: what a workflow may cost, before it runs.

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::printer::{Format, Printer, Stream, Tone};
use crate::table::{Cell, Table};
use crate::width::columns;
use clap::Args;
use comity_api::{Cost, ForecastReport, StepForecast};
use comity_core::{Amounts, MicroUsd};
use std::path::PathBuf;

/// Say what a workflow may cost, without running it.
#[derive(Debug, Args)]
pub struct Forecast {
    /// The workflow file
    pub flow: PathBuf,
    /// What the run would be about
    #[arg(long, value_name = "TEXT")]
    pub task: Option<String>,
}

/// Says it. A workflow that may not start at this cost ends it with "budget".
pub fn perform(context: &Context, args: Forecast) -> Result<Exit, Error> {
    let request = files::request(&args.flow, files::task(args.task, None)?)?;
    super::run::check(&request)?;
    let report = comity_runtime::view::forecast(&request)?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text => printer.out(&text(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    Ok(if report.may_start { Exit::Done } else { Exit::Budget })
}

fn text(printer: &Printer, report: &ForecastReport) -> String {
    let head = ["STEP", "KIND", "ONE TRY", "TRIES", "PASSES", "LEAST", "MOST", "TOKENS"];
    let mut rows: Vec<Vec<Cell>> = report.steps.iter().map(row).collect();
    let total = ["", "", "", ""].map(Cell::from);
    rows.push(
        [Cell::toned("total", Tone::Dim)]
            .into_iter()
            .chain(total)
            .chain([usd(report.least), usd(report.most), tokens(report.most)])
            .collect(),
    );
    let table = Table { head: &head, rows: &rows, optional: &["KIND", "ONE TRY"], soft: &[("STEP", 12)] };
    table.show(printer, Some(columns().unwrap_or(usize::MAX))) + "\n" + &verdict(printer, report)
}

/// The budget beside the most, and whether the one fits the other.
fn verdict(printer: &Printer, report: &ForecastReport) -> String {
    let money = |micros: u64| MicroUsd::new(micros).to_string();
    let caps = [
        report.budget.micro_usd.map(money),
        report.budget.tokens.map(|tokens| format!("{tokens} tokens")),
        report.budget.steps.map(|steps| format!("{steps} steps")),
    ];
    let caps: Vec<String> = caps.into_iter().flatten().collect();
    let most = format!("{} and {} steps at most", bounded(report.most.micro_usd), report.most.steps);
    let (tone, word, what) = match (report.may_start, report.fits) {
        (true, true) => (Tone::Good, "✓ fits", "the run cannot run out of it".to_owned()),
        (true, false) => (Tone::Asking, "! may not fit", "what does not fit is refused then".to_owned()),
        (false, _) => {
            let ceiling = report.max_forecast_micro_usd.map(money).unwrap_or_default();
            (Tone::Bad, "✗ may not start", format!("`max_forecast_usd` is {ceiling}"))
        }
    };
    let word = printer.paint(Stream::Out, tone, word);
    format!("budget: {}\nneeds:  {most}\n{word}: {what}\n", caps.join(", "))
}

fn row(step: &StepForecast) -> Vec<Cell> {
    let many = |count: u64| if count > 1 { count.to_string() } else { String::new() };
    vec![
        Cell::from(&step.step),
        Cell::from(&step.kind),
        usd(step.each),
        Cell::right(many(step.tries)),
        Cell::right(many(step.passes)),
        usd(step.least),
        usd(step.most),
        tokens(step.most),
    ]
}

fn usd(cost: Cost) -> Cell {
    Cell::right(bounded(cost.micro_usd))
}

fn tokens(cost: Cost) -> Cell {
    Cell::right(if cost.tokens > 0 { cost.tokens.to_string() } else { String::new() })
}

fn bounded(micros: u64) -> String {
    if micros >= Amounts::MAX { "no bound".to_owned() } else { MicroUsd::new(micros).to_string() }
}
