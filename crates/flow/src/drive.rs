//! Walks a plan: asks the planner what is next, takes each step through the gate, and tells the planner how
//! it came out. Steps begin when their own inputs are there; nothing waits for a level to fill.
//!
//! Start with [`Drive::walk`]; `walk` keeps what is known between one end and the next.

mod patience;
mod take;
mod walk;

use crate::plan::Plan;
use crate::planner::RunVerdict;
use comity_core::{BoxFuture, Clock, RiskTier, Step, Taint};
use comity_govern::{Approval, Error, Failure, Gate, Input, Output, Permit, Ruling, Scope};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How steps are done. Implemented by the composition root.
pub trait StepRunner: Send + Sync {
    /// The act that the gate decides about: its id comes from `scope`, everything else from the plan.
    fn step(&self, scope: &Scope, ordinal: usize, iteration: u32, input: &Input) -> Step;

    /// Does the act. Called once for each admission, and once more when its output is to be repaired.
    fn run<'a>(
        &'a self,
        permit: &'a mut Permit,
        ordinal: usize,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>>;

    /// What has to be had before the step asks to be admitted, so that a bound on processes or sockets
    /// does not eat into its time.
    fn turn(&self, ordinal: usize) -> Option<Arc<Semaphore>>;

    /// Whether a step that has failed may be begun anew: nothing that was done in it does harm when it is done
    /// again.
    fn repeats(&self, ordinal: usize) -> bool;

    /// What went wrong with the gate inside a step, if anything did: then nothing may follow.
    fn fault(&self) -> Option<Error>;

    /// What the file asks a person about the step of this name, nested ones included.
    fn prompt(&self, name: &str) -> Option<String>;
}

/// A question to a person.
#[derive(Clone, Debug)]
pub struct Question {
    /// The step's name; a nested step's begins with the names of those around it.
    pub name: Arc<str>,
    /// Its declared impact.
    pub risk: RiskTier,
    /// What the file asks; steps that are held for another reason ask nothing.
    pub prompt: Option<String>,
    /// What to answer to.
    pub approval: Approval,
}

/// Somebody to ask while the run waits.
pub trait Approver: Send + Sync {
    /// Asks about a held step, for as long as it takes. `None` leaves it held; what somebody else ruled
    /// meanwhile counts.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Option<Ruling>, Error>>;
}

/// How a walk ended.
#[derive(Debug)]
pub struct Walked {
    /// How the run stands.
    pub verdict: RunVerdict,
    /// What it produced: one output as it is, several by step name, nothing if there is none.
    pub output: Value,
    /// The untrusted sources that went into that.
    pub taint: Taint,
}

/// What a forked run goes on from. Which results it takes over, the run knows.
#[derive(Clone, Copy, Debug)]
pub struct Inherited<'a> {
    /// What the run that it was forked from was about: steps whose results are taken over keep to it.
    pub task: &'a str,
}

/// One walk of one plan.
pub struct Drive<'a> {
    /// The gate.
    pub gate: &'a Gate,
    /// Where the steps stand.
    pub scope: &'a Scope,
    /// What to walk.
    pub plan: &'a Plan,
    /// How steps are done.
    pub runner: &'a dyn StepRunner,
    /// Somebody to ask; nobody, if held steps shall stay held.
    pub approver: Option<&'a dyn Approver>,
    /// Where time comes from.
    pub clock: &'a dyn Clock,
    /// What the run is about.
    pub task: &'a str,
    /// What the run goes on from, if it was forked.
    pub inherited: Option<Inherited<'a>>,
    /// What steps that wait for nothing are given as context: empty, but in a workflow within a workflow.
    pub given: &'a Map<String, Value>,
    /// The untrusted sources that went into what the walk was given.
    pub taint: Taint,
}

impl Drive<'_> {
    /// Walks until nothing is left to do. The first error stops the walk; steps under way are dropped, and
    /// so recorded as unknown.
    ///
    /// Nested in another step it does not wait for people or moments: the verdict is then
    /// [`RunVerdict::Waiting`], and the same walk goes on when it is asked for again.
    pub async fn walk(&self) -> Result<Walked, Error> {
        walk::Walk::new(self).finish().await
    }

    /// What a step is about: the run's task, unless its result was taken over.
    fn task(&self, reused: bool) -> &str {
        self.inherited.filter(|_| reused).map_or(self.task, |inherited| inherited.task)
    }

    /// Whether the walk is a step of another.
    fn is_nested(&self) -> bool {
        self.scope.parent_step().is_some()
    }
}
