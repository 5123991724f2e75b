//! Kinds of step that this room declares itself: they are about other flows and about time.

use comity_core::{KeySpec, KindSpec, RiskTier, Shape, StepKind};

/// The kinds.
pub const KINDS: &[&KindSpec] = &[&SUBGRAPH, &TIMER];

/// A workflow within a workflow.
pub static SUBGRAPH: KindSpec = KindSpec {
    name: "subgraph",
    step: StepKind::Workflow,
    risk: RiskTier::Internal,
    idempotent: true,
    keys: &[KeySpec {
        name: "workflow",
        shape: Shape::Text,
        required: true,
        about: "Path of the other workflow file, from the folder of this one.",
    }],
    about: "Runs another workflow as one step, with an account and a lineage of its own.",
};

/// A moment that is waited for.
pub static TIMER: KindSpec = KindSpec {
    name: "timer",
    step: StepKind::Timer,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[
        timer_key("after_s", Shape::Seconds, "Seconds to wait from the moment the step begins."),
        timer_key(
            "until",
            Shape::Text,
            "The moment to wait for, as RFC 3339 writes it: `2026-01-31T09:00:00Z`.",
        ),
        timer_key(
            "cron",
            Shape::Text,
            "The next moment that this schedule of five fields names is waited for.",
        ),
        timer_key("timezone", Shape::Text, "The time zone that `cron` is read in; UTC if nothing is said."),
    ],
    about: "Waits, durably, for one of `after_s`, `until` and `cron`.",
};

const fn timer_key(name: &'static str, shape: Shape, about: &'static str) -> KeySpec {
    KeySpec { name, shape, required: false, about }
}
