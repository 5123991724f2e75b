//! One line for an entry.

use crate::printer::{Printer, Tone};
use crate::summary::money;
use crate::table::{Cell, Table};
use crate::time::utc;
use crate::width::columns;
use comity_api::TraceRow;

/// The table.
pub fn text(printer: &Printer, rows: &[TraceRow]) -> String {
    let lines: Vec<Vec<Cell>> = rows.iter().flat_map(lines).collect();
    let head = ["SEQ", "TIME", "WHAT", "STEP", "WHY", "COST", "MESSAGE"];
    Table { head: &head, rows: &lines, optional: &["COST", "TIME"], soft: &[("MESSAGE", 20), ("STEP", 12)] }
        .show(printer, columns())
}

/// One line for an entry, and one more for what each check said when it was held or refused.
fn lines(row: &TraceRow) -> Vec<Vec<Cell>> {
    let attempt = row.attempt.filter(|attempt| *attempt > 1);
    let pass = row.pass.map(|pass| format!("#{pass}")).unwrap_or_default();
    let step = format!("{}{pass}", row.step.as_deref().unwrap_or_default());
    let first = vec![
        Cell::right(row.seq.to_string()),
        Cell::from(utc(row.at_ms)),
        Cell::toned(&row.kind, tone(&row.kind)),
        Cell::from(attempt.map_or(step.clone(), |attempt| format!("{step} (try {attempt})"))),
        Cell::from(row.reason.as_deref().unwrap_or_default()),
        Cell::right(row.cost_usd.map(money).unwrap_or_default()),
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

/// The entry's message; for what a person did, who they are; for what a step waits for, when.
fn said(row: &TraceRow) -> String {
    let person = matches!(
        row.kind.as_str(),
        "opened" | "resumed" | "approved" | "rejected" | "happened" | "not_happened" | "abandoned"
    );
    let message = row.message.as_deref().unwrap_or_default();
    let origin = row.origin.as_ref().map(|origin| format!("from {} entry {}", origin.run_id, origin.seq));
    let edited = row.origin.as_ref().and_then(|origin| origin.edited_by.as_ref());
    if let Some(origin) = origin {
        let opened =
            if row.kind == "opened" { format!("by {}, forked ", row.principal) } else { String::new() };
        let edited = edited.map(|by| format!(", edited by {by}")).unwrap_or_default();
        return format!("{opened}{origin}{edited}");
    }
    match (person, message) {
        (true, "") => format!("by {}", row.principal),
        (true, message) => format!("by {}: {message}", row.principal),
        (false, message) => message.to_owned(),
    }
}

/// What an entry is painted in.
pub fn tone(kind: &str) -> Tone {
    match kind {
        "settled" | "reused" | "approved" | "happened" => Tone::Good,
        "denied" | "rejected" | "expired" | "failed" | "abandoned" | "defect" => Tone::Bad,
        "held" | "unknown" | "paused" | "suspended" => Tone::Asking,
        "admitted" | "scheduled" => Tone::Busy,
        _ => Tone::Dim,
    }
}
