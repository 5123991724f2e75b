//! Words, numbers, texts and signs of a condition, as Python writes them.

use super::Fault;
use super::refuse;

/// What stands at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'t> {
    Word(&'t str),
    Int(u64),
    Float(f64),
    Text(Box<str>),
    Sign(&'static str),
    End,
}

/// One piece of the text; `start` and `end` are bytes.
#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub kind: Kind<'t>,
    pub start: usize,
    pub end: usize,
}

/// The signs of the language, longer ones first.
const SIGNS: &[&str] = &["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", ".", "-", "+"];

/// Takes a condition apart. The last token is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let end = text.trim_end_matches(is_space).len();
    let start = text.len() - text.trim_start_matches(is_space).len();
    let mut lexer = Lexer { text: text.get(..end).unwrap_or_default(), at: start, open: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_space()?;
        let start = lexer.at;
        let kind = lexer.next()?;
        let last = kind == Kind::End;
        tokens.push(Token { kind, start, end: lexer.at });
        if last {
            return Ok(tokens);
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Bytes at the start of `text` that are digits, with single underscores between them as Python has it.
fn digits(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while is_digit(at) || (at > 0 && bytes.get(at) == Some(&b'_') && is_digit(at + 1)) {
        at += 1;
    }
    at
}

fn after(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Brackets that are open: a line may end inside them only, as in Python.
    open: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        after(self.text, self.at)
    }

    fn skip_space(&mut self) -> Result<(), Fault> {
        while let Some(c) = self.rest().chars().next().filter(|c| is_space(*c)) {
            if matches!(c, '\n' | '\r') && self.open == 0 {
                let fault = Fault::new(self.at, self.at + 1, "a condition is one line");
                return Err(fault.help("put brackets around a condition of several lines"));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Kind<'t>, Fault> {
        let mut chars = self.rest().chars();
        let (first, second) = (chars.next(), chars.next());
        match first {
            None => Ok(Kind::End),
            Some('0'..='9') => self.number(),
            Some('.') if second.is_some_and(|c| c.is_ascii_digit()) => self.number(),
            Some(quote @ ('\'' | '"')) => self.text(quote),
            Some(c) if is_word(c) => self.word(),
            Some(c) => self.sign(c),
        }
    }

    fn word(&mut self) -> Result<Kind<'t>, Fault> {
        let rest = self.rest();
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        let (start, end) = (self.at, self.at + length);
        self.at = end;
        match self.rest().chars().next() {
            Some('\'' | '"') if word.len() <= 2 && !refuse::is_keyword(word) => {
                let message = format!("a text cannot have a prefix: `{word}`");
                Err(Fault::new(start, end, message).help("write the text in quotes alone"))
            }
            Some(c) if c.is_alphanumeric() => {
                let message = format!("`{c}` cannot be part of a name in a condition");
                let fault = Fault::new(end, end + c.len_utf8(), message);
                Err(fault.help("read it as a key: `structured['…']`"))
            }
            _ => Ok(Kind::Word(word)),
        }
    }

    fn number(&mut self) -> Result<Kind<'t>, Fault> {
        let rest = self.rest();
        let mut length = digits(rest);
        let mut whole = true;
        if after(rest, length).starts_with('.') {
            whole = false;
            length += 1;
            length += digits(after(rest, length));
        }
        let exponent = after(rest, length).strip_prefix(['e', 'E']);
        if let Some(exponent) = exponent {
            let signed = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let power = digits(signed);
            if power > 0 {
                whole = false;
                length += 1 + exponent.len() - signed.len() + power;
            }
        }
        let start = self.at;
        self.at += length;
        let tail = self.rest();
        let tail = tail.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(tail.len());
        let (end, shown) = (self.at + tail, rest.get(..length + tail).unwrap_or_default());
        let fault = |message: String| Fault::new(start, end, message);
        if tail > 0 {
            let help = "numbers are written like `3`, `0.8` or `1e3`";
            return Err(fault(format!("`{shown}` is not a number and not a name")).help(help));
        }
        let plain: String = shown.chars().filter(|c| *c != '_').collect();
        match whole {
            true => integer(&plain).map_err(|(message, help)| fault(message).help(help)),
            false => match plain.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Kind::Float(number)),
                _ => Err(fault(format!("`{shown}` is larger than any number"))),
            },
        }
    }

    fn text(&mut self, quote: char) -> Result<Kind<'t>, Fault> {
        let start = self.at;
        let rest = self.rest();
        if rest.chars().take(3).filter(|c| *c == quote).count() == 3 {
            let fault = Fault::new(start, start + 3, "a text cannot have three quotes");
            return Err(fault.help("write it in one `'` or `\"` on each side"));
        }
        let mut text = String::new();
        self.at += 1;
        loop {
            match self.rest().chars().next() {
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(Kind::Text(text.into()));
                }
                Some('\\') => text.push(self.escape()?),
                None | Some('\n' | '\r') => {
                    return Err(Fault::new(start, start + 1, format!("`{quote}` is never closed")));
                }
                Some(c) if c.is_control() && c != '\t' => {
                    let fault = Fault::new(self.at, self.at + c.len_utf8(), "a control character in a text");
                    return Err(fault.help("write it as an escape: `\\n`, `\\x07`"));
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    text.push(c);
                }
            }
        }
    }

    /// One escape, from its backslash on.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let body = after(self.rest(), 1);
        let hex = |count: usize| {
            let digits = body.get(1..=count).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let character = digits.and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
            character.map(|character| (character, 1 + count))
        };
        let read = match body.chars().next() {
            Some('n') => Some(('\n', 1)),
            Some('t') => Some(('\t', 1)),
            Some('r') => Some(('\r', 1)),
            Some(c @ ('\\' | '\'' | '"')) => Some((c, 1)),
            Some('x') => hex(2),
            Some('u') => hex(4),
            _ => None,
        };
        if let Some((character, length)) = read {
            self.at += 1 + length;
            return Ok(character);
        }
        let sign: String = body.chars().take(1).filter(|c| !c.is_control()).collect();
        let end = start + 1 + sign.len();
        let fault = Fault::new(start, end, format!("`\\{sign}` is not an escape of texts"));
        Err(fault
            .help("write `\\\\` for a backslash, or `\\n`, `\\t`, `\\r`, `\\'`, `\\\"`, `\\xNN`, `\\uNNNN`"))
    }

    fn sign(&mut self, first: char) -> Result<Kind<'t>, Fault> {
        let rest = self.rest();
        let start = self.at;
        if let Some(fault) = refuse::pair(rest, start) {
            return Err(fault);
        }
        let Some(sign) = SIGNS.iter().copied().find(|sign| rest.starts_with(sign)) else {
            return Err(refuse::single(first, start));
        };
        self.at += sign.len();
        match sign {
            "(" | "[" => self.open += 1,
            ")" | "]" => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        Ok(Kind::Sign(sign))
    }
}

/// The number, or what is wrong and what to do about it.
fn integer(plain: &str) -> Result<Kind<'static>, (String, String)> {
    let stripped = plain.trim_start_matches('0');
    if stripped.len() < plain.len() && !stripped.is_empty() {
        return Err((format!("`{plain}` starts with a zero"), format!("write `{stripped}`")));
    }
    let too_large = |_| (format!("`{plain}` is too large"), format!("integers go up to {}", u64::MAX));
    plain.parse().map(Kind::Int).map_err(too_large)
}
