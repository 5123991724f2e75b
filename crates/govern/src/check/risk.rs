//! Harmful acts are refused, or wait for a person.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step};

/// The check.
pub const CHECK: Check = Check { name: "risk", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    let (tier, most) = (evidence.assessment.tier, evidence.policy.max_risk_tier);
    // What was declared needs no reason.
    let because = match tier > step.risk {
        true => format!(" because {}", evidence.assessment.because),
        false => String::new(),
    };
    if tier > most {
        let why = format!("step `{}` is {tier}{because}, and the policy allows at most {most}", step.name);
        return Ok(Finding::Deny(ReasonCode::RiskTier, why));
    }
    match evidence.policy.human_approval_tier {
        Some(from) if tier >= from && !evidence.approved => {
            let why =
                format!("step `{}` is {tier}{because}, and a person decides from {from} upward", step.name);
            Ok(Finding::Hold(ReasonCode::ApprovalRequired, why))
        }
        _ => Ok(Finding::Pass),
    }
}
