//! Everything that is recorded of one step.

use super::entries::tone as entry_tone;
use super::steps::{named, verdict};
use crate::context::Context;
use crate::printer::{Printer, Stream, Tone, harmless, one_line, tone};
use crate::time::{seconds, utc};
use crate::width::{columns, crop, wrap};
use comity_api::{Check, StepView, TraceRow};
use comity_core::{MicroUsd, RiskTier};
use serde_json::Value;

/// Lines of an input or an output that are shown if nobody asks for all.
const LINES: usize = 8;
/// Columns where nobody says how many there are.
const COLUMNS: usize = 100;
/// What stands before the lines of an input or an output.
const INDENT: &str = "    ";

/// The step's block.
pub fn text(context: &Context, run: &str, step: &StepView, full: bool) -> String {
    let printer = &context.printer;
    let mut out = format!("{}\n", title(printer, step));
    out.push_str(&decided(printer, step));
    let all = context.line("trace", &[run, "--step", &named(step), "--full"]);
    for (what, value) in [("input", &step.input), ("output", &step.output)] {
        if let Some(value) = value {
            out.push_str(&format!("  {}\n", printer.paint(Stream::Out, Tone::Dim, what)));
            out.push_str(&value_lines(printer, value, if full { None } else { Some(&all) }));
        }
    }
    step.entries.iter().for_each(|row| out.push_str(&entry(printer, row)));
    out + "\n"
}

fn title(printer: &Printer, step: &StepView) -> String {
    let mut facts = Vec::new();
    if step.attempt > 1 {
        facts.push(format!("try {}", step.attempt));
    }
    facts.extend(step.duration_ms.map(seconds));
    facts.extend(step.origin.as_ref().map(|origin| format!("from {}", origin.run_id)));
    if step.cost_micro_usd > 0 {
        facts.push(MicroUsd::new(step.cost_micro_usd).to_string());
    }
    if step.tokens > 0 {
        facts.push(format!("{} tokens", step.tokens));
    }
    facts.extend(RiskTier::from_level(step.risk).map(|risk| risk.name().to_owned()));
    let status = printer.paint(Stream::Out, tone(&step.status), &verdict(&step.status));
    format!("{status}  {}  {}", one_line(&named(step)), facts.join("  ")).trim_end().to_owned()
}

/// What each check said, and under which policy.
fn decided(printer: &Printer, step: &StepView) -> String {
    let dim = |word: &str| printer.paint(Stream::Out, Tone::Dim, word);
    let mut out = String::new();
    let (passed, spoke): (Vec<&Check>, Vec<&Check>) =
        step.checks.iter().partition(|check| check.verdict == "pass");
    let why = [step.reason.as_deref(), step.message.as_deref()];
    let why = why.into_iter().flatten().collect::<Vec<_>>().join(": ");
    for check in &spoke {
        let bad = if check.verdict == "deny" { Tone::Bad } else { Tone::Asking };
        let verdict = printer.paint(Stream::Out, bad, &check.verdict);
        out.push_str(&format!("  {verdict}   {}\n", check.check));
    }
    if !why.is_empty() {
        let lines = wrap(&one_line(&why), room(9));
        let lines = lines.join("\n         ");
        out.push_str(&format!("  {}    {lines}\n", dim("why")));
    }
    if !passed.is_empty() {
        let names: Vec<&str> = passed.iter().map(|check| check.check.as_str()).collect();
        let lines = wrap(&names.join(", "), room(9)).join("\n         ");
        out.push_str(&format!("  {}   {lines}\n", dim("pass")));
    }
    if let Some(policy) = &step.policy {
        out.push_str(&format!("  {} {policy}\n", dim("policy")));
    }
    out
}

fn room(taken: usize) -> usize {
    columns().unwrap_or(COLUMNS).saturating_sub(taken)
}

/// A value as indented JSON, or a text as it is; cropped unless all of it is asked for. `more` is the command that
/// shows the rest.
pub fn value_lines(printer: &Printer, value: &Value, more: Option<&str>) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let text = harmless(&text);
    let room = room(INDENT.len());
    let (mut out, mut cropped, mut hidden) = (String::new(), false, 0_u64);
    for (number, line) in text.lines().enumerate() {
        let line = line.replace('\t', "    ");
        match more {
            Some(_) if number >= LINES => hidden += 1,
            Some(_) => {
                let shown = crop(&line, room);
                cropped |= shown != line;
                out.push_str(&format!("{INDENT}{shown}\n"));
            }
            None => out.push_str(&format!("{INDENT}{line}\n")),
        }
    }
    if let Some(more) = more.filter(|_| cropped || hidden > 0) {
        let lines = if hidden > 0 {
            format!("… {} more; ", crate::summary::count(hidden, "line"))
        } else {
            "… ".into()
        };
        out.push_str(&format!(
            "{INDENT}{}\n",
            printer.paint(Stream::Out, Tone::Dim, &format!("{lines}all of it:"))
        ));
        out.push_str(&format!("{INDENT}{}\n", printer.paint(Stream::Out, Tone::Dim, more)));
    }
    out
}

/// One entry: what, when, who, and its place in the chain.
fn entry(printer: &Printer, row: &TraceRow) -> String {
    let what = printer.paint(Stream::Out, entry_tone(&row.kind), &row.kind);
    let attempt = row.attempt.filter(|attempt| *attempt > 1).map(|attempt| format!("  try {attempt}"));
    let mut out = format!(
        "  entry {}  {what}{}  {}  {}\n",
        row.seq,
        attempt.unwrap_or_default(),
        utc(row.at_ms),
        one_line(&row.principal)
    );
    let digests = row.payloads.iter().map(|(name, digest)| (name.as_str(), digest.as_str()));
    let chain = [("hash", row.hash.as_str()), ("prev", row.prev.as_str())];
    for (name, digest) in chain.into_iter().chain(digests) {
        let name = printer.paint(Stream::Out, Tone::Dim, &format!("{name:<6}"));
        out.push_str(&format!("    {name} {digest}\n"));
    }
    out
}
