//! Every key of a workflow file, once: what is read, what is suggested, the JSON Schema and the reference
//! page all come from here.

mod flow;
mod policy;
mod step;

pub(crate) use flow::{CONTEXT_BUS, EDGE, LOOP_EDGE, MODEL_ROUTER, TIERS, TOP};
pub(crate) use policy::{BREAKER, POLICY};
pub(crate) use step::{AGENT, LATER_KINDS, STEP, TOOL, alias};

use comity_core::{Amounts, KeySpec, Shape};

/// One map of the language: a place where keys stand.
pub(crate) struct Place {
    /// Its name in messages and headings: `policy`, or `an edge`.
    pub(crate) name: &'static str,
    /// One sentence for people.
    pub(crate) about: &'static str,
    /// The keys that are read there, in the order in which a tidy file has them.
    pub(crate) keys: &'static [KeyDoc],
    /// The keys that promise what this build does not do.
    pub(crate) refused: &'static [Refused],
}

/// One key.
#[derive(Clone, Copy)]
pub(crate) struct KeyDoc {
    pub(crate) name: &'static str,
    /// Another spelling, or nothing.
    pub(crate) also: &'static str,
    pub(crate) form: Form,
    pub(crate) required: bool,
    /// One sentence for people.
    pub(crate) about: &'static str,
    /// What holds when the key is not there, in words; empty if there is nothing to say.
    pub(crate) default: &'static str,
}

/// A key that would promise what nobody does.
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    /// Whether it may be set to `false`, which is true.
    pub(crate) may_be_off: bool,
}

/// What the value of a key looks like.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Text,
    /// A list of at least one text.
    Texts,
    Flag,
    /// A whole number in a range.
    Count(u64, u64),
    Seconds,
    Money,
    Tier,
    /// A tier, or `none`.
    TierOrNone,
    Word(&'static [&'static str]),
    /// Any value.
    Any,
    /// Any map.
    AnyMap,
    /// The version of the language.
    Version,
    /// The name of a kind of step.
    Kind,
    /// A condition.
    Condition,
    /// The name of a step.
    Name,
    /// A list of at least one name.
    Names,
    /// One name, or a list of at least one.
    NameOrNames,
    /// A map of keys of its own.
    Map(&'static Place),
    /// A map from any key to one of these words.
    WordMap(&'static [&'static str]),
    /// Steps: a map by name, or a list.
    Steps,
    /// Tools: a map by name.
    Tools,
    /// A list of edges, as text or as maps.
    Edges,
    /// A list of maps with keys of their own.
    List(&'static Place),
}

impl Place {
    /// The key with this name or this other spelling.
    pub(crate) fn key(&self, name: &str) -> Option<&'static KeyDoc> {
        self.keys.iter().find(|key| key.name == name || (!key.also.is_empty() && key.also == name))
    }

    /// Every name that is read.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().flat_map(|key| [key.name, key.also]).filter(|name| !name.is_empty())
    }
}

impl KeyDoc {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn also(mut self, also: &'static str) -> Self {
        self.also = also;
        self
    }
}

const fn key(name: &'static str, form: Form, about: &'static str) -> KeyDoc {
    KeyDoc { name, also: "", form, required: false, about, default: "" }
}

impl From<&KeySpec> for KeyDoc {
    /// A key of a kind of step.
    fn from(spec: &KeySpec) -> Self {
        let KeySpec { name, shape, required, about } = *spec;
        Self { name, also: alias(name), form: Form::from(shape), required, about, default: "" }
    }
}

impl From<Shape> for Form {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Text => Self::Text,
            Shape::Texts => Self::Texts,
            Shape::Flag => Self::Flag,
            Shape::Count => Self::Count(0, Amounts::MAX),
            Shape::Seconds => Self::Seconds,
            Shape::Word(words) => Self::Word(words),
            Shape::Any => Self::Any,
        }
    }
}
