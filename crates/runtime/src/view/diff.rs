//! How two runs differ, step by step, from entries alone.
//!
//! Steps are matched by name and pass. What was given and produced is compared as canonical JSON: the commitments
//! in entries are salted, so that equal texts have different ones.

use super::Depth;
use crate::error::Error;
use crate::pinned::Pinned;
use crate::runtime::Runtime;
use comity_api::{Change, DiffReport, DiffSide, RunView, StepDiff, StepView};
use comity_core::{Digest, MicroUsd, RunId};
use comity_ledger::{Slot, read_one};
use serde_json::Value;
use similar::TextDiff;
use std::collections::{HashMap, HashSet};

/// The most bytes of two texts that are compared line by line.
const LONGEST: usize = 1 << 20;
/// Lines that are the same, around those that are not.
const AROUND: usize = 3;

/// Whether texts that differ are shown line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Only that they differ.
    Without,
    /// As a unified diff.
    Unified,
}

impl Runtime {
    /// How two runs differ.
    pub async fn diff(&self, left: RunId, right: RunId, lines: Lines) -> Result<DiffReport, Error> {
        let (left, right) = (self.compared(left).await?, self.compared(right).await?);
        Ok(report(&left, &right, lines))
    }

    async fn compared(&self, id: RunId) -> Result<Compared, Error> {
        let view = self.view(id, &Depth::Everything).await?;
        let Pinned { cell, source, setup, .. } = self.pinned(id).await?;
        let opened = read_one(self.vault(), &cell, 0).await?;
        let policy = opened.map(|opened| opened.words(Slot::Policy)).transpose()?.unwrap_or_default();
        let policy = serde_json::from_str::<Value>(&policy).map(|policy| pretty(&policy)).unwrap_or(policy);
        // Where programs start, and the trace it was called from, are of the machine and not of the workflow.
        let setup = pretty(&serde_json::json!({"flows": setup.flows, "task": setup.task}));
        Ok(Compared { view, source, policy, setup })
    }
}

/// What of a run is compared.
struct Compared {
    view: RunView,
    source: String,
    policy: String,
    setup: String,
}

fn report(left: &Compared, right: &Compared, lines: Lines) -> DiffReport {
    let text = |of: fn(&Compared) -> &String| texts(Some(of(left)), Some(of(right)), lines);
    let mut report = DiffReport {
        same: false,
        left: side(&left.view),
        right: side(&right.view),
        workflow: text(|run| &run.source),
        policy: text(|run| &run.policy),
        setup: text(|run| &run.setup),
        steps: steps(&left.view.steps, &right.view.steps, lines),
    };
    report.same = report.left.status == report.right.status
        && report.left.cost_micro_usd == report.right.cost_micro_usd
        && report.left.tokens == report.right.tokens
        && report.workflow.is_none()
        && report.policy.is_none()
        && report.setup.is_none()
        && report.steps.iter().all(|step| step.standing == "same");
    report
}

fn side(view: &RunView) -> DiffSide {
    DiffSide {
        run_id: view.run_id.clone(),
        status: view.status.clone(),
        cost_micro_usd: view.cost_micro_usd,
        tokens: view.tokens,
        duration_ms: view.updated_ms.saturating_sub(view.opened_ms),
    }
}

/// A pass of a step by what it is matched by. Nested steps of one name are told apart by their turn.
type Place<'s> = (&'s str, u32, usize);

fn places(steps: &[StepView]) -> Vec<(Place<'_>, &StepView)> {
    let mut turns: HashMap<(&str, u32), usize> = HashMap::new();
    let mut out = Vec::with_capacity(steps.len());
    for step in steps {
        let (name, pass) = (step.step.as_str(), step.pass);
        let turn = turns.entry((name, pass)).or_default();
        *turn += 1;
        out.push(((name, pass, *turn), step));
    }
    out
}

/// Every step of the first run, then those that only the second has.
fn steps(left: &[StepView], right: &[StepView], lines: Lines) -> Vec<StepDiff> {
    let (left, right) = (places(left), places(right));
    let theirs: HashMap<Place<'_>, &StepView> = right.iter().copied().collect();
    let ours: HashSet<Place<'_>> = left.iter().map(|(place, _)| *place).collect();
    let both = left.iter().map(|(place, step)| step_diff(Some(step), theirs.get(place).copied(), lines));
    let new = right.iter().filter(|(place, _)| !ours.contains(place));
    both.chain(new.map(|(_, step)| step_diff(None, Some(step), lines))).collect()
}

fn step_diff(left: Option<&StepView>, right: Option<&StepView>, lines: Lines) -> StepDiff {
    let Some(one) = left.or(right) else { return StepDiff::default() };
    let word = |of: fn(&StepView) -> Option<String>| change(left.and_then(of), right.and_then(of));
    let value = |of: fn(&StepView) -> &Option<Value>| {
        let value = |step: Option<&'_ StepView>| step.and_then(|step| of(step).clone());
        values(value(left).as_ref(), value(right).as_ref(), lines)
    };
    let mut out = StepDiff {
        step: one.step.clone(),
        pass: one.pass,
        standing: String::new(),
        status: word(|step| Some(step.status.clone())),
        reason: word(|step| step.reason.clone()),
        checks: word(|step| Some(checks(step)).filter(|checks| !checks.is_empty())),
        input: value(|step| &step.input),
        output: value(|step| &step.output),
        cost: word(|step| Some(cost(step))),
        attempts: word(|step| Some(step.attempt.to_string())),
        left_ms: left.and_then(|step| step.duration_ms),
        right_ms: right.and_then(|step| step.duration_ms),
    };
    let changes = [&out.status, &out.reason, &out.checks, &out.input, &out.output, &out.cost, &out.attempts];
    let standing = match (left, right) {
        (Some(_), None) => "left",
        (None, Some(_)) => "right",
        _ if changes.iter().all(|change| change.is_none()) => "same",
        _ => "changed",
    };
    standing.clone_into(&mut out.standing);
    out
}

