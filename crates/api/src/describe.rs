//! What a workflow looks like before it runs.

use serde::{Deserialize, Serialize};

/// A workflow's graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DescribeReport {
    /// The file.
    pub file: String,
    /// The workflow's name, if the file gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its steps, in the order of the file.
    pub steps: Vec<StepInfo>,
    /// Who waits for whom.
    pub edges: Vec<EdgeInfo>,
    /// Where the run may go back.
    pub loops: Vec<LoopInfo>,
    /// Names of the steps whose outputs are the run's output.
    pub terminal: Vec<String>,
    /// What agents may call.
    pub tools: Vec<ToolInfo>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepInfo {
    /// Its name.
    pub step: String,
    /// Its kind.
    pub kind: String,
    /// read-only, internal, external-io or irreversible.
    pub risk: String,
    /// Whether doing it twice does what doing it once does.
    pub idempotent: bool,
    /// What it costs each time, in US dollars.
    pub price_usd: f64,
    /// Names of the tools it may call.
    pub tools: Vec<String>,
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeInfo {
    /// The step that has to end first.
    pub from: String,
    /// The step that waits.
    pub to: String,
    /// The condition under which it is followed, as it stands in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Whether it is followed only when its source names its target as the next step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub routed: bool,
}

/// One loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoopInfo {
    /// The step whose end decides.
    pub from: String,
    /// The step that is gone back to.
    pub to: String,
    /// The condition under which it is gone back, as it stands in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Whether it is gone back only when its source names its target as the next step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub routed: bool,
    /// How often at most.
    pub max_iterations: u32,
}

/// One tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolInfo {
    /// Its name.
    pub tool: String,
    /// The kind of step it is.
    pub kind: String,
    /// read-only, internal, external-io or irreversible.
    pub risk: String,
    /// What it does.
    pub about: String,
}
