//! Where a step stands: its run, its parent, and what it draws on.

use crate::planted::{Defect, is as planted};
use crate::policy::Policy;
use crate::purse::Purse;
use crate::run::Run;
use comity_core::{Digest, StepId};
use std::sync::Arc;
use std::time::Duration;

/// Lineage and the purse that children draw on. Clone it freely: it carries no authority to spend.
#[derive(Clone)]
pub struct Scope {
    pub(crate) run: Arc<Run>,
    pub(crate) parent: Option<Parent>,
    pub(crate) depth: u32,
    pub(crate) rules: Arc<Rules>,
}

/// How often what is nested in a step has begun anew.
fn failures(parent: &Parent) -> u32 {
    if planted(Defect::ReusedChildren) { 0 } else { parent.failures }
}

/// A policy and its name.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) digest: Digest,
}

impl Rules {
    pub(crate) fn new(policy: Policy) -> Arc<Self> {
        let digest = policy.digest();
        Arc::new(Self { policy, digest })
    }
}

/// The step that others are nested in.
#[derive(Clone)]
pub(crate) struct Parent {
    pub(crate) step: StepId,
    /// How often it has failed and been begun anew.
    pub(crate) failures: u32,
    pub(crate) purse: Arc<Purse>,
    /// When its time is over, on the monotonic clock. Nested steps run within it, side by side.
    pub(crate) deadline: Duration,
}

impl Scope {
    /// Where the steps of the run itself stand.
    pub fn root(run: Arc<Run>) -> Self {
        let rules = Arc::clone(&run.rules);
        Self { run, parent: None, depth: 0, rules }
    }

    /// The same place, where `policy` holds too: of each limit the stricter one.
    pub fn under(self, policy: &Policy) -> Self {
        let rules = Rules::new(self.rules.policy.stricter(policy));
        Self { rules, ..self }
    }

    /// The limits that hold here.
    pub fn policy(&self) -> &Policy {
        &self.rules.policy
    }

    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// The step that steps here are nested in.
    pub fn parent_step(&self) -> Option<StepId> {
        self.parent.as_ref().map(|parent| parent.step)
    }

    /// The id of the `ordinal`-th step here, in the given loop iteration.
    pub fn step_id(&self, ordinal: u32, iteration: u32) -> StepId {
        let parent = self.parent.as_ref().map(|parent| parent.step.anew(failures(parent)));
        StepId::derive(self.run.id(), parent, ordinal, iteration)
    }
}
