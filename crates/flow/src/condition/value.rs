//! Values as Python has them, borrowed from JSON wherever they can be.

use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Work one decision may do: parts taken, elements looked at, and texts by their length.
pub(super) const STEP_LIMIT: u32 = 100_000;
/// Bytes of text that count as one step.
const BYTES_A_STEP: usize = 64;
/// Lists and maps inside one another that are compared.
const COMPARED_DEPTH: u32 = 128;

/// A value while a condition is decided.
#[derive(Debug)]
pub(super) enum Val<'a> {
    Null,
    Bool(bool),
    /// Wide enough for every integer of JSON here, and for its negative.
    Int(i128),
    Float(f64),
    Text(Cow<'a, str>),
    Items(Form, Seq<'a>),
    Map(&'a Map<String, Value>),
}

/// Python tells lists from tuples: `[1] == (1,)` is False.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    List,
    Tuple,
}

/// The elements of a list or tuple.
#[derive(Debug)]
pub(super) enum Seq<'a> {
    Json(&'a [Value]),
    Held(&'a [Val<'a>]),
    Made(Vec<Val<'a>>),
}

/// More work than a decision may do.
#[derive(Debug)]
pub(super) struct Exhausted;

/// What a decision may still do.
#[derive(Debug)]
pub(super) struct Work {
    left: u32,
    depth: u32,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: STEP_LIMIT, depth: 0 }
    }
}

impl Work {
    /// Takes one step.
    pub fn step(&mut self) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(1).ok_or(Exhausted)?;
        Ok(())
    }

    /// Takes the steps that going through a text takes.
    pub fn read(&mut self, text: &str) -> Result<(), Exhausted> {
        let steps = u32::try_from(text.len() / BYTES_A_STEP).map_err(|_| Exhausted)?;
        self.left = self.left.checked_sub(steps).ok_or(Exhausted)?;
        Ok(())
    }
}

impl<'a> From<&'a Value> for Val<'a> {
    #[inline]
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => number.into(),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::Items(Form::List, Seq::Json(items)),
            Value::Object(map) => Self::Map(map),
        }
    }
}

impl From<&Number> for Val<'_> {
    #[inline]
    fn from(number: &Number) -> Self {
        if let Some(number) = number.as_i64() {
            Self::Int(number.into())
        } else if let Some(number) = number.as_u64() {
            Self::Int(number.into())
        } else {
            // Invariant: a JSON number here is an integer of 64 bits or a finite float.
            Self::Float(number.as_f64().unwrap_or_default())
        }
    }
}

impl<'a> Seq<'a> {
    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Held(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    /// One element, borrowed.
    pub fn at(&self, index: usize) -> Option<Val<'_>> {
        match self {
            Self::Json(items) => items.get(index).map(Val::from),
            Self::Held(items) => items.get(index).map(Val::view),
            Self::Made(items) => items.get(index).map(Val::view),
        }
    }

    /// One element, for good.
    pub fn into_item(self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Val::from),
            Self::Held(items) => items.get(index).map(Val::view),
            Self::Made(items) => items.into_iter().nth(index),
        }
    }
}

