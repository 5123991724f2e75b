//! What is wrong with rules, and where.

use std::fmt;

/// Why rules were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Files with mistakes, every one of them.
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),
    /// More than is read.
    #[error("{what} has {size} {unit}, and {most} is the most")]
    TooMuch {
        /// The file, or all of them.
        what: String,
        /// Bytes or rules.
        unit: &'static str,
        /// How much it has.
        size: usize,
        /// The limit.
        most: usize,
    },
    /// What was asked cannot be put to rules.
    #[error("this cannot be asked of rules: {0}")]
    BadQuestion(String),
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// Where in it, if that is known.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a file, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// How many characters are meant.
    pub width: usize,
}

impl Place {
    /// The place of a span of bytes in a text.
    pub(crate) fn of(text: &str, offset: usize, length: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        let meant = text.get(offset..offset.saturating_add(length)).unwrap_or_default();
        let width = meant.lines().next().unwrap_or_default().chars().count().max(1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Self { line, column: in_line.chars().count() + 1, width }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(Place { line, column, .. }) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

fn list(faults: &[Fault]) -> String {
    let rows: Vec<String> = faults.iter().map(Fault::to_string).collect();
    rows.join("; ")
}
