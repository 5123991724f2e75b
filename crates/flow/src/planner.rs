//! What may run next, computed from what has ended. Knows no time and performs nothing.

mod back;

use crate::plan::{Plan, StepPlan};
use crate::route::Routing;
use comity_core::ReasonCode;
use std::collections::VecDeque;

/// How a step stands after it was run, or was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It ended well; its output is known.
    Settled,
    /// It was refused.
    Denied(ReasonCode),
    /// It ended badly.
    Failed(ReasonCode),
    /// It waits for a person, for a moment, or for someone to find out how it ended. Not an end.
    Waiting,
    /// It never ran, because no way led to it.
    Skipped(Cause),
}

/// Why a step was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The workflow went another way.
    Passed,
    /// A step before it was refused. Stronger than a way not taken.
    Denied(ReasonCode),
    /// A step before it ended badly. Stronger than a refusal.
    Failed(ReasonCode),
}

/// How a run stands when nothing is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// At least one terminal step settled and none failed; or the workflow went past them all.
    Completed,
    /// Some step waits.
    Waiting,
    /// A terminal step failed, or was skipped because one before it failed.
    Failed(ReasonCode),
    /// No terminal step settled, because of a refusal.
    Denied(ReasonCode),
}

/// Walks one plan. Without loops, all calls of one run together cost time in proportion to steps plus
/// edges; each pass of a loop costs its body's share again.
///
/// - A step runs when every edge to it is decided and one of them was followed, however the steps beside
///   it stand. With none followed it is skipped.
/// - A loop runs its body again, from its first step, each time its last step's end says so, once nothing
///   else in the body is under way or may still begin. What leads out of the body waits until the loop, and
///   any other with the same body, is over.
#[derive(Clone, Debug)]
pub struct Planner<'p> {
    plan: &'p Plan,
    steps: Vec<Progress>,
    edges: Vec<EdgeState>,
    loops: Vec<LoopState>,
    /// For each edge the loops it leads out of; empty when the plan has no loops.
    exits: Vec<Vec<usize>>,
    ready: Vec<usize>,
    /// Steps that are ready or running.
    busy: usize,
    /// Loops that are to go back.
    due: usize,
    waiting: usize,
    replans: u32,
}

/// One step: where it stands, and how the edges to it do.
#[derive(Clone, Copy, Debug)]
struct Progress {
    stage: Stage,
    /// Edges to it that are not decided.
    open: usize,
    /// Edges to it that were followed.
    followed: usize,
    /// Which pass this is, from 0.
    iteration: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Blocked,
    Ready,
    Running,
    Waiting,
    /// With a fate that is not [`Fate::Waiting`].
    Ended(Fate),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EdgeState {
    Open,
    /// Decided, and held back until the loops it leads out of are over.
    Parked(bool),
    Followed,
    Dead,
}

#[derive(Clone, Copy, Debug, Default)]
struct LoopState {
    /// How often it went back.
    turns: u32,
    over: bool,
    /// Its last step said to go back. That waits for what else is under way in its body.
    due: bool,
    /// It began the pass that its first step is in.
    went: bool,
}

/// A step that has just ended, and where that leads.
struct End<'r> {
    step: usize,
    fate: Fate,
    /// `None`: every edge if it settled, none if not.
    routing: Option<&'r Routing>,
}

impl<'p> Planner<'p> {
    /// Begins a walk: every step that waits for nothing is ready.
    pub fn new(plan: &'p Plan) -> Self {
        let progress = |step: &StepPlan| Progress {
            stage: Stage::Blocked,
            open: step.incoming.len(),
            followed: 0,
            iteration: 0,
        };
        let mut planner = Self {
            plan,
            steps: plan.steps().iter().map(progress).collect(),
            edges: vec![EdgeState::Open; plan.edges().len()],
            loops: vec![LoopState::default(); plan.loops().len()],
            exits: back::exits(plan),
            ready: Vec::new(),
            busy: 0,
            due: 0,
            waiting: 0,
            replans: 0,
        };
        for (ordinal, step) in plan.steps().iter().enumerate() {
            if step.incoming.is_empty() {
                planner.make_ready(ordinal);
            }
        }
        planner
    }

    /// Takes the steps that became ready since the last call; from now on they count as running. Loops that
    /// are to go back and may do so now, and not before: so what was skipped can still be asked about.
    pub fn ready(&mut self) -> Vec<usize> {
        while let Some(place) = self.next_back() {
            self.go_back(place);
        }
        let ready = std::mem::take(&mut self.ready);
        ready.iter().for_each(|step| self.set(*step, Stage::Running));
        ready
    }

