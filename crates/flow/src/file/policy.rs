//! The `policy` of a file: limits that the gate enforces, and a refusal of those it does not.

use super::keys;
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    tree::{Entry, Node},
    value::{self, Wrong},
};
use comity_core::{Amounts, RiskTier};
use comity_govern::{BreakerPolicy, Policy};

/// Keys that the gate enforces.
const KEYS: &[&str] = &[
    "approval_timeout_s",
    "breaker",
    "budget_seconds",
    "budget_tokens",
    "budget_usd",
    "human_approval_tier",
    "max_input_bytes",
    "max_risk_tier",
    "max_steps",
    "step_timeout_s",
    "timeout_s",
];

/// Keys that promise protection this build does not give. To ignore one would be to lie.
const UNENFORCED: &[&str] = &[
    "allowed_tools",
    "carbon_budget_g",
    "collusion",
    "cross_run",
    "deterministic_gate",
    "environmental",
    "guardian",
    "immutable_audit",
    "max_forecast_usd",
    "max_output_chars",
    "max_replans",
    "max_retries",
    "mode",
    "models",
    "rate_limit",
    "require_citations",
    "require_evidence",
    "require_human_review",
    "scrub_phi",
    "step_timeout_action",
    "uncertainty",
    "validate_handoffs",
];

const BREAKER_KEYS: &[&str] = &["open_s", "threshold", "window_s"];

/// Reads the limits over the defaults. A limit that cannot be read is reported and keeps its default.
pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Policy {
    let mut policy = Policy::default();
    let entries = findings.value(entry, value::map(&entry.value, "a map of limits"));
    for entry in entries.unwrap_or_default() {
        let key = entry.key.as_str();
        if KEYS.contains(&key) {
            set(&mut policy, entry, findings);
        } else if UNENFORCED.contains(&key) || key.starts_with("enable_") {
            let message = format!("policy key {} is not enforced yet by this build", quote(key));
            findings.report(Code::UNENFORCED_POLICY, entry.key_mark, message);
        } else {
            keys::refuse_unknown(entry, "in `policy`", KEYS.iter().copied(), findings);
        }
    }
    policy
}

fn set(policy: &mut Policy, entry: &Entry, findings: &mut Findings) {
    let node = &entry.value;
    match entry.key.as_str() {
        "budget_usd" => put(&mut policy.budget_usd, findings.value(entry, value::money(node))),
        "budget_tokens" => {
            put(&mut policy.budget_tokens, findings.value(entry, value::count(node, 0..=Amounts::MAX)));
        }
        "budget_seconds" => {
            let most = Amounts::MAX / 1000;
            put(&mut policy.budget_seconds, findings.value(entry, value::count(node, 0..=most)).map(Some));
        }
        "max_steps" => {
            put(&mut policy.max_steps, findings.value(entry, value::count(node, 1..=Amounts::MAX)));
        }
        "timeout_s" => put(&mut policy.timeout, findings.value(entry, value::seconds(node))),
        "step_timeout_s" => {
            put(&mut policy.step_timeout, findings.value(entry, value::seconds(node)).map(Some));
        }
        "max_input_bytes" => {
            put(&mut policy.max_input_bytes, findings.value(entry, value::count(node, 1..=Amounts::MAX)));
        }
        "max_risk_tier" => put(&mut policy.max_risk_tier, findings.value(entry, value::tier(node))),
        "human_approval_tier" => {
            put(&mut policy.human_approval_tier, findings.value(entry, tier_or_none(node)));
        }
        "approval_timeout_s" => {
            put(&mut policy.approval_timeout, findings.value(entry, value::seconds(node)));
        }
        "breaker" => policy.breaker = breaker(entry, findings),
        _ => keys::refuse_unknown(entry, "in `policy`", KEYS.iter().copied(), findings),
    }
}

fn breaker(entry: &Entry, findings: &mut Findings) -> BreakerPolicy {
    let mut breaker = BreakerPolicy::default();
    let entries = findings.value(entry, value::map(&entry.value, "a map")).unwrap_or_default();
    keys::refuse_stray(entries, "in `breaker`", BREAKER_KEYS, &[], findings);
    for entry in entries {
        let node = &entry.value;
        match entry.key.as_str() {
            "threshold" => put(&mut breaker.threshold, findings.value(entry, threshold(node))),
            "window_s" => put(&mut breaker.window, findings.value(entry, value::seconds(node))),
            "open_s" => put(&mut breaker.open, findings.value(entry, value::seconds(node))),
            _ => {}
        }
    }
    breaker
}

fn threshold(node: &Node) -> Result<u32, Wrong> {
    let threshold = value::count(node, 1..=u64::from(u32::MAX))?;
    u32::try_from(threshold).map_err(|_| Wrong::Shape("a whole number"))
}

fn tier_or_none(node: &Node) -> Result<Option<RiskTier>, Wrong> {
    let text = value::text(node);
    if matches!(text, Ok("none")) { Ok(None) } else { value::tier(node).map(Some) }
}

fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_enforced_key_is_read() {
        for key in KEYS {
            let mut findings = Findings::default();
            let source = format!("{key}: [wrong]\n");
            let root = crate::yaml::parse(&source, &mut findings).unwrap();
            let entry = Entry { key: "policy".into(), key_mark: root.mark, value: root };
            read(&entry, &mut findings);
            assert_eq!(findings.into_invalid().diagnostics[0].code, Code::SHAPE, "{key}");
        }
    }
}
