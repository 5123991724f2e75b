//! What can be shown: how wide a line is, and whether it may hold more than ASCII.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};

/// The narrowest a line is taken for.
const NARROWEST: usize = 40;
/// The width where nobody says otherwise.
const USUAL: usize = 80;

/// What can be shown on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Characters of a line.
    pub width: usize,
    /// Whether characters beyond ASCII are shown as they are.
    pub unicode: bool,
    /// Whether it is a terminal.
    pub terminal: bool,
}

impl Screen {
    /// Stdout as it is. `COLUMNS` wins over what the terminal says.
    pub fn of_stdout() -> Self {
        let terminal = stdout().is_terminal();
        let told = terminal.then(|| rustix::termios::tcgetwinsize(stdout()).ok()).flatten();
        Self::read(terminal, told.map(|size| size.ws_col.into()), |name| std::env::var_os(name))
    }

    fn read(terminal: bool, told: Option<usize>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let said = variable("COLUMNS").and_then(|said| said.to_str()?.parse().ok());
        let width = said.or(told).filter(|width| *width > 0).unwrap_or(USUAL).max(NARROWEST);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| variable(name));
        // Without a locale most terminals of today show UTF-8; one that is named is believed.
        let unicode = locale.filter(|value| !value.is_empty()).map(|value| is_utf8(&value)).next();
        Self { width, unicode: unicode.unwrap_or(true), terminal }
    }
}

/// Whether a locale such as `en_GB.UTF-8` is one of UTF-8.
fn is_utf8(locale: &OsString) -> bool {
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(told: Option<usize>, set: &[(&str, &str)]) -> (usize, bool) {
        let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        let screen = Screen::read(told.is_some(), told, variable);
        (screen.width, screen.unicode)
    }

    #[test]
    fn what_is_said_wins_over_what_is_told() {
        assert_eq!(read(None, &[]), (80, true));
        assert_eq!(read(Some(120), &[]), (120, true));
        assert_eq!(read(Some(120), &[("COLUMNS", "99")]), (99, true));
        assert_eq!(read(Some(120), &[("COLUMNS", "wide")]), (120, true));
        assert_eq!(read(Some(0), &[("COLUMNS", "1")]), (40, true));
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        assert_eq!(read(None, &[("LANG", "C")]), (80, false));
        assert_eq!(read(None, &[("LANG", "C.utf8")]), (80, true));
        assert_eq!(
            read(None, &[("LC_ALL", ""), ("LC_CTYPE", "POSIX"), ("LANG", "en_GB.UTF-8")]),
            (80, false)
        );
    }
}
