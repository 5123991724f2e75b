//! What a condition says, ready to be decided.

use super::value::{Form, Val};

/// One part of a condition, and where it stands in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub expr: Expr,
    /// Bytes.
    pub start: usize,
    /// Bytes.
    pub end: usize,
    /// Parts inside one another, this one included.
    pub depth: usize,
}

/// A part of a condition.
#[derive(Debug)]
pub(super) enum Expr {
    Const(Val<'static>),
    /// A place in the condition's names.
    Name(usize),
    Or(Box<[Node]>),
    And(Box<[Node]>),
    Not(Box<Node>),
    /// `a < b <= c`: each value is taken once, and the first comparison that fails ends it.
    Compare(Box<Node>, Box<[(Relation, Node)]>),
    Minus(Box<Node>),
    Plus(Box<Node>),
    Items(Form, Box<[Node]>),
    Len(Box<Node>),
    /// The value it is called on, then its arguments.
    Method(Method, Box<[Node]>),
    /// `a.b`
    Key(Box<Node>, Box<str>),
    /// `a[b]`
    Index(Box<(Node, Node)>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    NotIn,
    Is,
    IsNot,
}

/// What can be called behind a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    EndsWith,
    Get,
    Lower,
    StartsWith,
    Strip,
    Upper,
}

/// Every method, with how few and how many arguments it takes.
pub(super) const METHODS: &[(&str, Method, usize, usize)] = &[
    ("endswith", Method::EndsWith, 1, 1),
    ("get", Method::Get, 1, 2),
    ("lower", Method::Lower, 0, 0),
    ("startswith", Method::StartsWith, 1, 1),
    ("strip", Method::Strip, 0, 0),
    ("upper", Method::Upper, 0, 0),
];

impl Method {
    /// As it is written.
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|(_, method, ..)| *method == self).map_or("", |(name, ..)| name)
    }
}

impl Expr {
    /// How deep its parts go; 0 without parts.
    pub fn depth_inside(&self) -> usize {
        let deepest = |nodes: &[Node]| nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        match self {
            Self::Const(_) | Self::Name(_) => 0,
            Self::Or(nodes) | Self::And(nodes) | Self::Items(_, nodes) | Self::Method(_, nodes) => {
                deepest(nodes)
            }
            Self::Not(node) | Self::Minus(node) | Self::Plus(node) | Self::Len(node) | Self::Key(node, _) => {
                node.depth
            }
            Self::Compare(first, rest) => {
                rest.iter().map(|(_, node)| node.depth).fold(first.depth, usize::max)
            }
            Self::Index(pair) => pair.0.depth.max(pair.1.depth),
        }
    }
}
