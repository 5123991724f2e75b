//! YAML text to a tree, without surprises: no anchors, no tags, no second document, no key twice.

use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    tree::{Body, Entry, Mark, Node, Scalar, Style},
};
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span};
use std::{collections::HashMap, ops::ControlFlow};

/// Largest file that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 32;

/// Reads a document. `None` when it could not be read to its end; the reason is reported.
///
/// Anchors and aliases are refused rather than expanded, so a tree is never larger than its text.
pub(crate) fn parse(source: &str, findings: &mut Findings) -> Option<Node> {
    if source.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, and at most {MAX_BYTES} are read", source.len());
        findings.report(Code::TOO_LARGE, Mark::START, message);
        return None;
    }
    let mut builder = Builder { findings, frames: Vec::new(), root: None, documents: 0 };
    for event in Parser::new_from_str_with_options(source, options()) {
        match event {
            Ok((event, span)) => {
                if builder.take(event, &span).is_break() {
                    return None;
                }
            }
            Err(error) => {
                let mark = Mark { width: 1, ..mark(&Span::empty(*error.marker())) };
                builder.findings.report(Code::SYNTAX, mark, error.info().replace('\n', " "));
                return None;
            }
        }
    }
    Some(builder.root.unwrap_or_else(nothing))
}

/// A comment, with its `#`.
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) mark: Mark,
}

/// The comments of a document that [`parse`] reads, in file order.
pub(crate) fn comments(source: &str) -> Vec<Comment> {
    let mut options = options();
    options.set_emit_comments(true);
    let events = Parser::new_from_str_with_options(source, options).map_while(Result::ok);
    let comments = events.filter_map(|(event, span)| match event {
        Event::Comment(text, _) => Some(Comment { text: format!("#{}", text.trim_end()), mark: mark(&span) }),
        _ => None,
    });
    comments.collect()
}

fn options() -> Options {
    let mut options = Options::default();
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    options.emit_anchor_events = true;
    options.set_emit_comments(false);
    options
}

fn nothing() -> Node {
    let body = Body::Scalar(Scalar { text: String::new(), style: Style::Plain });
    Node { mark: Mark::START, body }
}

fn mark(span: &Span) -> Mark {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let same_line = span.start.line() == span.end.line();
    let width = if same_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
    Mark {
        line: number(span.start.line().max(1)),
        column: number(span.start.col()).saturating_add(1),
        width: number(width.max(1)),
    }
}

/// The lists and maps that are open, outermost first, and the tree when the outermost is closed.
struct Builder<'f> {
    findings: &'f mut Findings,
    frames: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
}

enum Frame {
    List { mark: Mark, items: Vec<Node> },
    Map { mark: Mark, map: OpenMap },
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// Line of the first entry with a key.
    seen: HashMap<String, u32>,
    pending: Option<Pending>,
}

