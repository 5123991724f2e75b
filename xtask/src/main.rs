//! Chores of the repository, run as `cargo xtask <chore>`.
//!
//! This room knows the repository as text and as cargo describes it. It knows none of Comity's own types, so that it
//! builds in seconds. Start with [`COMMANDS`], then `tidy.rs`.
#![expect(
    clippy::disallowed_methods,
    reason = "a chore starts cargo and git, and its tests write temporary trees"
)]

mod architecture;
mod bench;
mod cases;
mod controls;
mod fuzz;
mod lexer;
mod sim;
mod syntax;
mod tidy;
mod tree;

use std::{env, process::ExitCode};

/// One chore: its name, a line about it, and what to call with the arguments after the name.
type Command = (&'static str, &'static str, fn(&[String]) -> ExitCode);

/// Every chore, alphabetically.
const COMMANDS: &[Command] = &[
    (
        "bench",
        "measure beside the peers, in one run: `bench path [--no-peers] [--quick]`, `bench condition`",
        bench::run,
    ),
    ("cases", "print how the cases taken from MeshFlow are answered", cases::run),
    ("controls", "take each control out and see its test fail: `controls [NAME…]`", controls::run),
    (
        "fuzz",
        "mangled input until the time is up: `fuzz condition|loader [--minutes 1] [--seed S]`",
        fuzz::run,
    ),
    ("sim", "play seeds under the simulator: `sim [--seeds 10000] [--from 0]`", sim::run),
    ("tidy", "check what the compiler and clippy cannot: ladder, sizes, names, paths", tidy::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((name, rest)) => dispatch(name, rest),
        None => usage("no command given"),
    }
}

fn dispatch(name: &str, rest: &[String]) -> ExitCode {
    match COMMANDS.iter().find(|(known, ..)| *known == name) {
        Some((_, _, run)) => run(rest),
        None => usage(&format!("`{name}` is not a command")),
    }
}

fn usage(what: &str) -> ExitCode {
    eprintln!("error: {what}\n\nusage: cargo xtask <command>\n");
    for (name, about, _) in COMMANDS {
        eprintln!("  {name:<10}{about}");
    }
    ExitCode::from(2)
}
