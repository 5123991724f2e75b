//! The keys of a native agent, and reading them once, into types.

use crate::Error;
use comity_core::{KeySpec, KindSpec, RiskTier, Shape, StepKind};
use comity_model::{Role, Script};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The `native` kind of step: an agent of this process.
pub const SPEC: KindSpec = KindSpec {
    name: "native",
    step: StepKind::AgentTurn,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[
        key("attachments", Shape::Any, "What to look at: a list of maps with `type` and `source`."),
        key(
            "max_output_tokens",
            Shape::Count,
            "The most tokens one model call may give back; 1024 by default.",
        ),
        key("max_tool_calls", Shape::Count, "The most tool calls of one turn, at most 256; 8 by default."),
        key("max_turns", Shape::Count, "The most model calls of one turn, 1 to 32; 4 by default."),
        key("model", Shape::Text, "The model to ask; by default the router's, or else the role's."),
        key("prompt", Shape::Text, "What to do, beside the run's task."),
        key("role", Shape::Word(Role::NAMES), "What the agent is there for; `executor` by default."),
        key("sandbox", Shape::Any, "What the sandbox provider says instead of what it makes up."),
        key("seed", Shape::Count, "Picks among the answers that the sandbox would give."),
    ],
    about: "An agent: asks a model, calls the tools it may call, and answers.",
};

const fn key(name: &'static str, shape: Shape, about: &'static str) -> KeySpec {
    KeySpec { name, shape, required: false, about }
}

/// The keys of one agent, read.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) attachments: Vec<Value>,
    pub(crate) max_output_tokens: u64,
    pub(crate) max_tool_calls: u64,
    pub(crate) max_turns: u64,
    pub(crate) model: Option<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) role: Role,
    pub(crate) sandbox: Value,
    pub(crate) script: Script,
    pub(crate) seed: u64,
}

impl Keys {
    pub(crate) fn read(map: &Map<String, Value>) -> Result<Self, Error> {
        if let Some(unknown) = map.keys().find(|key| SPEC.keys.iter().all(|spec| spec.name != key.as_str())) {
            return Err(Error::UnknownKey(unknown.clone()));
        }
        let text = |key| read(map, key, "a text", |value| value.as_str().map(str::to_owned));
        let count = |key, range: RangeInclusive<u64>, expected, or| {
            let within = |value: &Value| value.as_u64().filter(|number| range.contains(number));
            Ok::<u64, Error>(read(map, key, expected, within)?.unwrap_or(or))
        };
        let role = |value: &Value| value.as_str().and_then(|word| word.parse().ok());
        let sandbox = map.get("sandbox").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        Ok(Self {
            attachments: read(map, "attachments", ATTACHMENTS, attachments)?.unwrap_or_default(),
            max_output_tokens: count(
                "max_output_tokens",
                1..=1_000_000,
                "a number from 1 to 1000000",
                1_024,
            )?,
            max_tool_calls: count("max_tool_calls", 0..=256, "a number from 0 to 256", 8)?,
            max_turns: count("max_turns", 1..=32, "a number from 1 to 32", 4)?,
            model: text("model")?,
            prompt: text("prompt")?,
            role: read(map, "role", "a role", role)?.unwrap_or_default(),
            script: Script::parse(&sandbox)?,
            sandbox,
            seed: count("seed", 0..=u64::MAX, "a whole number from zero", 0)?,
        })
    }
}

const ATTACHMENTS: &str = "a list of maps, each with a text `type` and a map `source`";

fn attachments(value: &Value) -> Option<Vec<Value>> {
    let fits = |item: &Value| {
        item.get("type").is_some_and(Value::is_string) && item.get("source").is_some_and(Value::is_object)
    };
    value.as_array().filter(|items| items.iter().all(fits)).cloned()
}

/// The value under `key`, if the key is there.
fn read<T>(
    map: &Map<String, Value>,
    key: &'static str,
    expected: &'static str,
    take: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(value) = map.get(key) else { return Ok(None) };
    take(value).map(Some).ok_or(Error::Shape { key, expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(value: Value) -> Result<Keys, Error> {
        Keys::read(value.as_object().unwrap())
    }

    #[test]
    fn the_table_is_alphabetical() {
        assert!(SPEC.keys.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn nothing_is_required() {
        let keys = keys(json!({})).unwrap();
        assert_eq!((keys.role, keys.max_turns, keys.max_tool_calls), (Role::Executor, 4, 8));
        assert_eq!((keys.max_output_tokens, keys.seed, keys.model), (1_024, 0, None));
    }

    #[test]
    fn says_which_key_is_wrong() {
        for (value, expected) in [
            (json!({"rol": "critic"}), "kind `native` has no key `rol`"),
            (json!({"role": "boss"}), "key `role` of kind `native` is not a role"),
            (json!({"max_turns": 33}), "key `max_turns` of kind `native` is not a number from 1 to 32"),
            (json!({"model": 4}), "key `model` of kind `native` is not a text"),
            (json!({"sandbox": {"stall": 1}}), "`sandbox` has the unknown key `stall`"),
            (
                json!({"attachments": [{"type": "image"}]}),
                "key `attachments` of kind `native` is not a list of maps, each with a text `type` and a map `source`",
            ),
        ] {
            assert_eq!(keys(value).unwrap_err().to_string(), expected);
        }
    }
}