    /// Says how a running or waiting step stands now, when all its edges are followed if it settled, and
    /// none if not. Returns the steps that are skipped through this, each after those it waited for.
    ///
    /// A step that neither runs nor waits stays as it is.
    pub fn finish(&mut self, step: usize, fate: Fate) -> Vec<usize> {
        self.stand(End { step, fate, routing: None })
    }

    /// As [`Planner::finish`], with the edges that are followed, or the loop that goes back.
    pub fn follow(&mut self, step: usize, fate: Fate, routing: &Routing) -> Vec<usize> {
        self.stand(End { step, fate, routing: Some(routing) })
    }

    fn stand(&mut self, end: End<'_>) -> Vec<usize> {
        match self.stage(end.step) {
            Some(Stage::Running) => self.busy -= 1,
            Some(Stage::Waiting) => self.waiting -= 1,
            _ => return Vec::new(),
        }
        if end.fate == Fate::Waiting {
            self.waiting += 1;
            self.set(end.step, Stage::Waiting);
            return Vec::new();
        }
        self.end(end)
    }

    /// Makes a waiting step ready again, after a person approved or said what happened, or a moment came.
    ///
    /// A step that does not wait stays as it is.
    pub fn reopen(&mut self, step: usize) {
        if self.stage(step) == Some(Stage::Waiting) {
            self.waiting -= 1;
            self.make_ready(step);
        }
    }

    /// How the run stands; `None` while a step is ready or running, or a loop may go back.
    pub fn verdict(&self) -> Option<RunVerdict> {
        if self.busy > 0 || self.next_back().is_some() {
            return None;
        }
        if self.waiting > 0 {
            return Some(RunVerdict::Waiting);
        }
        let settled = !self.settled(self.plan.terminal()).is_empty();
        Some(match self.strongest_cause(self.plan.terminal()) {
            Some(Cause::Failed(reason)) => RunVerdict::Failed(reason),
            _ if settled => RunVerdict::Completed,
            Some(Cause::Denied(reason)) => RunVerdict::Denied(reason),
            Some(Cause::Passed) => RunVerdict::Completed,
            None => RunVerdict::Denied(ReasonCode::Unreachable),
        })
    }

    /// How a step stands in its present pass; `None` before it was finished or skipped.
    pub fn fate(&self, step: usize) -> Option<Fate> {
        match self.stage(step)? {
            Stage::Ended(fate) => Some(fate),
            Stage::Waiting => Some(Fate::Waiting),
            Stage::Blocked | Stage::Ready | Stage::Running => None,
        }
    }

    /// Which pass a step is in, from 0.
    pub fn iteration(&self, step: usize) -> u32 {
        self.steps.get(step).map_or(0, |progress| progress.iteration)
    }

    /// How often a loop may still go back.
    pub fn turns_left(&self, place: usize) -> u32 {
        let most = self.plan.loops().get(place).map_or(0, |plan| plan.max_iterations);
        most.saturating_sub(self.loops.get(place).map_or(0, |state| state.turns))
    }

    /// How often a step may still name the next one.
    pub fn replans_left(&self) -> u32 {
        self.plan.control().max_replans.saturating_sub(self.replans)
    }

    /// The steps whose outputs are the run's, ascending: the settled terminal steps; when the workflow went
    /// past all of these, the settled steps that led nowhere.
    pub fn outputs(&self) -> Vec<usize> {
        let settled = self.settled(self.plan.terminal());
        let passed = || self.plan.terminal().iter().all(|step| self.fate(*step) == Some(PASSED));
        if !settled.is_empty() || !passed() {
            return settled;
        }
        let ends = |step: &usize| {
            let outgoing = self.plan.step(*step).map(|step| step.outgoing.as_slice()).unwrap_or_default();
            self.fate(*step) == Some(Fate::Settled)
                && outgoing.iter().all(|edge| self.edges.get(*edge) != Some(&EdgeState::Followed))
        };
        (0..self.steps.len()).filter(ends).collect()
    }

    /// The steps whose outputs a step is given, ascending: those that led to it, and in a further pass of
    /// a loop those that went back to it.
    pub fn context(&self, step: usize) -> Vec<usize> {
        let Some(planned) = self.plan.step(step) else { return Vec::new() };
        let followed = |edge: &&usize| self.edges.get(**edge) == Some(&EdgeState::Followed);
        let source = |edge: &usize| self.plan.edges().get(*edge).map(|edge| edge.from);
        let mut from: Vec<usize> = planned.incoming.iter().filter(followed).filter_map(source).collect();
        if self.iteration(step) > 0 {
            let loops = self.plan.loops().iter().zip(&self.loops);
            from.extend(
                loops.filter(|(again, state)| again.to == step && state.went).map(|(again, _)| again.from),
            );
        }
        from.sort_unstable();
        from.dedup();
        from
    }

