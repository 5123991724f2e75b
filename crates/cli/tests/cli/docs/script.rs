//! Runs what a page shows, as a reader would.
//!
//! A block that is fenced as ```` ```yaml file=flow.yaml ```` is written to that file. In a block that is fenced as
//! ```` ```console exit=8 ````, each line after `$ ` is a command, and the lines below it are lines of what it
//! prints, in this order; others may stand between them, and a line of `…` says so. Elsewhere `…` stands for any
//! text, and `run_…` in a command for the run that was printed last. Every command ends with 0 but the last one of a
//! block, which ends as the block says.

use crate::sandbox::Sandbox;
use std::path::Path;
use std::process::{Command, Stdio};

/// A fenced block.
pub struct Block {
    /// The line of the page that it begins on.
    line: usize,
    info: String,
    /// Its lines.
    pub body: Vec<String>,
}

/// A command, and the lines that are shown below it.
struct Shown {
    command: String,
    lines: Vec<String>,
    exit: i32,
}

impl Block {
    fn value(&self, key: &str) -> Option<&str> {
        self.info.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// The commands, if it is a block of commands.
    fn commands(&self) -> Vec<Shown> {
        let mut shown: Vec<Shown> = Vec::new();
        if !self.is_console() {
            return shown;
        }
        for line in &self.body {
            match (line.strip_prefix("$ "), shown.last_mut()) {
                (Some(command), _) => {
                    shown.push(Shown { command: command.to_owned(), lines: Vec::new(), exit: 0 })
                }
                (None, Some(last)) => last.lines.push(line.clone()),
                (None, None) => panic!("line {}: a block of commands begins with `$ `", self.line),
            }
        }
        let exit = self.value("exit").map_or(0, |exit| exit.parse().unwrap());
        shown.last_mut().unwrap().exit = exit;
        shown
    }

    /// Whether it shows commands.
    pub fn is_console(&self) -> bool {
        self.info.split(' ').next() == Some("console")
    }
}

/// The fenced blocks of a page.
pub fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Block { line: number + 1, info: info.to_owned(), body: Vec::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.body.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Runs a page in a folder of its own. Returns what is not as it says.
pub fn run(page: &str, text: &str) -> Vec<String> {
    let (sandbox, mut wrong, mut run) = (Sandbox::new(), Vec::new(), "run_".to_owned());
    for block in blocks(text) {
        if let Some(file) = block.value("file") {
            sandbox.write(file, block.body.join("\n") + "\n");
        }
        for shown in block.commands() {
            let command = shown.command.replace("run_…", &run);
            let (exit, out) = perform(&sandbox, &command);
            run = last_run(&out).unwrap_or(run);
            if let Some(why) = shown.differs(exit, &out) {
                let line = block.line;
                wrong.push(format!("docs/src/{page}:{line}: `{command}`: {why}; it printed:\n{out}"));
            }
        }
    }
    wrong
}

/// Runs a line in a shell that finds this build first. Errors and output come in the order they are written.
fn perform(sandbox: &Sandbox, line: &str) -> (i32, String) {
    let folder = Path::new(env!("CARGO_BIN_EXE_comity")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([folder.to_owned()].into_iter().chain(std::env::split_paths(&path)));
    let prepared = sandbox.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{{ {line}\n}} 2>&1")]).current_dir(sandbox.path("")).stdin(Stdio::null());
    for (name, value) in prepared.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let ended = shell.env("PATH", path.unwrap()).output().unwrap();
    (ended.status.code().unwrap_or(-1), String::from_utf8_lossy(&ended.stdout).into_owned())
}

fn last_run(out: &str) -> Option<String> {
    let id = |at: usize| out.get(at..at + 30).filter(|id| id.parse::<comity_core::RunId>().is_ok());
    out.rmatch_indices("run_").find_map(|(at, _)| id(at)).map(str::to_owned)
}

impl Shown {
    fn differs(&self, exit: i32, out: &str) -> Option<String> {
        let mut printed = out.lines();
        let said = |line: &&String| !matches!(line.trim(), "" | "…");
        let missing = self.lines.iter().filter(said).find(|line| !printed.any(|out| fits(line, out)));
        if let Some(line) = missing {
            return Some(format!("it does not print `{line}` there"));
        }
        (exit != self.exit).then(|| format!("it ends with {exit}, not {}", self.exit))
    }
}

/// Whether a line that is shown is a line that was printed, `…` standing for anything. How wide gaps are depends on
/// what else is printed, and does not count.
fn fits(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (one_gap(shown), one_gap(printed));
    // A gap beside `…` is part of what it stands for.
    let mut parts = shown.split('…').map(str::trim);
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn one_gap(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_line_fits_only_what_it_shows() {
    for (shown, printed) in [
        ("a  b", "a b  "),
        ("a…", "abc"),
        ("a…c", "abbc"),
        ("…b…", "abc"),
        ("a…c…e", "abcde"),
        ("a … c", "a   c"),
    ] {
        assert!(fits(shown, printed), "{shown} {printed}");
    }
    for (shown, printed) in
        [("a", "ab"), ("a b", "ab"), ("a…", "ba"), ("a…c", "abcd"), ("a…c…e", "abde"), ("", "a")]
    {
        assert!(!fits(shown, printed), "{shown} {printed}");
    }
}

#[test]
fn a_page_is_told_what_it_gets_wrong() {
    let fence = "```";
    let page = |info: &str, body: &str| format!("{fence}console{info}\n{body}\n{fence}\n");
    assert!(run("x.md", &page("", "$ echo a b\na…")).is_empty());
    assert!(run("x.md", &page(" exit=3", "$ (exit 3)")).is_empty());
    assert!(run("x.md", &page("", "$ echo a\nb"))[0].contains("it does not print `b` there"));
    assert!(run("x.md", &page("", "$ printf 'a\\nb\\n'\nb\na"))[0].contains("`a` there"));
    assert!(run("x.md", &page("", "$ false"))[0].contains("it ends with 1, not 0"));
}
