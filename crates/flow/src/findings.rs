//! Everything that is wrong with a file, collected while it is read.

use crate::{
    diagnostic::{Code, Diagnostic, Invalid, Severity},
    tree::{Entry, Mark, Node},
    value::{self, Wrong},
};

/// Mistakes that are kept; the rest are counted.
const KEPT: usize = 1000;
/// Comparisons of names that are spent on suggestions in one file.
const COMPARISONS: usize = 200_000;
/// Longer names get no suggestion, in characters.
const LONGEST: usize = 64;

/// The mistakes found so far. Bounded in memory and in work, however bad the file is.
#[derive(Default)]
pub(crate) struct Findings {
    diagnostics: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    hidden: usize,
    comparisons: usize,
}

impl Findings {
    /// Adds a mistake.
    pub(crate) fn report(&mut self, code: Code, mark: Mark, message: impl Into<String>) {
        self.push(code, mark, message.into(), None);
    }

    /// Adds something that is not wrong, and probably not meant. Beyond a bound it is dropped.
    pub(crate) fn warn(&mut self, code: Code, mark: Mark, message: String, help: &str) {
        if self.warnings.len() < KEPT {
            let Mark { line, column, width } = mark;
            let (severity, help) = (Severity::Warning, Some(help.to_owned()));
            self.warnings.push(Diagnostic { severity, code, line, column, width, message, help });
        }
    }

    /// Adds a mistake, with what to do about it.
    pub(crate) fn advise(
        &mut self,
        code: Code,
        mark: Mark,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(code, mark, message.into(), Some(help.into()));
    }

    /// Adds a mistake about a name, with the known name that is closest to it.
    pub(crate) fn misspelt<'a>(
        &mut self,
        code: Code,
        mark: Mark,
        message: impl Into<String>,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) {
        let help = self.closest(name, known).map(|known| format!("did you mean `{known}`?"));
        self.push(code, mark, message.into(), help);
    }

    /// Hands on the value of a key that could be read, and reports one that could not.
    pub(crate) fn value<T>(&mut self, entry: &Entry, read: Result<T, Wrong>) -> Option<T> {
        self.item(|| quote(&entry.key), &entry.value, read)
    }

    /// Hands on a value that could be read, and reports one that could not; `what` names it for people.
    pub(crate) fn item<T>(
        &mut self,
        what: impl FnOnce() -> String,
        node: &Node,
        read: Result<T, Wrong>,
    ) -> Option<T> {
        match read {
            Ok(value) => return Some(value),
            Err(Wrong::Reported) => {}
            Err(Wrong::Shape(expected)) => {
                let message = format!("{} takes {expected}, found {}", what(), node.describe());
                self.report(Code::SHAPE, node.mark, message);
            }
            Err(Wrong::Value(message)) => {
                self.report(Code::BAD_VALUE, node.mark, format!("{}: {message}", what()));
            }
            Err(Wrong::Word(words)) => {
                let known: Vec<String> = words.iter().map(|word| quote(word)).collect();
                let message =
                    format!("{} takes one of {}, found {}", what(), known.join(", "), node.describe());
                let written = value::text(node).unwrap_or_default();
                self.misspelt(Code::BAD_VALUE, node.mark, message, written, words.iter().copied());
            }
        }
        None
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// The warnings in file order.
    pub(crate) fn into_warnings(mut self) -> Vec<Diagnostic> {
        self.warnings.sort_by_key(|warning| (warning.line, warning.column));
        self.warnings
    }

    /// The mistakes in file order.
    pub(crate) fn into_invalid(mut self) -> Invalid {
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        if self.hidden > 0 {
            let message = format!("{} more errors are not shown", self.hidden);
            let last = self.diagnostics.last().map_or(1, |diagnostic| diagnostic.line);
            let (line, column, width) = (last, 1, 1);
            let (severity, code) = (Severity::Error, Code::MORE);
            self.diagnostics.push(Diagnostic { severity, code, line, column, width, message, help: None });
        }
        Invalid { diagnostics: self.diagnostics }
    }

    fn push(&mut self, code: Code, mark: Mark, message: String, help: Option<String>) {
        if self.diagnostics.len() >= KEPT {
            self.hidden += 1;
            return;
        }
        let Mark { line, column, width } = mark;
        let severity = Severity::Error;
        self.diagnostics.push(Diagnostic { severity, code, line, column, width, message, help });
    }

    fn closest<'a>(&mut self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let length = name.chars().count();
        if length > LONGEST {
            return None;
        }
        let tolerated = (length / 3).max(1);
        let left = COMPARISONS.saturating_sub(self.comparisons);
        let mut best: Option<(usize, &str)> = None;
        for candidate in known.take(left) {
            self.comparisons += 1;
            if candidate.len().abs_diff(name.len()) > tolerated * 4 {
                continue;
            }
            let distance = strsim::osa_distance(name, candidate);
            if distance <= tolerated && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }
}

/// At most 80 characters of a text, in backticks.
pub(crate) fn quote(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    if shown.len() == text.len() { format!("`{shown}`") } else { format!("`{shown}…`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_closest_name_and_nothing_far_fetched() {
        let mut findings = Findings::default();
        let mut closest = |name: &str| findings.closest(name, ["writer", "planner", "ünder"].into_iter());
        assert_eq!(closest("writter"), Some("writer"));
        assert_eq!(closest("unde"), None);
        assert_eq!(closest("under"), Some("ünder"));
        assert_eq!(closest("zzz"), None);
        assert_eq!(closest(&"w".repeat(100_000)), None);
    }

    #[test]
    fn keeps_a_bounded_number_of_mistakes() {
        let mut findings = Findings::default();
        for _ in 0..KEPT + 7 {
            findings.report(Code::SHAPE, Mark::START, "m");
        }
        let invalid = findings.into_invalid();
        assert_eq!(invalid.diagnostics.len(), KEPT + 1);
        assert_eq!(invalid.diagnostics.last().unwrap().message, "7 more errors are not shown");
    }
}
