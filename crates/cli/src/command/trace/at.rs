//! A run as it stood at one of its steps.

use super::details::value_lines;
use super::steps::verdict;
use crate::context::Context;
use crate::printer::{Stream, Tone, one_line, tone};
use crate::summary::count;
use crate::table::{Cell, Table};
use crate::time::{span, utc};
use crate::width::columns;
use comity_api::{AtView, Purse};
use comity_core::{MicroUsd, Unit};

/// What is shown.
pub fn text(context: &Context, at: &AtView, full: bool) -> String {
    let printer = &context.printer;
    let dim = |word: &str| printer.paint(Stream::Out, Tone::Dim, word);
    let pass = |step: &str, pass: u32| if pass > 1 { format!("{step}#{pass}") } else { step.to_owned() };
    let step = pass(&at.step, at.pass);
    let attempt = if at.attempt > 1 { format!(", try {}", at.attempt) } else { String::new() };
    let rested = at.elapsed_ms.saturating_sub(at.worked_ms);
    let rested = if rested > 0 { format!(", {} of it at rest", span(rested)) } else { String::new() };
    let resumed = match at.resumed {
        0 => String::new(),
        times => format!(", resumed {}", count(times, "time")),
    };
    let mut out = format!(
        "{}  {}, entry {}{attempt}\n{}, {} into the run{rested}\nowned by {} since entry {}{resumed}\n\n",
        one_line(&step),
        at.decision,
        at.seq,
        utc(at.at_ms),
        span(at.elapsed_ms),
        one_line(&at.owner),
        at.owner_since,
    );
    let all = context.line("trace", &[&at.run_id, "--at", &step, "--full"]);
    out.push_str(&format!("{}\n", dim("given")));
    out.push_str(&value_lines(printer, &at.given, if full { None } else { Some(&all) }));
    if !at.settled.is_empty() {
        let rows = at.settled.iter().map(|settled| {
            let output = settled.output.as_str().map_or_else(|| settled.output.to_string(), str::to_owned);
            vec![
                Cell::from(pass(&settled.step, settled.pass)),
                Cell::right(settled.seq.to_string()),
                Cell::from(output),
            ]
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        let table = Table {
            head: &["SETTLED BEFORE", "ENTRY", "OUTPUT"],
            rows: &rows,
            optional: &[],
            soft: &[("OUTPUT", 16), ("SETTLED BEFORE", 12)],
        };
        out.push_str(&format!("\n{}", table.show(printer, columns().filter(|_| !full))));
    }
    if !at.others.is_empty() {
        let rows = at.others.iter().map(|other| {
            vec![
                Cell::from(pass(&other.step, other.pass)),
                Cell::toned(&verdict(&other.status), tone(&other.status)),
                Cell::from(other.reason.as_deref().unwrap_or_default()),
            ]
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        let table = Table {
            head: &["OTHERWISE", "VERDICT", "WHY"],
            rows: &rows,
            optional: &[],
            soft: &[("WHY", 8), ("OTHERWISE", 12)],
        };
        out.push_str(&format!("\n{}", table.show(printer, columns())));
    }
    let rows: Vec<Vec<Cell>> = at.account.iter().filter_map(purse).collect();
    let table =
        Table { head: &["ACCOUNT", "CAP", "SPENT", "HELD", "LEFT"], rows: &rows, optional: &[], soft: &[] };
    out.push_str(&format!("\n{}", table.show(printer, None)));
    out
}

/// One unit of the account.
fn purse(purse: &Purse) -> Option<Vec<Cell>> {
    let (name, unit) = match purse.unit.as_str() {
        "micro_usd" => ("dollars", Unit::MicroUsd),
        "millis" => ("time", Unit::Millis),
        "steps" => ("steps", Unit::Steps),
        "tokens" => ("tokens", Unit::Tokens),
        _ => return None,
    };
    let show = |amount: u64| match unit {
        Unit::MicroUsd => MicroUsd::new(amount).to_string(),
        Unit::Millis => span(amount),
        Unit::Steps | Unit::Tokens => amount.to_string(),
    };
    let capped = |amount: Option<u64>| amount.map_or_else(|| "no cap".to_owned(), show);
    Some(vec![
        Cell::from(name),
        Cell::right(capped(purse.cap)),
        Cell::right(show(purse.spent)),
        Cell::right(show(purse.held)),
        Cell::right(capped(purse.left)),
    ])
}
