//! Keys of `policy`, and those that it refuses because nobody would enforce them.

use super::{Form, Place, Refused, key};
use comity_core::Amounts;

/// The limits.
pub(crate) static POLICY: Place = Place {
    name: "`policy`",
    about: "Limits that the gate enforces, and defaults of steps. What is not enforced is refused.",
    keys: &[
        key("budget_usd", Form::Money, "Money the run may spend.").default("1.00"),
        key("budget_tokens", Form::Count(0, Amounts::MAX), "Tokens the run may spend.").default("500000"),
        key("budget_seconds", Form::Count(0, Amounts::MAX / 1000), "Seconds that steps may take together.")
            .default("no limit"),
        key(
            "max_forecast_usd",
            Form::Money,
            "The most the run may be forecast to cost, or it does not start.",
        )
        .default("no limit"),
        key("max_steps", Form::Count(1, Amounts::MAX), "Steps the run may take, nested ones included.")
            .default("50"),
        key("max_replans", Form::Count(0, 10_000), "How often steps may send the run to a step they choose.")
            .default("3"),
        key("timeout_s", Form::Seconds, "Seconds the run may take; waiting for a person does not count.")
            .default("300"),
        key("step_timeout_s", Form::Seconds, "Seconds a step may take that does not say itself.")
            .default("what is left of the run's time"),
        key(
            "step_timeout_action",
            Form::Word(&["fail", "skip", "retry"]),
            "What becomes of a step out of time that does not say itself with `on_timeout`.",
        )
        .default("`fail`"),
        key(
            "max_retries",
            Form::Count(0, 100),
            "Tries after the first of a step with `retry_on_fail: true`.",
        )
        .default("3"),
        key("max_input_bytes", Form::Count(1, Amounts::MAX), "Largest input of a step, in bytes.")
            .default("1048576"),
        key("max_risk_tier", Form::Tier, "The most harmful tier that may happen at all.")
            .default("`irreversible`"),
        key(
            "human_approval_tier",
            Form::TierOrNone,
            "From this tier upward a person decides; `none` asks nobody.",
        )
        .default("`none`"),
        key("approval_timeout_s", Form::Seconds, "Seconds a person may take to decide.").default("86400"),
        key("on_taint", Form::Word(&["allow", "hold", "deny"]), "What becomes of an act that reaches outside and whose input is not trusted: a person decides, or it is refused.")
            .default("`hold` with `human_approval_tier`, `deny` without"),
        key("rules", Form::Names, "Files of rules in Cedar, from this file's folder: every act has to be permitted by one of them and forbidden by none.")
            .default("limits alone decide"),
        key("breaker", Form::Map(&BREAKER), "When an endpoint that keeps failing is left alone.")
            .default("the default of each key"),
    ],
    refused: REFUSED,
};

/// The circuit breaker.
pub(crate) static BREAKER: Place = Place {
    name: "`breaker`",
    about: "When an endpoint that keeps failing is left alone, and for how long.",
    keys: &[
        key("threshold", Form::Count(1, 4_294_967_295), "Failures inside the window that open it.")
            .default("5"),
        key("window_s", Form::Seconds, "Seconds of the window.").default("60"),
        key("open_s", Form::Seconds, "Seconds it stays open before one step may try again.").default("30"),
    ],
    refused: &[],
};

/// To ignore one of these would be to lie. To say `false` of a switch is the truth.
const REFUSED: &[Refused] = &[
    value("allowed_tools"),
    value("carbon_budget_g"),
    switch("collusion"),
    switch("cross_run"),
    switch("deterministic_gate"),
    switch("environmental"),
    switch("guardian"),
    switch("immutable_audit"),
    value("max_output_chars"),
    value("mode"),
    value("models"),
    value("rate_limit"),
    switch("require_citations"),
    switch("require_evidence"),
    switch("require_human_review"),
    switch("scrub_phi"),
    switch("uncertainty"),
    switch("validate_handoffs"),
];

const fn switch(name: &'static str) -> Refused {
    Refused { name, may_be_off: true }
}

const fn value(name: &'static str) -> Refused {
    Refused { name, may_be_off: false }
}
