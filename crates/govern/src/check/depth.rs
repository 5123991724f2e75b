//! Steps are not nested without end.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step};

/// The deepest nesting.
pub const DEEPEST: u32 = 8;

/// The check.
pub const CHECK: Check = Check { name: "depth", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    if evidence.depth <= DEEPEST {
        return Ok(Finding::Pass);
    }
    let why = format!("step `{}` is nested {} deep, and {DEEPEST} is the most", step.name, evidence.depth);
    Ok(Finding::Deny(ReasonCode::Depth, why))
}
