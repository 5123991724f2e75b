//! `comity trace`: every entry of a run.

use crate::args::Trace;
use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Tone};
use crate::summary::money;
use crate::table::{Cell, table};
use crate::time::utc;
use comity_api::TraceRow;

/// Shows them.
pub fn perform(context: &Context, args: &Trace) -> Result<Exit, Error> {
    let printer = &context.printer;
    let mut rows = Vec::new();
    context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        let visit = |row: TraceRow| match printer.format() {
            Format::Ndjson => printer.json(&row),
            Format::Text | Format::Json => rows.push(row),
        };
        Ok(runtime.trace(args.run, visit).await?)
    })?;
    match printer.format() {
        Format::Text => {
            let head = ["SEQ", "TIME", "WHAT", "STEP", "WHY", "COST", "MESSAGE"];
            let lines: Vec<Vec<Cell>> = rows.iter().flat_map(lines).collect();
            printer.out(&table(printer, &head, &lines));
        }
        Format::Json => printer.json_list(&rows),
        Format::Ndjson => {}
    }
    Ok(Exit::Done)
}

/// One line for an entry, and one more for what each check said when it was held or refused.
fn lines(row: &TraceRow) -> Vec<Vec<Cell>> {
    let attempt = row.attempt.filter(|attempt| *attempt > 1);
    let step = row.step.as_deref().unwrap_or_default();
    let first = vec![
        Cell::from(row.seq.to_string()),
        Cell::from(utc(row.at_ms)),
        Cell::toned(&row.kind, tone(&row.kind)),
        Cell::from(attempt.map_or(step.to_owned(), |attempt| format!("{step} (try {attempt})"))),
        Cell::from(row.reason.as_deref().unwrap_or_default()),
        Cell::from(row.cost_usd.map(money).unwrap_or_default()),
        Cell::from(said(row)),
    ];
    let stopped = row.checks.iter().any(|check| check.verdict != "pass");
    let marks: Vec<String> =
        row.checks.iter().map(|check| format!("{} {}", check.check, check.verdict)).collect();
    let second = stopped.then(|| {
        let mut cells = vec![Cell::from(""); 6];
        cells.push(Cell::toned(&format!("checks: {}", marks.join(", ")), Tone::Dim));
        cells
    });
    std::iter::once(first).chain(second).collect()
}

/// The entry's message; for what a person did, who they are.
fn said(row: &TraceRow) -> String {
    let person = matches!(
        row.kind.as_str(),
        "opened" | "resumed" | "approved" | "rejected" | "happened" | "not_happened" | "abandoned"
    );
    let message = row.message.as_deref().unwrap_or_default();
    match (person, message) {
        (true, "") => format!("by {}", row.principal),
        (true, message) => format!("by {}: {message}", row.principal),
        (false, message) => message.to_owned(),
    }
}

fn tone(kind: &str) -> Tone {
    match kind {
        "settled" | "approved" | "happened" => Tone::Good,
        "denied" | "rejected" | "expired" | "failed" | "defect" => Tone::Bad,
        "held" | "unknown" | "paused" => Tone::Asking,
        "admitted" => Tone::Busy,
        _ => Tone::Dim,
    }
}
