//! What is recorded about one step, and about those that decided its fate.

use super::Which;
use super::story::Texts;
use crate::error::Error;
use crate::runtime::Runtime;
use comity_api::{CauseView, ConditionView, StepFacts, StepView};
use comity_core::RunId;
use comity_flow::{Plan, StepPlan, When};
use comity_ledger::{Slot, read_one};
use std::collections::HashSet;

impl Runtime {
    /// What is recorded about one pass of one step.
    pub async fn facts(&self, id: RunId, which: &Which) -> Result<StepFacts, Error> {
        let (story, pinned) = self.story(id, Texts::Of(which.clone())).await?;
        let (cell, file) = (pinned.cell, pinned.setup.file);
        let limits = read_one(self.vault(), &cell, 0).await?;
        let limits = limits.map(|opened| opened.value(Slot::Policy)).transpose()?.flatten();
        let plan = self.compile(&self.pinned(id).await?.source)?;
        let steps = story.into_steps();
        let none = || Error::NoStep { run: id, step: which.step.clone() };
        let step = steps.iter().rfind(|step| which.is(&step.step, step.pass)).cloned().ok_or_else(none)?;
        let placed = plan.steps().iter().find(|planned| *planned.name == *step.step && step.depth == 0);
        let waits = |other: &&StepView| {
            other.parent.as_deref() == Some(&step.id)
                && matches!(other.status.as_str(), "held" | "unknown" | "suspended")
        };
        Ok(StepFacts {
            run_id: id.to_string(),
            run_status: self.standing(&cell).await?.0.word().to_owned(),
            file,
            limits: limits.and_then(|limits| serde_json::from_value(limits).ok()).unwrap_or_default(),
            causes: placed.map(|placed| causes(&plan, placed, &steps)).unwrap_or_default(),
            conditions: placed.map(|placed| conditions(&plan, placed)).unwrap_or_default(),
            waiting: steps.iter().filter(waits).map(|other| other.step.clone()).collect(),
            awaits: placed.map(|placed| awaits(&plan, placed, &steps)).unwrap_or_default(),
            step,
        })
    }
}

/// How the last pass of a step of the run itself stands.
fn last<'s>(steps: &'s [StepView], name: &str) -> Option<&'s StepView> {
    steps.iter().rfind(|step| step.depth == 0 && step.step == name)
}

/// From a step that was skipped back to the one that was not: at each turn the one that failed, else the one that
/// was refused, else one that was skipped itself.
fn causes(plan: &Plan, placed: &StepPlan, steps: &[StepView]) -> Vec<CauseView> {
    let mut out = Vec::new();
    let mut seen = HashSet::new();
    let mut at = placed;
    while last(steps, &at.name).is_some_and(|step| step.status == "skipped") {
        let before = || at.after.iter().filter_map(|ordinal| plan.step(*ordinal));
        let stands = |status: &str| {
            before().find(|step| last(steps, &step.name).is_some_and(|view| view.status == status))
        };
        let Some(next) = ["failed", "denied", "skipped"].into_iter().find_map(stands) else { break };
        if !seen.insert(&next.name) {
            break;
        }
        out.extend(last(steps, &next.name).map(|view| CauseView {
            step: view.step.clone(),
            status: view.status.clone(),
            reason: view.reason.clone(),
            message: view.message.clone(),
        }));
        at = next;
    }
    out
}

/// The conditions on the edges that lead to a step.
fn conditions(plan: &Plan, placed: &StepPlan) -> Vec<ConditionView> {
    let edges = placed.incoming.iter().filter_map(|edge| plan.edges().get(*edge));
    let told = edges.filter_map(|edge| {
        let when = match &edge.when {
            When::Always => return None,
            When::If(condition) => condition.text().to_owned(),
            When::Routed => format!("it names `{}` as the next step", placed.name),
        };
        Some(ConditionView { from: plan.step(edge.from)?.name.to_string(), when })
    });
    told.collect()
}

/// Steps before one that have not ended.
fn awaits(plan: &Plan, placed: &StepPlan, steps: &[StepView]) -> Vec<String> {
    let ended = |name: &str| {
        let status = last(steps, name).map_or("pending", |step| step.status.as_str());
        matches!(status, "settled" | "failed" | "denied" | "skipped")
    };
    let before = placed.after.iter().filter_map(|ordinal| plan.step(*ordinal));
    before.filter(|step| !ended(&step.name)).map(|step| step.name.to_string()).collect()
}
