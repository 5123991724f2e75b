//! The `policy` of a file: limits that the gate enforces, how the walk is steered, and defaults of steps.

use super::{
    fields::Fields,
    table::{BREAKER, POLICY},
};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::{Control, OnTimeout},
    tree::{Body, Entry, Mark},
};
use comity_govern::{BreakerPolicy, OnTaint, Policy};

/// What steps take over that do not say themselves.
pub(super) struct Defaults {
    pub(super) on_timeout: OnTimeout,
    /// Where the file says what becomes of steps out of time.
    pub(super) on_timeout_mark: Mark,
    pub(super) max_retries: u32,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { on_timeout: OnTimeout::Fail, on_timeout_mark: Mark::START, max_retries: 3 }
    }
}

/// Reads the limits over the defaults. A limit that cannot be read is reported and keeps its default.
pub(super) fn read(entry: &Entry, control: &mut Control, findings: &mut Findings) -> (Policy, Defaults) {
    let mut policy = Policy::default();
    let mut defaults = Defaults::default();
    if let Body::Scalar(scalar) = &entry.value.body
        && !scalar.is_null()
    {
        let message = format!("the posture {} is not enforced yet by this build", quote(&scalar.text));
        let help = "postures come with policy as code; write the limits out, as a map";
        findings.advise(Code::UNENFORCED_POLICY, entry.value.mark, message, help);
        return (policy, defaults);
    }
    let Some(fields) = Fields::open(&entry.value, &POLICY, entry.key_mark, findings) else {
        return (policy, defaults);
    };
    limits(&mut policy, &fields, findings);
    let rules = fields.names("rules", findings);
    control.rules = rules.into_iter().map(|(name, mark)| (name.to_owned(), mark.place())).collect();
    put(&mut control.max_replans, fields.small("max_replans", findings));
    put(&mut control.max_forecast, fields.money("max_forecast_usd", findings).map(Some));
    put(&mut defaults.max_retries, fields.small("max_retries", findings));
    if let Some(entry) = fields.entry("step_timeout_action") {
        let word = fields.word("step_timeout_action", findings);
        put(&mut defaults.on_timeout, word.map(on_timeout));
        defaults.on_timeout_mark = entry.value.mark;
    }
    (policy, defaults)
}

/// What a word of the table stands for.
pub(super) fn on_timeout(word: &str) -> OnTimeout {
    match word {
        "skip" => OnTimeout::Skip,
        "retry" => OnTimeout::Retry,
        _ => OnTimeout::Fail,
    }
}

fn limits(policy: &mut Policy, fields: &Fields<'_>, findings: &mut Findings) {
    put(&mut policy.budget_usd, fields.money("budget_usd", findings));
    put(&mut policy.budget_tokens, fields.count("budget_tokens", findings));
    put(&mut policy.budget_seconds, fields.count("budget_seconds", findings).map(Some));
    put(&mut policy.max_steps, fields.count("max_steps", findings));
    put(&mut policy.timeout, fields.seconds("timeout_s", findings));
    put(&mut policy.step_timeout, fields.seconds("step_timeout_s", findings).map(Some));
    put(&mut policy.max_input_bytes, fields.count("max_input_bytes", findings));
    put(&mut policy.max_risk_tier, fields.tier("max_risk_tier", findings));
    put(&mut policy.human_approval_tier, fields.tier_or_none("human_approval_tier", findings));
    put(&mut policy.approval_timeout, fields.seconds("approval_timeout_s", findings));
    let on_taint = match fields.word("on_taint", findings) {
        Some("allow") => OnTaint::Allow,
        Some("hold") => OnTaint::Hold,
        Some(_) => OnTaint::Deny,
        // Where people decide, they decide about this too.
        None if policy.human_approval_tier.is_some() => OnTaint::Hold,
        None => OnTaint::Deny,
    };
    policy.on_taint = on_taint;
    if let Some(entry) = fields.entry("breaker") {
        breaker(&mut policy.breaker, entry, findings);
    }
}

fn breaker(breaker: &mut BreakerPolicy, entry: &Entry, findings: &mut Findings) {
    let fields = Fields::open(&entry.value, &BREAKER, entry.key_mark, findings).unwrap_or_default();
    put(&mut breaker.threshold, fields.small("threshold", findings));
    put(&mut breaker.window, fields.seconds("window_s", findings));
    put(&mut breaker.open, fields.seconds("open_s", findings));
}

fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}
