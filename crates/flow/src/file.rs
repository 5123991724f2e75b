//! A workflow file, checked in one pass that reports everything wrong with it.
//!
//! The keys are in [`table`]; each module below reads one part.

pub(crate) mod condition;
pub(crate) mod config;
mod control;
pub(crate) mod edges;
mod ends;
pub(crate) mod fields;
mod graph;
mod loops;
pub(crate) mod nodes;
mod policy;
mod reach;
mod routes;
mod step;
pub(crate) mod table;
pub(crate) mod tools;

use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::{Control, EdgePlan, Plan, StepPlan},
    tree::{Mark, Node},
};
use comity_core::KindSpec;
use edges::{Edge, Names};
use fields::Fields;
use graph::Graph;
use loops::Loop;
use step::Draft;
use table::TOP;
use tools::Tools;

/// Checks a file. `None`, or anything reported, means that it must not run.
pub(crate) fn read(root: &Node, kinds: &[&'static KindSpec], findings: &mut Findings) -> Option<Plan> {
    let top = Fields::open(root, &TOP, Mark::START, findings)?;
    let name = name(&top, findings);
    check_version(&top, findings);
    let mut control = Control::default();
    let limits = top.entry("policy").map(|entry| policy::read(entry, &mut control, findings));
    let (policy, defaults) = limits.unwrap_or_default();
    if let Some(entry) = top.entry("context_bus") {
        control::context_bus(entry, &mut control, findings);
    }
    control.router = top.entry("model_router").and_then(|entry| control::model_router(entry, findings));
    let metadata = top.map("metadata", findings).unwrap_or_default();
    let tools = top.entry("tools").map(|entry| tools::read(entry, kinds, findings)).unwrap_or_default();
    let drafts = nodes::read(top.entry("nodes")?, kinds, &defaults, findings)?;
    let walk = Walk::read(&top, &drafts, control.max_replans, findings);
    let steps = steps(drafts, &tools, findings)?;
    let Walk { graph, edges, loops, terminal } = walk?;
    let steps = graph.into_steps(steps, &edges, &loops);
    Some(Plan {
        name,
        policy,
        control,
        steps,
        edges,
        loops,
        tools: tools.plans,
        terminal,
        metadata,
        warnings: Vec::new(),
    })
}

fn name(top: &Fields<'_>, findings: &mut Findings) -> Option<String> {
    let Some(entry) = top.entry("name") else {
        let message = "the workflow has no name".to_owned();
        findings.warn(Code::NO_NAME, Mark::START, message, "give it one with `name: …`");
        return None;
    };
    let name = top.text("name", findings)?;
    let length = name.chars().count();
    if length == 0 || length > 200 || name.chars().any(char::is_control) {
        let message = format!("the name {} is not 1 to 200 characters of one line", quote(name));
        findings.report(Code::BAD_NAME, entry.value.mark, message);
    }
    Some(name.to_owned())
}

fn check_version(top: &Fields<'_>, findings: &mut Findings) {
    let Some(entry) = top.entry("version") else { return };
    if let Some(version) = top.text("version", findings).filter(|version| *version != "1") {
        let message = format!("version {} is not known: this build reads version `1`", quote(version));
        findings.report(Code::VERSION, entry.value.mark, message);
    }
}

/// The steps with their tools; `None` if one of them is wrong.
fn steps(drafts: Vec<Draft<'_>>, tools: &Tools<'_>, findings: &mut Findings) -> Option<Vec<StepPlan>> {
    let mut steps = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let tools = tools::places(tools, &draft.tools, findings);
        steps.push(draft.plan.map(|plan| StepPlan { tools, ..plan }));
    }
    steps.into_iter().collect()
}

/// In which order steps are run.
struct Walk {
    graph: Graph,
    edges: Vec<EdgePlan>,
    loops: Vec<crate::plan::LoopPlan>,
    terminal: Vec<usize>,
}

impl Walk {
    /// `None` if steps wait in a circle, so that nothing more can be said.
    fn read(
        top: &Fields<'_>,
        drafts: &[Draft<'_>],
        max_replans: u32,
        findings: &mut Findings,
    ) -> Option<Self> {
        let names = Names::of(drafts.iter().map(|draft| draft.name));
        let edges = top.entry("edges").map(|entry| edges::read(entry, &names, findings)).unwrap_or_default();
        let mut loops =
            top.entry("loop_edges").map(|entry| loops::read(entry, &names, findings)).unwrap_or_default();
        let entry = ends::entry(top, &names, findings);
        let terminal = top.entry("terminal").and_then(|entry| ends::terminal(entry, &names, findings));
        let mut graph = graph::build(&names, &edges, findings).ok()?;
        let start = entry.map(|(step, _)| step);
        let routed = routes::read(drafts, &names, start, max_replans, &mut graph, &mut loops, findings);
        if let Some(entry) = entry {
            ends::check_reach(entry, &graph, drafts, findings);
        }
        check_outputs(&edges, &loops, &graph, &names, findings);
        let planned = loops::plan(&loops, &graph, &names, findings);
        if let Some(terminal) = &terminal {
            ends::warn_dead_ends(terminal, &graph, &planned, drafts, findings);
        }
        let terminal = terminal.unwrap_or_else(|| graph.ends());
        let plain = edges.iter().map(|edge| EdgePlan { from: edge.from, to: edge.to, when: edge.when() });
        Some(Self { edges: plain.chain(routed).collect(), loops: planned, terminal, graph })
    }
}

/// Reports conditions that look at the output of a step that cannot have run by then.
fn check_outputs(
    edges: &[Edge<'_>],
    loops: &[Loop<'_>],
    graph: &Graph,
    names: &Names<'_>,
    findings: &mut Findings,
) {
    let of_edges = edges.iter().map(|edge| (edge.from, edge.condition.as_ref()));
    let of_loops = loops.iter().map(|back| (back.from, back.condition.as_ref()));
    for (source, asked) in of_edges.chain(of_loops) {
        let Some(asked) = asked else { continue };
        let mut looks = asked.outputs(names);
        looks.retain(|(step, _)| *step != source);
        if looks.is_empty() {
            continue;
        }
        let behind = reach::from(source, graph.after());
        for look in looks.into_iter().filter(|(step, _)| !behind.contains(*step)) {
            condition::refuse_output(look, source, names, findings);
        }
    }
}
