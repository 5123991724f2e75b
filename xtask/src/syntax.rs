//! The little grammar that tidy needs, over tokens: functions, attributes, and which lines are test code.

use crate::lexer::Token;
use std::ops::RangeInclusive;

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name; in a macro this may be a variable's.
    pub name: &'a str,
    /// The lines from `fn` to the closing brace.
    pub lines: RangeInclusive<usize>,
}

/// One `#[…]` or `#![…]`.
#[derive(Debug)]
pub struct Attribute<'t, 'a> {
    /// What is between the brackets.
    pub inside: &'t [Token<'a>],
    /// The line of the `#`.
    pub line: usize,
    /// Whether it is `#![…]`, which speaks of all that surrounds it.
    pub inner: bool,
    /// The index of the `#` among the tokens.
    start: usize,
    /// The index after the `]`.
    end: usize,
}

/// All functions with a body, nested ones too.
pub fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let starts = tokens.iter().enumerate().filter(|(_, token)| token.text == "fn");
    starts.filter_map(|(index, token)| function(tokens.get(index + 1..)?, token.line)).collect()
}

/// All attributes, in order.
pub fn attributes<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<Attribute<'t, 'a>> {
    (0..tokens.len()).filter_map(|start| attribute(tokens, start)).collect()
}

/// The lines of all items marked `#[cfg(test)]`; all lines for a file that says `#![cfg(test)]`.
pub fn test_lines(tokens: &[Token<'_>]) -> Vec<RangeInclusive<usize>> {
    attributes(tokens)
        .iter()
        .filter(|attribute| attribute.is_cfg_test())
        .filter_map(|a| marked_lines(tokens, a))
        .collect()
}

impl Attribute<'_, '_> {
    /// Whether its text holds these tokens in a row.
    pub fn holds(&self, wanted: &[&str]) -> bool {
        self.inside
            .windows(wanted.len())
            .any(|window| window.iter().map(|token| token.text).eq(wanted.iter().copied()))
    }

    /// Whether it begins with this word.
    pub fn is(&self, word: &str) -> bool {
        self.inside.first().is_some_and(|token| token.text == word)
    }

    /// `cfg(any(test, …))` and `cfg(not(test))` are also built into the product.
    fn is_cfg_test(&self) -> bool {
        self.is("cfg") && self.holds(&["test"]) && !self.holds(&["not"]) && !self.holds(&["any"])
    }
}

/// The function whose tokens after `fn` these are. A type (`fn(u8)`) and a declaration without body are none.
fn function<'a>(after: &[Token<'a>], line: usize) -> Option<Function<'a>> {
    let name = match after.first()?.text {
        "$" => after.get(1)?.text,
        text => text,
    };
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let body = body(after)?;
    let close = closing(after, body)?;
    Some(Function { name, lines: line..=after.get(close)?.line })
}

/// The index of the `{` that opens the body, after a signature that may hold blocks of its own: `[u8; { N }]`.
fn body(tokens: &[Token<'_>]) -> Option<usize> {
    let (mut depth, mut index, mut previous) = (0_usize, 0, "");
    loop {
        let text = tokens.get(index)?.text;
        match text {
            ";" | "}" if depth == 0 => return None,
            "{" if depth == 0 => return Some(index),
            "{" => index = closing(tokens, index)?,
            "(" | "[" | "<" => depth += 1,
            ">" if matches!(previous, "-" | "=") => {}
            ")" | "]" | ">" => depth = depth.saturating_sub(1),
            _ => {}
        }
        previous = text;
        index += 1;
    }
}

/// The index of the mark that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let opener = tokens.get(open)?.text;
    let closer = match opener {
        "{" => "}",
        "[" => "]",
        _ => ")",
    };
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        depth = match token.text {
            text if text == opener => depth + 1,
            text if text == closer => depth.saturating_sub(1),
            _ => depth,
        };
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

fn attribute<'t, 'a>(tokens: &'t [Token<'a>], start: usize) -> Option<Attribute<'t, 'a>> {
    let hash = tokens.get(start).filter(|token| token.text == "#")?;
    let inner = tokens.get(start + 1)?.text == "!";
    let open = start + 1 + usize::from(inner);
    tokens.get(open).filter(|token| token.text == "[")?;
    let close = closing(tokens, open)?;
    Some(Attribute { inside: tokens.get(open + 1..close)?, line: hash.line, inner, start, end: close + 1 })
}

