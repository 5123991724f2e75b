//! Decisions: pure functions of a step and what is known, one file each, asked in the order of this table.

mod approval;
mod breaker;
mod budget;
mod deadline;
mod depth;
mod input_size;
mod risk;
mod rules;
mod step_limit;
mod taint;

pub use crate::acts::{Acts, ActsByTarget};
use crate::breaker::Breaker;
use crate::classify::Assessment;
use crate::control;
use crate::policy::Policy;
use comity_core::{Amounts, ReasonCode, Step, Timestamp, Unit};
use comity_ledger::{CheckMark, Verdict};
use comity_rules::Actor;
use std::time::Duration;

/// What checks may look at besides the step. Gathered before; nothing here is fetched by a check.
#[derive(Clone, Debug)]
pub struct Evidence<'e> {
    /// The policy.
    pub policy: &'e Policy,
    /// How long the run has been under way, waiting for people left out.
    pub elapsed: Duration,
    /// How deeply the step is nested.
    pub depth: u32,
    /// Which try it is, from 1.
    pub attempt: u32,
    /// How harmful the act is: as declared, or more, by what it is called and given.
    pub assessment: Assessment,
    /// The endpoint's circuit breaker.
    pub breaker: Breaker,
    /// Whether a person said yes to this exact act.
    pub approved: bool,
    /// The rules the act is put to: each set has to permit it.
    pub books: &'e [comity_rules::Rules],
    /// Who acts.
    pub actor: &'e Actor,
    /// What was done in the run so far, by target. Empty where there are no rules to look at it.
    pub acts: ActsByTarget,
    /// The present.
    pub now: Timestamp,
    /// The account the hold did not fit, if it was tried and refused.
    pub shortfall: Option<Shortfall>,
}

/// An account that a hold did not fit.
#[derive(Clone, Debug)]
pub struct Shortfall {
    /// What people call it.
    pub account: String,
    /// The unit that is short.
    pub unit: Unit,
    /// What is left.
    pub left: Amounts,
    /// The cap.
    pub caps: Amounts,
    /// Whether the account takes no holds at all.
    pub frozen: bool,
}

impl Shortfall {
    /// The first unit in which a hold does not fit an account.
    pub(crate) fn of(cell: &comity_store::AccountCell, unit: Unit) -> Self {
        let (account, left, caps, frozen) = (cell.label.to_string(), cell.left(), cell.caps, cell.frozen);
        Self { account, unit, left, caps, frozen }
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing against it.
    Pass,
    /// A person has to decide, and why.
    Hold(ReasonCode, String),
    /// It must not happen, and why.
    Deny(ReasonCode, String),
}

/// A check that could not decide, and why. It counts as a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided(pub String);

/// One decision.
pub struct Check {
    /// Its name in entries and output.
    pub name: &'static str,
    /// The decision itself.
    pub decide: fn(&Step, &Evidence<'_>) -> Result<Finding, Undecided>,
}

/// Every check, in alphabetical order. Deny overrides hold, and hold overrides pass; among equals the
/// first speaks.
pub const CHECKS: &[Check] = &[
    approval::CHECK,
    breaker::CHECK,
    budget::CHECK,
    deadline::CHECK,
    depth::CHECK,
    input_size::CHECK,
    risk::CHECK,
    rules::CHECK,
    step_limit::CHECK,
    taint::CHECK,
];

/// What all checks together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What each check said, by name.
    pub marks: Vec<CheckMark>,
    /// The strongest finding.
    pub finding: Finding,
}

/// Asks every check. One that cannot decide denies.
pub fn judge(step: &Step, evidence: &Evidence<'_>) -> Judgement {
    judge_with(CHECKS, step, evidence)
}

fn judge_with(checks: &[Check], step: &Step, evidence: &Evidence<'_>) -> Judgement {
    let mut marks = Vec::with_capacity(checks.len());
    let mut strongest = Finding::Pass;
    for check in checks.iter().filter(|check| !control::is_off(check.name)) {
        let finding = (check.decide)(step, evidence).unwrap_or_else(|Undecided(why)| {
            Finding::Deny(ReasonCode::CheckError, format!("check `{}` could not decide: {why}", check.name))
        });
        marks.push(CheckMark(check.name.into(), verdict(&finding)));
        if rank(&finding) > rank(&strongest) {
            strongest = finding;
        }
    }
    if let (Some(short), false) = (&evidence.shortfall, matches!(strongest, Finding::Deny(..))) {
        // Nothing was reserved, and no check says why: asked again, it would come to the same.
        let why = format!("`{}` is short of {:?}, and no check said so", short.account, short.unit);
        strongest = Finding::Deny(ReasonCode::CheckError, why);
    }
    Judgement { marks, finding: strongest }
}

fn verdict(finding: &Finding) -> Verdict {
    match finding {
        Finding::Pass => Verdict::Pass,
        Finding::Hold(..) => Verdict::Hold,
        Finding::Deny(..) => Verdict::Deny,
    }
}

fn rank(finding: &Finding) -> u8 {
    match finding {
        Finding::Pass => 0,
        Finding::Hold(..) => 1,
        Finding::Deny(..) => 2,
    }
}

#[cfg(test)]
mod tests;
