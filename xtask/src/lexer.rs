//! Splits Rust source into words and marks, so that a rule never mistakes a comment or a string for code.
//!
//! It knows where literals and comments end, and nothing of grammar. Valid Rust in, true tokens out; of invalid Rust it
//! promises only that it ends.

/// The text of every string, byte string and character literal: what they say is nobody's business here.
pub const LITERAL: &str = "\"\"";

/// One word, mark, lifetime or literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// A word (`fn`, `r#type`, `0x1f`), one mark (`{`), a lifetime (`'a`), or [`LITERAL`].
    pub text: &'a str,
    /// The line it starts in, from 1.
    pub line: usize,
}

/// All tokens of `source`, in order.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut cursor = Cursor { rest: source, line: 1 };
    std::iter::from_fn(|| cursor.token()).collect()
}

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    fn token(&mut self) -> Option<Token<'a>> {
        self.skip_blank();
        let line = self.line;
        let first = self.rest.chars().next()?;
        let text = match first {
            '"' => self.string(),
            '\'' => self.quote(),
            _ if is_word(first) => self.word_or_prefixed(),
            _ => self.take(first.len_utf8()),
        };
        Some(Token { text, line })
    }

    fn skip_blank(&mut self) {
        loop {
            let before = self.rest.len();
            self.take_while(char::is_whitespace);
            if self.rest.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest.starts_with("/*") {
                self.block_comment();
            }
            if self.rest.len() == before {
                return;
            }
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth = depth.saturating_sub(1);
                self.take(2);
            } else {
                self.take_char();
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A word, or the literal that the word is a prefix of: `b"…"`, `r#"…"#`, `c"…"`, `b'…'`, and `r#word`.
    fn word_or_prefixed(&mut self) -> &'a str {
        let start = self.rest;
        let word = self.take_while(is_word);
        let hashes = self.rest.len() - self.rest.trim_start_matches('#').len();
        let quoted = self.rest.trim_start_matches('#').starts_with('"');
        match word {
            "r" | "br" | "cr" if quoted => self.raw_string(hashes),
            "b" | "c" if self.rest.starts_with('"') => self.string(),
            "b" if self.rest.starts_with('\'') => self.quote(),
            "r" if hashes == 1 => {
                self.take(1);
                let name = self.take_while(is_word);
                start.get(..word.len() + 1 + name.len()).unwrap_or(word)
            }
            _ => word,
        }
    }

    fn string(&mut self) -> &'a str {
        self.take(1);
        self.until_unescaped('"')
    }

    fn raw_string(&mut self, hashes: usize) -> &'a str {
        let end = format!("\"{}", "#".repeat(hashes));
        self.take(hashes + 1);
        let inside = self.rest.find(&end).map_or(self.rest.len(), |at| at + end.len());
        self.take(inside);
        LITERAL
    }

    /// A character literal, or a lifetime: `'a'` is the first, `'a` the second.
    fn quote(&mut self) -> &'a str {
        let mut ahead = self.rest.chars().skip(1);
        match (ahead.next(), ahead.next()) {
            (Some('\\'), _) | (Some(_), Some('\'')) => {
                self.take(1);
                self.until_unescaped('\'')
            }
            _ => {
                let start = self.rest;
                self.take(1);
                let name = self.take_while(is_word);
                start.get(..1 + name.len()).unwrap_or("'")
            }
        }
    }

    fn until_unescaped(&mut self, end: char) -> &'a str {
        while let Some(c) = self.take_char() {
            if c == '\\' {
                self.take_char();
            } else if c == end {
                break;
            }
        }
        LITERAL
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.take(length)
    }

    fn take_char(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.take(c.len_utf8());
        Some(c)
    }

    /// Takes so many bytes, or all that is left.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let words: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
        assert_eq!(words.join(" "), expected, "{source}");
    }

    #[test]
    fn keeps_words_and_marks() {
        check("fn f(x: u8) -> u8 { x+1 }", "fn f ( x : u8 ) - > u8 { x + 1 }");
        check("r#type r#fn _a 0x1f 1.5 1..2", "r#type r#fn _a 0x1f 1 . 5 1 . . 2");
        check("größe λ", "größe λ");
    }

    #[test]
    fn drops_comments() {
        check("a // { \" b\nc", "a c");
        check("a /* { /* } */ \" */ b", "a b");
        check("/// fn { todo!()\n//! x\nfn", "fn");
        check("a / b", "a / b");
        check("a /* never closed", "a");
    }

    #[test]
    fn hides_strings() {
        check(r#"a "{ \" } // \\" b"#, r#"a "" b"#);
        check("a \"two\nlines }\" b", "a \"\" b");
        check(r#"b"}" c"}" x"#, r#""" "" x"#);
        check("a \"never closed }", "a \"\"");
    }

    #[test]
    fn hides_raw_strings() {
        check(r###"r"\" a"###, r#""" a"#);
        check(r###"r#"a " } "# b"###, r#""" b"#);
        check(r###"br##"}"# "## cr#"}"# b"###, r#""" "" b"#);
        check(r##"r#"never closed"##, r#""""#);
    }

    #[test]
    fn tells_characters_from_lifetimes() {
        check("'{' b", "\"\" b");
        check(r"'\'' '\\' '\u{7b}' '\n' b", r#""" "" "" "" b"#);
        check("'\"' '🦀' b'}' b'\\'' c", r#""" "" "" "" c"#);
        check("<'a, 'b> &'static str 'outer: loop", "< 'a , 'b > & 'static str 'outer : loop");
        check("impl<'a>F<'a>for X<'_>{", "impl < 'a > F < 'a > for X < '_ > {");
    }

    #[test]
    fn counts_lines_through_literals_and_comments() {
        let seen = tokens("a\n\"x\ny\" b /*\n\n*/ c\n// d\r\ne");
        let lines: Vec<_> = seen.iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(lines, [("a", 1), (LITERAL, 2), ("b", 3), ("c", 5), ("e", 7)]);
    }
}
