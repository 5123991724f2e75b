//! Conditions on edges: a small typed part of Python's expressions, read once and never evaluated as code.

use serde_json::Value;
use std::sync::Arc;

/// A condition that was read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Condition {
    text: Arc<str>,
    names: Arc<[Box<str>]>,
}

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCondition {
    /// Characters of the text before what is wrong.
    pub at: usize,
    /// How many characters are meant; at least 1.
    pub width: usize,
    /// What is wrong: one line, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Why a condition could not be decided, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided(pub String);

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, BadCondition> {
        let _ = text;
        Err(BadCondition { at: 0, width: 1, message: "conditions are being built".to_owned(), help: None })
    }

    /// The condition as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names it mentions, each once. Their places are the places of the values it is decided on.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Decides. `values` are what its names stand for, in the order of [`Condition::names`]; `None` is a
    /// name that stands for nothing.
    pub fn decide(&self, values: &[Option<&Value>]) -> Result<bool, Undecided> {
        let _ = values;
        Err(Undecided("conditions are being built".to_owned()))
    }
}
