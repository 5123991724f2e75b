//! Everything that leaves on stdout and stderr.
//!
//! A reader of stdout that goes away (`| head`) is not an error of ours: what is written after that is
//! dropped, and the command goes on to its end. Any other failure to write is remembered.

use crate::error::Error;
use crate::exit::{Exit, Meaning, meaning};
use crate::screen::Screen;
use clap::ValueEnum;
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::sync::{Arc, Mutex, PoisonError};

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a colour stands for. The word beside it always says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It went badly, or was refused.
    Bad,
    /// Somebody has to do something.
    Asking,
    /// It is under way.
    Busy,
    /// Nothing to see.
    Dim,
}

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Data.
    Out,
    /// Everything else.
    Err,
}

/// The one place that writes. Cheap to clone.
#[derive(Clone)]
pub struct Printer {
    format: Format,
    color_out: bool,
    color_err: bool,
    screen: Screen,
    state: Arc<Mutex<State>>,
}

/// What became of stdout.
#[derive(Default)]
enum State {
    #[default]
    Open,
    /// Nobody reads any more.
    Closed,
    /// It could not be written, for this reason.
    Failed(String),
}

impl Printer {
    /// For this format and this wish for colour, on the terminal and in the environment as they are.
    pub fn new(format: Format, color: Color) -> Self {
        let wish = Wish::read(color, |name| std::env::var_os(name).filter(|value| !value.is_empty()));
        Self {
            format,
            color_out: wish.color(stdout().is_terminal()),
            color_err: wish.color(stderr().is_terminal()),
            screen: Screen::of_stdout(),
            state: Arc::default(),
        }
    }

    /// The same, for another format.
    pub fn with_format(&self, format: Format) -> Self {
        Self { format, ..self.clone() }
    }

    /// How answers are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What can be shown on stdout.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// Whether stdout has colour.
    pub fn has_color(&self) -> bool {
        self.color_out
    }

    /// Writes text to stdout as it is.
    pub fn out(&self, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Open) {
            return;
        }
        let mut out = stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => *state = State::Closed,
            Err(error) => *state = State::Failed(error.to_string()),
        }
    }

    /// Writes one JSON document to stdout, in the shape of the format.
    pub fn json(&self, value: &impl Serialize) {
        let text = match self.format {
            Format::Ndjson => serde_json::to_string(value),
            Format::Text | Format::Json => serde_json::to_string_pretty(value),
        };
        self.out(&(text.unwrap_or_default() + "\n"));
    }

    /// Writes a list to stdout: one array, or one object a line.
    pub fn json_list(&self, values: &[impl Serialize]) {
        match self.format {
            Format::Ndjson => values.iter().for_each(|value| self.json(value)),
            Format::Text | Format::Json => self.json(&values),
        }
    }

    /// Writes text to stderr. That nobody reads it is no reason to stop.
    pub fn note(&self, text: &str) {
        let mut err = stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Says what went wrong and what to do about it. Returns how the command ends.
    pub fn fail(&self, error: &Error) -> Exit {
        let meaning = meaning(error);
        self.note(&self.failure(error, meaning));
        meaning.exit
    }

    fn failure(&self, error: &Error, meaning: Meaning) -> String {
        let (label, hint) =
            (self.paint(Stream::Err, Tone::Bad, "error:"), self.paint(Stream::Err, Tone::Busy, "hint:"));
        let what = match error {
            Error::Flow { invalid, file, text } => invalid.render(file, text),
            other => format!("{label} {} [{}]\n", one_line(&other.to_string()), meaning.code),
        };
        format!("{what}\n{hint} {}\n", meaning.hint)
    }

    /// Why stdout could not be written, unless its reader just went away.
    pub fn fault(&self) -> Option<String> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Failed(why) => Some(why.clone()),
            State::Open | State::Closed => None,
        }
    }

    /// The text in a colour, where there is colour.
    pub fn paint(&self, stream: Stream, tone: Tone, text: &str) -> String {
        let color = match stream {
            Stream::Out => self.color_out,
            Stream::Err => self.color_err,
        };
        if !color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Asking => "33",
            Tone::Busy => "36",
            Tone::Dim => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// What a status of a step or a run is painted in.
pub fn tone(status: &str) -> Tone {
    match status {
        "settled" | "reused" | "completed" | "approved" => Tone::Good,
        "denied" | "failed" | "exhausted" => Tone::Bad,
        "held" | "unknown" | "waiting" | "interrupted" | "suspended" => Tone::Asking,
        "running" | "scheduled" => Tone::Busy,
        _ => Tone::Dim,
    }
}

/// A mark that says the same as a status, where there is no room or no colour for more.
pub fn symbol(status: &str) -> &'static str {
    match status {
        "settled" | "reused" | "completed" => "✓",
        "approved" => "+",
        "running" => "●",
        "held" | "waiting" => "?",
        "unknown" | "interrupted" => "!",
        "denied" | "failed" | "exhausted" => "✗",
        "skipped" => "-",
        "scheduled" => "~",
        "suspended" => "‖",
        _ => "·",
    }
}

