//! What is wrong with a workflow file: where, under which code, and what to do about it.

use crate::plan::Place;
use std::fmt::{self, Write as _};

/// A stable name for one sort of mistake, `CM0102`. Codes are never renamed or reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

impl Code {
    /// The code as it is written.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// Mistakes that show only when steps are built, by whoever builds them.
impl Code {
    /// A step or a tool cannot be set up.
    pub const SETUP: Self = Self("CM0207");
    /// A workflow file that a step names cannot be used.
    pub const INNER: Self = Self("CM0208");
    /// A file of rules that the policy names cannot be used.
    pub const RULES: Self = Self("CM0229");
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal: $about:literal;)*) => {
        impl Code {
            $(#[doc = $about] pub const $name: Self = Self($code);)*
        }

        /// Every code, with one line about it.
        pub const CODES: &[(&str, &str)] = &[$(($code, $about),)*];
    };
}

codes! {
    MORE = "CM0100": "The file has more errors than are shown.";
    SYNTAX = "CM0101": "The file is not YAML.";
    EDGE_UNKNOWN_STEP = "CM0102": "An edge names a step that does not exist.";
    TOO_LARGE = "CM0103": "The file, its steps or its edges are more than this build reads.";
    TOO_DEEP = "CM0104": "Lists and maps are nested too deeply.";
    KEY_TWICE = "CM0105": "A key stands twice in one map.";
    YAML_FEATURE = "CM0106": "The file uses a part of YAML that workflow files do not have.";
    SHAPE = "CM0107": "A value is of another shape than its key takes.";
    UNKNOWN_KEY = "CM0108": "A key is not part of the language.";
    LATER_KEY = "CM0109": "A key is part of the language and not of this build.";
    UNENFORCED_POLICY = "CM0110": "A policy key promises protection that this build does not give.";
    MISSING_KEY = "CM0111": "A required key is missing.";
    UNKNOWN_KIND = "CM0112": "A kind of step does not exist.";
    LATER_KIND = "CM0113": "A kind of step is part of the language and not of this build.";
    BAD_NAME = "CM0114": "A name has forbidden characters, or too many.";
    NO_STEPS = "CM0115": "The workflow has no steps.";
    BAD_EDGE = "CM0116": "An edge is not written as `a -> b`.";
    SELF_EDGE = "CM0117": "An edge leads from a step to itself.";
    EDGE_TWICE = "CM0118": "The same edge stands twice.";
    CYCLE = "CM0119": "Steps wait for one another in a circle.";
    TERMINAL_UNKNOWN_STEP = "CM0120": "`terminal` names a step that does not exist.";
    BAD_VALUE = "CM0121": "A value has the right shape and is not allowed.";
    VERSION = "CM0122": "The file is of a version of the language that this build does not read.";
    TERMINAL_TWICE = "CM0123": "`terminal` names a step twice.";
    STEP_TWICE = "CM0124": "Two steps have one name.";
    LOOP_NOT_BACK = "CM0125": "A loop edge leads to a step that its source does not wait for.";
    LOOPS_OVERLAP = "CM0126": "Two loops share steps, and neither is inside the other; or they wait for each other.";
    BAD_CONDITION = "CM0127": "A condition is not in the language of conditions.";
    OUTPUT_NOT_THERE = "CM0128": "A condition looks at the output of a step that cannot have run by then.";
    ENTRY_UNKNOWN_STEP = "CM0129": "`entry` names a step that does not exist.";
    ENTRY_WAITS = "CM0130": "`entry` names a step that waits for another.";
    UNREACHABLE = "CM0131": "A step cannot be reached from `entry`.";
    BAD_SCHEMA = "CM0132": "An `output_schema` is not a JSON Schema.";
    NOT_TWICE = "CM0133": "A step that may not be done twice would be passed over or tried again out of time.";
    NO_MEANING = "CM0134": "A key means nothing for a step of this kind.";
    UNKNOWN_TOOL = "CM0135": "A step names a tool that does not exist.";
    NOT_A_TOOL = "CM0136": "A kind cannot be called as a tool.";
    ROUTE_UNKNOWN_STEP = "CM0137": "`routes` names a step that does not exist.";
    ONE_OF = "CM0138": "A step needs exactly one of several keys.";
    NAME_TWICE = "CM0139": "A list names the same thing twice.";
    TWO_SPELLINGS = "CM0140": "A key is given in two spellings.";
    NO_NAME = "CM0141": "The workflow has no name.";
    DEAD_END = "CM0142": "A step leads nowhere and is not terminal.";
    LOST = "CM0143": "Formatting would lose a part of the file.";
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot run.
    Error,
    /// The file can run, and probably does not say what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One mistake in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What sort of mistake.
    pub code: Code,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters of the line are meant; at least 1.
    pub width: u32,
    /// What is wrong: one line, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake in what stands at a place of the file.
    pub fn error(code: Code, place: Place, message: String) -> Self {
        let Place { line, column, width } = place;
        Self { severity: Severity::Error, code, line, column, width, message, help: None }
    }
}

/// A workflow file that cannot run, with everything that is wrong with it, in file order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.diagnostics))]
pub struct Invalid {
    /// The mistakes.
    pub diagnostics: Vec<Diagnostic>,
}

impl Invalid {
    /// Shows each mistake with the line it stands in; see [`render`].
    pub fn render(&self, file_name: &str, source: &str) -> String {
        render(&self.diagnostics, file_name, source)
    }
}

