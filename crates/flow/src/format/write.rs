//! A tree as text, with the comments of the file it was read from.

use super::{
    comments::Comments,
    scalar::{block, fits_in_brackets, inline, key},
};
use crate::tree::{Body, Entry, Mark, Node};

/// Characters of a line that holds a whole list.
const WIDTH: usize = 100;
/// Spaces a level.
const STEP: usize = 2;

/// Writes a file.
pub(super) fn file(root: &Node, comments: &mut Comments) -> String {
    let mut writer = Writer { out: String::new(), comments };
    if let Body::Map(entries) = &root.body {
        writer.map(entries, 0);
    }
    let end = writer.comments.end();
    writer.lines(&end, 0);
    writer.out
}

struct Writer<'c> {
    out: String,
    comments: &'c mut Comments,
}

impl Writer<'_> {
    fn map(&mut self, entries: &[Entry], indent: usize) {
        for (place, entry) in entries.iter().enumerate() {
            self.apart(place, entry.key_mark);
            self.before(entry.key_mark, indent);
            self.indent(indent);
            self.entry(entry, indent);
        }
    }

    /// A key and its value, on a line that is indented already.
    fn entry(&mut self, entry: &Entry, indent: usize) {
        self.out.push_str(&key(&entry.key));
        self.out.push(':');
        let comment = self.comments.beside(entry.key_mark);
        self.value(&entry.value, comment, indent);
    }

    /// What stands after a `:` or a `-`.
    fn value(&mut self, node: &Node, comment: Option<String>, indent: usize) {
        match &node.body {
            Body::Scalar(scalar) => match block(scalar) {
                Some((sign, lines)) => {
                    self.rest(&format!(" {sign}"), comment);
                    for line in lines {
                        let indent = if line.is_empty() { 0 } else { indent + STEP };
                        self.indent(indent);
                        self.rest(line, None);
                    }
                }
                None => self.rest(&format!(" {}", inline(scalar)), comment),
            },
            Body::Map(entries) if entries.is_empty() => self.rest(" {}", comment),
            Body::Map(entries) => {
                self.rest("", comment);
                self.map(entries, indent + STEP);
            }
            Body::List(items) => match self.on_one_line(items, indent) {
                Some(list) => self.rest(&format!(" {list}"), comment),
                None => {
                    self.rest("", comment);
                    self.list(items, indent + STEP);
                }
            },
            Body::Broken => self.rest(" null", comment),
        }
    }

    fn list(&mut self, items: &[Node], indent: usize) {
        for (place, item) in items.iter().enumerate() {
            self.apart(place, item.mark);
            self.before(item.mark, indent);
            self.indent(indent);
            self.out.push('-');
            let comment = self.comments.beside(item.mark);
            match &item.body {
                Body::Map(entries) if self.may_share_a_line(entries, &comment) => {
                    self.out.push(' ');
                    if let Some((first, rest)) = entries.split_first() {
                        self.out.push_str(&key(&first.key));
                        self.out.push(':');
                        let beside = comment.or_else(|| self.comments.beside(first.key_mark));
                        self.value(&first.value, beside, indent + STEP);
                        self.map(rest, indent + STEP);
                    }
                }
                _ => self.value(item, comment, indent),
            }
        }
    }

    /// Whether the first key of a map stands on the line of the `-` before it.
    fn may_share_a_line(&self, entries: &[Entry], comment: &Option<String>) -> bool {
        let Some(first) = entries.first() else { return false };
        let is_scalar = matches!(first.value.body, Body::Scalar(_));
        !self.comments.any(first.key_mark) && (comment.is_none() || is_scalar)
    }

    /// A list of scalars between brackets, if it is short and has no comments.
    fn on_one_line(&self, items: &[Node], indent: usize) -> Option<String> {
        let mut shown = Vec::with_capacity(items.len());
        for item in items {
            let Body::Scalar(scalar) = &item.body else { return None };
            if self.comments.any(item.mark) || !fits_in_brackets(scalar) || block(scalar).is_some() {
                return None;
            }
            if scalar.text.contains("->") {
                return None;
            }
            shown.push(inline(scalar));
        }
        let list = format!("[{}]", shown.join(", "));
        (list.chars().count() + indent <= WIDTH).then_some(list)
    }

    fn apart(&mut self, place: usize, mark: Mark) {
        if place > 0 && self.comments.is_apart(mark) {
            self.out.push('\n');
        }
    }

    fn before(&mut self, mark: Mark, indent: usize) {
        let comments = self.comments.before(mark);
        self.lines(&comments, indent);
    }

    fn lines(&mut self, lines: &[String], indent: usize) {
        for line in lines {
            self.indent(indent);
            self.rest(line, None);
        }
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// The rest of a line.
    fn rest(&mut self, text: &str, comment: Option<String>) {
        self.out.push_str(text);
        if let Some(comment) = comment {
            self.out.push_str("  ");
            self.out.push_str(&comment);
        }
        self.out.push('\n');
    }
}
