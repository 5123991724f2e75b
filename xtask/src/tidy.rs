//! What the compiler and clippy cannot check: the ladder, effects, sizes, names and paths of the repository.
//!
//! Each rule is a function from the tree to its findings, in a file of its own. A rule that cannot be checked is a
//! finding too.

mod dependencies;
mod docs;
mod effects;
mod ladder;
mod names;
mod paths;
mod sizes;
mod unfinished;

use crate::tree::{self, Tree};
use std::{fmt, process::ExitCode};

/// One thing to mend, printed as `file:line: what (how to mend)`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Relative to the root.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// One rule.
pub struct Rule {
    name: &'static str,
    about: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// Every rule, alphabetically.
pub const RULES: &[Rule] = &[
    Rule {
        name: "dependencies",
        about: "no arbitrary_precision, openssl-sys or native-tls",
        check: dependencies::check,
    },
    Rule {
        name: "docs",
        about: "every page of the book is listed, and its links lead somewhere",
        check: docs::check,
    },
    Rule {
        name: "effects",
        about: "the world is touched in the listed effect modules only",
        check: effects::check,
    },
    Rule { name: "ladder", about: "crates use what ARCHITECTURE.md lets them use", check: ladder::check },
    Rule { name: "names", about: "no mod.rs, and no module called utils or the like", check: names::check },
    Rule { name: "paths", about: "no file names a path of somebody's machine", check: paths::check },
    Rule { name: "sizes", about: "files up to 600 lines, functions up to 70", check: sizes::check },
    Rule { name: "unfinished", about: "no todo!, unimplemented! or ignored tests", check: unfinished::check },
];

/// Checks every rule and prints a line for each, after its findings.
pub fn run(arguments: &[String]) -> ExitCode {
    if let Some(extra) = arguments.first() {
        eprintln!("error: tidy takes no arguments, but got `{extra}`");
        return ExitCode::from(2);
    }
    match tree::find_root().and_then(|root| Tree::read(&root)) {
        Ok(tree) => report(&tree),
        Err(error) => {
            eprintln!("error: the repository cannot be read: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(tree: &Tree) -> ExitCode {
    let mut found = 0;
    for rule in RULES {
        let mut findings = (rule.check)(tree);
        findings.sort();
        findings.iter().for_each(|finding| println!("{finding}"));
        let verdict = if findings.is_empty() { "ok" } else { "FAILED" };
        println!("{verdict:<7} {:<13} {}", rule.name, rule.about);
        found += findings.len();
    }
    if found == 0 {
        println!("{} rules checked over {} files", RULES.len(), tree.files.len());
        return ExitCode::SUCCESS;
    }
    println!("{} rules checked over {} files; findings: {found}", RULES.len(), tree.files.len());
    ExitCode::FAILURE
}

impl Finding {
    /// A finding in `file` at `line`.
    pub fn new(file: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.file, self.line, self.what, self.mend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each finding as `file:line: what`.
    pub fn lines(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(|f| format!("{}:{}: {}", f.file, f.line, f.what)).collect()
    }

    #[test]
    fn rules_are_in_alphabetical_order() {
        assert!(RULES.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn a_finding_is_one_line() {
        let finding = Finding::new("a/b.rs", 7, "`x` is wrong", "write `y`");
        assert_eq!(finding.to_string(), "a/b.rs:7: `x` is wrong (write `y`)");
    }
}
