//! What happens in a run, one object a line.

use crate::report::Origin;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One event. It leaves only after the entry it speaks of is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The run.
    pub run_id: String,
    /// The step, by its name in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The entry it speaks of, by its place in the chain. A cursor to go on from.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Which try of the step, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Which pass of a loop, from 1; left out in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    /// The moment a step waits for, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<u64>,
    /// Why, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The approval to answer, when a step is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// What the step, or the run so far, cost in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// How long the step took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The entry of another run that a forked run, or a result that was taken over, goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where the run stands, when it starts, pauses or finishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What the step, or the run, produced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

impl Event {
    /// An event that says no more than what happened to which step.
    pub fn bare(kind: EventKind, step: &str) -> Self {
        Self {
            kind,
            run_id: String::new(),
            step: Some(step.to_owned()),
            seq: 0,
            at_ms: 0,
            attempt: None,
            iteration: None,
            due_ms: None,
            reason: None,
            message: None,
            approval: None,
            cost_usd: None,
            duration_ms: None,
            origin: None,
            status: None,
            output: None,
        }
    }
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A run began, or goes on in another process.
    RunStarted,
    /// A step was admitted.
    StepStarted,
    /// A step ended with a result, or one was taken over from another run.
    StepSettled,
    /// A step was refused, or rejected by a person.
    StepDenied,
    /// A step waits for a person.
    StepHeld,
    /// A person said yes to a held step.
    StepApproved,
    /// A step will never begin.
    StepSkipped,
    /// A step ended without a result.
    StepFailed,
    /// Nobody knows how a step ended.
    StepUnknown,
    /// A step was called off before it began, or did not happen: it may be tried again.
    StepCancelled,
    /// A step waits for a moment, after which it begins or is tried again.
    StepScheduled,
    /// A step stopped for now, because one nested in it waits for a person.
    StepSuspended,
    /// The run ended, or stops for now: see its status.
    RunFinished,
}
