//! One governed act.

use crate::{Amounts, Digest, RiskTier, StepId, Taint};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// What sort of act a step is. Closed: every new sort is a decision about what may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// One turn of an agent, in which it may ask for further steps.
    AgentTurn,
    /// One call of a language model.
    ModelCall,
    /// One call of a tool or program.
    ToolCall,
    /// A person decides.
    HumanDecision,
    /// A lease is asked for.
    Lease,
    /// A message leaves.
    Send,
    /// Another organisation's contract is called.
    Invoke,
    /// One round of federated learning.
    Round,
    /// A workflow within a workflow.
    Workflow,
    /// A moment is waited for.
    Timer,
}

impl StepKind {
    /// Whether such a step does nothing itself: whatever it costs, the steps nested in it cost.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::AgentTurn | Self::Workflow)
    }
}

/// A request to act: everything that decisions may look at, and nothing that acts.
#[derive(Clone, Debug)]
pub struct Step {
    /// Derived from the step's place in the run.
    pub id: StepId,
    /// The step this one is part of.
    pub parent: Option<StepId>,
    /// Which child of its parent (or which step of the run) this is.
    pub ordinal: u32,
    /// Which pass of a loop this is.
    pub iteration: u32,
    /// The name people know it by.
    pub name: Arc<str>,
    /// What is acted on, by the name it has wherever it is used: the tool's, the model's, or the step's own.
    pub target: Arc<str>,
    /// What is done, in the words of whatever does it: the tool's name, the program's, the method of a request. Read by
    /// whoever judges how harmful the act is; empty where there is nothing to read.
    pub action: Arc<str>,
    /// What sort of act.
    pub kind: StepKind,
    /// Declared impact.
    pub risk: RiskTier,
    /// Whether doing it twice does what doing it once does.
    pub idempotent: bool,
    /// Digest of how the act is done: adapter, configuration, schemas.
    pub contract: Digest,
    /// What fails together: `command:/usr/bin/grep`. Key of the circuit breaker.
    pub endpoint: Arc<str>,
    /// What the act can cost at most. Reserved before it starts.
    pub bound: Amounts,
    /// How long the act may take; `None` is bounded by the run's deadline alone.
    pub timeout: Option<Duration>,
    /// What the act is given, as canonical JSON.
    pub input: Arc<[u8]>,
    /// The untrusted sources that went into the input.
    pub taint: Taint,
}
