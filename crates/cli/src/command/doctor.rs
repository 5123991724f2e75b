//! `comity doctor`: checks that everything a run needs is there, and says how to mend what is not.
//!
//! What is looked at is gathered first, in [`facts`]; what it means is decided here, without looking again.

mod facts;
mod guards;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::summary::count;
use crate::time::utc;
use clap::Args;
use facts::{Database, Facts};
use serde::Serialize;

/// Check that everything a run needs is there.
#[derive(Debug, Args)]
pub struct Doctor {}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is wrong.
    Note,
    /// Something will not work.
    Problem,
}

/// One check.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// All checks.
#[derive(Serialize)]
struct Findings {
    checks: Vec<Finding>,
    problems: usize,
    notes: usize,
}

/// Less than this is little room for a ledger, in bytes.
const LITTLE: u64 = 100 << 20;
/// 2026-01-01 and 2100-01-01, in milliseconds since 1970.
const SANE: std::ops::Range<u64> = 1_767_225_600_000..4_102_444_800_000;
/// A file that is newer than the clock by more than this shows that the clock went back, in milliseconds.
const BACK: u64 = 60_000;

/// Looks, judges and tells.
pub fn perform(context: &Context) -> Result<Exit, Error> {
    let facts = facts::gather(context);
    let checks = judge(&facts);
    let with = |level| checks.iter().filter(|check| check.level == level).count();
    let findings = Findings { problems: with(Level::Problem), notes: with(Level::Note), checks };
    let printer = &context.printer;
    match printer.format() {
        Format::Text => printer.out(&shown(printer, &findings)),
        Format::Json | Format::Ndjson => printer.json(&findings),
    }
    Ok(if findings.problems == 0 { Exit::Done } else { Exit::Failed })
}

/// What the facts mean.
fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![database(facts), disk(facts), processes(facts)];
    findings.extend(runs(facts));
    findings.extend(guards::judge(facts));
    findings.extend([clock(facts), terminal(facts), keys(facts)]);
    findings.extend(facts.config.iter().map(config));
    if facts.config.is_empty() {
        findings.push(ok("config", "no file; defaults, COMITY_* variables and flags count".to_owned()));
    }
    findings.push(programs(facts));
    findings
}

fn ok(check: &'static str, found: String) -> Finding {
    Finding { check, level: Level::Ok, found, fix: None }
}

fn note(check: &'static str, found: String, fix: &str) -> Finding {
    Finding { check, level: Level::Note, found, fix: Some(fix.to_owned()) }
}

fn problem(check: &'static str, found: String, fix: &str) -> Finding {
    Finding { check, level: Level::Problem, found, fix: Some(fix.to_owned()) }
}

fn database(facts: &Facts) -> Finding {
    let path = facts.path.display();
    match &facts.database {
        Database::None { writable: true } => {
            ok("database", format!("{path}: none yet, `comity run` makes it"))
        }
        Database::None { writable: false } => problem(
            "database",
            format!("{path}: none yet, and its folder cannot be written"),
            "make the folder writable, or choose another with `--db PATH`",
        ),
        Database::Open { schema, .. } if facts.is_server => {
            ok("database", format!("{path}: answers, schema {schema}"))
        }
        Database::Open { schema, .. } => {
            ok("database", format!("{path}: writable, write-ahead log, schema {schema}"))
        }
        Database::Refused { why, hint } => problem("database", why.clone(), hint),
    }
}

fn disk(facts: &Facts) -> Finding {
    match facts.free {
        Some(free) if free < LITTLE => {
            let found = format!("{} free", size(free));
            problem("disk", found, "free some space: a full disk stops runs, though it breaks none")
        }
        Some(free) => ok("disk", format!("{} free", size(free))),
        None => note("disk", "nobody knows how much is free".to_owned(), "look at it by other means"),
    }
}

/// `1.5 GB`.
fn size(bytes: u64) -> String {
    let megabytes = bytes / 1_000_000;
    if megabytes < 1_000 {
        return format!("{megabytes} MB");
    }
    format!("{}.{} GB", megabytes / 1_000, megabytes / 100 % 10)
}

