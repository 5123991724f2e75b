//! The limits that decisions are made under. Every field here is read by a check or by an account.

use comity_core::{Amounts, Digest, MicroUsd, RiskTier};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Limits of one run, as data. Pinned in the run's opening entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Money the run may spend.
    pub budget_usd: MicroUsd,
    /// Tokens the run may spend.
    pub budget_tokens: u64,
    /// Seconds of effect time the run may spend, summed over its steps; `None` is no cap.
    pub budget_seconds: Option<u64>,
    /// Steps the run may take, nested ones included.
    pub max_steps: u64,
    /// Wall-clock time the run may take; waiting for a person does not count.
    pub timeout: Duration,
    /// Time one step may take when it does not say itself.
    pub step_timeout: Option<Duration>,
    /// Largest input of a step, in bytes.
    pub max_input_bytes: u64,
    /// The most harmful tier that may happen at all.
    pub max_risk_tier: RiskTier,
    /// From this tier upward a person decides; `None` asks nobody.
    pub human_approval_tier: Option<RiskTier>,
    /// How long a person may take to decide.
    pub approval_timeout: Duration,
    /// What becomes of an act that reaches outside and whose input is not trusted.
    pub on_taint: OnTaint,
    /// When an endpoint that keeps failing is left alone.
    pub breaker: BreakerPolicy,
    /// Rules that every act is put to. Without any, limits alone decide.
    pub rules: Vec<comity_rules::File>,
}

/// What becomes of an act that reaches outside and whose input is not trusted. The stricter one is the greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnTaint {
    /// It happens.
    Allow,
    /// A person decides.
    Hold,
    /// It is refused.
    Deny,
}

/// When a circuit breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures inside the window that open it.
    pub threshold: u32,
    /// The window.
    pub window: Duration,
    /// How long it stays open before one step may try again.
    pub open: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { threshold: 5, window: Duration::from_secs(60), open: Duration::from_secs(30) }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            budget_usd: MicroUsd::new(1_000_000),
            budget_tokens: 500_000,
            budget_seconds: None,
            max_steps: 50,
            timeout: Duration::from_secs(300),
            step_timeout: None,
            max_input_bytes: 1 << 20,
            max_risk_tier: RiskTier::Irreversible,
            human_approval_tier: None,
            approval_timeout: Duration::from_secs(86_400),
            on_taint: OnTaint::Deny,
            breaker: BreakerPolicy::default(),
            rules: Vec::new(),
        }
    }
}

impl Policy {
    /// The caps of the run's account.
    pub fn caps(&self) -> Amounts {
        Amounts {
            micro_usd: self.budget_usd.micros(),
            millis: self.budget_seconds.map_or(Amounts::MAX, |s| s.saturating_mul(1000).min(Amounts::MAX)),
            steps: self.max_steps.min(Amounts::MAX),
            tokens: self.budget_tokens.min(Amounts::MAX),
        }
    }

    /// What holds where both hold: of each limit the stricter one. The caps of accounts and the run's own
    /// time stay as they are here: `other` has a hold and a time of its own.
    pub fn stricter(&self, other: &Self) -> Self {
        fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            step_timeout: least(self.step_timeout, other.step_timeout),
            max_input_bytes: self.max_input_bytes.min(other.max_input_bytes),
            max_risk_tier: self.max_risk_tier.min(other.max_risk_tier),
            human_approval_tier: least(self.human_approval_tier, other.human_approval_tier),
            approval_timeout: self.approval_timeout.min(other.approval_timeout),
            on_taint: self.on_taint.max(other.on_taint),
            breaker: BreakerPolicy {
                threshold: self.breaker.threshold.min(other.breaker.threshold),
                window: self.breaker.window.max(other.breaker.window),
                open: self.breaker.open.max(other.breaker.open),
            },
            ..self.clone()
        }
    }

    /// The policy as canonical JSON: what is recorded, and what its digest is taken of.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&Recorded::from(self)).unwrap_or_default()
    }

    /// Reads what [`Policy::to_json`] wrote. Errors name the first thing that does not fit.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let recorded: Recorded = serde_json::from_slice(bytes)?;
        recorded.into_policy().ok_or_else(|| serde::de::Error::custom("a risk tier is a number from 1 to 4"))
    }

    /// Names this exact set of limits in every decision.
    pub fn digest(&self) -> Digest {
        Digest::of(&[b"comity/policy/v1\n", &self.to_json()])
    }
}

