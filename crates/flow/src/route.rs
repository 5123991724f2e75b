//! Where a step's end leads: pure, from its output and what came before it.

use crate::condition::{Condition, Undecided};
use crate::facts::Facts;
use crate::plan::{Plan, StepPlan, When};
use comity_core::{ReasonCode, StepKind};
use std::borrow::Cow;

/// The key under which an output names the next step.
pub(crate) const NEXT: &str = "next_node";

/// Where a step's end leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// The loop that goes back, by its place in the plan. Then no edge is followed.
    pub back: Option<usize>,
    /// Whether the step named the next one.
    pub named: bool,
    /// Whether each of its edges is followed, in the order of [`StepPlan::outgoing`].
    pub follow: Vec<bool>,
}

impl Routing {
    /// Whether the step's edge at this place is followed.
    pub fn follows(&self, place: usize) -> bool {
        self.follow.get(place).copied().unwrap_or(false)
    }
}

/// Why it cannot be said where a step's end leads. The step counts as failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) reason: ReasonCode,
    pub(crate) message: String,
}

/// How often a step may still go back, or send the run elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// For each loop that the step ends, in the order of [`StepPlan::loops`].
    pub(crate) turns: Vec<u32>,
    pub(crate) replans: u32,
}

/// Whether anything but its settling decides where a step's end leads.
pub(crate) fn is_plain(plan: &Plan, step: &StepPlan) -> bool {
    step.loops.is_empty() && edges(plan, step).all(|when| matches!(when, When::Always))
}

/// Whether somebody waits to hear that a person said no: a condition on what leads from a human step that
/// looks at what they said.
pub(crate) fn hears_no(plan: &Plan, step: &StepPlan) -> bool {
    let loops = step.loops.iter().filter_map(|place| plan.loops().get(*place)).map(|again| &again.when);
    step.kind.step == StepKind::HumanDecision && edges(plan, step).chain(loops).any(asks)
}

/// Whether a condition looks at what a person said. Only such a one is followed when they said no: what asks
/// for something else, or for nothing, was meant for a yes.
fn asks(when: &When) -> bool {
    let says = |name: &str| matches!(name, "approved" | "human_decision" | "output" | "structured");
    matches!(when, When::If(condition) if condition.names().iter().any(|name| says(name)))
}

/// Decides where a person's no leads.
pub(crate) fn decide_no(plan: &Plan, step: &StepPlan, facts: &Facts<'_>) -> Result<Routing, Lost> {
    for place in step.loops.iter().copied() {
        let Some(again) = plan.loops().get(place) else { continue };
        if let When::If(condition) = &again.when
            && asks(&again.when)
            && holds(plan, step, again.to, condition, facts)?
        {
            return Ok(Routing { back: Some(place), ..Routing::default() });
        }
    }
    let mut follow = Vec::with_capacity(step.outgoing.len());
    for edge in step.outgoing.iter().filter_map(|edge| plan.edges().get(*edge)) {
        follow.push(match &edge.when {
            When::If(condition) if asks(&edge.when) => holds(plan, step, edge.to, condition, facts)?,
            When::If(_) | When::Always | When::Routed => false,
        });
    }
    Ok(Routing { back: None, named: false, follow })
}

fn edges<'p>(plan: &'p Plan, step: &'p StepPlan) -> impl Iterator<Item = &'p When> {
    step.outgoing.iter().filter_map(|edge| plan.edges().get(*edge)).map(|edge| &edge.when)
}

/// The names that a step's conditions mention.
pub(crate) fn mentioned<'p>(plan: &'p Plan, step: &'p StepPlan) -> impl Iterator<Item = &'p str> {
    let loops = step.loops.iter().filter_map(|place| plan.loops().get(*place)).map(|again| &again.when);
    edges(plan, step)
        .chain(loops)
        .flat_map(|when| match when {
            When::If(condition) => condition.names(),
            When::Always | When::Routed => &[],
        })
        .map(|name| &**name)
}

