//! Why something was refused, held, failed or left open: one stable code each.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// A stable code that stands in entries, events and output. Codes are never renamed or reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ReasonCode { $($(#[$doc])* $name,)* }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is written.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

reasons! {
    /// The person who had to decide said no.
    ApprovalRejected = "approval.rejected",
    /// Nobody decided in time.
    ApprovalExpired = "approval.expired",
    /// A person has to decide first.
    ApprovalRequired = "approval.required",
    /// The account is frozen after a defect.
    AccountFrozen = "account.frozen",
    /// The circuit breaker of the endpoint is open.
    BreakerOpen = "breaker.open",
    /// The money left does not cover the act.
    BudgetUsd = "budget.usd",
    /// The time budget left does not cover the act.
    BudgetSeconds = "budget.seconds",
    /// The tokens left do not cover the act.
    BudgetTokens = "budget.tokens",
    /// A check could not reach a decision.
    CheckError = "check.error",
    /// The caller went away before the act began.
    Cancelled = "cancelled",
    /// The run's time is over.
    Deadline = "deadline",
    /// Steps are nested too deeply.
    Depth = "depth",
    /// The effect said it failed.
    EffectFailed = "effect.failed",
    /// The effect did not end in time, and may have happened.
    EffectTimeout = "effect.timeout",
    /// Nobody saw how the effect ended.
    EffectUnknown = "effect.unknown",
    /// A person replaced what was recorded.
    Edited = "edited",
    /// The input is larger than the policy allows.
    InputSize = "input.size",
    /// The act's risk tier is above what the policy allows.
    RiskTier = "risk.tier",
    /// The run has taken all the steps it may.
    StepLimit = "step.limit",
    /// A person gave up on finding out what happened.
    Abandoned = "abandoned",
    /// Nothing the step waits for can happen any more.
    Unreachable = "unreachable",
    /// No condition led to the step.
    ConditionFalse = "condition.false",
    /// A condition of the workflow could not be decided.
    ConditionUndecided = "condition.undecided",
    /// A loop had not ended after its last pass.
    LoopLimit = "loop.limit",
    /// A step nested in the step waits, for a person or a moment.
    NestedWaiting = "nested.waiting",
    /// A rule of the policy forbids it, or none permits it.
    Policy = "policy",
    /// The output is not what its schema asks for.
    OutputSchema = "output.schema",
    /// The run was sent to other steps more often than it may be.
    ReplanLimit = "replan.limit",
    /// The step failed, and will be tried again.
    Retry = "retry",
    /// The step asked for a next step that it may not name.
    RouteUnknown = "route.unknown",
    /// What the act is given came from somebody who is not trusted.
    Tainted = "tainted",
    /// The step waits for a moment.
    Timer = "timer",
}

impl ReasonCode {
    /// Reads a code as it is written.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }

    /// Whether the reason is that something ran out: such a run ends with "budget exhausted".
    pub const fn is_budget(self) -> bool {
        matches!(
            self,
            Self::BudgetUsd
                | Self::BudgetSeconds
                | Self::BudgetTokens
                | Self::StepLimit
                | Self::AccountFrozen
        )
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl serde::Serialize for ReasonCode {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.code())
    }
}

impl<'de> serde::Deserialize<'de> for ReasonCode {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        Self::from_code(&text).ok_or_else(|| serde::de::Error::custom(format!("unknown reason `{text}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_reads_back() {
        for reason in ReasonCode::ALL {
            assert_eq!(ReasonCode::from_code(reason.code()), Some(*reason));
        }
    }
}
