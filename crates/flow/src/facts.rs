//! What the names in a condition stand for, after one step's end.

use crate::output::{CONFIDENCE, CONTENT, STRUCTURED, confidence, core, structured};
use crate::shared::Shared;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// The ending of a name that stands for a step's output.
const OUTPUT: &str = "_output";

/// A step's output, and what was known before it.
///
/// In order of precedence a name is: `task`, `content`, `output`, `confidence`, `iteration`, `structured`, `ctx`; a key of
/// `structured`; `<step>_output`; a key of the shared context. An output that states no confidence has none.
pub(crate) struct Facts<'a> {
    pub(crate) task: &'a str,
    /// Which pass of a loop this is, from 0.
    pub(crate) iteration: u32,
    /// The step's own name and output.
    pub(crate) own: (&'a str, &'a Value),
    /// Outputs of steps before it, by name.
    pub(crate) earlier: &'a [(Arc<str>, Arc<Value>)],
    /// The shared context, with what the step wrote.
    pub(crate) shared: &'a Shared,
}

impl<'a> Facts<'a> {
    /// What a name stands for.
    pub(crate) fn find(&self, name: &str) -> Option<Cow<'a, Value>> {
        let (own, output) = self.own;
        match name {
            "task" => return Some(Cow::Owned(Value::String(self.task.to_owned()))),
            CONTENT => return Some(text(output)),
            "output" => return Some(Cow::Borrowed(core(output))),
            CONFIDENCE => return confidence(output).map(Cow::Borrowed),
            "iteration" => return Some(Cow::Owned(Value::from(self.iteration))),
            STRUCTURED => return Some(Cow::Owned(Value::Object(self.structured().clone()))),
            "ctx" => return Some(Cow::Owned(Value::Object(self.shared.values()))),
            _ => {}
        }
        if let Some(value) = structured(output).get(name) {
            return Some(Cow::Borrowed(value));
        }
        if let Some(step) = step_of(name) {
            if step == own {
                return Some(Cow::Borrowed(core(output)));
            }
            if let Some((_, output)) = self.earlier.iter().find(|(other, _)| &**other == step) {
                return Some(Cow::Borrowed(core(output)));
            }
        }
        self.shared.get(name).map(Cow::Owned)
    }

    /// The values that the step's output has by name.
    pub(crate) fn structured(&self) -> &'a Map<String, Value> {
        structured(self.own.1)
    }
}

/// The step whose output a name stands for, if it is such a name.
pub(crate) fn step_of(name: &str) -> Option<&str> {
    name.strip_suffix(OUTPUT).filter(|step| !step.is_empty())
}

fn text(output: &Value) -> Cow<'_, Value> {
    match core(output) {
        text @ Value::String(_) => Cow::Borrowed(text),
        other => Cow::Owned(Value::String(other.to_string())),
    }
}

#[cfg(test)]
mod tests;
