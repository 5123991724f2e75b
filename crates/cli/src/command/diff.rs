//! `comity diff`: how two runs differ, step by step.

use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Stream, Tone, harmless, tone};
use crate::summary::count;
use crate::table::{Cell, Table};
use crate::time::span;
use crate::width::columns;
use clap::Args;
use comity_api::{Change, DiffReport, DiffSide, StepDiff};
use comity_core::{MicroUsd, RunId};
use comity_runtime::view::Lines;

/// Compare two runs.
#[derive(Debug, Args)]
pub struct Diff {
    /// The first run
    pub left: RunId,
    /// The second run
    pub right: RunId,
    /// Show texts that differ line by line
    #[arg(long)]
    pub texts: bool,
}

/// Compares them. Ends with 0 when they are the same but for their times, and with 1 when they are not.
pub fn perform(context: &Context, args: &Diff) -> Result<Exit, Error> {
    let lines = if args.texts { Lines::Unified } else { Lines::Without };
    let report = context.block_on(async {
        let opened = context.open(Database::Read)?;
        Ok(opened.runtime.diff(args.left, args.right, lines).await?)
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text => printer.out(&text(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    Ok(if report.same { Exit::Done } else { Exit::Failed })
}

fn text(printer: &Printer, report: &DiffReport) -> String {
    let rows = [("left", &report.left), ("right", &report.right)].map(|(name, side)| side_row(name, side));
    let head = ["", "RUN", "STATUS", "COST", "TOKENS", "TOOK"];
    let room = Some(columns().unwrap_or(usize::MAX));
    let optional = ["TOKENS", "TOOK"];
    let mut out = Table { head: &head, rows: &rows, optional: &optional, soft: &[] }.show(printer, room);
    out.push('\n');
    for (what, change) in
        [("workflow", &report.workflow), ("policy", &report.policy), ("task and files", &report.setup)]
    {
        if let Some(change) = change {
            out.push_str(&format!("{what} {}\n", printer.paint(Stream::Out, Tone::Asking, "differs")));
            out.push_str(&lines(printer, change));
        }
    }
    let other: Vec<&StepDiff> = report.steps.iter().filter(|step| step.standing != "same").collect();
    for step in &other {
        out.push_str(&step_text(printer, step));
    }
    let same = report.steps.len() - other.len();
    out.push_str(&match report.same {
        true => format!("{} {} alike\n", printer.paint(Stream::Out, Tone::Good, "same:"), steps(same)),
        false => format!(
            "{} {} alike, {} not\n",
            printer.paint(Stream::Out, Tone::Bad, "different:"),
            steps(same),
            other.len()
        ),
    });
    out
}

fn steps(number: usize) -> String {
    count(number as u64, "step")
}

fn side_row(name: &str, side: &DiffSide) -> Vec<Cell> {
    vec![
        Cell::toned(name, Tone::Dim),
        Cell::from(&side.run_id),
        Cell::toned(&side.status, tone(&side.status)),
        Cell::right(MicroUsd::new(side.cost_micro_usd).to_string()),
        Cell::right(side.tokens.to_string()),
        Cell::right(span(side.duration_ms)),
    ]
}

fn step_text(printer: &Printer, step: &StepDiff) -> String {
    let name = if step.pass > 1 { format!("{}#{}", step.step, step.pass) } else { step.step.clone() };
    let standing = match step.standing.as_str() {
        "left" => "only in the left run",
        "right" => "only in the right run",
        _ => "differs",
    };
    let mut out = format!(
        "{} {}\n",
        crate::printer::one_line(&name),
        printer.paint(Stream::Out, Tone::Asking, standing)
    );
    if step.standing != "changed" {
        return out;
    }
    for (what, change) in [
        ("status", &step.status),
        ("reason", &step.reason),
        ("checks", &step.checks),
        ("tries", &step.attempts),
        ("cost", &step.cost),
    ] {
        if let Some(change) = change {
            let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "none".to_owned());
            out.push_str(&format!("  {what:<7} {} -> {}\n", word(&change.left), word(&change.right)));
        }
    }
    for (what, change) in [("input", &step.input), ("output", &step.output)] {
        if let Some(change) = change {
            let short = |digest: &Option<String>| {
                digest.as_deref().map_or("none".to_owned(), |digest| digest.chars().take(12).collect())
            };
            out.push_str(&format!("  {what:<7} {} -> {}\n", short(&change.left), short(&change.right)));
            out.push_str(&lines(printer, change));
        }
    }
    if let (Some(left), Some(right)) = (step.left_ms, step.right_ms) {
        out.push_str(&format!("  {:<7} {} -> {}\n", "took", span(left), span(right)));
    }
    out
}

/// The lines of a unified diff, set in.
fn lines(printer: &Printer, change: &Change) -> String {
    let text = change.lines.as_deref().unwrap_or_default();
    let line = |line: &str| {
        let shown = harmless(line);
        let tone = match line.chars().next() {
            Some('+') => Tone::Good,
            Some('-') => Tone::Bad,
            Some('@') => Tone::Busy,
            _ => return format!("    {shown}\n"),
        };
        format!("    {}\n", printer.paint(Stream::Out, tone, &shown))
    };
    text.lines().map(line).collect()
}