/// A key whose value has not come yet.
enum Pending {
    Key(String, Mark),
    /// The key was reported; its value goes nowhere.
    Skip,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) -> ControlFlow<()> {
        self.refuse_tag(&event, span);
        let mark = mark(span);
        match event {
            Event::Scalar(text, style, ..) => self.attach(scalar(text.into_owned(), style, span)),
            Event::SequenceStart(..) => return self.open(Frame::List { mark, items: Vec::new() }),
            Event::MappingStart(..) => return self.open(Frame::Map { mark, map: OpenMap::default() }),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.refuse_alias(mark),
            Event::Anchor(..) => self.refuse_anchor(mark),
            Event::DocumentStart(..) => return self.start_document(mark),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn open(&mut self, frame: Frame) -> ControlFlow<()> {
        if self.frames.len() >= MAX_DEPTH {
            let (Frame::List { mark, .. } | Frame::Map { mark, .. }) = frame;
            let message = format!("lists and maps are nested more than {MAX_DEPTH} deep");
            self.findings.report(Code::TOO_DEEP, mark, message);
            return ControlFlow::Break(());
        }
        self.frames.push(frame);
        ControlFlow::Continue(())
    }

    fn close(&mut self) {
        match self.frames.pop() {
            Some(Frame::List { mark, items }) => self.attach(Node { mark, body: Body::List(items) }),
            Some(Frame::Map { mark, map }) => self.attach(Node { mark, body: Body::Map(map.entries) }),
            None => {}
        }
    }

    fn attach(&mut self, node: Node) {
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { map, .. }) => match map.pending.take() {
                None => map.pending = Some(key(node, map, self.findings)),
                Some(Pending::Skip) => {}
                Some(Pending::Key(key, key_mark)) => {
                    let value = if is_blank(&node) { Node { mark: key_mark, ..node } } else { node };
                    map.entries.push(Entry { key, key_mark, value });
                }
            },
        }
    }

    fn start_document(&mut self, mark: Mark) -> ControlFlow<()> {
        self.documents += 1;
        if self.documents > 1 {
            self.findings.report(Code::YAML_FEATURE, mark, "a workflow file is one document");
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn refuse_tag(&mut self, event: &Event<'_>, span: &Span) {
        if event.tag().is_some() {
            let mark = mark(&span.tag_span().unwrap_or(*span));
            let message = "workflow files have no tags";
            self.findings.advise(
                Code::YAML_FEATURE,
                mark,
                message,
                "put text that starts with `!` in quotes",
            );
        }
    }

    fn refuse_anchor(&mut self, mark: Mark) {
        let message = "workflow files have no anchors";
        self.findings.advise(Code::YAML_FEATURE, mark, message, "put text that starts with `&` in quotes");
    }

    fn refuse_alias(&mut self, mark: Mark) {
        let help = "write the value out; put text that starts with `*` in quotes";
        self.findings.advise(Code::YAML_FEATURE, mark, "workflow files have no aliases", help);
        self.attach(Node { mark, body: Body::Broken });
    }
}

fn scalar(text: String, style: ScalarStyle, span: &Span) -> Node {
    let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
    // The parser makes up a `~` where nothing was written.
    let made_up = style == Style::Plain && span.start == span.end;
    let text = if made_up { String::new() } else { text };
    Node { mark: mark(span), body: Body::Scalar(Scalar { text, style }) }
}

/// Whether nothing at all was written: such a value has no place of its own.
fn is_blank(node: &Node) -> bool {
    matches!(&node.body, Body::Scalar(scalar) if scalar.style == Style::Plain && scalar.text.is_empty())
}

fn key(node: Node, map: &mut OpenMap, findings: &mut Findings) -> Pending {
    let mark = node.mark;
    let described = node.describe();
    match node.body {
        Body::Broken => Pending::Skip,
        Body::Scalar(scalar) if scalar.style == Style::Plain && scalar.text == "<<" => {
            findings.report(Code::YAML_FEATURE, mark, "workflow files have no merge keys");
            Pending::Skip
        }
        Body::Scalar(scalar) if !scalar.is_null() => named_key(scalar.text, mark, map, findings),
        Body::Scalar(_) | Body::List(_) | Body::Map(_) => {
            findings.report(Code::SHAPE, mark, format!("a key is text, found {described}"));
            Pending::Skip
        }
    }
}

fn named_key(name: String, mark: Mark, map: &mut OpenMap, findings: &mut Findings) -> Pending {
    if let Some(first) = map.seen.get(&name) {
        let message = format!("key {} stands twice", quote(&name));
        findings.advise(Code::KEY_TWICE, mark, message, format!("it is already on line {first}"));
        return Pending::Skip;
    }
    map.seen.insert(name.clone(), mark.line);
    Pending::Key(name, mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(source: &str) -> Vec<(&'static str, u32, u32)> {
        let mut findings = Findings::default();
        parse(source, &mut findings);
        let invalid = findings.into_invalid();
        invalid.diagnostics.iter().map(|d| (d.code.as_str(), d.line, d.column)).collect()
    }

    #[test]
    fn refuses_what_workflow_files_do_not_have() {
        for (source, expected) in [
            ("a: &x 1\nb: *x\n", vec![("CM0106", 1, 4), ("CM0106", 2, 4)]),
            ("a: *.txt\n", vec![("CM0106", 1, 4)]),
            ("a: !!str 1\n", vec![("CM0106", 1, 4)]),
            ("a: !include x\nb: !y {}\n", vec![("CM0106", 1, 4), ("CM0106", 2, 4)]),
            ("a: 1\n---\nb: 1\n", vec![("CM0106", 2, 1)]),
            ("a: {<<: {b: 1}}\n", vec![("CM0106", 1, 5)]),
            ("a: 1\nb: 2\na: 3\n", vec![("CM0105", 3, 1)]),
            ("\"a\": 1\na: 3\n", vec![("CM0105", 2, 1)]),
            ("[a]: 1\n", vec![("CM0107", 1, 1)]),
            ("? {a: 1}\n: 2\n", vec![("CM0107", 1, 3)]),
            ("~: 1\n", vec![("CM0107", 1, 1)]),
            ("%YAML 1.2\n---\na: 1\n", vec![("CM0101", 1, 1)]),
        ] {
            assert_eq!(codes(source), expected, "{source}");
        }
    }

    #[test]
    fn finds_comments_and_nothing_that_looks_like_one() {
        let source = "# a\nb: 'x # y' # c\nd: |\n  # e\nf: [g, # h\n  i#j]\n";
        let found: Vec<(String, u32, u32)> = comments(source)
            .into_iter()
            .map(|found| (found.text, found.mark.line, found.mark.column))
            .collect();
        let expected = [("# a", 1, 1), ("# c", 2, 12), ("# h", 5, 8)];
        assert_eq!(found, expected.map(|(text, line, column)| (text.to_owned(), line, column)));
    }

    #[test]
    fn stops_at_the_depth_limit() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(codes(&deep(MAX_DEPTH)), []);
        assert_eq!(codes(&deep(MAX_DEPTH + 1)), [("CM0104", 1, 33)]);
        assert_eq!(codes(&"- ".repeat(100_000)).first().map(|found| found.0), Some("CM0104"));
    }

    #[test]
    fn stops_at_the_size_limit() {
        assert_eq!(codes(&"#".repeat(MAX_BYTES)), []);
        assert_eq!(codes(&"#".repeat(MAX_BYTES + 1)), [("CM0103", 1, 1)]);
    }

    #[test]
    fn an_alias_bomb_is_refused_without_growing() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let list = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb += &format!("a{level}: &a{level} [{list}]\n");
        }
        assert_eq!(codes(&bomb).len(), 20 + 19 * 9);
    }
}
