//! How much room a line has, and how text is made to fit.

use std::io::{IsTerminal, stdout};

/// The narrowest a line is made.
const NARROWEST: usize = 40;

/// Characters of a line on stdout: what `COLUMNS` says, or the terminal; `None` where lines have no end.
pub fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|said| said.parse().ok());
    let told = || {
        let size = stdout().is_terminal().then(|| rustix::termios::tcgetwinsize(stdout()).ok()).flatten();
        size.map(|size| usize::from(size.ws_col))
    };
    said.or_else(told).filter(|columns| *columns > 0).map(|columns| columns.max(NARROWEST))
}

/// Columns a text surely fits in: characters that may be two columns wide count as two.
pub fn wide(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(character: char) -> usize {
    if character < '\u{1100}' || ('\u{2010}'..='\u{27BF}').contains(&character) { 1 } else { 2 }
}

/// A text that fits into `room` columns: what does not fit gives way to `…`.
pub fn crop(text: &str, room: usize) -> String {
    if wide(text) <= room {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |character: &char| {
        used += width(*character);
        used <= room
    };
    let mut out: String = text.chars().take_while(fits).collect();
    out.truncate(out.trim_end().len());
    out + "…"
}

/// Breaks a text into lines of at most `room` columns, between words where there are some.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| wide(line) + 1 + wide(word) <= room) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_gives_way() {
        assert_eq!(crop("abcdef", 6), "abcdef");
        assert_eq!(crop("abcdefg", 6), "abcde…");
        assert_eq!(crop("abcd efg", 6), "abcd…");
        assert_eq!(crop("日本語", 5), "日本…");
        assert_eq!(crop("✓ settled", 9), "✓ settled");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("a bb  ccc\ndddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrap("toolongforit x", 5), ["toolongforit", "x"]);
    }
}
