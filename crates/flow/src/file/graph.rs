//! Who waits for whom, and proof that nobody waits for themselves.

use super::edges::{Edge, Names};
use crate::{
    diagnostic::Code,
    findings::Findings,
    plan::{EdgePlan, LoopPlan, StepPlan},
    tree::Mark,
};
use std::collections::{HashMap, VecDeque};

/// Names of a circle that are spelled out.
const SHOWN: usize = 100;

/// Predecessors and successors of each step, in file order. Has no circle unless one was reported.
#[derive(Debug)]
pub(super) struct Graph {
    after: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
}

/// Links the steps, and reports one circle of each knot; `Err` if there is one.
pub(super) fn build(names: &Names<'_>, edges: &[Edge<'_>], findings: &mut Findings) -> Result<Graph, Graph> {
    let graph = Graph::of(names.len(), edges);
    let circles = graph.circles();
    if circles.is_empty() {
        return Ok(graph);
    }
    let marks: HashMap<(usize, usize), (usize, Mark)> =
        edges.iter().enumerate().map(|(place, edge)| ((edge.from, edge.to), (place, edge.mark))).collect();
    for circle in circles {
        let pairs = circle.iter().zip(circle.iter().cycle().skip(1));
        let closing = pairs.filter_map(|(from, to)| marks.get(&(*from, *to))).max_by_key(|(place, _)| *place);
        let mark = closing.map_or(Mark::START, |(_, mark)| *mark);
        let message = format!("steps wait in a circle: `{}`", spell(&circle, names));
        findings.advise(Code::CYCLE, mark, message, "write the edge that goes back under `loop_edges`");
    }
    Err(graph)
}

/// `a -> b -> a`.
fn spell(circle: &[usize], names: &Names<'_>) -> String {
    let mut shown: Vec<String> = circle.iter().take(SHOWN).map(|step| names.name(*step).to_owned()).collect();
    if circle.len() > SHOWN {
        shown.push(format!("… {} more …", circle.len() - SHOWN));
    }
    shown.extend(circle.first().map(|step| names.name(*step).to_owned()));
    shown.join(" -> ")
}

impl Graph {
    fn of(steps: usize, edges: &[Edge<'_>]) -> Self {
        let mut graph = Self { after: vec![Vec::new(); steps], before: vec![Vec::new(); steps] };
        for edge in edges {
            graph.after.get_mut(edge.to).into_iter().for_each(|list| list.push(edge.from));
            graph.before.get_mut(edge.from).into_iter().for_each(|list| list.push(edge.to));
        }
        graph.after.iter_mut().chain(&mut graph.before).for_each(|list| list.sort_unstable());
        graph
    }

    /// Steps that nobody waits for.
    pub(super) fn ends(&self) -> Vec<usize> {
        self.before.iter().enumerate().filter(|(_, list)| list.is_empty()).map(|(step, _)| step).collect()
    }

    /// Whom each step waits for.
    pub(super) fn after(&self) -> &[Vec<usize>] {
        &self.after
    }

    /// Who waits for each step.
    pub(super) fn before(&self) -> &[Vec<usize>] {
        &self.before
    }

    /// Lets one more step wait for another, if it does not yet.
    pub(super) fn link(&mut self, from: usize, to: usize) {
        for (lists, step, other) in [(&mut self.after, to, from), (&mut self.before, from, to)] {
            let Some(list) = lists.get_mut(step) else { continue };
            if let Err(place) = list.binary_search(&other) {
                list.insert(place, other);
            }
        }
    }

    /// Gives each step its neighbours, its edges and its loops.
    pub(super) fn into_steps(
        self,
        steps: Vec<StepPlan>,
        edges: &[EdgePlan],
        loops: &[LoopPlan],
    ) -> Vec<StepPlan> {
        let neighbours = self.after.into_iter().zip(self.before);
        let mut steps: Vec<StepPlan> = steps
            .into_iter()
            .zip(neighbours)
            .map(|(step, (after, before))| StepPlan { after, before, ..step })
            .collect();
        for (place, edge) in edges.iter().enumerate() {
            steps.get_mut(edge.to).into_iter().for_each(|step| step.incoming.push(place));
            steps.get_mut(edge.from).into_iter().for_each(|step| step.outgoing.push(place));
        }
        for (place, back) in loops.iter().enumerate() {
            steps.get_mut(back.from).into_iter().for_each(|step| step.loops.push(place));
        }
        steps
    }

    /// Circles that share no step, each in walking order from its first step in the file.
    ///
    /// Every stuck step has a stuck predecessor; walking backwards from any of them ends in a circle.
    fn circles(&self) -> Vec<Vec<usize>> {
        let back = self.stuck_predecessors();
        let mut walk_of = vec![0; back.len()];
        let mut circles = Vec::new();
        for start in 0..back.len() {
            let mut path = Vec::new();
            let mut here = back.get(start).copied().flatten().map(|_| start);
            while let Some(step) = here {
                let Some(walk) = walk_of.get_mut(step) else { break };
                if *walk == start + 1 {
                    circles.push(circle(&path, step));
                }
                if *walk != 0 {
                    break;
                }
                *walk = start + 1;
                path.push(step);
                here = back.get(step).copied().flatten();
            }
        }
        circles
    }

    /// For each step that can never run, its first predecessor that can never run either.
    fn stuck_predecessors(&self) -> Vec<Option<usize>> {
        let mut waits: Vec<usize> = self.after.iter().map(Vec::len).collect();
        let mut free: VecDeque<usize> =
            waits.iter().enumerate().filter(|(_, count)| **count == 0).map(|(step, _)| step).collect();
        while let Some(step) = free.pop_front() {
            for next in self.before.get(step).into_iter().flatten() {
                let Some(count) = waits.get_mut(*next) else { continue };
                *count -= 1;
                if *count == 0 {
                    free.push_back(*next);
                }
            }
        }
        let stuck = |step: &usize| waits.get(*step).is_some_and(|count| *count > 0);
        let first = |(step, after): (usize, &Vec<usize>)| {
            if stuck(&step) { after.iter().copied().find(stuck) } else { None }
        };
        self.after.iter().enumerate().map(first).collect()
    }
}

/// The part of a backward walk from `step` on, turned forward and to start at its first step in the file.
fn circle(path: &[usize], step: usize) -> Vec<usize> {
    let mut circle: Vec<usize> = path.iter().copied().skip_while(|other| *other != step).collect();
    circle.reverse();
    let first = circle.iter().enumerate().min_by_key(|(_, step)| **step).map_or(0, |(place, _)| place);
    circle.rotate_left(first);
    circle
}
