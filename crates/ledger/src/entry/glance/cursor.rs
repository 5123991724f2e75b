//! Where a reader of canonical JSON stands. Every step forward is a certain text, or nothing.

use comity_core::Digest;

/// What is left to read.
pub struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    pub fn new(rest: &'b [u8]) -> Self {
        Self { rest }
    }

    pub fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// Passes over exactly this.
    pub fn take(&mut self, text: &[u8]) -> Option<()> {
        self.has(text).then_some(())
    }

    /// Passes over this if it stands here.
    pub fn has(&mut self, text: &[u8]) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.rest = rest;
        true
    }

    /// Nothing is left.
    pub fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// A member that may be left out; never the last of its object. The outer `None` is a mistake.
    pub fn field<T>(&mut self, key: &[u8], value: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if !self.has(key) {
            return Some(None);
        }
        let value = value(self)?;
        self.take(b",")?;
        Some(Some(value))
    }

    /// A member that must be there; never the last of its object.
    pub fn required<T>(&mut self, key: &[u8], value: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.take(key)?;
        let value = value(self)?;
        self.take(b",")?;
        Some(value)
    }

    /// A whole number without a sign, in its one spelling.
    pub fn number(&mut self) -> Option<u64> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at_checked(digits)?;
        let leading_zero = number.len() > 1 && number.first() == Some(&b'0');
        if number.is_empty() || leading_zero {
            return None;
        }
        self.rest = rest;
        number.iter().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
    }

    pub fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub fn flag(&mut self) -> Option<bool> {
        if self.has(b"true") {
            return Some(true);
        }
        self.has(b"false").then_some(false)
    }

    /// A text in which nothing is escaped, between its quotes. May not be UTF-8.
    pub fn plain(&mut self) -> Option<&'b [u8]> {
        let (text, rest) = self.rest.strip_prefix(b"\"").and_then(to_quote)?;
        let odd = text.iter().any(|byte| *byte == b'\\' || *byte < b' ');
        self.rest = rest;
        (!odd).then_some(text)
    }

    /// A text in which nothing is escaped, of a certain form.
    pub fn name(&mut self, is_name: impl FnOnce(&str) -> bool) -> Option<&'b str> {
        std::str::from_utf8(self.plain()?).ok().filter(|text| is_name(text))
    }

    pub fn digest(&mut self) -> Option<Digest> {
        // Its length is known: no search for the quote at its end.
        let (text, rest) = self.rest.strip_prefix(b"\"")?.split_at_checked(64)?;
        self.rest = rest.strip_prefix(b"\"")?;
        Digest::from_hex_bytes(text)
    }

    pub fn id<T>(&mut self, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        read(self.plain()?)
    }

    /// Any text, between its quotes, with each character in its one spelling.
    pub fn text(&mut self) -> Option<&'b [u8]> {
        let whole = self.rest.strip_prefix(b"\"")?;
        let mut rest = whole;
        let length = loop {
            let (byte, after) = rest.split_first()?;
            rest = match byte {
                b'"' => break whole.len() - rest.len(),
                b'\\' => after_escape(after)?,
                0..b' ' => return None,
                _ => after,
            };
        };
        let (text, rest) = whole.split_at_checked(length)?;
        self.rest = rest.strip_prefix(b"\"")?;
        std::str::from_utf8(text).is_ok().then_some(text)
    }
}

fn to_quote(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'"')?;
    let (text, rest) = text.split_at_checked(end)?;
    Some((text, rest.strip_prefix(b"\"")?))
}

/// What follows the rest of an escape, if it is the spelling that RFC 8785 (section 3.2.2.2) gives the character.
fn after_escape(text: &[u8]) -> Option<&[u8]> {
    let (letter, rest) = text.split_first()?;
    match letter {
        b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => Some(rest),
        b'u' => {
            let (number, rest) = rest.split_first_chunk::<4>()?;
            let low = match number {
                b"0008" | b"0009" | b"000a" | b"000c" | b"000d" => return None,
                [b'0', b'0', b'0' | b'1', low] => low,
                _ => return None,
            };
            matches!(low, b'0'..=b'9' | b'a'..=b'f').then_some(rest)
        }
        _ => None,
    }
}
