//! Keys at the top of a file, of its edges, of the shared context and of the choice of models.

use super::{Form, KeyDoc, POLICY, Place, Refused, key};

/// The file itself.
pub(crate) static TOP: Place = Place {
    name: "the file",
    about: "The top of a workflow file.",
    keys: &[
        key("name", Form::Text, "What people call the workflow: 1 to 200 characters of one line.")
            .default("none, with a warning"),
        key("version", Form::Version, "The version of this language.").default("`1`"),
        key("metadata", Form::AnyMap, "What the file says about itself; it is kept, and steers nothing.")
            .default("empty"),
        key("policy", Form::Map(&POLICY), "The limits that the workflow runs under.")
            .default("the default of each limit"),
        key("context_bus", Form::Map(&CONTEXT_BUS), "Gives every step the context that steps share.")
            .default("steps see the outputs of the steps right before them"),
        key("model_router", Form::Map(&MODEL_ROUTER), "Which model agents take that name none.")
            .default("the model of the agent's role"),
        key("tools", Form::Tools, "What agents may call, by name.").default("nothing"),
        key("nodes", Form::Steps, "The steps: a map by name, or a list of maps with an `id`.").required(),
        key("edges", Form::Edges, "Which step waits for which: `a -> b`, chains of them, or maps.")
            .default("no step waits for another"),
        key("loop_edges", Form::List(&LOOP_EDGE), "Where the walk goes back, and under which condition.")
            .default("nowhere"),
        key("entry", Form::Name, "The one step that the walk begins with.")
            .default("every step that waits for nothing"),
        key("terminal", Form::NameOrNames, "The steps whose outputs are the output of the run.")
            .default("every step that nothing waits for"),
    ],
    refused: &[Refused { name: "compliance", may_be_off: false }],
};

/// An edge that is written as a map.
pub(crate) static EDGE: Place = Place {
    name: "an edge",
    about: "An item of `edges` that is written as a map. Without a condition, `from -> to` says the same.",
    keys: &[FROM, TO, key("condition", Form::Condition, "When the edge is followed.").default("always")],
    refused: &[],
};

/// A way back.
pub(crate) static LOOP_EDGE: Place = Place {
    name: "a loop edge",
    about: "An item of `loop_edges`: after `from`, the steps from `to` to `from` are run again.",
    keys: &[
        key("from", Form::Name, "The step whose end decides.").required(),
        key("to", Form::Name, "The step that is gone back to: `from` itself, or a step it waits for.")
            .required(),
        key("condition", Form::Condition, "When the walk goes back.").required(),
        key("max_iterations", Form::Count(1, 10_000), "How often at most.").default("10"),
    ],
    refused: &[],
};

const FROM: KeyDoc = key("from", Form::Name, "The step that has to end first.").required();
const TO: KeyDoc = key("to", Form::Name, "The step that waits.").required();

/// The shared context.
pub(crate) static CONTEXT_BUS: Place = Place {
    name: "`context_bus`",
    about: "The context that steps share. An empty map turns it on.",
    keys: &[key(
        "merge_strategies",
        Form::WordMap(MERGES),
        "How values that several steps write under one key come together, by key.",
    )
    .default("`overwrite` for every key")],
    refused: &[],
};

/// How values under one key come together.
const MERGES: &[&str] = &["overwrite", "append", "select_highest_confidence", "logical_and", "logical_or"];

/// The choice of models.
pub(crate) static MODEL_ROUTER: Place = Place {
    name: "`model_router`",
    about: "Which model agents take that name none, by the size of what they are asked.",
    keys: &[
        key("fallback", Form::Word(SIZES), "The tier when no other fits; it has to be one of `tiers`.")
            .default("`medium`"),
        key("tiers", Form::Map(&TIERS), "The models.").required(),
    ],
    refused: &[],
};

const SIZES: &[&str] = &["small", "medium", "large"];

/// Models by tier.
pub(crate) static TIERS: Place = Place {
    name: "`tiers`",
    about: "A model for each size of question.",
    keys: &[
        key("small", Form::Text, "The model for short questions.").default("the fallback's"),
        key("medium", Form::Text, "The model for questions of middling size.").default("the fallback's"),
        key("large", Form::Text, "The model for long questions.").default("the fallback's"),
    ],
    refused: &[],
};
