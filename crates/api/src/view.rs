//! A run step by step, and as it stood at one of its steps.

use crate::report::{Check, Origin, TraceRow};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A run, step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// The run.
    pub run_id: String,
    /// completed, failed, denied, exhausted, waiting, interrupted or running.
    pub status: String,
    /// The workflow's name, if the file gives one.
    pub name: String,
    /// The workflow file, as it was named when the run began.
    pub file: String,
    /// The last entry of the run that it was forked from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<Origin>,
    /// From which step on it was done anew, if it was forked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_at: Option<String>,
    /// When it was opened, in milliseconds since 1970.
    pub opened_ms: u64,
    /// When it last changed, in milliseconds since 1970.
    pub updated_ms: u64,
    /// What it cost so far, in millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// Tokens used.
    pub tokens: u64,
    /// Entries in its chain.
    pub entries: u64,
    /// Hash of its last entry.
    pub head: String,
    /// Its steps as they were first met, each followed by those nested in it; then those not met yet.
    pub steps: Vec<StepView>,
}

/// One pass of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// Its name: of a nested step as `parent/name`.
    pub step: String,
    /// Its id; empty while it was not met.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The id of the step it is nested in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How many steps it is nested in.
    pub depth: u32,
    /// Which pass of a loop, from 1.
    pub pass: u32,
    /// Tries, from 1; zero when it never asked to begin.
    pub attempt: u32,
    /// settled, failed, denied, skipped, held, approved, scheduled, suspended, unknown, running or pending.
    pub status: String,
    /// Where its result was taken over from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Why, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Declared impact, from 1 to 4; zero while it was not met.
    pub risk: u8,
    /// What it cost, steps nested in it included, in millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// Tokens used, those of steps nested in it included.
    pub tokens: u64,
    /// How long its tries took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// When its last try was admitted, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// When it came to stand as it does, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// The moment it waits for, or until when an answer to it counts, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<u64>,
    /// What each check said when it was last decided about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Digest of the policy it was decided under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Who was asked about it, and what they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What it was given, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What it produced, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Its entries, if they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<TraceRow>,
}

/// A question about a step to a person, and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What to answer to; empty when the question is how the step ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub approval: String,
    /// When it was asked, in milliseconds since 1970.
    pub at_ms: u64,
    /// approved, rejected, expired, happened, not_happened or abandoned; left out while nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<String>,
    /// Who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When they answered, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled_ms: Option<u64>,
    /// What they said beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What a run's account held, in one unit each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    /// micro_usd, millis, steps or tokens.
    pub unit: String,
    /// The most that may be held and spent together; left out when there is no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u64>,
    /// Reserved for steps under way.
    pub held: u64,
    /// Booked.
    pub spent: u64,
    /// What a further step could take; left out when there is no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
}

/// A run as it stood when one of its steps was admitted, or last decided about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtView {
    /// The run.
    pub run_id: String,
    /// The step.
    pub step: String,
    /// Which pass of a loop, from 1.
    pub pass: u32,
    /// Which try.
    pub attempt: u32,
    /// What was decided there: admitted, held, denied, skipped, or reused: taken over from another run.
    pub decision: String,
    /// The entry that says so, by its place in the chain.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Milliseconds since the run was opened.
    pub elapsed_ms: u64,
    /// The same, waiting for people left out: what its time limit counts.
    pub worked_ms: u64,
    /// Who worked on the run.
    pub owner: String,
    /// Since which entry, by its place in the chain.
    pub owner_since: u64,
    /// How often the run had been taken over by then.
    pub resumed: u64,
    /// What exactly the step was given.
    pub given: Value,
    /// What had settled before it, in that order.
    pub settled: Vec<SettledView>,
    /// What stood otherwise, and how.
    pub others: Vec<StandingView>,
    /// The run's account after the entry.
    pub account: Vec<Purse>,
}

/// A step that had settled, and what it produced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettledView {
    /// The step.
    pub step: String,
    /// Which pass of a loop, from 1.
    pub pass: u32,
    /// The entry that says so, by its place in the chain.
    pub seq: u64,
    /// What it produced.
    pub output: Value,
}

/// How a step stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingView {
    /// The step.
    pub step: String,
    /// Which pass of a loop, from 1.
    pub pass: u32,
    /// How it stood.
    pub status: String,
    /// Why, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is recorded about one step, for whoever asks why it stands as it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepFacts {
    /// The step.
    pub step: StepView,
    /// The run.
    pub run_id: String,
    /// How the run stands.
    pub run_status: String,
    /// The workflow file, as it was named when the run began.
    pub file: String,
    /// The limits it was decided under, as they are pinned.
    pub limits: Map<String, Value>,
    /// Steps before it that kept it from running, the nearest first; the last is the first cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<CauseView>,
    /// The conditions on the edges that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionView>,
    /// Steps nested in it that wait for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
    /// Steps before it that have not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<String>,
}

/// A step that kept another one from running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseView {
    /// The step.
    pub step: String,
    /// How it stands.
    pub status: String,
    /// Why, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// When an edge is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionView {
    /// The step it leads from.
    pub from: String,
    /// The condition as it stands in the file.
    pub when: String,
}

/// Why a step stands as it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The step.
    pub step: String,
    /// Which pass of a loop, from 1.
    pub pass: u32,
    /// How it stands.
    pub status: String,
    /// Why, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in one paragraph.
    pub paragraph: String,
    /// What the paragraph was made of.
    pub facts: StepFacts,
    /// Commands that can be given now.
    pub next: Vec<String>,
}
