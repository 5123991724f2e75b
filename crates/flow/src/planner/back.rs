//! Ways back: which loop may go back, what that undoes, and what waits until a loop is over.

use super::{EdgeState, LoopState, Planner, Progress, Stage};
use crate::plan::{EdgePlan, Plan, When};

impl Planner<'_> {
    /// A loop is over. Returns the edges that were held back by it.
    pub(super) fn conclude(&mut self, place: usize) -> Vec<(usize, bool)> {
        if let Some(state) = self.loops.get_mut(place) {
            state.over = true;
        }
        let parked =
            self.edges.iter().zip(&self.exits).enumerate().filter_map(|(edge, (state, exits))| match state {
                EdgeState::Parked(follows) if exits.contains(&place) => Some((edge, *follows)),
                _ => None,
            });
        parked.collect()
    }

    /// A loop is to go back.
    pub(super) fn ask_back(&mut self, place: usize) {
        if let Some(state) = self.loops.get_mut(place)
            && !state.due
        {
            state.due = true;
            self.due += 1;
        }
    }

    /// The innermost loop that is to go back and may.
    pub(super) fn next_back(&self) -> Option<usize> {
        if self.due == 0 {
            return None;
        }
        let loops = self.plan.loops().iter().zip(&self.loops).enumerate();
        let may = loops.filter(|(_, (again, state))| state.due && self.is_at_rest(&again.body));
        may.min_by_key(|(_, (again, _))| again.body.len()).map(|(place, _)| place)
    }

    /// Whether no step of a body is under way, and none that is blocked waits for a step outside: so what
    /// ran in a pass does not depend on the order in which steps happened to end.
    fn is_at_rest(&self, body: &[usize]) -> bool {
        let rests = |step: &usize| matches!(self.stage(*step), Some(Stage::Blocked | Stage::Ended(_)));
        let open =
            |edge: &usize| matches!(self.edges.get(*edge), Some(EdgeState::Open | EdgeState::Parked(_)));
        let inside = |edge: &usize| {
            self.plan.edges().get(*edge).is_some_and(|edge| body.binary_search(&edge.from).is_ok())
        };
        body.iter().all(rests)
            && body
                .iter()
                .filter_map(|step| self.plan.step(*step))
                .flat_map(|step| &step.incoming)
                .all(|edge| !open(edge) || inside(edge))
    }

    /// Runs the body of a loop again. Other loops of the same body that are to go back do so with it.
    pub(super) fn go_back(&mut self, place: usize) {
        let plan = self.plan;
        let Some(again) = plan.loops().get(place) else { return };
        for (other, state) in plan.loops().iter().zip(&mut self.loops) {
            if other.body == again.body {
                let LoopState { turns, due, .. } = *state;
                *state = LoopState { turns: turns + u32::from(due), went: due, ..LoopState::default() };
                self.due -= usize::from(due);
                self.replans += u32::from(due && matches!(other.when, When::Routed));
            } else if is_within(&other.body, &again.body) {
                self.due -= usize::from(state.due);
                *state = LoopState::default();
            } else if other.to == again.to {
                state.went = false;
            }
        }
        for (edge, state) in plan.edges().iter().zip(&mut self.edges) {
            if again.body.binary_search(&edge.from).is_ok() {
                *state = EdgeState::Open;
            }
        }
        for step in again.body.iter().copied() {
            self.rewind(step);
        }
        // Invariant: nothing leads to the first step from outside that was not decided in the first pass.
        self.make_ready(again.to);
    }

    /// Puts a step back to before it began, in its next pass.
    fn rewind(&mut self, step: usize) {
        let Some(planned) = self.plan.step(step) else { return };
        let states = planned.incoming.iter().filter_map(|edge| self.edges.get(*edge).copied());
        let (mut open, mut followed) = (0, 0);
        for state in states {
            open += usize::from(matches!(state, EdgeState::Open | EdgeState::Parked(_)));
            followed += usize::from(state == EdgeState::Followed);
        }
        if let Some(progress) = self.steps.get_mut(step) {
            let iteration = progress.iteration.saturating_add(1);
            *progress = Progress { stage: Stage::Blocked, open, followed, iteration };
        }
    }
}

/// For each edge the loops it leads out of: its source is in the body, its target is not.
pub(super) fn exits(plan: &Plan) -> Vec<Vec<usize>> {
    if plan.loops().is_empty() {
        return Vec::new();
    }
    let leaves = |edge: &EdgePlan| {
        let inside = |body: &[usize], step: usize| body.binary_search(&step).is_ok();
        let out = plan
            .loops()
            .iter()
            .enumerate()
            .filter(|(_, again)| inside(&again.body, edge.from) && !inside(&again.body, edge.to));
        out.map(|(place, _)| place).collect()
    };
    plan.edges().iter().map(leaves).collect()
}

/// Whether every step of one body is in another. Both are ascending.
pub(super) fn is_within(body: &[usize], other: &[usize]) -> bool {
    body.iter().all(|step| other.binary_search(step).is_ok())
}
