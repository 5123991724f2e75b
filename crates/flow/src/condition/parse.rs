//! From tokens to parts, with Python's precedence.

use super::expr::{Expr, METHODS, Node, Relation};
use super::lex::{self, Kind, Token};
use super::value::{Form, Seq, Val};
use super::{Fault, refuse};

/// Brackets, `not` and signs inside one another, and parts inside one another.
pub(super) const DEPTH_LIMIT: usize = 64;

type Parsed = Result<Node, Fault>;

/// Reads a condition: what it says, and its names in order of first appearance.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<Box<str>>), Fault> {
    let mut parser = Parser { tokens: lex::tokens(text)?, at: 0, nested: 0, names: Vec::new() };
    let (kind, start, _) = parser.peek();
    if kind == Kind::End {
        return Err(Fault::new(start, start, "the condition is empty"));
    }
    let root = parser.or()?;
    match parser.peek() {
        (Kind::End, ..) => Ok((root, parser.names)),
        (Kind::Sign(","), start, end) => {
            let fault = Fault::new(start, end, "`,` cannot follow here");
            Err(fault.help("write `and` or `or` between two conditions"))
        }
        token => Err(following(token)),
    }
}

/// What cannot follow a value.
fn following((kind, start, end): (Kind<'_>, usize, usize)) -> Fault {
    match kind {
        Kind::Word(word) => refuse::following(word, start),
        Kind::Sign(sign @ ("+" | "-")) => refuse::arithmetic(sign, start),
        Kind::Sign(sign @ (")" | "]")) => Fault::new(start, end, format!("`{sign}` closes nothing")),
        Kind::Sign(sign) => Fault::new(start, end, format!("`{sign}` cannot follow here")),
        Kind::Int(_) | Kind::Float(_) | Kind::Text(_) => {
            let fault = Fault::new(start, end, "a value cannot follow a value");
            fault.help("`and`, `or` or a comparison has to stand between two values")
        }
        Kind::End => Fault::new(start, end, "the condition ends too early"),
    }
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
    nested: usize,
    names: Vec<Box<str>>,
}

impl<'t> Parser<'t> {
    fn token(&self, ahead: usize) -> (Kind<'t>, usize, usize) {
        let token = self.tokens.get(self.at + ahead).or_else(|| self.tokens.last());
        token.map_or((Kind::End, 0, 0), |token| (token.kind.clone(), token.start, token.end))
    }

    fn peek(&self) -> (Kind<'t>, usize, usize) {
        self.token(0)
    }

    fn is(&self, ahead: usize, wanted: &Kind<'_>) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| token.kind == *wanted)
    }

    fn take(&mut self, wanted: &Kind<'_>) -> bool {
        let found = self.is(0, wanted);
        self.at += usize::from(found);
        found
    }

    fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.end)
    }

    fn node(&self, expr: Expr, start: usize) -> Parsed {
        let (end, depth) = (self.end(), expr.depth_inside() + 1);
        if depth > DEPTH_LIMIT { Err(too_deep(start, end)) } else { Ok(Node { expr, start, end, depth }) }
    }

    /// Reads something inside what is being read.
    fn inside(&mut self, start: usize, read: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.nested >= DEPTH_LIMIT {
            return Err(too_deep(start, start + 1));
        }
        self.nested += 1;
        let node = read(self);
        self.nested -= 1;
        node
    }

    fn or(&mut self) -> Parsed {
        self.list_of("or", Self::and, Expr::Or)
    }

    fn and(&mut self) -> Parsed {
        self.list_of("and", Self::not, Expr::And)
    }

    fn list_of(
        &mut self,
        word: &str,
        part: impl Fn(&mut Self) -> Parsed,
        join: impl FnOnce(Box<[Node]>) -> Expr,
    ) -> Parsed {
        let first = part(self)?;
        if !self.is(0, &Kind::Word(word)) {
            return Ok(first);
        }
        let start = first.start;
        let mut parts = vec![first];
        while self.take(&Kind::Word(word)) {
            parts.push(part(self)?);
        }
        self.node(join(parts.into()), start)
    }

    fn not(&mut self) -> Parsed {
        let (_, start, _) = self.peek();
        if !self.take(&Kind::Word("not")) {
            return self.comparison();
        }
        let inner = self.inside(start, Self::not)?;
        self.node(Expr::Not(Box::new(inner)), start)
    }

    fn comparison(&mut self) -> Parsed {
        let first = self.signed()?;
        let start = first.start;
        let mut rest = Vec::new();
        while let Some(relation) = self.relation() {
            let right = self.signed()?;
            let named = matches!(right.expr, Expr::Const(Val::Null | Val::Bool(_)));
            if matches!(relation, Relation::Is | Relation::IsNot) && !named {
                let fault = Fault::new(right.start, right.end, "`is` takes None, True or False only");
                return Err(fault.help("write `==` to compare values"));
            }
            rest.push((relation, right));
        }
        if rest.is_empty() {
            Ok(first)
        } else {
            self.node(Expr::Compare(Box::new(first), rest.into()), start)
        }
    }

    fn relation(&mut self) -> Option<Relation> {
        let second_is = |word| self.is(1, &Kind::Word(word));
        let (relation, length) = match self.peek().0 {
            Kind::Sign("==") => (Relation::Equal, 1),
            Kind::Sign("!=") => (Relation::NotEqual, 1),
            Kind::Sign("<") => (Relation::Less, 1),
            Kind::Sign("<=") => (Relation::AtMost, 1),
            Kind::Sign(">") => (Relation::Greater, 1),
            Kind::Sign(">=") => (Relation::AtLeast, 1),
            Kind::Word("in") => (Relation::In, 1),
            Kind::Word("not") if second_is("in") => (Relation::NotIn, 2),
            Kind::Word("is") if second_is("not") => (Relation::IsNot, 2),
            Kind::Word("is") => (Relation::Is, 1),
            _ => return None,
        };
        self.at += length;
        Some(relation)
    }

    fn signed(&mut self) -> Parsed {
        let (kind, start, _) = self.peek();
        let minus = match kind {
            Kind::Sign("-") => true,
            Kind::Sign("+") => false,
            _ => return self.value(),
        };
        self.at += 1;
        let inner = self.inside(start, Self::signed)?;
        let expr = match (minus, inner.expr) {
            (true, Expr::Const(Val::Int(number))) => Expr::Const(Val::Int(-number)),
            (true, Expr::Const(Val::Float(number))) => Expr::Const(Val::Float(-number)),
            (true, expr) => Expr::Minus(Box::new(Node { expr, ..inner })),
            (false, expr) => Expr::Plus(Box::new(Node { expr, ..inner })),
        };
        self.node(expr, start)
    }

    /// A value with what is read from it: `.key`, `['key']`, `.method()`.
    fn value(&mut self) -> Parsed {
        let mut value = self.atom()?;
        let start = value.start;
        loop {
            let (kind, at, end) = self.peek();
            value = match kind {
                Kind::Sign(".") => {
                    self.at += 1;
                    self.dotted(value)?
                }
                Kind::Sign("[") => {
                    self.at += 1;
                    let index = self.inside(at, Self::or)?;
                    self.close("[", "]", at)?;
                    self.node(Expr::Index(Box::new((value, index))), start)?
                }
                Kind::Sign("(") => {
                    let fault = Fault::new(at, end, "only `len` and methods can be called");
                    return Err(fault);
                }
                _ => return Ok(value),
            };
        }
    }

    fn dotted(&mut self, value: Node) -> Parsed {
        let (kind, start, end) = self.peek();
        let Kind::Word(word) = kind else {
            return Err(Fault::new(start, end, "a key has to follow the dot"));
        };
        if let Some(fault) = refuse::key(word, start) {
            return Err(fault);
        }
        self.at += 1;
        let whole = value.start;
        if !self.is(0, &Kind::Sign("(")) {
            return self.node(Expr::Key(Box::new(value), word.into()), whole);
        }
        let Some((_, method, least, most)) = METHODS.iter().find(|(name, ..)| *name == word) else {
            let names: Vec<String> = METHODS.iter().map(|(name, ..)| format!("`.{name}()`")).collect();
            let fault = Fault::new(start, end, format!("`.{word}()` is not part of conditions"));
            return Err(fault.help(format!("there are {}", names.join(", "))));
        };
        let arguments = self.arguments()?;
        if !(*least..=*most).contains(&arguments.len()) {
            let takes = match (least, most) {
                (_, 0) => "no arguments",
                (1, 1) => "one argument",
                _ => "a key and, if wanted, a default",
            };
            return Err(Fault::new(start, self.end(), format!("`.{word}()` takes {takes}")));
        }
        let mut parts = vec![value];
        parts.extend(arguments);
        self.node(Expr::Method(*method, parts.into()), whole)
    }

    fn function(&mut self, word: &str, start: usize, end: usize) -> Parsed {
        if word != "len" {
            let fault = Fault::new(start, end, format!("the function `{word}` is not part of conditions"));
            return Err(fault.help("the only function is `len`"));
        }
        let mut arguments = self.arguments()?.into_iter();
        match (arguments.next(), arguments.next()) {
            (Some(argument), None) => self.node(Expr::Len(Box::new(argument)), start),
            _ => Err(Fault::new(start, self.end(), "`len()` takes one argument")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Node>, Fault> {
        let (_, open, _) = self.peek();
        self.at += 1;
        let (parts, _) = self.separated("(", ")", open)?;
        Ok(parts)
    }

    fn atom(&mut self) -> Parsed {
        let (kind, start, end) = self.peek();
        self.at += 1;
        let expr = match kind {
            Kind::Int(number) => Expr::Const(Val::Int(number.into())),
            Kind::Float(number) => Expr::Const(Val::Float(number)),
            Kind::Text(text) => Expr::Const(Val::Text(text.into_string().into())),
            Kind::Word("True") => Expr::Const(Val::Bool(true)),
            Kind::Word("False") => Expr::Const(Val::Bool(false)),
            Kind::Word("None") => Expr::Const(Val::Null),
            Kind::Word(word) if self.is(0, &Kind::Sign("(")) && !refuse::is_keyword(word) => {
                return self.function(word, start, end);
            }
            Kind::Word(word) => match refuse::name(word, start) {
                Some(fault) => return Err(fault),
                None => Expr::Name(self.slot(word)),
            },
            Kind::Sign("(") => return self.bracket(start),
            Kind::Sign("[") => {
                let (parts, _) = self.separated("[", "]", start)?;
                items(Form::List, parts)
            }
            Kind::Sign(sign) => {
                return Err(Fault::new(start, end, format!("a value is missing before `{sign}`")));
            }
            Kind::End => {
                return Err(Fault::new(start, end, "the condition ends where a value has to stand"));
            }
        };
        self.node(expr, start)
    }

    /// `(a)` is `a`; `()`, `(a,)` and `(a, b)` are tuples.
    fn bracket(&mut self, open: usize) -> Parsed {
        let (mut parts, comma) = self.separated("(", ")", open)?;
        if parts.len() == 1 && !comma {
            // The brackets belong to the part: what is said about it should show them.
            return parts.pop().map_or_else(
                || Err(Fault::new(open, open + 1, "a value is missing")),
                |part| Ok(Node { start: open, end: self.end(), ..part }),
            );
        }
        self.node(items(Form::Tuple, parts), open)
    }

    /// Values up to a closing bracket, and whether a comma stood behind one.
    fn separated(&mut self, open: &str, close: &str, at: usize) -> Result<(Vec<Node>, bool), Fault> {
        let closing = Kind::Sign(if close == ")" { ")" } else { "]" });
        let (mut parts, mut comma) = (Vec::new(), false);
        while !self.take(&closing) {
            if self.is(0, &Kind::End) {
                return Err(never_closed(open, at));
            }
            parts.push(self.inside(at, Self::or)?);
            if self.take(&Kind::Sign(",")) {
                comma = true;
            } else {
                self.close(open, close, at)?;
                break;
            }
        }
        Ok((parts, comma))
    }

    fn close(&mut self, open: &str, close: &str, at: usize) -> Result<(), Fault> {
        let (kind, start, end) = self.peek();
        match kind {
            Kind::Sign(sign) if sign == close => {
                self.at += 1;
                Ok(())
            }
            Kind::End => Err(never_closed(open, at)),
            Kind::Sign(sign @ (")" | "]")) => {
                Err(Fault::new(start, end, format!("`{sign}` cannot close `{open}`"))
                    .help(format!("write `{close}`")))
            }
            kind => Err(following((kind, start, end))),
        }
    }

    fn slot(&mut self, word: &str) -> usize {
        let known = self.names.iter().position(|name| **name == *word);
        known.unwrap_or_else(|| {
            self.names.push(word.into());
            self.names.len() - 1
        })
    }
}

fn never_closed(open: &str, at: usize) -> Fault {
    Fault::new(at, at + 1, format!("`{open}` is never closed"))
}

fn too_deep(start: usize, end: usize) -> Fault {
    Fault::new(start, end, format!("the condition is nested deeper than {DEPTH_LIMIT} levels"))
}

/// A list or tuple; made once if nothing in it can change.
fn items(form: Form, parts: Vec<Node>) -> Expr {
    if !parts.iter().all(|part| matches!(part.expr, Expr::Const(_))) {
        return Expr::Items(form, parts.into());
    }
    let values = parts.into_iter().filter_map(|part| match part.expr {
        Expr::Const(value) => Some(value),
        _ => None,
    });
    Expr::Const(Val::Items(form, Seq::Made(values.collect())))
}