    /// Ends a step, and skips what can no longer run.
    fn end(&mut self, end: End<'_>) -> Vec<usize> {
        let mut skipped = Vec::new();
        let mut ended = VecDeque::from([end]);
        while let Some(End { step, fate, routing }) = ended.pop_front() {
            self.set(step, Stage::Ended(fate));
            let Some(planned) = self.plan.step(step) else { continue };
            if let Some(again) = routing.and_then(|routing| routing.back) {
                self.ask_back(again);
                continue;
            }
            self.replans += u32::from(routing.is_some_and(|routing| routing.named));
            let mut decided: Vec<(usize, bool)> = Vec::new();
            for (place, edge) in planned.outgoing.iter().copied().enumerate() {
                let follows = match routing {
                    Some(routing) => routing.follows(place),
                    None => fate == Fate::Settled,
                };
                decided.push((edge, follows));
            }
            // Whatever leads out of a loop that ends here may go its way now.
            for place in planned.loops.iter().copied() {
                decided.extend(self.conclude(place));
            }
            for (edge, follows) in decided {
                let Some(next) = self.decide(edge, follows) else { continue };
                match self.turn(next) {
                    Ok(()) => self.make_ready(next),
                    Err(cause) => {
                        skipped.push(next);
                        ended.push_back(End { step: next, fate: Fate::Skipped(cause), routing: None });
                    }
                }
            }
        }
        skipped
    }

    /// Decides an edge, once, unless it has to wait for a loop to be over. Returns its target if that was the
    /// last thing the target waited for.
    fn decide(&mut self, edge: usize, follows: bool) -> Option<usize> {
        let leaves = self.exits.get(edge).map(Vec::as_slice).unwrap_or_default();
        let state = match leaves.iter().all(|place| self.loops.get(*place).is_some_and(|state| state.over)) {
            true if follows => EdgeState::Followed,
            true => EdgeState::Dead,
            false => EdgeState::Parked(follows),
        };
        let slot = self.edges.get_mut(edge)?;
        // A step that ends two loops lets go of what both held back only once.
        if matches!(slot, EdgeState::Followed | EdgeState::Dead) {
            return None;
        }
        *slot = state;
        if matches!(state, EdgeState::Parked(_)) {
            return None;
        }
        let to = self.plan.edges().get(edge)?.to;
        let progress = self.steps.get_mut(to)?;
        progress.open = progress.open.saturating_sub(1);
        progress.followed += usize::from(follows);
        (progress.open == 0 && progress.stage == Stage::Blocked).then_some(to)
    }

    /// Whether a step to which every edge is decided runs; otherwise why not.
    fn turn(&self, step: usize) -> Result<(), Cause> {
        if self.steps.get(step).is_some_and(|progress| progress.followed > 0) {
            return Ok(());
        }
        let after = self.plan.step(step).map(|step| step.after.as_slice()).unwrap_or_default();
        Err(self.strongest_cause(after).unwrap_or(Cause::Passed))
    }

    /// The strongest reason why one of `steps` did not settle. Among reasons of one strength the first in
    /// file order wins, whatever the order they came in.
    fn strongest_cause(&self, steps: &[usize]) -> Option<Cause> {
        let causes = || steps.iter().filter_map(|step| self.fate(*step).and_then(cause));
        let failed = causes().find(|cause| matches!(cause, Cause::Failed(_)));
        let denied = || causes().find(|cause| matches!(cause, Cause::Denied(_)));
        failed.or_else(denied).or_else(|| causes().next())
    }

    fn settled(&self, steps: &[usize]) -> Vec<usize> {
        steps.iter().copied().filter(|step| self.fate(*step) == Some(Fate::Settled)).collect()
    }

    fn make_ready(&mut self, step: usize) {
        self.set(step, Stage::Ready);
        self.ready.push(step);
        self.busy += 1;
    }

    fn stage(&self, step: usize) -> Option<Stage> {
        self.steps.get(step).map(|progress| progress.stage)
    }

    fn set(&mut self, step: usize, stage: Stage) {
        if let Some(progress) = self.steps.get_mut(step) {
            progress.stage = stage;
        }
    }
}

/// The fate of a step that the workflow went past.
pub(crate) const PASSED: Fate = Fate::Skipped(Cause::Passed);

/// Why a step did not settle.
fn cause(fate: Fate) -> Option<Cause> {
    match fate {
        Fate::Settled | Fate::Waiting => None,
        Fate::Denied(reason) => Some(Cause::Denied(reason)),
        Fate::Failed(reason) => Some(Cause::Failed(reason)),
        Fate::Skipped(cause) => Some(cause),
    }
}

#[cfg(test)]
mod tests;
