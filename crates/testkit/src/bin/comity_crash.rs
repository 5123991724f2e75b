//! The command line, killed where a test wants it: `COMITY_CRASH=before_commit:7 comity-crash run FLOW`.
//!
//! `COMITY_POINTS_FILE=PATH` writes there, at the end, how often each point was reached. Called as
//! `comity-crash --oracle FILE NAME [-- PROGRAM…]` it is a step instead: it notes on disk that it began,
//! and becomes the program, or prints its name.

#![expect(clippy::disallowed_methods, reason = "a test's program: it writes the notes that tests compare")]

use comity_core::{Point, Points};
use rustix::process::{Signal, getpid, kill_process};
use std::env::{args_os, var, var_os};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{Error, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every point, with its name in the environment.
const POINTS: [(Point, &str); 4] = [
    (Point::BeforeCommit, "before_commit"),
    (Point::AfterCommit, "after_commit"),
    (Point::BeforeEffect, "before_effect"),
    (Point::AfterEffect, "after_effect"),
];

/// Counts the points, and ends this process at one of them.
#[derive(Default)]
struct Watch {
    counts: [AtomicUsize; POINTS.len()],
    deadly: Option<(Point, usize)>,
}

impl Watch {
    /// Reads `before_commit:7`.
    fn parse(text: &str) -> Option<Self> {
        let (name, nth) = text.split_once(':')?;
        let (point, _) = POINTS.into_iter().find(|(_, known)| *known == name)?;
        Some(Self { deadly: Some((point, nth.parse().ok()?)), ..Self::default() })
    }

    fn totals(&self) -> String {
        let lines = POINTS.iter().zip(&self.counts);
        lines.map(|((_, name), count)| format!("{name} {}\n", count.load(Ordering::SeqCst))).collect()
    }
}

impl Points for Watch {
    fn reach(&self, point: Point) {
        let found = POINTS.iter().zip(&self.counts).find(|((known, _), _)| *known == point);
        let Some((_, count)) = found else { return };
        let nth = count.fetch_add(1, Ordering::SeqCst) + 1;
        if self.deadly == Some((point, nth)) {
            let _ = kill_process(getpid(), Signal::KILL);
            // Should the signal take a moment, nothing goes on meanwhile.
            loop {
                std::thread::park();
            }
        }
    }
}

/// Notes durably that a step began.
fn note(file: &OsString, name: &OsString) -> Result<(), Error> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(&[name.as_bytes(), b"\n"].concat())?;
    file.sync_all()
}

fn step(file: &OsString, name: &OsString, rest: &[OsString]) -> Result<i32, Error> {
    note(file, name)?;
    if let [_, program, args @ ..] = rest {
        return Err(Command::new(program).args(args).exec());
    }
    println!("{}", name.display());
    Ok(0)
}

fn command_line(args: Vec<OsString>) -> Result<i32, Error> {
    let watch = match var("COMITY_CRASH") {
        Ok(text) => Watch::parse(&text).ok_or_else(|| Error::other(format!("`{text}` names no point")))?,
        Err(_) => Watch::default(),
    };
    let watch = Arc::new(watch);
    let points: Arc<dyn Points> = Arc::<Watch>::clone(&watch);
    let code = comity_cli::main_with(args, points);
    if let Some(file) = var_os("COMITY_POINTS_FILE") {
        std::fs::write(file, watch.totals())?;
    }
    Ok(code)
}

fn main() {
    let args: Vec<OsString> = args_os().collect();
    let ended = match args.as_slice() {
        [_, word, file, name, rest @ ..] if word == "--oracle" => step(file, name, rest),
        _ => command_line(args),
    };
    let code = ended.unwrap_or_else(|error| {
        eprintln!("comity-crash: {error}");
        101
    });
    std::process::exit(code);
}
