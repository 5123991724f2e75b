//! What can be done about a step now.

use super::words;
use crate::command::trace::named;
use crate::context::Context;
use comity_api::StepFacts;
use comity_core::ReasonCode;

/// Command lines as they can be pasted into a shell, each with what it is for.
pub fn commands(context: &Context, facts: &StepFacts) -> Vec<(String, &'static str)> {
    let (run, step) = (facts.run_id.as_str(), facts.step.step.as_str());
    let resume = |words: &[&str]| {
        let all: Vec<&str> = [run].into_iter().chain(words.iter().copied()).collect();
        context.line("resume", &all)
    };
    let over = !matches!(facts.run_status.as_str(), "running" | "waiting" | "interrupted");
    let working = facts.run_status == "running";
    let mut out = match facts.step.status.as_str() {
        _ if over => again(context, facts),
        "held" if working => {
            vec![(context.line("approve", &[run, "--step", step]), ""), (watch(context, run), "")]
        }
        "held" => vec![
            (resume(&["--step", step, "--approve"]), "yes, and go on"),
            (resume(&["--step", step, "--reject"]), "no, and go on"),
        ],
        "unknown" if !working => vec![
            (resume(&["--step", step, "--happened", "FILE"]), "it happened; FILE holds its output"),
            (resume(&["--step", step, "--not-happened"]), "it did not, and may be tried again"),
            (resume(&["--step", step, "--abandon"]), "nobody will know: it counts as failed"),
        ],
        "suspended" if !facts.waiting.is_empty() => {
            let explain = |name: &String| (context.line("explain", &[run, name]), "what it waits for");
            facts.waiting.iter().map(explain).collect()
        }
        _ if working && facts.awaits.is_empty() => vec![(watch(context, run), "follow it")],
        "settled" | "failed" | "denied" | "skipped" => Vec::new(),
        "pending" if !facts.awaits.is_empty() => {
            let explain = |name: &String| (context.line("explain", &[run, name]), "what it waits for");
            facts.awaits.iter().map(explain).collect()
        }
        _ => vec![(resume(&[]), "go on")],
    };
    let told = !facts.step.entries.is_empty();
    out.extend(told.then(|| {
        (context.line("trace", &[run, "--step", &named(&facts.step)]), "everything recorded of it")
    }));
    out
}

fn watch(context: &Context, run: &str) -> String {
    context.line("watch", &[run])
}

/// A new run, once what stood in the way is otherwise.
fn again(context: &Context, facts: &StepFacts) -> Vec<(String, &'static str)> {
    let stopped = matches!(facts.step.status.as_str(), "failed" | "denied" | "skipped");
    // Of a skipped step, what has to change is what the first cause says.
    let reason = facts.causes.last().and_then(|cause| cause.reason.as_ref()).or(facts.step.reason.as_ref());
    let words = reason.and_then(|reason| words::of(ReasonCode::from_code(reason)?));
    let change = words.map_or("", |words| words.change);
    let file = std::path::Path::new(&facts.file);
    let run = || context.line("run", &[&crate::config::quoted(file)]);
    let line = crate::command::demo::how_to_change(context, file).unwrap_or_else(run);
    if stopped && !change.is_empty() { vec![(line, change)] } else { Vec::new() }
}
