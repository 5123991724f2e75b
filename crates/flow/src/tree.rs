//! A YAML document as a tree that remembers where everything stood and how it was spelled.

use crate::findings::quote;
use crate::plan::Place;

/// A place in a file: line and column from 1, width in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) width: u32,
}

impl Mark {
    /// The very beginning of a file.
    pub(crate) const START: Self = Self { line: 1, column: 1, width: 1 };

    /// The same, for those outside.
    pub(crate) fn place(self) -> Place {
        let Self { line, column, width } = self;
        Place { line, column, width }
    }
}

/// A value with its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) body: Body,
}

/// What a value is. Scalars stay text: whoever asks for a number or a flag reads the text.
#[derive(Debug)]
pub(crate) enum Body {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was already reported; it is taken everywhere and means nothing.
    Broken,
}

/// One scalar.
#[derive(Debug)]
pub(crate) struct Scalar {
    /// The text, escapes resolved.
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// How a scalar is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
}

/// A key and its value. Keys of one map are distinct.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_mark: Mark,
    pub(crate) value: Node,
}

impl Scalar {
    /// Whether a person who knows YAML reads this as "nothing": `key:`, `key: ~`, `key: null`.
    pub(crate) fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Node {
    /// What the value is, for a message.
    pub(crate) fn describe(&self) -> String {
        match &self.body {
            Body::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Body::Scalar(scalar) if scalar.style == Style::Quoted => {
                format!("the text {}", quote(&scalar.text))
            }
            Body::Scalar(scalar) => quote(&scalar.text),
            Body::List(items) if items.is_empty() => "an empty list".to_owned(),
            Body::List(_) => "a list".to_owned(),
            Body::Map(_) => "a map".to_owned(),
            Body::Broken => "something broken".to_owned(),
        }
    }

    /// Finds the places of parts of a scalar's text.
    pub(crate) fn ruler(&self) -> Ruler {
        let Body::Scalar(scalar) = &self.body else { return Ruler { whole: self.mark, inset: None } };
        let length = u32::try_from(scalar.text.chars().count()).unwrap_or(u32::MAX);
        let quotes = if scalar.style == Style::Plain { 0 } else { 1 };
        let verbatim = self.mark.width == length.saturating_add(2 * quotes);
        Ruler { whole: self.mark, inset: verbatim.then_some(quotes) }
    }
}

/// Where in a file the parts of one scalar stand.
#[derive(Clone, Copy)]
pub(crate) struct Ruler {
    whole: Mark,
    /// Characters before the text; `None` when the scalar is spelled otherwise than its text.
    inset: Option<u32>,
}

impl Ruler {
    /// The place of `width` characters after `skip` characters; the whole scalar when that is not known.
    pub(crate) fn part(&self, skip: usize, width: usize) -> Mark {
        let Some(inset) = self.inset else { return self.whole };
        let skip = u32::try_from(skip).unwrap_or(0).saturating_add(inset);
        let width = u32::try_from(width).unwrap_or(1).max(1);
        Mark { line: self.whole.line, column: self.whole.column.saturating_add(skip), width }
    }
}
