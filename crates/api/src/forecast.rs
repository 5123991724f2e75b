//! What a workflow may cost before it runs.

use serde::{Deserialize, Serialize};

/// What a workflow may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastReport {
    /// The workflow's name, if the file gives one.
    pub name: String,
    /// The workflow file.
    pub file: String,
    /// Its steps, in the order of the file.
    pub steps: Vec<StepForecast>,
    /// The least it costs if nothing fails.
    pub least: Cost,
    /// The most it can cost.
    pub most: Cost,
    /// What the run may spend.
    pub budget: Budget,
    /// The most it may be forecast to cost, in millionths of a US dollar, if the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_forecast_micro_usd: Option<u64>,
    /// Whether it may start: nothing it may be forecast to cost is passed.
    pub may_start: bool,
    /// Whether the most it can cost fits the budget.
    pub fits: bool,
}

/// What one step may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepForecast {
    /// The step.
    pub step: String,
    /// Its kind.
    pub kind: String,
    /// What one try can cost.
    pub each: Cost,
    /// Tries of one pass, at most.
    pub tries: u64,
    /// Passes, at most.
    pub passes: u64,
    /// The least it costs if nothing fails: nothing when it need not run.
    pub least: Cost,
    /// The most it can cost.
    pub most: Cost,
}

/// An amount of what costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Millionths of a US dollar.
    pub micro_usd: u64,
    /// Tokens.
    pub tokens: u64,
    /// Steps.
    pub steps: u64,
}

/// What a run may spend; what is left out has no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_usd: Option<u64>,
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
}
