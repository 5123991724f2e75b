//! What a person reads once the demo has ended: what it cost, what was refused, who approved, and what to try.

use crate::command::trace::{named, steps};
use crate::context::{Context, Opened};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Stream, Tone, one_line};
use crate::session::Session;
use crate::summary::{self, count};
use crate::width::{columns, wrap};
use comity_api::{RunReport, RunView, StepView};
use comity_core::MicroUsd;
use comity_runtime::view::Depth;
use comity_runtime::{Finished, RunStatus};
use std::io::IsTerminal;

/// The width of the words in front.
const LABEL: usize = 10;

/// Shows what the run produced, its steps, and what they come to.
pub async fn show(
    context: &Context,
    opened: &Opened,
    session: &Session<'_>,
    finished: Finished,
    budget: u64,
) -> Result<Exit, Error> {
    if finished.status != RunStatus::Completed {
        // A person said no, or later: then it is a run like any other.
        return session.conclude(finished).await;
    }
    let report = opened.runtime.report(finished.run).await?;
    let view = opened.runtime.view(finished.run, &Depth::Standing).await?;
    let printer = &context.printer;
    printer.out(&summary::output(&report, std::io::stdout().is_terminal()));
    printer.out(&steps::table(printer, &view, opened.clock.now().millis()));
    printer.out("\n");
    for (label, tone, words) in facts(&view, &report, budget) {
        let painted = printer.paint(Stream::Out, tone, label);
        let gap = " ".repeat(LABEL.saturating_sub(label.len()));
        let room = columns().map_or(usize::MAX, |columns| columns.saturating_sub(LABEL));
        let lines = wrap(&one_line(&words), room);
        printer.out(&format!("{painted}{gap}{}\n", lines.join(&format!("\n{}", " ".repeat(LABEL)))));
    }
    printer.out(&next(context, &view));
    let exit = session.exit(finished.status, &report);
    crate::guarded::tell(printer, finished.guarded)?;
    Ok(exit)
}

/// What there is to say, line by line.
fn facts(view: &RunView, report: &RunReport, budget: u64) -> Vec<(&'static str, Tone, String)> {
    let (spent, budget) = (MicroUsd::new(report.cost_micro_usd), MicroUsd::new(budget));
    let mut out = vec![(
        "spent",
        Tone::Good,
        format!("{spent} of {budget}, simulated: at list prices, nothing is billed"),
    )];
    let with = |status: &str| view.steps.iter().filter(|step| step.status == status).count();
    let approved: Vec<&StepView> = view.steps.iter().filter(|step| approval(step).is_some()).collect();
    let all = u64::try_from(view.steps.len()).unwrap_or(u64::MAX);
    let steps = format!("{}: {} denied, {} approved", count(all, "step"), with("denied"), approved.len());
    out.push(("steps", Tone::Good, steps));
    for step in view.steps.iter().filter(|step| step.status == "denied") {
        let reason = step.reason.as_deref().unwrap_or_default();
        let message = step.message.as_deref().unwrap_or_default();
        out.push(("denied", Tone::Bad, format!("{} ({reason}): {message}", named(step))));
    }
    for step in approved {
        let words = approval(step).unwrap_or_default();
        out.push(("approved", Tone::Good, format!("{}: {words}", named(step))));
    }
    let chain = if report.verified { "chain verified" } else { "CHAIN BROKEN" };
    let ledger = format!("{}, {chain}, head {}", count(report.entries, "entry"), report.head);
    out.push(("ledger", if report.verified { Tone::Good } else { Tone::Bad }, ledger));
    out
}

/// Who approved a step, in the words that are recorded.
fn approval(step: &StepView) -> Option<String> {
    let asked = step.asked.as_ref().filter(|asked| asked.ruling.as_deref() == Some("approved"))?;
    let by = asked.by.clone().unwrap_or_default();
    Some(match asked.comment.as_deref().filter(|comment| !comment.is_empty()) {
        Some(comment) if comment.starts_with("approved by the demo") => comment.to_owned(),
        Some(comment) => format!("approved by you ({by}): {comment}"),
        None => format!("approved by you ({by})"),
    })
}

/// Lines to paste.
fn next(context: &Context, view: &RunView) -> String {
    let run = view.run_id.as_str();
    let denied = view.steps.iter().find(|step| step.status == "denied").map(named);
    let mut lines = vec![(context.line("trace", &[run]), "every step and what was decided")];
    lines.extend(denied.map(|step| (context.line("explain", &[run, &step]), "why it was refused")));
    lines.push((context.line("replay", &[run]), "the same again, from the ledger alone"));
    lines.push((context.line("demo", &["tamper"]), "change one byte, and see it found"));
    let wide = lines.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
    let printer = &context.printer;
    let mut out = format!("{}\n", printer.paint(Stream::Out, Tone::Busy, "next:"));
    // All of them have their word beside them, or none.
    let fits =
        |(_, about): &(String, &str)| columns().is_none_or(|columns| wide + about.len() + 7 <= columns);
    let all_fit = lines.iter().all(fits);
    for (line, about) in &lines {
        let about = printer.paint(Stream::Out, Tone::Dim, &format!("# {about}"));
        let line = if all_fit { format!("{line:<wide$}  {about}") } else { line.clone() };
        out.push_str(&format!("  {line}\n"));
    }
    out
}
