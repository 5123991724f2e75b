//! Every act is put to the rules of its policy: one set of the run, and one of each workflow around it.

use super::{Check, Evidence, Finding, Undecided};
use comity_core::{ReasonCode, Step, Tenant};
use comity_rules::{Circumstances, Question, Ruling, Spoken, Target};
use std::collections::BTreeSet;

/// Milliseconds in an hour and in a day.
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// The check.
pub const CHECK: Check = Check { name: "rules", decide };

fn decide(step: &Step, evidence: &Evidence<'_>) -> Result<Finding, Undecided> {
    if evidence.books.is_empty() {
        return Ok(Finding::Pass);
    }
    if !evidence.acts.counts(&step.target) {
        return Err(Undecided("the run has acted on more targets than are counted".to_owned()));
    }
    let (target, how) = (target(step, &evidence.actor.tenant), how(step, evidence));
    let question = Question { actor: evidence.actor, kind: step.kind, target: &target, how: &how };
    let mut finding = Finding::Pass;
    for book in evidence.books {
        let ruling = book.ask(&question).map_err(|error| Undecided(error.to_string()))?;
        match found(step, evidence, ruling)? {
            Finding::Pass => {}
            held @ Finding::Hold(..) => finding = held,
            denied @ Finding::Deny(..) => return Ok(denied),
        }
    }
    Ok(finding)
}

fn found(step: &Step, evidence: &Evidence<'_>, ruling: Ruling) -> Result<Finding, Undecided> {
    Ok(match ruling {
        Ruling::Permit(_) => Finding::Pass,
        Ruling::Hold(_) if evidence.approved => Finding::Pass,
        Ruling::Hold(rules) => {
            let why = format!("a person decides about step `{}`: {}", step.name, words(&rules));
            Finding::Hold(ReasonCode::ApprovalRequired, why)
        }
        Ruling::Forbid(rules) => {
            Finding::Deny(ReasonCode::Policy, format!("step `{}` is forbidden: {}", step.name, words(&rules)))
        }
        Ruling::Silent => Finding::Deny(
            ReasonCode::Policy,
            format!("no rule permits step `{}` on `{}`", step.name, step.target),
        ),
        Ruling::Broken(rules) => return Err(Undecided(words(&rules))),
    })
}

/// The first rule in words, and how many more there are.
fn words(rules: &[Spoken]) -> String {
    let first = rules.first().map_or_else(String::new, |spoken| match spoken.words.is_empty() {
        true => format!("rule `{}`", spoken.rule),
        false => format!("{} (rule `{}`)", spoken.words, spoken.rule),
    });
    match rules.len() {
        0 | 1 => first,
        more => format!("{first} and {} more", more - 1),
    }
}

fn target(step: &Step, tenant: &Tenant) -> Target {
    let kind = step.endpoint.split(':').next().unwrap_or_default();
    Target {
        name: step.target.to_string(),
        kind: kind.to_owned(),
        endpoint: step.endpoint.to_string(),
        tenant: tenant.clone(),
    }
}

fn how(step: &Step, evidence: &Evidence<'_>) -> Circumstances {
    let names = |which: fn(&super::Acts) -> bool| -> BTreeSet<String> {
        let named = evidence.acts.iter().filter(|(_, acts)| which(acts));
        named.map(|(name, _)| name.to_owned()).collect()
    };
    let days = evidence.now.millis() / DAY;
    Circumstances {
        step: step.name.to_string(),
        risk: evidence.assessment.tier,
        declared_risk: step.risk,
        tainted: step.taint.is_tainted(),
        approved: evidence.approved,
        idempotent: step.idempotent,
        depth: evidence.depth,
        attempt: evidence.attempt,
        most_micro_usd: step.bound.micro_usd,
        most_tokens: step.bound.tokens,
        input_bytes: step.input.len() as u64,
        steps_so_far: evidence.acts.iter().map(|(_, acts)| acts.times).sum(),
        elapsed_s: evidence.elapsed.as_secs(),
        hour_utc: u8::try_from(evidence.now.millis() % DAY / HOUR).unwrap_or_default(),
        // The first of January 1970 was a Thursday.
        weekday: u8::try_from((days + 3) % 7 + 1).unwrap_or_default(),
        done: names(|acts| acts.settled),
        approved_acts: names(|acts| acts.approved),
        times_in_run: evidence.acts.of(&step.target).times,
    }
}
