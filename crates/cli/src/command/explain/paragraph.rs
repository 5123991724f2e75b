//! The paragraph: how the step stands, because of what, who said what, and what it cost.

use super::words;
use crate::command::trace::named;
use crate::summary::count;
use crate::time::{span, utc};
use comity_api::{CauseView, Origin, StepFacts, StepView};
use comity_core::{MicroUsd, ReasonCode, RiskTier};
use serde_json::Value;

/// Characters of a digest that are shown.
const SHORT: usize = 12;

/// One paragraph, made of recorded facts only.
pub fn paragraph(facts: &StepFacts) -> String {
    let step = &facts.step;
    let reason = step.reason.as_deref().and_then(ReasonCode::from_code);
    let parts = [
        Some(lead(facts, reason)),
        checks(step),
        message(step),
        policy(facts, reason),
        answer(step),
        causes(&facts.causes),
        conditions(facts, reason),
        waits(facts),
        Some(cost(step)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How it stands, and because of what.
fn lead(facts: &StepFacts, reason: Option<ReasonCode>) -> String {
    let step = &facts.step;
    let name = format!("`{}`", named(step));
    let cut_off = facts.run_status == "interrupted";
    let stands = match step.status.as_str() {
        "settled" => match &step.origin {
            Some(origin) => return taken_over(&name, origin),
            None => format!("{name} settled{}", took(step)),
        },
        "failed" => format!("{name} failed{}", took(step)),
        "denied" => format!("{name} was refused before it began"),
        "skipped" => format!("{name} was skipped: it never asked to begin"),
        "held" => format!("{name} waits for a person and has not begun"),
        "approved" => format!("{name} was approved and begins when the run goes on"),
        "unknown" => format!("{name} began, and nobody knows how it ended"),
        "scheduled" => format!("{name} waits{}", due(step)),
        "suspended" => format!("{name} began, and stopped for now"),
        "running" if cut_off => format!("{name} was under way when the run was cut off"),
        "running" => format!("{name} is under way{}", since(step)),
        _ if step.attempt > 0 => format!("{name} may be tried again, and has not been yet"),
        _ => format!("{name} has not been reached yet"),
    };
    match reason.and_then(words::of) {
        Some(words) if step.status != "settled" => format!("{stands}, because {}.", words.because),
        _ => format!("{stands}."),
    }
}

/// Where a result came from that was taken over.
fn taken_over(name: &str, origin: &Origin) -> String {
    let from = format!("from entry {} of {}", origin.seq, origin.run_id);
    match &origin.edited_by {
        Some(by) => format!("{name} was taken over {from}, and {by} replaced what it had produced there."),
        None => format!("{name} was taken over {from}: it was not done again."),
    }
}

fn took(step: &StepView) -> String {
    let tries = if step.attempt > 1 { format!(" on try {}", step.attempt) } else { String::new() };
    let took = step.duration_ms.map(|took| format!(" after {}", span(took))).unwrap_or_default();
    format!("{tries}{took}")
}

fn due(step: &StepView) -> String {
    step.due_ms.map(|due| format!(" until {}", utc(due))).unwrap_or_default()
}

fn since(step: &StepView) -> String {
    step.started_ms.map(|since| format!(" since {}", utc(since))).unwrap_or_default()
}

/// Which checks spoke against it.
fn checks(step: &StepView) -> Option<String> {
    let spoke: Vec<&str> = step
        .checks
        .iter()
        .filter(|check| check.verdict != "pass")
        .map(|check| check.check.as_str())
        .collect();
    let says = match step.status.as_str() {
        "skipped" | "pending" => return None,
        _ if spoke.is_empty() => {
            let all = step.checks.len();
            return (all > 0).then(|| format!("All {all} checks passed."));
        }
        "denied" if step.asked.is_none() => "said no",
        _ => "asked for a person",
    };
    match spoke.as_slice() {
        [] => None,
        [one] => Some(format!("The check `{one}` {says}; {} passed.", others(step))),
        many => Some(format!("Checks spoke up: {}; {} passed.", many.join(", "), others(step))),
    }
}

fn others(step: &StepView) -> String {
    let passed = step.checks.iter().filter(|check| check.verdict == "pass").count();
    count(u64::try_from(passed).unwrap_or(u64::MAX), "other")
}

/// The recorded words, which put the limit beside the actual.
fn message(step: &StepView) -> Option<String> {
    let answered = step.asked.as_ref().is_some_and(|asked| asked.comment.is_some());
    let message = step.message.as_deref().filter(|message| !message.is_empty() && !answered)?;
    Some(format!("Recorded: “{}”.", message.trim_end_matches('.')))
}

/// The policy it was decided under, with the numbers that mattered.
fn policy(facts: &StepFacts, reason: Option<ReasonCode>) -> Option<String> {
    let digest: String = facts.step.policy.as_ref()?.chars().take(SHORT).collect();
    let keys = reason.and_then(words::of).map(|words| words.limits).unwrap_or_default();
    let limits = keys.iter().filter_map(|key| Some(limit(key, facts.limits.get(*key)?)));
    let limits: Vec<String> = limits.collect();
    let limits = if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) };
    Some(format!("It was decided under policy {digest}{limits}."))
}

/// A limit as it is named in a workflow file, in the unit it has there.
fn limit(key: &str, value: &Value) -> String {
    let number = value.as_u64();
    let tier = number.and_then(|level| RiskTier::from_level(u8::try_from(level).ok()?));
    let (name, shown) = match (key, number) {
        ("max_risk_tier" | "human_approval_tier", _) => (key, tier.map(|tier| tier.name().to_owned())),
        (_, Some(number)) if key.contains("_micro_usd") => {
            let name = if key.starts_with("budget") { "budget_usd" } else { "max_forecast_usd" };
            (name, Some(MicroUsd::new(number).to_string()))
        }
        (_, Some(number)) => match key.strip_suffix("_ms") {
            Some(stem) => (stem, Some(span(number))),
            None => (key, Some(number.to_string())),
        },
        _ => (key, None),
    };
    format!("{name} {}", shown.unwrap_or_else(|| value.to_string()))
}

/// Who was asked, and what they said.
fn answer(step: &StepView) -> Option<String> {
    let asked = step.asked.as_ref()?;
    let Some(ruling) = asked.ruling.as_deref() else {
        let due = step.due_ms.filter(|_| step.status == "held");
        return due.map(|due| format!("An answer counts until {}.", utc(due)));
    };
    let when = asked.ruled_ms.map(|at| format!(" at {}", utc(at))).unwrap_or_default();
    let said = asked.comment.as_ref().map(|words| format!(", saying “{words}”")).unwrap_or_default();
    let by = asked.by.as_deref().unwrap_or("nobody");
    Some(match ruling {
        "approved" | "rejected" => format!("{by} {ruling} it{when}{said}."),
        "happened" => format!("{by} found out{when} that it happened{said}."),
        "not_happened" => format!("{by} found out{when} that it did not happen{said}."),
        "abandoned" => format!("{by} gave it up{when}{said}."),
        _ => format!("The question ran out of time{when}."),
    })
}

/// From the step before it back to the first cause.
fn causes(causes: &[CauseView]) -> Option<String> {
    let (root, between) = causes.split_last()?;
    let mut out = String::new();
    if !between.is_empty() {
        let names: Vec<String> = between.iter().map(|cause| format!("`{}`", cause.step)).collect();
        out.push_str(&format!("It waits for {}, skipped too. ", names.join(", which waits for ")));
    }
    let what = match root.status.as_str() {
        "denied" => "was refused",
        "failed" => "failed",
        _ => "was skipped",
    };
    let reason = root.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let said = root.message.as_ref().map(|said| format!(": “{}”", said.trim_end_matches('.')));
    out.push_str(&format!("The first cause: `{}` {what}{reason}{}.", root.step, said.unwrap_or_default()));
    Some(out)
}

/// The conditions that did not hold.
fn conditions(facts: &StepFacts, reason: Option<ReasonCode>) -> Option<String> {
    if facts.conditions.is_empty() || reason != Some(ReasonCode::ConditionFalse) {
        return None;
    }
    let one = facts.conditions.iter().map(|edge| format!("from `{}` if `{}`", edge.from, edge.when));
    Some(format!("It is reached {}.", one.collect::<Vec<_>>().join(", ")))
}

/// What it waits for: nested steps, or steps before it.
fn waits(facts: &StepFacts) -> Option<String> {
    let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match facts.step.status.as_str() {
        "suspended" if !facts.waiting.is_empty() => Some(format!("It waits for {}.", list(&facts.waiting))),
        "pending" if !facts.awaits.is_empty() => Some(format!("It waits for {}.", list(&facts.awaits))),
        _ => None,
    }
}

fn cost(step: &StepView) -> String {
    let money = MicroUsd::new(step.cost_micro_usd);
    let tokens =
        if step.tokens > 0 { format!(" and {}", count(step.tokens, "token")) } else { String::new() };
    let paid = step.cost_micro_usd > 0 || step.tokens > 0;
    match step.status.as_str() {
        "denied" | "skipped" | "held" | "pending" | "approved" if !paid => {
            "Nothing was done, and nothing was spent.".to_owned()
        }
        "settled" if step.origin.is_some() => "Nothing was spent.".to_owned(),
        "unknown" if !paid => "What it can cost stays reserved until somebody says how it ended.".to_owned(),
        "running" | "scheduled" | "suspended" => format!("So far it cost {money}{tokens}."),
        _ => format!("It cost {money}{tokens}."),
    }
}
