//! How a step came out.

use crate::effect::Output;
use comity_core::{Amounts, ApprovalId, ReasonCode, RiskTier, StepId, Taint, Timestamp};
use std::sync::Arc;

/// How a step came out. Refusal is an outcome, not an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It ended, and produced something.
    Settled(Settled),
    /// It ended, and failed.
    Failed(Ended),
    /// It was refused, and nothing was done.
    Denied(Refusal),
    /// A person has to decide first.
    Held(Approval),
    /// Nobody knows whether it happened; a person has to find out.
    Unknown(Ended),
    /// A step nested in it waits for a person; asked for again, it goes on where it was.
    Suspended(Ended),
}

/// What a step produced and cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// What it produced.
    pub output: Output,
    /// The untrusted sources that went into that.
    pub taint: Taint,
    /// What it cost.
    pub usage: Amounts,
    /// Whether this is the recorded outcome of an earlier process, and nothing was done now.
    pub replayed: bool,
    /// When it ended, as its entry says.
    pub at: Timestamp,
}

/// Why a step ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The reason.
    pub reason: ReasonCode,
    /// The reason in words.
    pub message: String,
    /// Which try this was, from 1.
    pub attempt: u32,
    /// When it ended, as its entry says.
    pub at: Timestamp,
}

/// Why a step was refused. An expected outcome: nothing was done and nothing was spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: ReasonCode,
    /// The reason in words, with the limit beside the actual.
    pub message: String,
}

/// A step that waits for a person, by the name it was asked for under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The step's name; a nested step's begins with the names of those around it.
    pub name: Arc<str>,
    /// Its declared impact.
    pub risk: RiskTier,
    /// What to answer to.
    pub approval: Approval,
}

/// A step that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What to answer to.
    pub id: ApprovalId,
    /// The step.
    pub step: StepId,
    /// When it stops counting.
    pub expires: Timestamp,
    /// Why a person is asked.
    pub message: String,
}
