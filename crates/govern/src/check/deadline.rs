//! No step begins after the run's time is over.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step};

/// The check.
pub const CHECK: Check = Check { name: "deadline", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    let (elapsed, limit) = (evidence.elapsed, evidence.policy.timeout);
    if elapsed < limit {
        return Ok(Finding::Pass);
    }
    let why = format!("step `{}` came after {elapsed:.3?}, and the run may take {limit:.3?}", step.name);
    Ok(Finding::Deny(ReasonCode::Deadline, why))
}
