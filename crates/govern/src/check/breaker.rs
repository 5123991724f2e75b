//! An endpoint that keeps failing is left alone for a while.

use super::{Check, Evidence, Finding, Undecided};
use crate::breaker::Breaker;
use comity_core::{ReasonCode, Step, Unit};

/// The check.
pub const CHECK: Check = Check { name: "breaker", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    let Breaker::Open { millis_left, failures } = evidence.breaker else { return Ok(Finding::Pass) };
    let wait = Unit::Millis.show(millis_left);
    let why = format!("`{}` failed {failures} times and is left alone for another {wait}", step.endpoint);
    Ok(Finding::Deny(ReasonCode::BreakerOpen, why))
}