/// What did not pass; a step that every check let pass is like any other of its kind.
fn checks(step: &StepView) -> String {
    let marks = step.checks.iter().filter(|check| check.verdict != "pass");
    marks.map(|check| format!("{} {}", check.check, check.verdict)).collect::<Vec<_>>().join(", ")
}

fn cost(step: &StepView) -> String {
    let money = MicroUsd::new(step.cost_micro_usd).to_string();
    if step.tokens > 0 { format!("{money}, {} tokens", step.tokens) } else { money }
}

fn change(left: Option<String>, right: Option<String>) -> Option<Change> {
    (left != right).then_some(Change { left, right, lines: None })
}

/// Values by the SHA-256 of their JSON, and line by line as [`texts`] are.
fn values(left: Option<&Value>, right: Option<&Value>, lines: Lines) -> Option<Change> {
    if left == right {
        return None;
    }
    let digest = |value: Option<&Value>| value.map(|value| Digest::of(&[value.to_string().as_bytes()]).hex());
    let [old, new] = [left, right].map(|value| value.map(pretty).unwrap_or_default());
    Some(Change { left: digest(left), right: digest(right), lines: unified(&old, &new, lines) })
}

/// Texts by their SHA-256, and line by line if that is wanted and they are not too long for it.
fn texts(left: Option<&String>, right: Option<&String>, lines: Lines) -> Option<Change> {
    if left == right {
        return None;
    }
    let digest = |text: Option<&String>| text.map(|text| Digest::of(&[text.as_bytes()]).hex());
    let [old, new] = [left, right].map(|text| text.map(String::as_str).unwrap_or_default());
    Some(Change { left: digest(left), right: digest(right), lines: unified(old, new, lines) })
}

fn unified(old: &str, new: &str, lines: Lines) -> Option<String> {
    let shown = lines == Lines::Unified && old.len().saturating_add(new.len()) <= LONGEST;
    shown.then(|| TextDiff::from_lines(old, new).unified_diff().context_radius(AROUND).to_string())
}

/// A text as itself; any other value as JSON with its keys in order, a line for each.
fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(name: &str, pass: u32, output: Value) -> StepView {
        let (step, status) = (name.to_owned(), "settled".to_owned());
        StepView { step, pass, status, output: Some(output), ..StepView::default() }
    }

    fn standings(left: &[StepView], right: &[StepView]) -> Vec<(String, u32, String)> {
        let steps = steps(left, right, Lines::Unified).into_iter();
        steps.map(|step| (step.step, step.pass, step.standing)).collect()
    }

    #[test]
    fn steps_are_matched_by_name_and_pass() {
        let left = [step("a", 1, json!(1)), step("b", 1, json!(1)), step("b", 2, json!(2))];
        let right = [step("b", 1, json!(1)), step("a", 1, json!({"x": 1})), step("c", 1, json!(1))];
        let told = standings(&left, &right);
        let told: Vec<(&str, u32, &str)> =
            told.iter().map(|(step, pass, standing)| (step.as_str(), *pass, standing.as_str())).collect();
        assert_eq!(told, [("a", 1, "changed"), ("b", 1, "same"), ("b", 2, "left"), ("c", 1, "right")]);
    }

    #[test]
    fn nested_steps_of_one_name_are_matched_by_their_turn() {
        let left = [step("a/model", 1, json!(1)), step("a/model", 1, json!(2))];
        let right = [step("a/model", 1, json!(1)), step("a/model", 1, json!(3))];
        let told: Vec<String> = standings(&left, &right).into_iter().map(|(.., standing)| standing).collect();
        assert_eq!(told, ["same", "changed"]);
    }

    #[test]
    fn texts_are_compared_line_by_line() {
        let [old, new] = ["one\ntwo\n".to_owned(), "one\n2\n".to_owned()];
        let change = texts(Some(&old), Some(&new), Lines::Unified).unwrap();
        assert_eq!(change.lines.as_deref(), Some("@@ -1,2 +1,2 @@\n one\n-two\n+2\n"));
        assert_eq!(change.left, Some(Digest::of(&[b"one\ntwo\n"]).hex()));
        assert_eq!(texts(Some(&old), Some(&new), Lines::Without).unwrap().lines, None);
        assert_eq!(texts(Some(&old), Some(&old), Lines::Unified), None);
    }

    #[test]
    fn a_text_is_not_the_number_it_reads_like() {
        assert!(values(Some(&json!("1")), Some(&json!(1)), Lines::Without).is_some());
        assert!(values(None, Some(&json!(null)), Lines::Without).is_some());
    }
}
