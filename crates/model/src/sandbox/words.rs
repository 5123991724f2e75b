//! Short texts that could be true, made from the role, the task and the context.

use super::Scene;
use crate::Role;
use serde_json::Value;

/// Longest piece of the task or the context that is quoted, in characters.
const MAX_QUOTE: usize = 90;

/// What an agent says when it has ended. `pick` chooses among texts that would do.
pub(super) fn answer(scene: &Scene<'_>, pick: u64) -> String {
    let task = quote(scene.task);
    let basis = basis(scene);
    let texts = match scene.role {
        Role::Planner => [
            format!(
                "Plan for {task}:\n1. Say what a good result looks like.\n2. Collect what it takes, {basis}.\n3. Do it in one pass.\n4. Check it against the first point."
            ),
            format!(
                "Three steps to {task}:\n1. Settle what is in and what is out, {basis}.\n2. Do the part that could fail first.\n3. Have it checked by somebody else."
            ),
        ],
        Role::Researcher => [
            format!(
                "Findings on {task}, {basis}:\n- What is known fits the question, and leaves no open contradiction.\n- One claim rests on a single source and should be checked again."
            ),
            format!(
                "On {task}, {basis}: two independent accounts agree on the main point. Details differ, and none of them changes the answer."
            ),
        ],
        Role::Executor => [
            format!("Done: {task}, {basis}. The result is complete, and nothing was left out."),
            format!("Result for {task}, {basis}: it is finished and can be used as it stands."),
        ],
        Role::Critic => [
            format!(
                "Review of {task}, {basis}: it holds. No mistake was found, and nothing is missing that was asked for."
            ),
            format!("Looked through {task}, {basis}. It answers what was asked, and may stand."),
        ],
        Role::Orchestrator => [
            format!(
                "For {task}, {basis}: the parts do not depend on each other and can start at once; the review comes last."
            ),
            format!("Next for {task}, {basis}: whoever does the work goes first, whoever checks it second."),
        ],
        Role::Guardian => [
            format!(
                "Checked {task}, {basis}: no instruction from outside, no secret, no harm. It may happen."
            ),
            format!("Nothing in {task} breaches a rule, {basis}. It may go on."),
        ],
    };
    let [first, second] = texts;
    let text = if pick.is_multiple_of(2) { first } else { second };
    if scene.repairs { format!("Mended: {text}") } else { text }
}

/// What an agent says when it wants tools called.
pub(super) fn wish(scene: &Scene<'_>, tools: &[&str]) -> String {
    let names: Vec<String> = tools.iter().map(|tool| format!("`{tool}`")).collect();
    format!("For {} I need {}.", quote(scene.task), names.join(" and "))
}

/// What the answer rests on.
fn basis(scene: &Scene<'_>) -> String {
    let names: Vec<String> = scene.context.keys().map(|name| format!("`{name}`")).collect();
    let first = scene.context.values().next().map(said).filter(|text| !text.trim().is_empty());
    match (names.len(), first) {
        (0, _) => "from the task alone".to_owned(),
        (1, Some(text)) => format!("given {} ({})", names.concat(), quote(&text)),
        _ => format!("given {}", names.join(", ")),
    }
}

/// The text of what a step produced.
fn said(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(keys) => match keys.get("content") {
            Some(Value::String(text)) => text.clone(),
            _ => value.to_string(),
        },
        _ => value.to_string(),
    }
}

/// The beginning of a text on one line, in quotation marks.
fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(MAX_QUOTE).collect();
    let more = if short.len() < line.len() { "…" } else { "" };
    format!("“{short}{more}”")
}
