//! What came from somebody who is not trusted reaches nobody outside.

use super::{Check, Evidence, Finding, Undecided};
use crate::policy::OnTaint;
use comity_core::{ReasonCode, RiskTier, Step};

/// The check.
pub const CHECK: Check = Check { name: "taint", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    let tier = evidence.assessment.tier;
    // Containers do nothing themselves: what is done in them is decided there.
    if !step.taint.is_tainted() || tier < RiskTier::ExternalIo || step.kind.is_container() {
        return Ok(Finding::Pass);
    }
    let why =
        || format!("step `{}` is {tier}, and its input is not trusted (from: {})", step.name, step.taint);
    match evidence.policy.on_taint {
        OnTaint::Allow => Ok(Finding::Pass),
        OnTaint::Hold if evidence.approved => Ok(Finding::Pass),
        OnTaint::Hold => Ok(Finding::Hold(ReasonCode::Tainted, why())),
        OnTaint::Deny => Ok(Finding::Deny(ReasonCode::Tainted, why())),
    }
}
