//! What each reason means, in plain words.

use comity_core::ReasonCode;

/// One reason in plain words.
#[derive(Debug)]
pub struct Words {
    /// The reason.
    pub reason: ReasonCode,
    /// What it means: the end of "because …".
    pub because: &'static str,
    /// Keys of the pinned policy that have to do with it.
    pub limits: &'static [&'static str],
    /// What would have to be otherwise for a new run to go on here; empty when nothing has to.
    pub change: &'static str,
}

const fn words(
    reason: ReasonCode,
    because: &'static str,
    limits: &'static [&'static str],
    change: &'static str,
) -> Words {
    Words { reason, because, limits, change }
}

/// Every reason, in the order of their enum.
pub const WORDS: &[Words] = &[
    words(
        ReasonCode::ApprovalRejected,
        "the person who was asked said no",
        &[],
        "run it again when the answer would be another",
    ),
    words(
        ReasonCode::ApprovalExpired,
        "nobody answered in time",
        &["approval_timeout_ms"],
        "run it again, and answer in time",
    ),
    words(
        ReasonCode::ApprovalRequired,
        "a person has to decide first",
        &["human_approval_tier", "approval_timeout_ms"],
        "",
    ),
    words(
        ReasonCode::AccountFrozen,
        "more was used on the run's account than was held for it, and nothing more is taken from it since",
        &[],
        "find out what used more than its price, then run it again",
    ),
    words(
        ReasonCode::BreakerOpen,
        "what it calls had failed so often that it was left alone for a while",
        &["breaker_threshold", "breaker_window_ms", "breaker_open_ms"],
        "run it again when what it calls works",
    ),
    words(
        ReasonCode::BudgetUsd,
        "the money that was left does not cover what it can cost",
        &["budget_micro_usd"],
        "raise `budget_usd`, or lower prices",
    ),
    words(
        ReasonCode::BudgetSeconds,
        "the time budget that was left does not cover it",
        &["budget_seconds"],
        "raise `budget_seconds`",
    ),
    words(
        ReasonCode::BudgetTokens,
        "the tokens that were left do not cover what it can use",
        &["budget_tokens"],
        "raise `budget_tokens`",
    ),
    words(
        ReasonCode::CheckError,
        "a check could not reach a decision, and what cannot be decided is refused",
        &[],
        "run it again when what the check needs is there",
    ),
    words(ReasonCode::Cancelled, "its caller went away before it began, so that nothing was done", &[], ""),
    words(ReasonCode::Deadline, "the run's time was over", &["timeout_ms"], "raise `timeout_s`"),
    words(
        ReasonCode::Depth,
        "steps were nested more deeply than they may be",
        &[],
        "nest fewer workflows and agents",
    ),
    words(ReasonCode::EffectFailed, "what it called said that it failed", &[], "mend what failed"),
    words(
        ReasonCode::EffectTimeout,
        "it did not end in time, and may have happened all the same",
        &["step_timeout_ms", "timeout_ms"],
        "give it more time with `timeout_s`",
    ),
    words(ReasonCode::EffectUnknown, "nobody saw how it ended", &[], "run it again"),
    words(ReasonCode::Edited, "a person replaced what was recorded", &[], ""),
    words(
        ReasonCode::InputSize,
        "it would have been given more than the policy lets a step be given",
        &["max_input_bytes"],
        "raise `max_input_bytes`, or hand less on",
    ),
    words(
        ReasonCode::RiskTier,
        "it can do more harm than the policy lets anything do",
        &["max_risk_tier"],
        "raise `max_risk_tier`, or do it in a way that risks less",
    ),
    words(
        ReasonCode::StepLimit,
        "the run had taken all the steps it may take",
        &["max_steps"],
        "raise `max_steps`",
    ),
    words(
        ReasonCode::Abandoned,
        "nobody could find out how it ended, and a person gave it up",
        &[],
        "run it again",
    ),
    words(
        ReasonCode::Unreachable,
        "no step that it waits for ended with a result",
        &[],
        "mend the step that was the first cause",
    ),
    words(ReasonCode::ConditionFalse, "none of the conditions on the edges that lead to it held", &[], ""),
    words(
        ReasonCode::ConditionUndecided,
        "a condition on an edge that leads from it could not be decided, and is not guessed",
        &[],
        "mend the condition, or let the step produce what it asks about",
    ),
    words(
        ReasonCode::LoopLimit,
        "its loop had not ended after the last pass that it may take",
        &[],
        "raise the loop's `max_iterations`, or mend its condition",
    ),
    words(ReasonCode::NestedWaiting, "a step nested in it waits, for a person or a moment", &[], ""),
    words(
        ReasonCode::Policy,
        "a rule of its policy forbids it, or none permits it",
        &[],
        "change the rule, or what is asked for: the message names the rule",
    ),
    words(
        ReasonCode::OutputSchema,
        "what it produced is not what its `output_schema` asks for",
        &[],
        "mend what it produces, or its `output_schema`",
    ),
    words(
        ReasonCode::ReplanLimit,
        "the run had been sent to other steps as often as it may be",
        &[],
        "raise `max_replans`",
    ),
    words(ReasonCode::Retry, "it failed, and will be tried again when its wait is over", &[], ""),
    words(
        ReasonCode::RouteUnknown,
        "it asked for a next step that is not among its `routes`",
        &[],
        "add that step to its `routes`, or mend what it asks for",
    ),
    words(
        ReasonCode::Tainted,
        "it reaches outside, and what it is given came from somebody who is not trusted",
        &["on_taint"],
        "let a person decide (`on_taint: hold`), or give it only what is trusted",
    ),
    words(ReasonCode::Timer, "the moment that it waits for has not come", &[], ""),
];

/// The words of a reason.
pub fn of(reason: ReasonCode) -> Option<&'static Words> {
    WORDS.iter().find(|words| words.reason == reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_explained_once_and_in_order() {
        let explained: Vec<ReasonCode> = WORDS.iter().map(|words| words.reason).collect();
        assert_eq!(explained, ReasonCode::ALL);
    }

    #[test]
    fn words_end_a_sentence_that_somebody_else_began() {
        for words in WORDS {
            for text in [words.because, words.change] {
                assert!(!text.ends_with('.') && !text.starts_with(char::is_uppercase), "{text}");
            }
            assert!(words.because.len() > 10, "{}", words.reason);
        }
    }
}
