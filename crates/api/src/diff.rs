//! How two runs differ.

use serde::{Deserialize, Serialize};

/// How two runs differ. Times are told and make no difference; neither do ids, nor who ran it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DiffReport {
    /// Whether they are the same but for their times.
    pub same: bool,
    /// The first run.
    pub left: DiffSide,
    /// The second run.
    pub right: DiffSide,
    /// How the workflow files differ, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Change>,
    /// How the policies differ, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Change>,
    /// How the tasks and the files beside the workflow differ, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Change>,
    /// Every pass of every step that is in either.
    pub steps: Vec<StepDiff>,
}

/// One of two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DiffSide {
    /// The run.
    pub run_id: String,
    /// How it stands.
    pub status: String,
    /// What it cost, in millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// Tokens used.
    pub tokens: u64,
    /// Milliseconds from when it was opened to when it last changed.
    pub duration_ms: u64,
}

/// Something that is one way here and another way there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// How it is in the first run: a word, an amount, or the SHA-256 of a text; left out when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// How it is in the second run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// The texts line by line, as a unified diff, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
}

/// How one pass of one step differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepDiff {
    /// Its name: of a nested step as `parent/name`.
    pub step: String,
    /// Which pass, from 1.
    pub pass: u32,
    /// same, changed, left (only in the first run) or right (only in the second).
    pub standing: String,
    /// How it stands, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Change>,
    /// Why it stands so, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Change>,
    /// What its checks said, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Change>,
    /// What it was given, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Change>,
    /// What it produced, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Change>,
    /// What it cost, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Change>,
    /// How often it was tried, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Change>,
    /// How long its tries took in the first run, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
    /// The same in the second run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_ms: Option<u64>,
}
