//! What may run next, computed from what has ended. Knows no time and performs nothing.

use crate::plan::{Plan, StepPlan};
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
    /// It waits for a person, or for someone to find out how it ended. Not an end.
    Waiting,
    /// It never ran, because nothing it waited for settled.
    Skipped(Cause),
}

/// Why a step was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A step before it was refused.
    Denied(ReasonCode),
    /// A step before it ended badly. Stronger than a refusal.
    Failed(ReasonCode),
}

/// How a run stands when nothing is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// At least one terminal step settled, and none failed.
    Completed,
    /// Some step waits.
    Waiting,
    /// A terminal step failed, or was skipped because one before it failed.
    Failed(ReasonCode),
    /// No terminal step settled, because of a refusal.
    Denied(ReasonCode),
}

/// Walks one plan. All calls of one run together cost time in proportion to steps plus edges.
///
/// A step runs when each of its predecessors has an end and one of them settled, however the steps
/// beside it stand. With no settled predecessor it is skipped.
#[derive(Clone, Debug)]
pub struct Planner<'p> {
    plan: &'p Plan,
    steps: Vec<Progress>,
    ready: Vec<usize>,
    /// Steps that are ready or running.
    busy: usize,
    waiting: usize,
}

/// One step: where it stands, and how many predecessors have no end yet.
#[derive(Clone, Copy, Debug)]
struct Progress {
    stage: Stage,
    open: usize,
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

impl<'p> Planner<'p> {
    /// Starts a run of `plan`: the steps that wait for nothing are ready.
    pub fn new(plan: &'p Plan) -> Self {
        let progress = |step: &StepPlan| Progress { stage: Stage::Blocked, open: step.after.len() };
        let steps: Vec<Progress> = plan.steps().iter().map(progress).collect();
        let mut planner = Self { plan, steps, ready: Vec::new(), busy: 0, waiting: 0 };
        for (ordinal, step) in plan.steps().iter().enumerate() {
            if step.after.is_empty() {
                planner.make_ready(ordinal);
            }
        }
        planner
    }

    /// Takes the steps that became ready since the last call; from now on they count as running.
    pub fn ready(&mut self) -> Vec<usize> {
        let ready = std::mem::take(&mut self.ready);
        ready.iter().for_each(|step| self.set(*step, Stage::Running));
        ready
    }

    /// Says how a running or waiting step stands now. Returns the steps that are skipped through this,
    /// each after those it waited for.
    ///
    /// A step that neither runs nor waits stays as it is.
    pub fn finish(&mut self, step: usize, fate: Fate) -> Vec<usize> {
        match self.stage(step) {
            Some(Stage::Running) => self.busy -= 1,
            Some(Stage::Waiting) => self.waiting -= 1,
            _ => return Vec::new(),
        }
        if fate == Fate::Waiting {
            self.waiting += 1;
            self.set(step, Stage::Waiting);
            return Vec::new();
        }
        self.end(step, fate)
    }

    /// Makes a waiting step ready again, after a person approved or said what happened.
    ///
    /// A step that does not wait stays as it is.
    pub fn reopen(&mut self, step: usize) {
        if self.stage(step) == Some(Stage::Waiting) {
            self.waiting -= 1;
            self.make_ready(step);
        }
    }

    /// How the run stands; `None` while a step is ready or running.
    pub fn verdict(&self) -> Option<RunVerdict> {
        if self.busy > 0 {
            return None;
        }
        if self.waiting > 0 {
            return Some(RunVerdict::Waiting);
        }
        Some(match self.strongest_cause(self.plan.terminal()) {
            Some(Cause::Failed(reason)) => RunVerdict::Failed(reason),
            _ if !self.outputs().is_empty() => RunVerdict::Completed,
            Some(Cause::Denied(reason)) => RunVerdict::Denied(reason),
            None => RunVerdict::Denied(ReasonCode::Unreachable),
        })
    }

    /// How a step stands; `None` before it was finished or skipped.
    pub fn fate(&self, step: usize) -> Option<Fate> {
        match self.stage(step)? {
            Stage::Ended(fate) => Some(fate),
            Stage::Waiting => Some(Fate::Waiting),
            Stage::Blocked | Stage::Ready | Stage::Running => None,
        }
    }

    /// The settled terminal steps, ascending: their outputs are the run's.
    pub fn outputs(&self) -> Vec<usize> {
        self.settled(self.plan.terminal())
    }

    /// The settled direct predecessors of a step, ascending: their outputs are what it is given.
    pub fn context(&self, step: usize) -> Vec<usize> {
        self.plan.step(step).map(|step| self.settled(&step.after)).unwrap_or_default()
    }

    /// Ends a step, and skips what can no longer run. Each step and each edge is walked once.
    fn end(&mut self, step: usize, fate: Fate) -> Vec<usize> {
        let mut skipped = Vec::new();
        let mut ended = VecDeque::from([(step, fate)]);
        while let Some((step, fate)) = ended.pop_front() {
            self.set(step, Stage::Ended(fate));
            let Some(planned) = self.plan.step(step) else { continue };
            for next in planned.before.iter().copied() {
                if !self.unblocks(next) {
                    continue;
                }
                match self.turn(next) {
                    Ok(()) => self.make_ready(next),
                    Err(cause) => {
                        skipped.push(next);
                        ended.push_back((next, Fate::Skipped(cause)));
                    }
                }
            }
        }
        skipped
    }

    /// Counts one more end before a step; true for the last.
    fn unblocks(&mut self, step: usize) -> bool {
        let Some(progress) = self.steps.get_mut(step) else { return false };
        progress.open = progress.open.saturating_sub(1);
        progress.open == 0 && progress.stage == Stage::Blocked
    }

    /// Whether a step whose predecessors have all ended runs; otherwise why not.
    fn turn(&self, step: usize) -> Result<(), Cause> {
        let after = self.plan.step(step).map(|step| step.after.as_slice()).unwrap_or_default();
        if self.settled(after).is_empty() {
            Err(self.strongest_cause(after).unwrap_or(Cause::Denied(ReasonCode::Unreachable)))
        } else {
            Ok(())
        }
    }

    /// The strongest reason why one of `steps` did not settle. Among reasons of one strength the first in
    /// file order wins, whatever the order they came in.
    fn strongest_cause(&self, steps: &[usize]) -> Option<Cause> {
        let causes = || steps.iter().filter_map(|step| self.fate(*step).and_then(cause));
        causes().find(|cause| matches!(cause, Cause::Failed(_))).or_else(|| causes().next())
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
