//! Conditions on edges: a small typed part of Python's expressions, read once and never evaluated as code.
//!
//! | Part | Is |
//! |---|---|
//! | `and` `or` `not` | as in Python, with short circuit; every operand has to be True or False |
//! | `==` `!=` | any two values; across types False, except that numbers and booleans compare by value |
//! | `<` `<=` `>` `>=` | two numbers or two texts; they can be chained: `0.5 <= confidence < 0.8` |
//! | `in` `not in` | a text in a text, an element in a list or tuple, a key in a map |
//! | `is` `is not` | with `None`, `True` and `False` only |
//! | `a.key` `a['key']` `a[0]` | from a map, a list or a text; `a.key` on maps is ours, not Python's |
//! | `len(x)` | the only function |
//! | `.get(k, d)` `.lower()` `.upper()` `.strip()` `.startswith(t)` `.endswith(t)` | the only methods |
//! | `3` `0.8` `'text'` `[1, 2]` `(1, 2)` `True` `False` `None` | literals; `-` and `+` may stand before numbers |
//!
//! Where [`Condition::decide`] answers, CPython's `eval` answers the same; where Python raises, or yields no
//! bool, there is no answer but a reason. The opposite does not hold: truth of numbers, texts and lists, and
//! the order of lists, have no answer here.
//!
//! Reading and deciding are bounded: [`Condition::TEXT_LIMIT`] bytes (so also as many parts), 64 levels of
//! nesting, 100,000 steps a decision. Start with [`Condition`]; then `parse.rs`, `evaluate.rs`.

mod evaluate;
mod expr;
mod lex;
mod parse;
mod refuse;
#[cfg(test)]
mod tests;
mod value;

use evaluate::Evaluation;
use expr::Node;
use serde_json::Value;
use std::sync::Arc;
use value::Work;

/// Characters of a message that are shown.
const MESSAGE_LIMIT: usize = 160;

/// A condition that was read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Condition(Arc<Read>);

#[derive(Debug)]
struct Read {
    text: Box<str>,
    names: Box<[Box<str>]>,
    root: Node,
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
    /// Bytes of the longest condition.
    pub const TEXT_LIMIT: usize = 4096;

    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, BadCondition> {
        if text.len() > Self::TEXT_LIMIT {
            let message =
                format!("the condition has {} bytes, above the limit of {}", text.len(), Self::TEXT_LIMIT);
            return Err(BadCondition { at: 0, width: 1, message, help: None });
        }
        let (root, names) = parse::parse(text).map_err(|fault| fault.in_characters(text))?;
        Ok(Self(Arc::new(Read { text: text.into(), names: names.into(), root })))
    }

    /// The condition as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The names it mentions, each once. Their places are the places of the values it is decided on.
    pub fn names(&self) -> &[Box<str>] {
        &self.0.names
    }

    /// Whether it mentions a name.
    pub fn mentions(&self, name: &str) -> bool {
        self.0.names.iter().any(|known| **known == *name)
    }

    /// Decides. `values` are what its names stand for, in the order of [`Condition::names`]; `None` is a
    /// name that stands for nothing.
    ///
    /// Errors if a name that is needed stands for nothing, if a value is of a type that its place does not
    /// take, if the result is not True or False, or if deciding takes too many steps.
    pub fn decide(&self, values: &[Option<&Value>]) -> Result<bool, Undecided> {
        let Read { text, names, root } = &*self.0;
        Evaluation { text, names, values, work: Work::default() }.truth(root)
    }
}

/// What is wrong, with its place in bytes.
#[derive(Debug)]
struct Fault {
    start: usize,
    end: usize,
    message: String,
    help: Option<String>,
}

impl Fault {
    fn new(start: usize, end: usize, message: impl Into<String>) -> Self {
        Self { start, end, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn in_characters(self, text: &str) -> BadCondition {
        let before = |byte: usize| text.char_indices().take_while(|(at, _)| *at < byte).count();
        let (at, end) = (before(self.start), before(self.end));
        // What was written is part of the message, and may be one word of thousands of letters.
        let mut message = self.message;
        if let Some((cut, _)) = message.char_indices().nth(MESSAGE_LIMIT) {
            message.truncate(cut);
            message.push('…');
        }
        BadCondition { at, width: end.saturating_sub(at).max(1), message, help: self.help }
    }
}
