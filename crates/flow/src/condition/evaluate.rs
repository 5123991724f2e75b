//! Decides a condition on values.

use super::Undecided;
use super::expr::{Expr, Method, Node, Relation};
use super::value::{Exhausted, STEP_LIMIT, Seq, Val, Work};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Characters of a part that a message shows.
const SHOWN: usize = 60;

type Evaluated<'a> = Result<Val<'a>, Undecided>;

/// One decision.
pub(super) struct Evaluation<'a> {
    pub text: &'a str,
    pub names: &'a [Box<str>],
    pub values: &'a [Option<&'a Value>],
    pub work: Work,
}

impl From<Exhausted> for Undecided {
    fn from(_: Exhausted) -> Self {
        Self(format!("the condition takes more than {STEP_LIMIT} steps"))
    }
}

impl<'a> Evaluation<'a> {
    /// True, False, or why neither.
    pub fn truth(&mut self, node: &'a Node) -> Result<bool, Undecided> {
        match self.value(node)? {
            Val::Bool(bool) => Ok(bool),
            other => Err(self.say(node, |part| format!("{part} is {}, not True or False", other.kind()))),
        }
    }

    /// The leaves of most conditions are names and constants: they cost no call.
    #[inline(always)]
    fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.work.step()?;
        match &node.expr {
            Expr::Const(value) => Ok(value.view()),
            Expr::Name(slot) => match self.values.get(*slot) {
                Some(Some(value)) => Ok((*value).into()),
                _ => Err(self.undefined(*slot)),
            },
            _ => self.composed(node),
        }
    }

    #[inline(never)]
    fn composed(&mut self, node: &'a Node) -> Evaluated<'a> {
        match &node.expr {
            Expr::Const(_) | Expr::Name(_) => self.value(node),
            Expr::And(parts) => self.until(parts, false),
            Expr::Or(parts) => self.until(parts, true),
            Expr::Not(part) => Ok(Val::Bool(!self.truth(part)?)),
            Expr::Compare(first, rest) => self.compare(first, rest),
            Expr::Minus(part) => self.signed(node, part, -1),
            Expr::Plus(part) => self.signed(node, part, 1),
            Expr::Items(form, parts) => {
                let mut items = Vec::with_capacity(parts.len());
                for part in parts {
                    items.push(self.value(part)?);
                }
                Ok(Val::Items(*form, Seq::Made(items)))
            }
            Expr::Len(part) => self.length(part),
            Expr::Method(method, parts) => self.method(node, *method, parts),
            Expr::Key(part, key) => {
                let value = self.value(part)?;
                self.key(node, part, &value, key)
            }
            Expr::Index(pair) => self.index(node, &pair.0, &pair.1),
        }
    }

    #[cold]
    fn undefined(&self, slot: usize) -> Undecided {
        let name = self.names.get(slot).map_or("", |name| name);
        Undecided(format!("`{name}` is not defined"))
    }

    /// `and` and `or`: the first part that is `end` ends them.
    fn until(&mut self, parts: &'a [Node], end: bool) -> Evaluated<'a> {
        for part in parts {
            if self.truth(part)? == end {
                return Ok(Val::Bool(end));
            }
        }
        Ok(Val::Bool(!end))
    }

    fn compare(&mut self, first: &'a Node, rest: &'a [(Relation, Node)]) -> Evaluated<'a> {
        let (mut left_node, mut left) = (first, self.value(first)?);
        for (relation, right_node) in rest {
            let right = self.value(right_node)?;
            if !self.holds(*relation, (left_node, &left), (right_node, &right))? {
                return Ok(Val::Bool(false));
            }
            (left_node, left) = (right_node, right);
        }
        Ok(Val::Bool(true))
    }

    fn holds(
        &mut self,
        relation: Relation,
        left: (&'a Node, &Val<'a>),
        right: (&'a Node, &Val<'a>),
    ) -> Result<bool, Undecided> {
        match relation {
            Relation::Equal => Ok(left.1.equals(right.1, &mut self.work)?),
            Relation::NotEqual => Ok(!left.1.equals(right.1, &mut self.work)?),
            Relation::Less => Ok(self.order(left, right)? == Ordering::Less),
            Relation::AtMost => Ok(self.order(left, right)? != Ordering::Greater),
            Relation::Greater => Ok(self.order(left, right)? == Ordering::Greater),
            Relation::AtLeast => Ok(self.order(left, right)? != Ordering::Less),
            Relation::In => self.contains(left, right),
            Relation::NotIn => Ok(!self.contains(left, right)?),
            Relation::Is => Ok(is_same(left.1, right.1)),
            Relation::IsNot => Ok(!is_same(left.1, right.1)),
        }
    }

    fn order(
        &mut self,
        left: (&'a Node, &Val<'a>),
        right: (&'a Node, &Val<'a>),
    ) -> Result<Ordering, Undecided> {
        if let Some(order) = left.1.order(right.1, &mut self.work)? {
            return Ok(order);
        }
        let (a, b) = (self.part(left.0), self.part(right.0));
        let (a_kind, b_kind) = (left.1.kind(), right.1.kind());
        let why = format!("{a} and {b} have no order: {a_kind} and {b_kind}");
        Err(Undecided(why))
    }

    #[inline(never)]
    fn contains(
        &mut self,
        item: (&'a Node, &Val<'a>),
        whole: (&'a Node, &Val<'a>),
    ) -> Result<bool, Undecided> {
        match (item.1, whole.1) {
            (Val::Text(part), Val::Text(text)) => {
                self.work.read(part)?;
                self.work.read(text)?;
                Ok(text.contains(&**part))
            }
            (other, Val::Text(_)) => {
                Err(self
                    .say(item.0, |part| format!("{part} is {}: only a text can be in a text", other.kind())))
            }
            (Val::Text(item), Val::Items(_, Seq::Json(items))) => {
                for other in *items {
                    self.work.step()?;
                    if let Value::String(other) = other
                        && other.len() == item.len()
                    {
                        self.work.read(item)?;
                        if *other == **item {
                            return Ok(true);
                        }
                    }
                }
                Ok(false)
            }
            (item, Val::Items(_, items)) => {
                for index in 0..items.len() {
                    self.work.step()?;
                    let Some(other) = items.at(index) else { break };
                    if item.equals(&other, &mut self.work)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (key, Val::Map(map)) => {
                self.check_key(item.0, key)?;
                Ok(matches!(key, Val::Text(key) if map.contains_key(&**key)))
            }
            (_, other) => {
                Err(self.say(whole.0, |part| format!("{part} is {}: nothing can be in it", other.kind())))
            }
        }
    }

    fn check_key(&self, node: &Node, key: &Val<'_>) -> Result<(), Undecided> {
        if key.can_be_key() {
            return Ok(());
        }
        Err(self.say(node, |part| format!("{part} is {}, which cannot be a key", key.kind())))
    }

    #[inline(never)]
    fn signed(&mut self, node: &'a Node, part: &'a Node, sign: i8) -> Evaluated<'a> {
        match self.value(part)? {
            Val::Int(number) => Ok(Val::Int(number * i128::from(sign))),
            Val::Bool(bool) => Ok(Val::Int(i128::from(bool) * i128::from(sign))),
            Val::Float(number) => Ok(Val::Float(number * f64::from(sign))),
            other => Err(self.say(node, |part| format!("{part} puts a sign before {}", other.kind()))),
        }
    }

    #[inline(never)]
    fn length(&mut self, part: &'a Node) -> Evaluated<'a> {
        let length = match self.value(part)? {
            Val::Text(text) => {
                self.work.read(&text)?;
                text.chars().count()
            }
            Val::Items(_, items) => items.len(),
            Val::Map(map) => map.len(),
            other => {
                return Err(self.say(part, |part| format!("{part} is {}, which has no length", other.kind())));
            }
        };
        Ok(Val::Int(i128::try_from(length).unwrap_or(i128::MAX)))
    }

    #[inline(never)]
    fn method(&mut self, node: &'a Node, method: Method, parts: &'a [Node]) -> Evaluated<'a> {
        let [on, arguments @ ..] = parts else {
            return Err(Undecided(format!("{} is called on nothing", self.part(node))));
        };
        let value = self.value(on)?;
        match (method, value, arguments) {
            (Method::Get, Val::Map(map), [key, default @ ..]) => {
                let wanted = self.value(key)?;
                let default = default.first().map_or(Ok(Val::Null), |default| self.value(default))?;
                self.check_key(key, &wanted)?;
                let Val::Text(wanted) = wanted else { return Ok(default) };
                Ok(map.get(&*wanted).map_or(default, Val::from))
            }
            (Method::StartsWith | Method::EndsWith, Val::Text(text), [affix]) => match self.value(affix)? {
                Val::Text(other) => {
                    self.work.read(&other)?;
                    let found = match method {
                        Method::StartsWith => text.starts_with(&*other),
                        _ => text.ends_with(&*other),
                    };
                    Ok(Val::Bool(found))
                }
                other => Err(self.say(affix, |part| {
                    format!("{part} is {}: `.{}()` takes a text", other.kind(), method.name())
                })),
            },
            (Method::Lower | Method::Upper | Method::Strip, Val::Text(text), _) => {
                self.work.read(&text)?;
                Ok(Val::Text(match (method, text) {
                    (Method::Lower, text) => text.to_lowercase().into(),
                    (Method::Upper, text) => text.to_uppercase().into(),
                    (_, Cow::Borrowed(text)) => text.trim_matches(is_space).into(),
                    (_, Cow::Owned(text)) => text.trim_matches(is_space).to_owned().into(),
                }))
            }
            (_, other, _) => Err(self
                .say(on, |part| format!("{part} is {}, which has no `.{}()`", other.kind(), method.name()))),
        }
    }

    fn key(&self, node: &Node, on: &Node, value: &Val<'a>, key: &str) -> Evaluated<'a> {
        let Val::Map(map) = value else {
            return Err(self.say(on, |part| format!("{part} is {}, which has no keys", value.kind())));
        };
        match map.get(key) {
            Some(value) => Ok(value.into()),
            None => Err(self.say(node, |part| format!("{part} does not exist"))),
        }
    }

    #[inline(never)]
    fn index(&mut self, node: &'a Node, on: &'a Node, index: &'a Node) -> Evaluated<'a> {
        let value = self.value(on)?;
        let wanted = self.value(index)?;
        if let Val::Map(_) = value {
            self.check_key(index, &wanted)?;
            let Val::Text(key) = wanted else {
                return Err(self.say(node, |part| format!("{part} does not exist")));
            };
            return self.key(node, on, &value, &key);
        }
        let place = match wanted {
            Val::Int(place) => place,
            Val::Bool(bool) => bool.into(),
            other => {
                return Err(self.say(index, |part| {
                    format!("{part} is {}: a place in {} is a whole number", other.kind(), value.kind())
                }));
            }
        };
        let found = match value {
            Val::Items(_, items) => from_start(place, items.len()).and_then(|place| items.into_item(place)),
            Val::Text(text) => {
                self.work.read(&text)?;
                let found = from_start(place, text.chars().count()).and_then(|place| text.chars().nth(place));
                found.map(|character| Val::Text(character.to_string().into()))
            }
            other => {
                return Err(self.say(on, |part| format!("{part} is {}, which has no places", other.kind())));
            }
        };
        found.ok_or_else(|| self.say(node, |part| format!("{part} does not exist")))
    }

    #[cold]
    fn say(&self, node: &Node, message: impl FnOnce(&str) -> String) -> Undecided {
        Undecided(message(&self.part(node)))
    }

    /// A part as it is written, in backticks. Never a value: what values hold may be secret.
    fn part(&self, node: &Node) -> String {
        let written = self.text.get(node.start..node.end).unwrap_or_default();
        let mut characters = written.chars();
        let shown: String =
            characters.by_ref().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let more = if characters.next().is_some() { "…" } else { "" };
        format!("`{shown}{more}`")
    }
}

/// A place counted from the start; Python counts places below zero from the end.
fn from_start(place: i128, length: usize) -> Option<usize> {
    let length = i128::try_from(length).ok()?;
    let place = if place < 0 { place + length } else { place };
    usize::try_from(place).ok()
}

/// `is`, which takes None, True and False only.
fn is_same(left: &Val<'_>, right: &Val<'_>) -> bool {
    match (left, right) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(left), Val::Bool(right)) => left == right,
        _ => false,
    }
}

/// What Python strips: its white space has four separators that Unicode's has not.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&c)
}
