//! A step that is a person's decision waits for that person.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step, StepKind};

/// The check.
pub const CHECK: Check = Check { name: "approval", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    if step.kind == StepKind::HumanDecision && !evidence.approved {
        let why = format!("step `{}` is for a person to decide", step.name);
        return Ok(Finding::Hold(ReasonCode::ApprovalRequired, why));
    }
    Ok(Finding::Pass)
}
