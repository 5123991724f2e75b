//! The edges of a file: which step waits for which.

use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    tree::{Body, Entry, Mark, Node},
    value,
};
use std::collections::HashMap;

/// Edges that one file may have.
const MAX_EDGES: usize = 100_000;

/// `to` waits for `from`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) mark: Mark,
}

/// The steps' names, by place in the file and the other way round.
pub(crate) struct Names<'a> {
    all: Vec<&'a str>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let all: Vec<&str> = names.collect();
        let places = all.iter().enumerate().map(|(place, name)| (*name, place)).collect();
        Self { all, places }
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub(crate) fn name(&self, step: usize) -> &'a str {
        self.all.get(step).copied().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.all.iter().copied()
    }
}

/// Reads the edges that are right; each that is not is reported.
pub(super) fn read(entry: &Entry, names: &Names<'_>, findings: &mut Findings) -> Vec<Edge> {
    let items = findings.value(entry, value::list(&entry.value, "a list of edges like `a -> b`"));
    let mut reader = Reader { names, findings, edges: Vec::new(), lines: HashMap::new() };
    for item in items.unwrap_or_default() {
        reader.item(item);
        if reader.edges.len() > MAX_EDGES {
            let message = format!("the workflow has more than {MAX_EDGES} edges");
            reader.findings.report(Code::TOO_LARGE, item.mark, message);
            break;
        }
    }
    reader.edges
}

struct Reader<'r, 'a> {
    names: &'r Names<'a>,
    findings: &'r mut Findings,
    edges: Vec<Edge>,
    /// The line that each edge stands on.
    lines: HashMap<(usize, usize), u32>,
}

impl Reader<'_, '_> {
    fn item(&mut self, item: &Node) {
        if is_later(item) {
            let message = "an edge written as a map is not in this build yet";
            return self.findings.advise(Code::LATER_KEY, item.mark, message, "write the edge as `a -> b`");
        }
        let what = || "an item of `edges`".to_owned();
        let Some(text) = self.findings.item(what, item, value::text(item)) else { return };
        let parts = parts(text);
        if parts.len() < 2 || parts.iter().any(|part| part.text.is_empty()) {
            let message = format!("{} is not an edge", quote(text));
            return self.findings.advise(Code::BAD_EDGE, item.mark, message, "write the edge as `a -> b`");
        }
        self.chain(item, &parts);
    }

    fn chain(&mut self, item: &Node, parts: &[Part<'_>]) {
        let ruler = item.ruler();
        let mut previous = None;
        for part in parts {
            let mark = ruler.part(part.skip, part.text.chars().count());
            let step = self.step(part.text, mark);
            if let (Some(from), Some(to)) = (previous, step) {
                self.link(Edge { from, to, mark });
            }
            if self.edges.len() > MAX_EDGES {
                return;
            }
            previous = step;
        }
    }

    fn step(&mut self, name: &str, mark: Mark) -> Option<usize> {
        let step = self.names.find(name);
        if step.is_none() {
            let message = format!("edge names a step that does not exist: {}", quote(name));
            self.findings.misspelt(Code::EDGE_UNKNOWN_STEP, mark, message, name, self.names.iter());
        }
        step
    }

    fn link(&mut self, edge: Edge) {
        let Edge { from, to, mark } = edge;
        let name = |step| self.names.name(step);
        if from == to {
            let message = format!("step `{}` waits for itself", name(from));
            return self.findings.report(Code::SELF_EDGE, mark, message);
        }
        if let Some(first) = self.lines.get(&(from, to)) {
            let message = format!("edge `{} -> {}` stands twice", name(from), name(to));
            let help = format!("it is already on line {first}");
            return self.findings.advise(Code::EDGE_TWICE, mark, message, help);
        }
        self.lines.insert((from, to), mark.line);
        self.edges.push(edge);
    }
}

/// Whether this is an edge of the later language: `{from: a, to: b, condition: …}`.
fn is_later(item: &Node) -> bool {
    let later = |entry: &Entry| matches!(entry.key.as_str(), "from" | "to" | "condition");
    matches!(&item.body, Body::Map(entries) if entries.iter().any(later))
}

/// One name in an edge, and how many characters stand before it.
struct Part<'a> {
    skip: usize,
    text: &'a str,
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut at = 0;
    for piece in text.split("->") {
        let blanks = piece.chars().take_while(|character| character.is_whitespace()).count();
        parts.push(Part { skip: at + blanks, text: piece.trim() });
        at += piece.chars().count() + 2;
    }
    parts
}