/// Makes one line of a text, without what could move the cursor or hide other text.
pub fn one_line(text: &str) -> String {
    text.trim_end().chars().map(|character| if disrupts(character) { ' ' } else { character }).collect()
}

/// Takes out what could move the cursor or hide other text, and leaves lines as they are.
pub fn harmless(text: &str) -> String {
    let keep = |character| matches!(character, '\n' | '\t') || !disrupts(character);
    text.chars().map(|c| if keep(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Control characters, line separators, and the marks that reorder a line.
fn disrupts(character: char) -> bool {
    let reorders =
        matches!(character, '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    character.is_control() || reorders || character == '\u{FEFF}'
}

/// Whether colour is wanted, before it is known where the text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Always,
    Never,
    OnTerminals,
}

impl Wish {
    /// The flag wins; then `NO_COLOR`, then `CLICOLOR_FORCE`, then what the terminal is.
    fn read(color: Color, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let is = |name: &str, value: &str| variable(name).is_some_and(|found| found == value);
        match color {
            Color::Always => Self::Always,
            Color::Never => Self::Never,
            Color::Auto if variable("NO_COLOR").is_some() => Self::Never,
            Color::Auto if variable("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") => Self::Always,
            Color::Auto if is("TERM", "dumb") || is("CLICOLOR", "0") => Self::Never,
            Color::Auto => Self::OnTerminals,
        }
    }

    fn color(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::OnTerminals => terminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(color: Color, set: &[(&str, &str)]) -> Wish {
        Wish::read(color, |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_flag_wins_over_the_environment() {
        let both = [("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")];
        assert_eq!(wish(Color::Always, &both), Wish::Always);
        assert_eq!(wish(Color::Never, &both[1..]), Wish::Never);
        assert_eq!(wish(Color::Auto, &both), Wish::Never);
        assert_eq!(wish(Color::Auto, &both[1..]), Wish::Always);
        assert_eq!(wish(Color::Auto, &[("CLICOLOR_FORCE", "0")]), Wish::OnTerminals);
        assert_eq!(wish(Color::Auto, &[("TERM", "dumb")]), Wish::Never);
        assert!(Wish::OnTerminals.color(true) && !Wish::OnTerminals.color(false));
    }

    #[test]
    fn texts_of_others_cannot_write_to_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31m\nb\u{202e}c\n"), "a [31m b c");
        assert_eq!(harmless("a\n\u{1b}b\t\n"), "a\n\u{fffd}b\t\n");
    }

    #[test]
    fn an_error_has_a_code_and_a_hint() {
        let printer = Printer::new(Format::Text, Color::Never);
        let error = Error::NoDatabase("x.db".into());
        let shown = printer.failure(&error, meaning(&error));
        let expected = "error: there is no database at `x.db` [CM0210]\n\nhint: `comity run FLOW` makes one; name another with `--db PATH` or COMITY_DB\n";
        assert_eq!(shown, expected);
    }
}