impl<'a> Val<'a> {
    /// The same value, borrowed.
    #[inline]
    pub fn view<'b>(&'b self) -> Val<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Null => Val::Null,
            Self::Bool(bool) => Val::Bool(*bool),
            Self::Int(number) => Val::Int(*number),
            Self::Float(number) => Val::Float(*number),
            Self::Text(text) => Val::Text(Cow::Borrowed(text)),
            Self::Items(form, Seq::Json(items)) => Val::Items(*form, Seq::Json(items)),
            Self::Items(form, Seq::Held(items)) => Val::Items(*form, Seq::Held(items)),
            Self::Items(form, Seq::Made(items)) => Val::Items(*form, Seq::Held(items)),
            Self::Map(map) => Val::Map(map),
        }
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "None",
            Self::Bool(_) => "True or False",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Items(Form::List, _) => "a list",
            Self::Items(Form::Tuple, _) => "a tuple",
            Self::Map(_) => "a map",
        }
    }

    /// Whether Python takes it as the key of a map.
    pub fn can_be_key(&self) -> bool {
        match self {
            Self::Items(Form::Tuple, items) => {
                (0..items.len()).all(|index| items.at(index).is_none_or(|item| item.can_be_key()))
            }
            Self::Items(Form::List, _) | Self::Map(_) => false,
            _ => true,
        }
    }

    /// `==`; never an error, whatever is compared.
    pub fn equals(&self, other: &Val<'_>, work: &mut Work) -> Result<bool, Exhausted> {
        match (self, other) {
            (Val::Text(a), Val::Text(b)) => {
                if a.len() == b.len() {
                    work.read(a)?;
                }
                Ok(a == b)
            }
            (Val::Null, Val::Null) => Ok(true),
            (Val::Items(a_form, a), Val::Items(b_form, b)) => {
                if a_form != b_form || a.len() != b.len() {
                    return Ok(false);
                }
                work.deeper(|work| all_equal(a, b, work))
            }
            (Val::Map(a), Val::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                work.deeper(|work| same_map(a, b, work))
            }
            _ => Ok(self.order_of_numbers(other) == Some(Ordering::Equal)),
        }
    }

    /// The order of two numbers or two texts; nothing else has one.
    pub fn order(&self, other: &Val<'_>, work: &mut Work) -> Result<Option<Ordering>, Exhausted> {
        match (self, other) {
            (Val::Text(a), Val::Text(b)) => {
                work.read(if a.len() < b.len() { a } else { b })?;
                // By UTF-8 bytes, which is by code points.
                Ok(Some(a.cmp(b)))
            }
            _ => Ok(self.order_of_numbers(other)),
        }
    }

    fn order_of_numbers(&self, other: &Val<'_>) -> Option<Ordering> {
        let integer = |value: &Val<'_>| match value {
            Val::Bool(bool) => Some(i128::from(*bool)),
            Val::Int(number) => Some(*number),
            _ => None,
        };
        match (self, other) {
            (Val::Float(a), Val::Float(b)) => a.partial_cmp(b),
            (Val::Float(a), b) => integer(b).and_then(|b| order_exactly(b, *a)).map(Ordering::reverse),
            (a, Val::Float(b)) => integer(a).and_then(|a| order_exactly(a, *b)),
            (a, b) => Some(integer(a)?.cmp(&integer(b)?)),
        }
    }
}

impl Work {
    fn deeper(
        &mut self,
        compare: impl FnOnce(&mut Self) -> Result<bool, Exhausted>,
    ) -> Result<bool, Exhausted> {
        if self.depth >= COMPARED_DEPTH {
            return Err(Exhausted);
        }
        self.depth += 1;
        let equal = compare(self);
        self.depth -= 1;
        equal
    }
}

fn all_equal(a: &Seq<'_>, b: &Seq<'_>, work: &mut Work) -> Result<bool, Exhausted> {
    for index in 0..a.len() {
        work.step()?;
        let (Some(a), Some(b)) = (a.at(index), b.at(index)) else { return Ok(false) };
        if !a.equals(&b, work)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_map(a: &Map<String, Value>, b: &Map<String, Value>, work: &mut Work) -> Result<bool, Exhausted> {
    for (key, value) in a {
        work.step()?;
        work.read(key)?;
        let Some(other) = b.get(key) else { return Ok(false) };
        if !Val::from(value).equals(&Val::from(other), work)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Compares without rounding: as a float, 2^53 + 1 would be 2^53.
#[expect(clippy::cast_possible_truncation, reason = "the float is whole and far inside what fits")]
fn order_exactly(integer: i128, float: f64) -> Option<Ordering> {
    /// 2^65, beyond every integer here and exact as a float.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if float.is_nan() {
        return None;
    }
    if float >= BEYOND {
        return Some(Ordering::Less);
    }
    if float <= -BEYOND {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    let order = integer.cmp(&(whole as i128));
    Some(order.then_with(|| 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal)))
}
