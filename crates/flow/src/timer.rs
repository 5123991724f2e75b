//! Placeholder: replaced by the merge.
use comity_core::Timestamp;
use serde_json::{Map, Value};
use std::time::Duration;

/// A moment that is waited for.
#[derive(Clone, Debug)]
pub struct Timer(u64);

/// Why a timer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTimer {
    /// The key.
    pub key: &'static str,
    /// Why.
    pub message: String,
}

impl Timer {
    /// Reads a timer.
    pub fn parse(config: &Map<String, Value>) -> Result<Self, BadTimer> {
        Ok(Self(config.get("after_s").and_then(Value::as_u64).unwrap_or(0)))
    }

    /// When it is due.
    pub fn due(&self, after: Timestamp) -> Option<Timestamp> {
        Some(after.plus(Duration::from_millis(self.0)))
    }
}
