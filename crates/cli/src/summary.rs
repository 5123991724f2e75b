//! How a run stands, for people: its output, its verdicts, its chain, and what it asks.

use crate::context::Context;
use crate::printer::{Printer, Stream, Tone, harmless, one_line, tone};
use crate::table::{Cell, table};
use crate::time::{seconds, utc};
use comity_api::{ApprovalInfo, RunReport, StepReport};
use comity_core::MicroUsd;
use serde_json::Value;

/// Verdicts that are shown one by one; of a longer run only those that went another way than settled.
const ROWS: usize = 60;

/// An amount of dollars as `$0.002`.
pub fn money(dollars: f64) -> String {
    // Amounts come from whole millionths, so that rounding finds the very number again.
    MicroUsd::new((dollars * 1e6).round() as u64).to_string()
}

/// `1 entry`, `2 entries`.
pub fn count(number: u64, noun: &str) -> String {
    let stem = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (number, stem) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) if noun.ends_with('s') => format!("{number} {noun}es"),
        (_, None) if noun == "leaf" => format!("{number} leaves"),
        (_, None) => format!("{number} {noun}s"),
    }
}

/// What the run produced: text as it is, of an agent's answer its words, anything else as JSON; nothing if it
/// produced nothing.
///
/// On a terminal, characters that could take it over are replaced.
pub fn output(report: &RunReport, terminal: bool) -> String {
    let text = match &report.output {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Object(answer) if answer.contains_key("model") && is_words(answer.get("content")) => {
            answer.get("content").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let text = if terminal { harmless(&text) } else { text };
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    format!("{text}{end}\n")
}

fn is_words(content: Option<&Value>) -> bool {
    content.and_then(Value::as_str).is_some_and(|words| !words.trim().is_empty())
}

/// The run's id, status and cost, a table of verdicts, and the state of its chain.
pub fn text(printer: &Printer, report: &RunReport) -> String {
    let status = printer.paint(Stream::Out, tone(&report.status), &report.status);
    let cost = MicroUsd::new(report.cost_micro_usd);
    let chain = match report.verified {
        true => "chain verified".to_owned(),
        false => printer.paint(Stream::Out, Tone::Bad, "CHAIN BROKEN"),
    };
    format!(
        "run:    {}\nstatus: {status}\ncost:   {cost}\n\n{}\nledger: {}, head {}, {chain}\n",
        report.run_id,
        verdicts(printer, &report.steps),
        count(report.entries, "entry"),
        report.head,
    )
}

fn verdicts(printer: &Printer, steps: &[StepReport]) -> String {
    let all = steps.len() <= ROWS;
    let shown = || steps.iter().filter(|step| all || !matches!(step.status.as_str(), "settled" | "pending"));
    let rows: Vec<Vec<Cell>> = shown().take(ROWS).map(verdict).collect();
    let mut out = match rows.as_slice() {
        [] => String::new(),
        rows => table(printer, &["STEP", "VERDICT", "TIME", "COST", "WHY"], rows),
    };
    if rows.len() < steps.len() {
        let settled = steps.iter().filter(|step| step.status == "settled").count();
        out.push_str(&format!("{settled} of {} steps settled; {} shown here\n", steps.len(), rows.len()));
    }
    out
}

fn verdict(step: &StepReport) -> Vec<Cell> {
    let why: Vec<&str> = match step.status.as_str() {
        "settled" | "pending" | "running" => Vec::new(),
        _ => step.reason.as_deref().into_iter().chain(step.message.as_deref()).collect(),
    };
    let cost = if step.cost_usd > 0.0 { money(step.cost_usd) } else { String::new() };
    vec![
        Cell::from(&step.step),
        Cell::toned(&step.status, tone(&step.status)),
        Cell::from(step.duration_ms.map(seconds).unwrap_or_default()),
        Cell::from(cost),
        Cell::from(why.join(": ")),
    ]
}

/// What the run asks, each with the lines that answer it; or the line that goes on with an interrupted run.
pub fn asks(context: &Context, report: &RunReport) -> String {
    let mut out = String::new();
    let held = report.approvals.iter().filter(|ask| !ask.approval.is_empty()).count();
    for ask in &report.approvals {
        out.push('\n');
        let lines = if ask.approval.is_empty() { unknown(ask) } else { held_step(ask, held > 1) };
        out.push_str(&lines.head);
        for (flags, about) in lines.answers {
            let line = context.resume_line(&report.run_id, &flags);
            let about = if about.is_empty() { String::new() } else { format!("   # {about}") };
            out.push_str(&format!("    {line}{about}\n"));
        }
    }
    if report.status == "interrupted" {
        out.push_str(&format!("\nto go on: {}\n", context.resume_line(&report.run_id, "")));
    }
    out
}

/// One question, and the flags of each answer with what they mean.
struct Ask {
    head: String,
    answers: Vec<(String, &'static str)>,
}

fn held_step(ask: &ApprovalInfo, several: bool) -> Ask {
    let question = ask.prompt.as_deref().map(|prompt| format!("\n  asked:  {}", one_line(prompt)));
    let until = ask.expires_ms.map(|expires| format!("\n  until:  {}", utc(expires)));
    let head = format!(
        "{} waits for a person{}\n  why:    {}{}\n  to answer and go on:\n",
        ask.step,
        question.unwrap_or_default(),
        one_line(&ask.message),
        until.unwrap_or_default(),
    );
    let step = if several { format!(" --step {}", ask.step) } else { String::new() };
    let answers = vec![(format!("--approve{step}"), ""), (format!("--reject{step}"), "")];
    Ask { head, answers }
}

fn unknown(ask: &ApprovalInfo) -> Ask {
    let head = format!(
        "nobody knows how {} ended\n  why:    {}\n  to say what you found out, and go on:\n",
        ask.step,
        one_line(&ask.message)
    );
    let flags = |answer: &str| format!("--step {} {answer}", ask.step);
    let answers = vec![
        (flags("--happened FILE"), "it happened, and FILE holds its output"),
        (flags("--not-happened"), "it did not, and may be tried again"),
        (flags("--abandon"), "nobody will know: it counts as failed"),
    ];
    Ask { head, answers }
}

#[cfg(test)]
mod tests;
