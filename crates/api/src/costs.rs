//! What runs cost, grouped.

use serde::{Deserialize, Serialize};

/// What runs cost, as their entries book it. The rows add up to the total, and the total to the runs' accounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostsReport {
    /// run, agent, model, step or day.
    pub by: String,
    /// Only what was booked from here on, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// One row a group.
    pub rows: Vec<CostRow>,
    /// All of it; its key is empty.
    pub total: CostRow,
}

/// What one group cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// The run, agent, model, step or day (UTC); empty for what belongs to none.
    pub key: String,
    /// Runs that booked something in it.
    pub runs: u64,
    /// Steps, nested ones included.
    pub steps: u64,
    /// In US dollars.
    pub cost_usd: f64,
    /// The same in millionths, exactly.
    pub cost_micro_usd: u64,
    /// Tokens used.
    pub tokens: u64,
    /// How long effects took, in milliseconds. Steps side by side count each.
    pub duration_ms: u64,
}
