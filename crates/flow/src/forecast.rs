//! What a workflow may cost before it runs: the most, and the least if nothing fails.

use crate::plan::{Plan, StepPlan, When};
use comity_core::Amounts;
use std::collections::VecDeque;

/// What a workflow may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Its steps, by ordinal.
    pub steps: Vec<StepForecast>,
    /// The least it costs if nothing fails: one pass, with the first of each step's conditional edges.
    pub least: Amounts,
    /// The most it can cost; what leaves the range of amounts counts as unlimited.
    pub most: Amounts,
}

/// What one step may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepForecast {
    /// What one try can cost.
    pub each: Amounts,
    /// Tries of one pass, at most.
    pub tries: u64,
    /// Passes, at most.
    pub passes: u64,
    /// The least it costs if nothing fails; nothing when it need not run.
    pub least: Amounts,
    /// The most it can cost.
    pub most: Amounts,
}

/// Forecasts a workflow, where one try of a step can cost `cost_of`.
///
/// A step inside loops runs once, and once more for every time each of them goes back; passes of a loop
/// inside another multiply. That is never too little.
pub fn forecast(plan: &Plan, cost_of: &dyn Fn(&StepPlan) -> Amounts) -> Forecast {
    let walked = first_path(plan);
    let one = |(ordinal, step): (usize, &StepPlan)| {
        let each = cost_of(step);
        let (tries, passes) = (u64::from(step.retry.max) + 1, passes(plan, ordinal));
        let runs = walked.get(ordinal).copied().unwrap_or_default();
        let least = if runs { each } else { Amounts::ZERO };
        StepForecast { each, tries, passes, least, most: each.saturating_mul(tries.saturating_mul(passes)) }
    };
    let steps: Vec<StepForecast> = plan.steps().iter().enumerate().map(one).collect();
    let least = sum(steps.iter().map(|step| step.least));
    let most = sum(steps.iter().map(|step| step.most));
    Forecast { steps, least, most }
}

/// How often a step may be done at most: every try of every pass.
pub fn runs_at_most(plan: &Plan, ordinal: usize) -> u64 {
    let tries = plan.step(ordinal).map_or(1, |step| u64::from(step.retry.max) + 1);
    tries.saturating_mul(passes(plan, ordinal))
}

/// How often a step may run, tries left out.
fn passes(plan: &Plan, ordinal: usize) -> u64 {
    let around = plan.loops().iter().filter(|circle| circle.body.contains(&ordinal));
    let more = around.map(|circle| {
        let most = match circle.when {
            // A step that names its next step may do so only so often in one run.
            When::Routed => circle.max_iterations.min(plan.control().max_replans),
            When::Always | When::If(_) => circle.max_iterations,
        };
        u64::from(most) + 1
    });
    more.fold(1, u64::saturating_mul)
}

/// Which steps run when nothing fails, nothing is gone back to, and a step from which only conditional
/// edges lead is left by the first of them.
fn first_path(plan: &Plan) -> Vec<bool> {
    let mut walked = vec![false; plan.steps().len()];
    let entries = plan.steps().iter().enumerate().filter(|(_, step)| step.after.is_empty());
    let mut next: VecDeque<usize> = entries.map(|(ordinal, _)| ordinal).collect();
    while let Some(ordinal) = next.pop_front() {
        match walked.get_mut(ordinal) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let Some(step) = plan.step(ordinal) else { continue };
        let leaving = || step.outgoing.iter().filter_map(|edge| plan.edges().get(*edge));
        let always = leaving().filter(|edge| matches!(edge.when, When::Always));
        next.extend(always.map(|edge| edge.to));
        if leaving().all(|edge| !matches!(edge.when, When::Always)) {
            next.extend(leaving().next().map(|edge| edge.to));
        }
    }
    walked
}

fn sum(parts: impl Iterator<Item = Amounts>) -> Amounts {
    let add = |a: u64, b: u64| a.saturating_add(b).min(Amounts::MAX);
    parts.fold(Amounts::ZERO, |all, part| Amounts {
        micro_usd: add(all.micro_usd, part.micro_usd),
        millis: add(all.millis, part.millis),
        steps: add(all.steps, part.steps),
        tokens: add(all.tokens, part.tokens),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{LoopPlan, compile};
    use comity_core::{KindSpec, RiskTier, StepKind};

    const KIND: KindSpec = KindSpec {
        name: "echo",
        step: StepKind::ToolCall,
        risk: RiskTier::ReadOnly,
        idempotent: true,
        keys: &[],
        about: "",
    };

    /// `a -> b -> c`, each at the price of its place from 1.
    fn plan() -> Plan {
        let source = "nodes:\n  a: {kind: echo, price_usd: 0.000001}\n  b: {kind: echo, price_usd: 0.000002}\n  \
                      c: {kind: echo, price_usd: 0.000003}\nedges: [a -> b, b -> c]\n";
        compile(source, &[&KIND]).unwrap()
    }

    fn price(step: &StepPlan) -> Amounts {
        Amounts { micro_usd: step.price.micros(), steps: 1, ..Amounts::ZERO }
    }

    fn circle(from: usize, to: usize, max_iterations: u32, when: When) -> LoopPlan {
        LoopPlan { from, to, when, max_iterations, body: (to..=from).collect() }
    }

    fn dollars(plan: &Plan) -> (u64, u64) {
        let forecast = forecast(plan, &price);
        (forecast.least.micro_usd, forecast.most.micro_usd)
    }

    #[test]
    fn a_chain_costs_the_sum_of_its_prices() {
        assert_eq!(dollars(&plan()), (6, 6));
        assert_eq!(forecast(&plan(), &price).most.steps, 3);
    }

    #[test]
    fn tries_and_passes_multiply() {
        let mut plan = plan();
        plan.steps[1].retry.max = 2;
        assert_eq!(dollars(&plan), (6, 1 + 2 * 3 + 3));
        plan.loops = vec![circle(2, 1, 4, When::Always)];
        assert_eq!(dollars(&plan), (6, 1 + 2 * 3 * 5 + 3 * 5));
        plan.loops.push(circle(2, 0, 1, When::Always));
        assert_eq!(dollars(&plan), (6, 2 + 2 * 3 * 5 * 2 + 3 * 5 * 2));
    }

    #[test]
    fn a_loop_that_a_step_asks_for_is_bounded_by_the_replans() {
        let mut plan = plan();
        plan.control.max_replans = 1;
        plan.loops = vec![circle(2, 2, 9, When::Routed)];
        assert_eq!(dollars(&plan), (6, 1 + 2 + 3 * 2));
    }

    #[test]
    fn the_least_follows_the_first_of_the_conditional_edges() {
        let source = "nodes:\n  a: {kind: echo}\n  b: {kind: echo, price_usd: 0.000002}\n  \
                      c: {kind: echo, price_usd: 0.000003}\nedges: [a -> b, a -> c]\n";
        let mut plan = compile(source, &[&KIND]).unwrap();
        assert_eq!(dollars(&plan), (5, 5));
        plan.edges.iter_mut().for_each(|edge| edge.when = When::Routed);
        assert_eq!(dollars(&plan), (2, 5));
    }

    #[test]
    fn what_leaves_the_range_is_unlimited() {
        let mut plan = plan();
        plan.steps[0].retry.max = u32::MAX;
        plan.loops = vec![circle(0, 0, u32::MAX, When::Always)];
        assert_eq!(dollars(&plan).1, Amounts::MAX);
    }
}
