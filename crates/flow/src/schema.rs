//! What a step's output has to look like: a JSON Schema, compiled once, and how JSON is found in a text.

mod cost;
mod find;
mod problem;

use cost::Cost;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::sync::Arc;

/// Largest schema, in bytes of compact JSON.
const MAX_SCHEMA: usize = 64 << 10;
/// Largest output that is looked at, in bytes.
const MAX_OUTPUT: usize = 1 << 20;
/// Deepest schema or output: how many maps and lists may stand inside each other.
const MAX_DEPTH: usize = 64;
/// What checking one output may take at most: values looked at, times schemas each is held against.
const MAX_WORK: u64 = 20_000_000;

/// A schema that was compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OutputSchema {
    source: Arc<Value>,
    /// `None` when anything goes.
    compiled: Option<Arc<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    validator: Validator,
    cost: Cost,
}

impl OutputSchema {
    /// Compiles a schema; `null` asks for nothing. Errors say what is wrong with it, in one line.
    ///
    /// The draft is 2020-12 unless the schema names another. References lead into the schema itself and
    /// nowhere else, and patterns are those that match in linear time: no look-around, no back-references.
    pub fn compile(source: Value) -> Result<Self, String> {
        if source.is_null() {
            return Ok(Self { source: Arc::new(source), compiled: None });
        }
        if !matches!(source, Value::Object(_) | Value::Bool(_)) {
            return Err("a schema is a map".to_owned());
        }
        if depth(&source, MAX_DEPTH).is_none() {
            return Err(format!("the schema is nested deeper than {MAX_DEPTH} levels"));
        }
        let size = source.to_string().len();
        if size > MAX_SCHEMA {
            return Err(format!("the schema has {size} bytes, above the limit of {MAX_SCHEMA}"));
        }
        let cost = Cost::of(&source)?;
        let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
        let validator = options.build(&source).map_err(|error| problem::of_schema(&error))?;
        let compiled = Some(Arc::new(Compiled { validator, cost }));
        Ok(Self { source: Arc::new(source), compiled })
    }

    /// The schema as it was written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Finds the JSON in an output and checks it. Returns the output as it counts from here on.
    ///
    /// A text becomes the JSON in it: the whole text, a fenced block, or the first piece that fits. In an
    /// agent's answer, a map with a text `content`, it is `structured` that has to fit, or else the JSON in
    /// `content`; the answer comes back with what fitted as its `structured`. Anything else has to fit
    /// itself. Errors name the place first, in one line: ``root: missing required field `score` ``.
    pub fn check(&self, output: &Value) -> Result<Value, String> {
        let Some(compiled) = &self.compiled else { return Ok(output.clone()) };
        match output {
            Value::String(text) => compiled.in_text(text),
            Value::Object(answer) => match answer.get("content") {
                Some(Value::String(content)) => compiled.in_answer(output, content),
                _ => compiled.fits(output).map(|()| output.clone()),
            },
            _ => compiled.fits(output).map(|()| output.clone()),
        }
    }
}

impl Compiled {
    fn fits(&self, value: &Value) -> Result<(), String> {
        let Some(depth) = depth(value, MAX_DEPTH) else {
            return Err(format!("root: nested deeper than {MAX_DEPTH} levels"));
        };
        let work = self.cost.at(depth).saturating_mul(count(value));
        if work > MAX_WORK {
            return Err("root: too large to be checked against this schema".to_owned());
        }
        if self.validator.is_valid(value) {
            return Ok(());
        }
        Err(problem::of_output(self.validator.iter_errors(value)))
    }

    /// The first JSON in a text that fits. If none does, what is wrong with the first.
    fn in_text(&self, text: &str) -> Result<Value, String> {
        if text.len() > MAX_OUTPUT {
            let size = text.len();
            return Err(format!("root: the text has {size} bytes, above the limit of {MAX_OUTPUT}"));
        }
        let mut wrong = None;
        for found in find::json(text) {
            match self.fits(&found) {
                Ok(()) => return Ok(found),
                Err(why) => wrong = wrong.or(Some(why)),
            }
        }
        Err(wrong.unwrap_or_else(|| "root: no JSON was found in the text".to_owned()))
    }

    fn in_answer(&self, answer: &Value, content: &str) -> Result<Value, String> {
        let structured = answer.get("structured").filter(|value| !value.is_null());
        // A map that merely has a key `content` is no agent's answer when it fits as it is.
        let plain = answer.get("structured").is_none() && answer.get("confidence").is_none();
        if plain && self.fits(answer).is_ok() {
            return Ok(answer.clone());
        }
        let checked = match structured {
            Some(structured) => self.fits(structured).map(|()| structured.clone())?,
            None => self.in_text(content)?,
        };
        let mut answer = answer.clone();
        if let Value::Object(keys) = &mut answer {
            keys.insert("structured".to_owned(), checked);
        }
        Ok(answer)
    }
}

/// How many maps and lists stand inside each other; `None` when they are more than `most`.
fn depth(value: &Value, most: usize) -> Option<usize> {
    let deeper = |deepest: usize, inner: &Value| Some(deepest.max(depth(inner, most.checked_sub(1)?)?));
    match value {
        Value::Array(items) if most > 0 => Some(items.iter().try_fold(0, deeper)? + 1),
        Value::Object(keys) if most > 0 => Some(keys.values().try_fold(0, deeper)? + 1),
        Value::Array(_) | Value::Object(_) => None,
        _ => Some(0),
    }
}

/// How many values there are in a value, itself included.
fn count(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<u64>(),
        Value::Object(keys) => 1 + keys.values().map(count).sum::<u64>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
