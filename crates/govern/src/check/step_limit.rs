//! A run takes no more steps than it may.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step, Unit};

/// The check.
pub const CHECK: Check = Check { name: "step_limit", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    match &evidence.shortfall {
        Some(short) if short.unit == Unit::Steps && !short.frozen => {
            let (left, cap) = (short.left.steps, short.caps.steps);
            let why = format!("step `{}` finds {left} of `{}`'s {cap} steps left", step.name, short.account);
            Ok(Finding::Deny(ReasonCode::StepLimit, why))
        }
        _ => Ok(Finding::Pass),
    }
}
