//! One line for a step.

use crate::context::Context;
use crate::printer::{Printer, Stream, Tone, one_line, symbol, tone};
use crate::summary::count;
use crate::table::{Cell, Table};
use crate::time::{moment, seconds, span};
use crate::width::{columns, crop};
use comity_api::{RunView, StepView};
use comity_core::MicroUsd;

/// The most characters of a step's name.
const NAME: usize = 36;

/// What is said of the run above its steps.
pub fn head(printer: &Printer, run: &RunView, now: u64) -> String {
    let status = format!("{} {}", symbol(&run.status), run.status);
    let status = printer.paint(Stream::Out, tone(&run.status), &status);
    let name = if run.name.is_empty() { &run.file } else { &run.name };
    let room = columns().map_or(usize::MAX, |columns| columns.saturating_sub(run.run_id.len() + 17));
    let name = crop(&one_line(name), room);
    let mut facts = vec![
        format!("opened {}", moment(run.opened_ms, now)),
        format!("took {}", span(run.updated_ms.saturating_sub(run.opened_ms))),
        format!("cost {}", MicroUsd::new(run.cost_micro_usd)),
    ];
    if run.tokens > 0 {
        facts.push(count(run.tokens, "token"));
    }
    facts.push(count(run.entries, "entry"));
    let forked = run.forked_from.as_ref().map(|origin| {
        let at = run.forked_at.as_deref().unwrap_or_default();
        format!("forked from {} at {}\n", origin.run_id, one_line(at))
    });
    let forked = forked.unwrap_or_default();
    format!("{}  {status}  {name}\n{}\n{forked}\n", run.run_id, facts.join(", "))
}

/// A line for each step.
pub fn table(printer: &Printer, run: &RunView, now: u64) -> String {
    let rows: Vec<Vec<Cell>> = run.steps.iter().map(|step| row(step, now)).collect();
    let head = ["STEP", "VERDICT", "TRY", "TOKENS", "COST", "TIME", "WHY"];
    let table =
        Table { head: &head, rows: &rows, optional: &["TOKENS", "TRY"], soft: &[("WHY", 22), ("STEP", 16)] };
    table.show(printer, Some(columns().unwrap_or(usize::MAX)))
}

/// The table, and where to ask why.
pub fn text(context: &Context, run: &RunView, now: u64) -> String {
    let printer = &context.printer;
    let mut out = table(printer, run, now);
    let troubled =
        |step: &&StepView| matches!(step.status.as_str(), "denied" | "failed" | "held" | "unknown");
    if let Some(step) = run.steps.iter().find(troubled) {
        let line = context.line("explain", &[&run.run_id, &named(step)]);
        out.push_str(&format!("\n{} {line}\n", printer.paint(Stream::Out, Tone::Dim, "why:")));
    }
    out
}

/// A step as people name it: `draft`, or `draft#2` for its second pass.
pub fn named(step: &StepView) -> String {
    if step.pass > 1 { format!("{}#{}", step.step, step.pass) } else { step.step.clone() }
}

/// The mark and the word of a step's status.
pub fn verdict(status: &str) -> String {
    format!("{} {status}", symbol(status))
}

fn row(step: &StepView, now: u64) -> Vec<Cell> {
    let indent = "  ".repeat(usize::try_from(step.depth).unwrap_or_default().min(8));
    let running = (step.status == "running").then(|| step.started_ms.map(|since| now.saturating_sub(since)));
    let took = step.duration_ms.map(seconds);
    let took = running.flatten().map(span).or(took).unwrap_or_default();
    let (cost, tokens) = (step.cost_micro_usd, step.tokens);
    vec![
        Cell::from(crop(&format!("{indent}{}", named(step)), NAME)),
        Cell::toned(&verdict(&step.status), tone(&step.status)),
        Cell::right(if step.attempt > 1 { step.attempt.to_string() } else { String::new() }),
        Cell::right(if tokens > 0 { tokens.to_string() } else { String::new() }),
        Cell::right(if cost > 0 { MicroUsd::new(cost).to_string() } else { String::new() }),
        Cell::right(took),
        Cell::from(why(step, now)),
    ]
}

/// Why it stands so: the code and the words, and when what it waits for is due.
fn why(step: &StepView, now: u64) -> String {
    if let Some(origin) = &step.origin {
        let edited = origin.edited_by.as_ref().map(|by| format!(", edited by {by}")).unwrap_or_default();
        return format!("from {}{edited}", origin.run_id);
    }
    if matches!(step.status.as_str(), "settled" | "running" | "pending") {
        return String::new();
    }
    let due = step.due_ms.map(|due| {
        let word = if step.status == "scheduled" { "due" } else { "ends" };
        format!("{word} {}", moment(due, now))
    });
    let said = step.asked.as_ref().filter(|_| step.status == "approved").and_then(|asked| asked.by.as_ref());
    let short = [step.reason.clone(), due, said.map(|by| format!("by {by}"))];
    let short = short.into_iter().flatten().collect::<Vec<_>>().join(", ");
    [Some(short).filter(|short| !short.is_empty()), step.message.clone()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(": ")
}
