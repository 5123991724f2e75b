//! Takes each control out, one after another, and fails unless a test notices. The table is a page of the book.

use std::path::Path;
use std::process::{Command, ExitCode};

/// The page that lists them.
const PAGE: &str = "docs/src/reference/controls.md";
/// The variable that names the control that is off.
const VARIABLE: &str = "COMITY_CONTROL_OFF";

/// The most seconds of one test, its build included.
const MOST: &str = "600";

/// One row of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Control {
    name: String,
    place: String,
    package: String,
    test: String,
}

/// Proves every row, or those that are named.
pub fn run(arguments: &[String]) -> ExitCode {
    let root = match crate::tree::find_root() {
        Ok(root) => root,
        Err(error) => return fail(&error.to_string()),
    };
    let page = match std::fs::read_to_string(root.join(PAGE)) {
        Ok(page) => page,
        Err(error) => return fail(&format!("{PAGE}: {error}")),
    };
    let (rows, wrong) = read(&page);
    if let Some(wrong) = wrong.first() {
        return fail(wrong);
    }
    if let Some(stray) = arguments.iter().find(|name| rows.iter().all(|row| row.name != **name)) {
        return fail(&format!("there is no control `{stray}` on {PAGE}"));
    }
    if let Some(lost) = rows.iter().find(|row| !root.join(&row.place).is_file()) {
        return fail(&format!("{PAGE}: `{}` is enforced in `{}`, which is no file", lost.name, lost.place));
    }
    let chosen = rows.iter().filter(|row| arguments.is_empty() || arguments.contains(&row.name));
    let mut held = true;
    println!("{:<20} {:<40} {:<6} {:<6} test", "control", "enforced in", "on", "off");
    for row in chosen {
        let (on, off) = (green(&root, row, None), green(&root, row, Some(&row.name)));
        held &= on && !off;
        let word = |green: bool| if green { "green" } else { "red" };
        println!("{:<20} {:<40} {:<6} {:<6} {}", row.name, row.place, word(on), word(off), row.test);
    }
    if held {
        ExitCode::SUCCESS
    } else {
        fail("a control is not proven: its test has to be green, and red without it")
    }
}

/// Whether the row's test passes, and is there at all, with one control off.
fn green(root: &Path, row: &Control, off: Option<&str>) -> bool {
    // Without its control a test may also never end.
    let mut cargo = Command::new("timeout");
    cargo.args(["--kill-after=5", MOST, env!("CARGO")]);
    let filter = format!("test(={})", row.test);
    cargo.current_dir(root).args(["nextest", "run", "--locked", "--package", &row.package]);
    cargo.args([
        "--features",
        "planted",
        "--no-fail-fast",
        "--no-tests=pass",
        "--cargo-quiet",
        "-E",
        &filter,
    ]);
    cargo.env_remove(VARIABLE).env("NEXTEST_STATUS_LEVEL", "none");
    if let Some(name) = off {
        cargo.env(VARIABLE, name);
    }
    match cargo.output() {
        // A name that no test has would be green for ever.
        Ok(ran) => {
            ran.status.success() && String::from_utf8_lossy(&ran.stderr).contains(" 1 test run: 1 passed")
        }
        Err(_) => false,
    }
}

/// The rows of the page, and what is wrong with those that are none.
fn read(page: &str) -> (Vec<Control>, Vec<String>) {
    let mut rows: Vec<Control> = Vec::new();
    let mut wrong = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let ticked =
            |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let parts: Vec<Vec<String>> = cells.iter().map(|cell| ticked(cell)).collect();
        match parts.as_slice() {
            [name, _, place, test] if name.len() == 1 && place.len() == 1 && test.len() == 2 => {
                let row = Control {
                    name: name.concat(),
                    place: place.concat(),
                    package: test.first().cloned().unwrap_or_default(),
                    test: test.last().cloned().unwrap_or_default(),
                };
                if rows.iter().any(|other| other.name >= row.name) {
                    wrong.push(format!("{PAGE}: `{}` is not in alphabetical order", row.name));
                }
                rows.push(row);
            }
            _ => wrong.push(format!("{PAGE}: a row is name, meaning, file, package and test: {line}")),
        }
    }
    (rows, wrong)
}

fn fail(why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_and_says_which_are_none() {
        let (rows, wrong) =
            read("| Control |\n|---|\n| `a` | x | `f.rs` | `p` `t` |\n| `b` | x | `g.rs` |\n");
        let row = Control { name: "a".into(), place: "f.rs".into(), package: "p".into(), test: "t".into() };
        assert_eq!((rows, wrong.len()), (vec![row], 1));
        assert_eq!(read("| `b` | x | `f.rs` | `p` `t` |\n| `a` | x | `f.rs` | `p` `t` |\n").1.len(), 1);
    }
}
