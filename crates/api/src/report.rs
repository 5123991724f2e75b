//! What commands answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Micro-dollars as dollars, for display and JSON. Exact up to 15 significant digits.
pub fn usd(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// completed, failed, denied, exhausted, waiting, interrupted or running.
    pub status: String,
    /// What the terminal step produced; an object by step name when several did.
    pub output: Value,
    /// What the run cost, in US dollars.
    pub cost_usd: f64,
    /// The same in millionths, exactly.
    pub cost_micro_usd: u64,
    /// Tokens used.
    pub tokens: u64,
    /// Its steps, in the order of the file.
    pub steps: Vec<StepReport>,
    /// What waits for a person.
    pub approvals: Vec<ApprovalInfo>,
    /// Hash of the last entry.
    pub head: String,
    /// Entries in the chain.
    pub entries: u64,
    /// Whether the whole chain was just recomputed and found good.
    pub verified: bool,
    /// What does not protect its checkpoint as it was set up: who did not answer, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unprotected: Vec<String>,
}

/// How one step stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its name in the file.
    pub step: String,
    /// settled, failed, denied, skipped, held, unknown, running or pending.
    pub status: String,
    /// Why, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it cost, in US dollars.
    pub cost_usd: f64,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Tries.
    pub attempts: u32,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalInfo {
    /// What to answer to; empty when the question is how a step ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub approval: String,
    /// The step, by its name in the file.
    pub step: String,
    /// What the file asks the person; steps that are held for another reason ask nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Why a person is asked.
    pub message: String,
    /// Until when an answer counts, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// An entry of another run, which a forked run or a result that was taken over goes back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The other run.
    pub run_id: String,
    /// The entry's place in its chain.
    pub seq: u64,
    /// The entry's hash.
    pub hash: String,
    /// Who put something else in the result's place, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_by: Option<String>,
}

/// One run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run.
    pub run_id: String,
    /// Where it stands.
    pub status: String,
    /// The workflow's name, if the file gives one.
    pub name: String,
    /// What it cost, in US dollars.
    pub cost_usd: f64,
    /// Entries in its chain.
    pub entries: u64,
    /// When it was opened, in milliseconds since 1970.
    pub opened_ms: u64,
    /// When it last changed, in milliseconds since 1970.
    pub updated_ms: u64,
    /// Who works on it, if anybody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The run that it was forked from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<String>,
    /// Steps it has taken, nested ones included.
    #[serde(default)]
    pub steps: u64,
    /// Milliseconds from when it was opened to when it last changed.
    #[serde(default)]
    pub duration_ms: u64,
}

/// One entry of a run, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRow {
    /// Its place in the chain.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it records.
    pub kind: String,
    /// The step, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Who acted.
    pub principal: String,
    /// Which try of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What each check said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// What was booked, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// The entry of another run that it goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Its hash.
    pub hash: String,
    /// The hash of the entry before it; zeros for the first.
    #[serde(default)]
    pub prev: String,
    /// Which pass of a loop, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<u32>,
    /// Until when an answer counts, or the moment that is waited for, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<u64>,
    /// Where the run stands from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Tokens booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Digests of the texts beside it, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payloads: BTreeMap<String, String>,
    /// What the step was given, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What the step produced, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// What one check said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The check.
    pub check: String,
    /// pass, hold or deny.
    pub verdict: String,
}

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Whether everything that was looked at is as it was written.
    pub valid: bool,
    /// Runs whose chains were followed.
    pub runs: u64,
    /// Entries recomputed.
    pub entries: u64,
    /// Payloads recomputed.
    pub payloads: u64,
    /// Accounts compared with their entries.
    pub accounts: u64,
    /// Leaves of the log whose roots were recomputed.
    #[serde(default)]
    pub leaves: u64,
    /// Signed checkpoints that the log agrees with; counted when everything is verified.
    #[serde(default)]
    pub checkpoints: u64,
    /// Entries that no checkpoint covers yet.
    #[serde(default)]
    pub unprotected: u64,
    /// Hash of the last entry, when one run was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The run of the first fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_run: Option<String>,
    /// The entry of the first fault, by its place in the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_seq: Option<u64>,
    /// What is wrong there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Why the log's key was not compared with one that is pinned here, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_not_compared: Option<String>,
    /// How far each guard that is set up has come; looked at when everything is verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardReport>,
    /// What this verification cannot show.
    pub not_shown: String,
}

/// How far a witness, or a place for copies, has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardReport {
    /// Who or what.
    pub guard: String,
    /// How many leaves the newest checkpoint that it has is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has: Option<u64>,
    /// How many the newest checkpoint is of.
    pub of: u64,
    /// When the first checkpoint was made that it does not have, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Why nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What became of making every view anew from entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildReport {
    /// Whether every view is what the entries make of it.
    pub whole: bool,
    /// Runs whose views were made.
    pub runs: u64,
    /// Entries they were made from.
    pub entries: u64,
    /// Accounts compared.
    pub accounts: u64,
    /// Approvals compared.
    pub approvals: u64,
    /// What is not as it should be.
    pub differences: Vec<ViewDifference>,
    /// How many differences more there are.
    pub more: u64,
    /// Runs whose entries are not as they were written, with the first fault of each: their views were left alone.
    pub broken: BTreeMap<String, String>,
    /// Columns that no entry speaks of.
    pub not_derived: Vec<String>,
}

/// One column of a view that is not what the entries make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewDifference {
    /// runs, accounts, approvals or due.
    pub view: String,
    /// Which row.
    pub row: String,
    /// Which column; `row` when the row is missing, or is one too many.
    pub column: String,
    /// What is stored.
    pub stored: String,
    /// What the entries say.
    pub derived: String,
}

/// What validation of a file found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidateReport {
    /// Whether the file can be run.
    pub valid: bool,
    /// The file.
    pub file: String,
    /// Steps in it.
    pub steps: usize,
    /// Its mistakes.
    pub errors: Vec<ErrorReport>,
    /// What is not wrong with it, and worth a look.
    #[serde(default)]
    pub warnings: Vec<ErrorReport>,
}

/// One mistake, or one failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// A stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong.
    pub message: String,
    /// Line in the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column, in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// How to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}