/// Decides where a step's end leads.
pub(crate) fn decide(plan: &Plan, step: &StepPlan, facts: &Facts<'_>) -> Result<Routing, Lost> {
    if let Some(name) = next(plan, step, facts)? {
        return named(plan, step, &name);
    }
    for place in step.loops.iter().copied() {
        let Some(again) = plan.loops().get(place) else { continue };
        let goes = match &again.when {
            When::Always => true,
            When::If(condition) => holds(plan, step, again.to, condition, facts)?,
            When::Routed => false,
        };
        if goes {
            return Ok(Routing { back: Some(place), ..Routing::default() });
        }
    }
    let mut follow = Vec::with_capacity(step.outgoing.len());
    for edge in step.outgoing.iter().filter_map(|edge| plan.edges().get(*edge)) {
        follow.push(match &edge.when {
            When::Always => true,
            When::If(condition) => holds(plan, step, edge.to, condition, facts)?,
            When::Routed => false,
        });
    }
    Ok(Routing { back: None, named: false, follow })
}

/// Errors when a routing goes back, or elsewhere, more often than it may.
pub(crate) fn within(plan: &Plan, step: &StepPlan, routing: &Routing, limits: &Limits) -> Result<(), Lost> {
    let back = routing.back.and_then(|place| plan.loops().get(place).map(|again| (place, again)));
    let routed = routing.named || back.is_some_and(|(_, again)| matches!(again.when, When::Routed));
    if routed && limits.replans == 0 {
        let most = plan.control().max_replans;
        let message = format!(
            "`{}` names a next step, and steps of this run have done so {most} times, the most it may",
            step.name
        );
        return Err(Lost { reason: ReasonCode::ReplanLimit, message });
    }
    let Some((place, again)) = back else { return Ok(()) };
    let left = step.loops.iter().position(|own| *own == place).and_then(|own| limits.turns.get(own));
    if left.is_some_and(|left| *left > 0) {
        return Ok(());
    }
    let to = plan.step(again.to).map(|step| &*step.name).unwrap_or_default();
    let message = format!(
        "the loop from `{}` back to `{to}` has run {} times, the most it may, and would go on",
        step.name, again.max_iterations
    );
    Err(Lost { reason: ReasonCode::LoopLimit, message })
}

/// The next step that an output names, if the step may name one at all.
fn next<'f>(plan: &Plan, step: &StepPlan, facts: &'f Facts<'_>) -> Result<Option<Cow<'f, str>>, Lost> {
    let loops = step.loops.iter().filter_map(|place| plan.loops().get(*place)).map(|again| &again.when);
    if !edges(plan, step).chain(loops).any(|when| matches!(when, When::Routed)) {
        return Ok(None);
    }
    match facts.structured().get(NEXT) {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(name)) => Ok(Some(Cow::Borrowed(name))),
        Some(other) => {
            let message = format!("`{}` names as its next step `{other}`, which is not a name", step.name);
            Err(Lost { reason: ReasonCode::RouteUnknown, message })
        }
    }
}

fn named(plan: &Plan, step: &StepPlan, name: &str) -> Result<Routing, Lost> {
    let leads = |to: usize| plan.step(to).is_some_and(|step| &*step.name == name);
    let routed = |place: &usize| {
        plan.edges().get(*place).is_some_and(|edge| matches!(edge.when, When::Routed) && leads(edge.to))
    };
    if let Some(own) = step.outgoing.iter().position(routed) {
        let follow = (0..step.outgoing.len()).map(|place| place == own).collect();
        return Ok(Routing { back: None, named: true, follow });
    }
    let back = step.loops.iter().copied().find(|place| {
        plan.loops().get(*place).is_some_and(|again| matches!(again.when, When::Routed) && leads(again.to))
    });
    if back.is_some() {
        return Ok(Routing { back, ..Routing::default() });
    }
    let shown: String = name.chars().take(80).collect();
    let message =
        format!("`{}` names `{shown}` as its next step, which is not among its `routes`", step.name);
    Err(Lost { reason: ReasonCode::RouteUnknown, message })
}

fn holds(
    plan: &Plan,
    step: &StepPlan,
    to: usize,
    condition: &Condition,
    facts: &Facts<'_>,
) -> Result<bool, Lost> {
    let found: Vec<_> = condition.names().iter().map(|name| facts.find(name)).collect();
    let values: Vec<_> = found.iter().map(Option::as_deref).collect();
    condition.decide(&values).map_err(|Undecided(why)| {
        let to = plan.step(to).map(|step| &*step.name).unwrap_or_default();
        let text = condition.text();
        let message = format!("condition `{text}` on `{} -> {to}` cannot be decided: {why}", step.name);
        Lost { reason: ReasonCode::ConditionUndecided, message }
    })
}

#[cfg(test)]
mod tests;
