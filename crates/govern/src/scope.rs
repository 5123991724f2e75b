//! Where a step stands: its run, its parent, and what it draws on.

use crate::purse::Purse;
use crate::run::Run;
use comity_core::StepId;
use std::sync::Arc;
use std::time::Duration;

/// Lineage and the purse that children draw on. Clone it freely: it carries no authority to spend.
#[derive(Clone)]
pub struct Scope {
    pub(crate) run: Arc<Run>,
    pub(crate) parent: Option<Parent>,
    pub(crate) depth: u32,
}

/// The step that others are nested in.
#[derive(Clone)]
pub(crate) struct Parent {
    pub(crate) step: StepId,
    pub(crate) purse: Arc<Purse>,
    /// When its time is over, on the monotonic clock. Nested steps run within it, side by side.
    pub(crate) deadline: Duration,
}

impl Scope {
    /// Where the steps of the run itself stand.
    pub fn root(run: Arc<Run>) -> Self {
        Self { run, parent: None, depth: 0 }
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
        StepId::derive(self.run.id(), self.parent_step(), ordinal, iteration)
    }
}
