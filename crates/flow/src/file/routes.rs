//! Steps that name their successor themselves: ways forward and ways back.

use super::{
    edges::Names,
    graph::Graph,
    loops::{Loop, MAX_LOOPS},
    reach,
    step::Draft,
};
use crate::{
    diagnostic::Code,
    findings::Findings,
    plan::{EdgePlan, When},
    tree::Mark,
};
use std::collections::VecDeque;

/// Routes that one file may have.
const MAX_ROUTES: usize = 2_000;

/// `from` may name `to`.
#[derive(Clone, Copy)]
struct Route {
    from: usize,
    to: usize,
    mark: Mark,
}

/// Reads the routes of all steps. Those that lead forward are linked into the graph and returned; those that
/// lead back join the loops.
///
/// Whether a route leads back is found step by step: from `entry` on if there is one, else in file order. So
/// of two steps that name each other, the earlier one leads.
pub(super) fn read(
    drafts: &[Draft<'_>],
    names: &Names<'_>,
    entry: Option<usize>,
    max_replans: u32,
    graph: &mut Graph,
    loops: &mut Vec<Loop<'_>>,
    findings: &mut Findings,
) -> Vec<EdgePlan> {
    let routes = resolve(drafts, names, findings);
    if routes.iter().map(Vec::len).sum::<usize>() > MAX_ROUTES {
        let message = format!("the workflow has more than {MAX_ROUTES} routes");
        findings.report(Code::TOO_LARGE, Mark::START, message);
        return Vec::new();
    }
    let mut edges: Vec<EdgePlan> = Vec::new();
    let mut back = Vec::new();
    for step in order(entry, graph, &routes) {
        for route in routes.get(step).into_iter().flatten() {
            let Route { from, to, mark } = *route;
            if reach::from(from, graph.after()).contains(to) {
                back.push(Loop { from, to, mark, condition: None, max_iterations: max_replans });
            } else {
                graph.link(from, to);
                edges.push(EdgePlan { from, to, when: When::Routed });
            }
        }
    }
    edges.sort_by_key(|edge| edge.from);
    back.sort_by_key(|back| back.from);
    if loops.len() + back.len() > MAX_LOOPS {
        let message = format!("the workflow has more than {MAX_LOOPS} ways back");
        findings.report(Code::TOO_LARGE, Mark::START, message);
    } else {
        loops.extend(back);
    }
    edges
}

fn resolve(drafts: &[Draft<'_>], names: &Names<'_>, findings: &mut Findings) -> Vec<Vec<Route>> {
    let named = (Code::ROUTE_UNKNOWN_STEP, "`routes`");
    let mut routes = Vec::with_capacity(drafts.len());
    for (from, draft) in drafts.iter().enumerate() {
        let resolved = draft.routes.iter().filter_map(|(name, mark)| {
            let to = names.resolve(name, *mark, named, findings)?;
            Some(Route { from, to, mark: *mark })
        });
        routes.push(resolved.collect());
    }
    routes
}

/// The steps in the order in which their routes are read.
fn order(entry: Option<usize>, graph: &Graph, routes: &[Vec<Route>]) -> Vec<usize> {
    let mut seen = vec![false; routes.len()];
    let mut order = Vec::with_capacity(routes.len());
    let mut open: VecDeque<usize> = entry.into_iter().collect();
    while let Some(step) = open.pop_front() {
        match seen.get_mut(step) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        order.push(step);
        open.extend(graph.before().get(step).into_iter().flatten());
        open.extend(routes.get(step).into_iter().flatten().map(|route| route.to));
    }
    order.extend(seen.iter().enumerate().filter(|(_, seen)| !**seen).map(|(step, _)| step));
    order
}
