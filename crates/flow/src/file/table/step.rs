//! Keys that steps and tools have whatever their kind, and other spellings of the keys of kinds.

use super::{Form, KeyDoc, Place, key};

const KIND: KeyDoc = key("kind", Form::Kind, "Who does it.").required();
const RISK: KeyDoc = key(
    "risk",
    Form::Tier,
    "Declared impact: `read-only`, `internal`, `external-io`, `irreversible`, or 1 to 4.",
)
.default("the kind's");
const TIMEOUT: KeyDoc = key("timeout_s", Form::Seconds, "Seconds it may take each time.")
    .default("`step_timeout_s` of the policy");
const IDEMPOTENT: KeyDoc =
    key("idempotent", Form::Flag, "Whether doing it twice does what doing it once does.")
        .default("the kind's");
/// Whence an output comes; `untrusted` is from anywhere.
const TRUST: &[&str] = &["trusted", "untrusted", "web", "external", "retrieved"];
const PRICE: KeyDoc = key(
    "price_usd",
    Form::Money,
    "What it costs each time. Not for steps that only hold other steps, nor for timers.",
)
.default("0");

/// A step.
pub(crate) static STEP: Place = Place {
    name: "a step",
    about: "Keys that steps of every kind have. The keys of its kind stand beside them.",
    keys: &[
        KIND,
        RISK,
        IDEMPOTENT,
        PRICE,
        key("trust", Form::Word(TRUST), "Whether what it produces is trusted, and if not, where it comes from. What is made of it is as little trusted.").default("`trusted`"),
        TIMEOUT,
        key("on_timeout", Form::Word(&["fail", "skip", "retry"]), "What becomes of it when its time is over: `skip` passes it over, `retry` tries it again as after a failure. Only an idempotent step may be skipped or tried again.")
            .default("`step_timeout_action` of the policy"),
        key("retry_on_fail", Form::Flag, "Whether it is tried again when it failed.").default("`false`, unless `max_retries` is given"),
        key("max_retries", Form::Count(0, 100), "Tries after the first.").default("`max_retries` of the policy, if it is tried again at all"),
        key("retry_backoff_s", Form::Seconds, "Seconds before the second try; each further wait is twice as long.").default("1"),
        key("retry_max_backoff_s", Form::Seconds, "The longest wait between two tries, in seconds.").default("60"),
        key("output_schema", Form::AnyMap, "What its output has to look like: a JSON Schema.").default("anything"),
        key("tools", Form::Names, "What it may call, by name. Only for agents.").default("nothing"),
        key("routes", Form::Names, "Steps that its output may name as `next_node`.").default("none"),
    ],
    refused: &[],
};

/// A tool.
pub(crate) static TOOL: Place = Place {
    name: "a tool",
    about: "Keys that tools of every kind have. The keys of its kind stand beside them.",
    keys: &[
        KIND,
        key("about", Form::Text, "What it does, for the agent that may call it.")
            .also("description")
            .default("the kind's"),
        RISK,
        IDEMPOTENT,
        PRICE,
        key("trust", Form::Word(TRUST), "Whether its answers are trusted, and if not, where they come from.")
            .default("`untrusted`"),
        TIMEOUT,
    ],
    refused: &[],
};

/// A nested spelling of keys of agents.
pub(crate) static AGENT: Place = Place {
    name: "`agent`",
    about: "Another spelling of `role` and `model` in steps of kinds that have these keys.",
    keys: &[
        key("role", Form::Text, "The key `role` of the step."),
        key("model", Form::Text, "The key `model` of the step."),
    ],
    refused: &[],
};

/// Another spelling of a key of a kind; empty if there is none.
pub(crate) fn alias(name: &str) -> &'static str {
    if name == "prompt" { "task_description" } else { "" }
}

/// Kinds that a later package brings, and which.
pub(crate) const LATER_KINDS: &[(&str, &str)] = &[
    ("autogen", "the Python package `comity`"),
    ("crewai", "the Python package `comity`"),
    ("langgraph", "the Python package `comity`"),
    ("mcp", "the package `comity-mcp`"),
    ("python", "the Python package `comity`"),
];
