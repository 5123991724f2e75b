//! An act is not given more than the policy allows.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step};

/// The check.
pub const CHECK: Check = Check { name: "input_size", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    let size = u64::try_from(step.input.len()).map_err(|error| Undecided(error.to_string()))?;
    let limit = evidence.policy.max_input_bytes;
    if size <= limit {
        return Ok(Finding::Pass);
    }
    let why = format!("the input of step `{}` is {size} bytes, and the policy allows {limit}", step.name);
    Ok(Finding::Deny(ReasonCode::InputSize, why))
}
