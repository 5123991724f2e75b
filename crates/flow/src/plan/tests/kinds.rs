//! Kinds of step for tests: those of this room, and stand-ins for those of others.

use comity_core::{KeySpec, KindSpec, RiskTier, Shape, StepKind};

const fn key(name: &'static str, shape: Shape, required: bool) -> KeySpec {
    KeySpec { name, shape, required, about: "What it is for." }
}

pub(crate) static COMMAND: KindSpec = KindSpec {
    name: "command",
    step: StepKind::ToolCall,
    risk: RiskTier::ExternalIo,
    idempotent: false,
    keys: &[
        key("argv", Shape::Texts, true),
        key("cwd", Shape::Text, false),
        key("shell", Shape::Flag, false),
        key("max_bytes", Shape::Count, false),
    ],
    about: "Runs a program.",
};

pub(crate) static PERSON: KindSpec = KindSpec {
    name: "person",
    step: StepKind::HumanDecision,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[],
    about: "Asks a person.",
};

static HUMAN: KindSpec = KindSpec { name: "human", keys: &[key("prompt", Shape::Text, false)], ..PERSON };

static ECHO: KindSpec = KindSpec {
    name: "echo",
    step: StepKind::ToolCall,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[key("delay_ms", Shape::Count, false), key("text", Shape::Text, false)],
    about: "Says what it is told.",
};

static HTTP: KindSpec = KindSpec {
    name: "http",
    step: StepKind::ToolCall,
    risk: RiskTier::ExternalIo,
    idempotent: false,
    keys: &[
        key("url", Shape::Text, true),
        key("method", Shape::Word(&["get", "post"]), false),
        key("headers", Shape::Any, false),
        key("body", Shape::Any, false),
    ],
    about: "Calls an address.",
};

static NATIVE: KindSpec = KindSpec {
    name: "native",
    step: StepKind::AgentTurn,
    risk: RiskTier::ReadOnly,
    idempotent: false,
    keys: &[
        key("role", Shape::Text, false),
        key("model", Shape::Text, false),
        key("prompt", Shape::Text, false),
        key("attachments", Shape::Any, false),
        key("tools", Shape::Texts, false),
        key("max_turns", Shape::Count, false),
        key("max_output_tokens", Shape::Count, false),
        key("seed", Shape::Count, false),
        key("sandbox", Shape::Flag, false),
    ],
    about: "An agent.",
};

/// All of them.
pub(crate) static ALL: &[&KindSpec] =
    &[&COMMAND, &ECHO, &HTTP, &HUMAN, &NATIVE, &crate::kinds::SUBGRAPH, &crate::kinds::TIMER];

/// Files that are right, by name.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("comments", include_str!("../../../tests/files/comments.yaml")),
    ("hub", include_str!("../../../tests/files/hub.yaml")),
    ("list", include_str!("../../../tests/files/list.yaml")),
    ("research", include_str!("../../../tests/files/research.yaml")),
    ("times", include_str!("../../../tests/files/times.yaml")),
];