/// Shows mistakes and warnings, each with the line it stands in, without colour.
///
/// `source` is the text that was compiled. Control characters come out as `\u{…}` or `�`, and long
/// lines are cropped, so that a hostile file cannot write to the terminal.
pub fn render(diagnostics: &[Diagnostic], file_name: &str, source: &str) -> String {
    let lines = lines(source);
    let file_name = printable(file_name);
    let shown: Vec<String> =
        diagnostics.iter().map(|diagnostic| diagnostic.render(&file_name, &lines)).collect();
    shown.join("\n")
}

impl Diagnostic {
    fn render(&self, file_name: &str, lines: &[&str]) -> String {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len() + 2);
        let excerpt = Excerpt::of(line_at(lines, self.line), self.column, self.width);
        let help = self.help.as_ref().map(|help| format!("{gutter}= help: {}\n", printable(help)));
        let mut out = String::new();
        let _infallible = write!(
            out,
            "{severity}[{code}]: {message}\n{arrow}--> {file_name}:{line}:{column}\n{gutter}|\n {number} |{text}\n{gutter}|{carets}\n{help}",
            severity = self.severity,
            code = self.code,
            message = printable(&self.message),
            arrow = " ".repeat(number.len() + 1),
            line = self.line,
            column = self.column,
            text = excerpt.text,
            carets = excerpt.carets,
            help = help.unwrap_or_default(),
        );
        out
    }
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let Some(first) = diagnostics.first() else { return "the workflow file is not valid".to_owned() };
    let Diagnostic { line, column, code, message, .. } = first;
    let more = match diagnostics.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("line {line}, column {column}: {code}: {}{more}", printable(message))
}

/// Part of one line, and the carets that go under it; both with a leading space unless empty.
struct Excerpt {
    text: String,
    carets: String,
}

impl Excerpt {
    /// Characters of a line that are shown at most.
    const SHOWN: usize = 160;
    /// Characters that are kept before the place of a mistake when a line is cropped.
    const BEFORE: usize = 60;

    fn of(line: &str, column: u32, width: u32) -> Self {
        let start = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        let length = line.chars().count();
        let skip = if length > Self::SHOWN { start.min(length).saturating_sub(Self::BEFORE) } else { 0 };
        let text: String = line.chars().skip(skip).take(Self::SHOWN).map(visible).collect();
        let room = text.chars().count().saturating_sub(start - skip.min(start)).max(1);
        let width = usize::try_from(width).unwrap_or(usize::MAX).clamp(1, room);
        let indent = (start - skip.min(start)).min(Self::SHOWN);
        let carets = format!(" {}{}", " ".repeat(indent), "^".repeat(width));
        Self { text: if text.is_empty() { text } else { format!(" {text}") }, carets }
    }
}

/// The lines of a text as YAML counts them: `\n`, `\r\n` and `\r` all end one.
fn lines(source: &str) -> Vec<&str> {
    source.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect()
}

fn line_at<'a>(lines: &[&'a str], number: u32) -> &'a str {
    let index = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    lines.get(index).copied().unwrap_or_default()
}

/// One character for one character, so that carets stay in place.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        other if is_disruptive(other) => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_disruptive(character) { out.extend(character.escape_unicode()) } else { out.push(character) }
    }
    out
}

/// Control characters, line separators, and the marks that reorder a line.
fn is_disruptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid(line: u32, column: u32, width: u32, message: &str, help: Option<&str>) -> Invalid {
        let help = help.map(str::to_owned);
        let (severity, code) = (Severity::Error, Code::EDGE_UNKNOWN_STEP);
        let message = message.into();
        Invalid { diagnostics: vec![Diagnostic { severity, code, line, column, width, message, help }] }
    }

    #[test]
    fn shows_the_place_and_the_help() {
        let source = "\n\n\n\n\n  - planner -> writter\n";
        let invalid = invalid(
            6,
            16,
            7,
            "edge names a step that does not exist: `writter`",
            Some("did you mean `writer`?"),
        );
        let expected = "\
error[CM0102]: edge names a step that does not exist: `writter`
  --> flow.yaml:6:16
   |
 6 |   - planner -> writter
   |                ^^^^^^^
   = help: did you mean `writer`?
";
        assert_eq!(invalid.render("flow.yaml", source), expected);
    }

    #[test]
    fn a_warning_says_that_it_is_one() {
        let mut warning = invalid(1, 1, 1, "m", None).diagnostics;
        warning[0].severity = Severity::Warning;
        assert!(render(&warning, "f", "x").starts_with("warning[CM0102]: m\n"));
    }

    #[test]
    fn a_hostile_line_cannot_write_to_the_terminal() {
        let shown = invalid(1, 1, 1, "\u{1b}[31m", None).render("\u{7}f", "\u{1b}]0;\u{202e}x");
        assert!(shown.chars().all(|c| c == '\n' || !is_disruptive(c)), "{shown}");
    }

    #[test]
    fn a_long_line_is_cropped_around_the_place() {
        let source = format!("{}X{}", "a".repeat(5_000), "b".repeat(5_000));
        let shown = invalid(1, 5_001, 1, "m", None).render("f", &source);
        let lines: Vec<&str> = shown.lines().collect();
        let at = |line: &str, c: char| line.chars().position(|other| other == c);
        assert_eq!(at(lines[3], 'X'), at(lines[4], '^'));
        assert!(shown.len() < 600);
    }

    #[test]
    fn a_place_outside_the_text_is_still_shown() {
        for (line, column) in [(0, 0), (9, 9), (u32::MAX, u32::MAX)] {
            assert!(invalid(line, column, u32::MAX, "m", None).render("f", "a\r\nb\rc").contains('^'));
        }
    }

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