fn processes(facts: &Facts) -> Finding {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let alive = match facts.signs.alive {
        0 => "no other process works on this database".to_owned(),
        alive => format!("{} on this database", count(number(alive), "other process at work")),
    };
    match facts.signs.gone {
        0 => ok("processes", alive),
        gone => note(
            "processes",
            format!("{alive}; {} did not end in order", count(number(gone), "earlier one")),
            "nothing to do: their locks are gone; `comity runs` shows what they left",
        ),
    }
}

fn runs(facts: &Facts) -> Option<Finding> {
    let Database::Open { runs, interrupted, waiting, .. } = &facts.database else { return None };
    let all = count(*runs, "run");
    Some(match (interrupted, waiting) {
        (0, 0) => ok("runs", format!("{all}, none interrupted, none waiting")),
        _ => note(
            "runs",
            format!("{all}, {interrupted} interrupted, {waiting} waiting for a person"),
            "`comity runs` lists them; `comity resume RUN` goes on with one",
        ),
    })
}

fn clock(facts: &Facts) -> Finding {
    let now = utc(facts.now);
    if !SANE.contains(&facts.now) {
        return problem("clock", format!("it says {now}"), "set the clock: entries and deadlines go by it");
    }
    match facts.newest {
        Some(newest) if newest > facts.now + BACK => problem(
            "clock",
            format!("it says {now}, and the database was written {}", utc(newest)),
            "set the clock: it went back, and deadlines go by it",
        ),
        _ => ok("clock", now),
    }
}

fn terminal(facts: &Facts) -> Finding {
    let screen = facts.screen;
    let letters = if screen.unicode { "Unicode" } else { "ASCII only" };
    let color = if facts.color { "colour" } else { "no colour" };
    let found = format!("{} columns, {letters}, {color}", screen.width);
    match (screen.terminal, facts.asks) {
        (true, true) => ok("terminal", format!("{found}, questions are asked here")),
        (true, false) => ok("terminal", format!("{found}, nothing is asked")),
        (false, _) => ok("terminal", format!("output goes to a file or a pipe; {found}, nothing is asked")),
    }
}

fn keys(facts: &Facts) -> Finding {
    if facts.keys.is_empty() {
        return note(
            "keys",
            "no provider key: agents use the sandbox".to_owned(),
            "nothing to do: this build calls no model of a provider",
        );
    }
    note(
        "keys",
        format!("{} set; this build has no provider but the sandbox", facts.keys.join(", ")),
        "pass `--sandbox` to runs with agents, or set COMITY_SANDBOX=1: they do not start without it",
    )
}

fn config((file, fault): &(String, Option<String>)) -> Finding {
    match fault {
        None => ok("config", format!("{file} is valid")),
        Some(what) => problem("config", what.clone(), "mend the file: no command runs with it as it is"),
    }
}

fn programs(facts: &Facts) -> Finding {
    let missing: Vec<&str> =
        facts.programs.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        let all: Vec<&str> = facts.programs.iter().map(|(name, _)| *name).collect();
        return ok("programs", format!("{} found", all.join(", ")));
    }
    note(
        "programs",
        format!("{} not found", missing.join(", ")),
        "the examples and the templates of `comity init` use them: install them to try those",
    )
}

/// One line a check, and one more with how to mend it.
fn shown(printer: &Printer, findings: &Findings) -> String {
    let unicode = printer.screen().unicode;
    let widest = findings.checks.iter().map(|check| check.check.len()).max().unwrap_or(0);
    let mut out = String::new();
    for check in &findings.checks {
        let (mark, plain, word, tone) = match check.level {
            Level::Ok => ("✔", "+", "ok", Tone::Good),
            Level::Note => ("!", "!", "note", Tone::Asking),
            Level::Problem => ("✖", "x", "problem", Tone::Bad),
        };
        let mark = if unicode { mark } else { plain };
        let level = printer.paint(Stream::Out, tone, &format!("{mark} {word:7}"));
        out.push_str(&format!("{level}  {:widest$}  {}\n", check.check, one_line(&check.found)));
        if let Some(fix) = &check.fix {
            let arrow = if unicode { "→" } else { "->" };
            let fix = printer.paint(Stream::Out, Tone::Dim, &format!("{arrow} {}", one_line(fix)));
            out.push_str(&format!("{}{fix}\n", " ".repeat(widest + 13)));
        }
    }
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (problems, notes) = (number(findings.problems), number(findings.notes));
    out.push_str(&format!("\n{}, {}\n", count(problems, "problem"), count(notes, "note")));
    out
}

#[cfg(test)]
mod tests;
