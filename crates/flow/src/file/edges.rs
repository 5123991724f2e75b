//! The edges of a file: which step waits for which.

use super::{
    condition::{self, Asked},
    fields::{Fields, refuse_shape},
    table::EDGE,
};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::When,
    tree::{Body, Entry, Mark, Node},
    value,
};
use std::collections::HashMap;

/// Edges that one file may have.
const MAX_EDGES: usize = 100_000;

/// `to` waits for `from`.
pub(crate) struct Edge<'a> {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) mark: Mark,
    /// `None` if it is always followed.
    pub(crate) condition: Option<Asked<'a>>,
}

impl Edge<'_> {
    /// When it is followed.
    pub(super) fn when(&self) -> When {
        self.condition.as_ref().map_or(When::Always, |asked| When::If(asked.condition.clone()))
    }
}

/// The steps' names, by place in the file and the other way round.
#[derive(Default)]
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

    /// The step with this name, or a report that `what` names none.
    pub(super) fn resolve(
        &self,
        name: &str,
        mark: Mark,
        (code, what): (Code, &str),
        findings: &mut Findings,
    ) -> Option<usize> {
        let step = self.find(name);
        if step.is_none() {
            let message = format!("{what} names a step that does not exist: {}", quote(name));
            findings.misspelt(code, mark, message, name, self.iter());
        }
        step
    }

    /// The step that the value of a key names.
    pub(super) fn field(
        &self,
        fields: &Fields<'_>,
        key: &str,
        what: (Code, &str),
        findings: &mut Findings,
    ) -> Option<(usize, Mark)> {
        let mark = fields.entry(key)?.value.mark;
        let name = fields.text(key, findings)?;
        self.resolve(name, mark, what, findings).map(|step| (step, mark))
    }
}

/// What an edge is called when it names no step.
pub(super) const EDGE_NAMES: (Code, &str) = (Code::EDGE_UNKNOWN_STEP, "edge");

/// Reads the edges that are right; each that is not is reported.
pub(super) fn read<'a>(entry: &'a Entry, names: &Names<'_>, findings: &mut Findings) -> Vec<Edge<'a>> {
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

struct Reader<'r, 'n, 'a> {
    names: &'r Names<'n>,
    findings: &'r mut Findings,
    edges: Vec<Edge<'a>>,
    /// The line that each edge stands on.
    lines: HashMap<(usize, usize), u32>,
}

impl<'a> Reader<'_, '_, 'a> {
    fn item(&mut self, item: &'a Node) {
        match &item.body {
            Body::Map(_) => self.map(item),
            Body::Scalar(scalar) if !scalar.is_null() => self.text(item, &scalar.text),
            Body::Broken => {}
            Body::Scalar(_) | Body::List(_) => {
                let message =
                    format!("an item of `edges` takes an edge like `a -> b`, found {}", item.describe());
                self.findings.report(Code::SHAPE, item.mark, message);
            }
        }
    }

    fn map(&mut self, item: &'a Node) {
        let Some(fields) = Fields::open(item, &EDGE, item.mark, self.findings) else { return };
        let from = self.names.field(&fields, "from", EDGE_NAMES, self.findings);
        let to = self.names.field(&fields, "to", EDGE_NAMES, self.findings);
        let condition = fields.entry("condition").map(|entry| condition::read(entry, self.findings));
        // A condition that cannot be read was reported; the edge still says who waits for whom.
        if let (Some((from, _)), Some((to, mark))) = (from, to) {
            self.link(Edge { from, to, mark, condition: condition.flatten() });
        }
    }

    fn text(&mut self, item: &'a Node, text: &str) {
        let parts = parts(text);
        if parts.len() < 2 || parts.iter().any(|part| part.text.is_empty()) {
            let message = format!("{} is not an edge", quote(text));
            return self.findings.advise(Code::BAD_EDGE, item.mark, message, "write the edge as `a -> b`");
        }
        let ruler = item.ruler();
        let mut previous = None;
        for part in parts {
            let mark = ruler.part(part.skip, part.text.chars().count());
            let step = self.names.resolve(part.text, mark, EDGE_NAMES, self.findings);
            if let (Some(from), Some(to)) = (previous, step) {
                self.link(Edge { from, to, mark, condition: None });
            }
            if self.edges.len() > MAX_EDGES {
                return;
            }
            previous = step;
        }
    }

    fn link(&mut self, edge: Edge<'a>) {
        let Edge { from, to, mark, .. } = edge;
        let name = |step| self.names.name(step);
        if from == to {
            let message = format!("step `{}` waits for itself", name(from));
            let help = "to run a step again, write the edge under `loop_edges`";
            return self.findings.advise(Code::SELF_EDGE, mark, message, help);
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

/// Reports a value that is no list of maps.
pub(super) fn maps<'a>(entry: &'a Entry, expected: &'static str, findings: &mut Findings) -> &'a [Node] {
    match &entry.value.body {
        Body::List(items) => items,
        _ => {
            refuse_shape(entry, expected, findings);
            &[]
        }
    }
}

/// One name in an edge, and how many characters stand before it.
pub(crate) struct Part<'a> {
    skip: usize,
    pub(crate) text: &'a str,
}

/// The names in `a -> b -> c`.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut at = 0;
    for piece in text.split("->") {
        let blanks = piece.chars().take_while(|character| character.is_whitespace()).count();
        parts.push(Part { skip: at + blanks, text: piece.trim() });
        at += piece.chars().count() + 2;
    }
    parts
}