/// The recorded form: integers only, fields in canonical order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    approval_timeout_ms: u64,
    breaker_open_ms: u64,
    breaker_threshold: u32,
    breaker_window_ms: u64,
    budget_micro_usd: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    budget_seconds: Option<u64>,
    budget_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    human_approval_tier: Option<u8>,
    max_input_bytes: u64,
    max_risk_tier: u8,
    max_steps: u64,
    /// Runs from before there was such a thing go on as they were.
    #[serde(default = "allow")]
    on_taint: OnTaint,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    rules: Vec<RuleFile>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    step_timeout_ms: Option<u64>,
    timeout_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    text: String,
}

fn allow() -> OnTaint {
    OnTaint::Allow
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(Amounts::MAX).min(Amounts::MAX)
}

impl From<&Policy> for Recorded {
    fn from(policy: &Policy) -> Self {
        Self {
            approval_timeout_ms: millis(policy.approval_timeout),
            breaker_open_ms: millis(policy.breaker.open),
            breaker_threshold: policy.breaker.threshold,
            breaker_window_ms: millis(policy.breaker.window),
            budget_micro_usd: policy.budget_usd.micros(),
            budget_seconds: policy.budget_seconds,
            budget_tokens: policy.budget_tokens,
            human_approval_tier: policy.human_approval_tier.map(RiskTier::level),
            max_input_bytes: policy.max_input_bytes,
            max_risk_tier: policy.max_risk_tier.level(),
            max_steps: policy.max_steps,
            on_taint: policy.on_taint,
            rules: policy
                .rules
                .iter()
                .map(|file| RuleFile { name: file.name.clone(), text: file.text.clone() })
                .collect(),
            step_timeout_ms: policy.step_timeout.map(millis),
            timeout_ms: millis(policy.timeout),
        }
    }
}

impl Recorded {
    fn into_policy(self) -> Option<Policy> {
        let human_approval_tier = match self.human_approval_tier {
            Some(level) => Some(RiskTier::from_level(level)?),
            None => None,
        };
        Some(Policy {
            budget_usd: MicroUsd::new(self.budget_micro_usd),
            budget_tokens: self.budget_tokens,
            budget_seconds: self.budget_seconds,
            max_steps: self.max_steps,
            timeout: Duration::from_millis(self.timeout_ms),
            step_timeout: self.step_timeout_ms.map(Duration::from_millis),
            max_input_bytes: self.max_input_bytes,
            max_risk_tier: RiskTier::from_level(self.max_risk_tier)?,
            human_approval_tier,
            approval_timeout: Duration::from_millis(self.approval_timeout_ms),
            on_taint: self.on_taint,
            rules: self
                .rules
                .into_iter()
                .map(|RuleFile { name, text }| comity_rules::File { name, text })
                .collect(),
            breaker: BreakerPolicy {
                threshold: self.breaker_threshold,
                window: Duration::from_millis(self.breaker_window_ms),
                open: Duration::from_millis(self.breaker_open_ms),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_reads_back() {
        let policy = Policy {
            budget_seconds: Some(7),
            human_approval_tier: Some(RiskTier::ExternalIo),
            step_timeout: Some(Duration::from_millis(1500)),
            ..Policy::default()
        };
        assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
        assert_ne!(policy.digest(), Policy::default().digest());
    }
}
