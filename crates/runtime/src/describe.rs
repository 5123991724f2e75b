//! A plan as it leaves the program.

use comity_api::{DescribeReport, EdgeInfo, LoopInfo, StepInfo, ToolInfo, usd};
use comity_flow::{Plan, When};

/// Describes a workflow that was checked. `file` is what to call its file.
pub fn describe(plan: &Plan, file: &str) -> DescribeReport {
    let name = |step: usize| plan.step(step).map(|step| step.name.to_string()).unwrap_or_default();
    let steps = plan.steps().iter().map(|step| StepInfo {
        step: step.name.to_string(),
        kind: step.kind.name.to_owned(),
        risk: step.risk.name().to_owned(),
        idempotent: step.idempotent,
        price_usd: usd(step.price.micros()),
        tools: step.tools.iter().filter_map(|tool| Some(plan.tools().get(*tool)?.name.to_string())).collect(),
    });
    let edges = plan.edges().iter().map(|edge| {
        let (condition, routed) = read(&edge.when);
        EdgeInfo { from: name(edge.from), to: name(edge.to), condition, routed }
    });
    let loops = plan.loops().iter().map(|back| {
        let ((condition, routed), max_iterations) = (read(&back.when), back.max_iterations);
        LoopInfo { from: name(back.from), to: name(back.to), condition, routed, max_iterations }
    });
    let tools = plan.tools().iter().map(|tool| ToolInfo {
        tool: tool.name.to_string(),
        kind: tool.kind.name.to_owned(),
        risk: tool.risk.name().to_owned(),
        about: tool.about.clone(),
    });
    DescribeReport {
        file: file.to_owned(),
        name: plan.name().map(str::to_owned),
        steps: steps.collect(),
        edges: edges.collect(),
        loops: loops.collect(),
        terminal: plan.terminal().iter().map(|step| name(*step)).collect(),
        tools: tools.collect(),
    }
}

/// The condition, and whether the source decides.
fn read(when: &When) -> (Option<String>, bool) {
    match when {
        When::Always => (None, false),
        When::If(condition) => (Some(condition.text().to_owned()), false),
        When::Routed => (None, true),
    }
}
