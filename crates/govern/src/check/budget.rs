//! What an act can cost must fit what is left.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step, Unit};

/// The check.
pub const CHECK: Check = Check { name: "budget", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    let Some(short) = &evidence.shortfall else { return Ok(Finding::Pass) };
    if short.frozen {
        let why = format!("account `{}` is frozen: more was used on it than was held", short.account);
        return Ok(Finding::Deny(ReasonCode::AccountFrozen, why));
    }
    let reason = match short.unit {
        Unit::MicroUsd => ReasonCode::BudgetUsd,
        Unit::Millis => ReasonCode::BudgetSeconds,
        Unit::Tokens => ReasonCode::BudgetTokens,
        Unit::Steps => return Ok(Finding::Pass),
    };
    let (need, left, cap) = (
        short.unit.show(step.bound.get(short.unit)),
        short.unit.show(short.left.get(short.unit)),
        short.unit.show(short.caps.get(short.unit)),
    );
    let why = format!("step `{}` needs {need} but `{}` has {left} left of {cap}", step.name, short.account);
    Ok(Finding::Deny(reason, why))
}
