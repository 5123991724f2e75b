//! What a kind of step may say in a workflow file: declared by whoever runs it, checked by whoever reads it.

use crate::{RiskTier, StepKind};

/// The shape a key's value must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One text.
    Text,
    /// A list of at least one text.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A whole number from zero to 2^53 - 1.
    Count,
    /// A positive number of seconds with at most three decimals; read as whole milliseconds.
    Seconds,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any value: maps and lists of texts, plain numbers and flags.
    Any,
}

/// One key of a kind of step.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// The key as it stands in the file.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// Whether a step of the kind is wrong without it.
    pub required: bool,
    /// One sentence for people.
    pub about: &'static str,
}

/// One kind of step: its name, its keys, and what it is to the gate.
#[derive(Clone, Copy, Debug)]
pub struct KindSpec {
    /// The word after `kind:`.
    pub name: &'static str,
    /// What the gate takes it for.
    pub step: StepKind,
    /// Risk tier when the file declares none.
    pub risk: RiskTier,
    /// Whether doing it twice does what doing it once does, when the file does not say.
    pub idempotent: bool,
    /// Keys beyond those every step has.
    pub keys: &'static [KeySpec],
    /// One sentence for people.
    pub about: &'static str,
}