/// The lines of the item that an attribute marks, from the first of the attributes around it to the item's end.
fn marked_lines(tokens: &[Token<'_>], attribute: &Attribute<'_, '_>) -> Option<RangeInclusive<usize>> {
    if attribute.inner {
        return Some(1..=usize::MAX);
    }
    let all = attributes(tokens);
    let (mut start, mut end) = (attribute.start, attribute.end);
    for other in all.iter().rev().filter(|other| !other.inner) {
        start = if other.end == start { other.start } else { start };
    }
    for other in all.iter().filter(|other| !other.inner) {
        end = if other.start == end { other.end } else { end };
    }
    let item = tokens.get(end..)?;
    let last = match body(item) {
        Some(open) => item.get(closing(item, open)?)?,
        None => item.iter().find(|token| token.text == ";")?,
    };
    Some(tokens.get(start)?.line..=last.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    fn check(source: &str, expected: &[(&str, usize, usize)]) {
        let tokens = tokens(source);
        let seen: Vec<_> =
            functions(&tokens).iter().map(|f| (f.name, *f.lines.start(), *f.lines.end())).collect();
        assert_eq!(seen, expected, "{source}");
    }

    #[test]
    fn measures_from_fn_to_brace() {
        check(
            "/// Doc.\n#[inline]\npub const fn f(\n    x: u8,\n) -> u8\n{\n    x\n}\nstruct S {}",
            &[("f", 3, 8)],
        );
        check("fn a() {}\nfn b() {\n}", &[("a", 1, 1), ("b", 2, 3)]);
    }

    #[test]
    fn counts_nested_functions_in_both() {
        check("fn outer() {\n    fn inner() {\n    }\n}", &[("outer", 1, 4), ("inner", 2, 3)]);
    }

    #[test]
    fn is_not_fooled_by_braces_in_text() {
        check(
            "fn f() {\n    let s = \"}\"; let c = '}'; let r = r#\"}\"#; // }\n    /* } */\n}",
            &[("f", 1, 4)],
        );
        check("fn f<'a>(x: &'a str) -> &'a str {\n    'l: loop { break 'l }\n}", &[("f", 1, 3)]);
    }

    #[test]
    fn skips_types_and_declarations() {
        check("type F = fn(u8) -> u8; trait T { fn a(&self);\nfn b(&self) {}\n}", &[("b", 2, 2)]);
        check("struct S { f: fn(), g: for<'a> fn(&'a u8) }\nfn c() {}", &[("c", 2, 2)]);
        check("trait T { fn last(&self) }\nfn f() {}", &[("f", 2, 2)]);
        check("// fn x() {}\n/// fn y() {}\nconst S: &str = \"fn z() {}\";", &[]);
    }

    #[test]
    fn finds_the_body_after_blocks_in_the_signature() {
        check("fn f() -> [u8; { 1 + 1 }] {\n    [0; 2]\n}", &[("f", 1, 3)]);
        check(
            "fn f<const N: usize>(a: A<{ N }>) -> B<{ N }>\nwhere\n    C<{ N > 1 }>: Is,\n{\n}",
            &[("f", 1, 5)],
        );
        check("fn f(g: impl Fn(u8) -> u8) -> Box<dyn Fn() -> u8> {\n}", &[("f", 1, 2)]);
    }

    #[test]
    fn measures_functions_in_macros() {
        check("macro_rules! m { ($n:ident) => { fn $n() {\n} } }", &[("n", 1, 2)]);
    }

    #[test]
    fn finds_test_lines() {
        for (source, expected) in [
            ("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}", vec![2..=5]),
            ("#[expect(x)]\n#[cfg(test)]\n#[path = \"x\"]\nmod t;\nfn c() {}", vec![1..=4]),
            ("fn a() {}\n#[cfg(test)] use x::{y, z};\nfn c() {}", vec![2..=2]),
            ("#![cfg(test)]\nfn a() {}", vec![1..=usize::MAX]),
            ("#[cfg(all(test, unix))]\nfn a() {\n}", vec![1..=3]),
            (
                "#[cfg(not(test))]\nfn a() {}\n#[cfg(any(test, feature = \"x\"))]\nfn b() {}\n#[test]\nfn c() {}",
                vec![],
            ),
        ] {
            assert_eq!(test_lines(&tokens(source)), expected, "{source}");
        }
    }
}
