//! The command line: arguments and files in, what a person or a script reads out.
//!
//! This room decides nothing about a step and stores nothing; it asks the runtime and shows the answer.
//! Start with [`main_with`], then [`args`], [`session`] for running, and [`exit`] for how things end.

mod args;
mod command;
mod config;
mod context;
mod create;
mod error;
mod exit;
mod files;
mod flip;
#[cfg(test)]
#[path = "../tests/cli/kept.rs"]
#[expect(clippy::disallowed_methods, reason = "a test's: writes the texts that are kept")]
mod golden;
mod guarded;
mod listen;
mod live;
mod overwrite;
mod plain;
mod printer;
mod prompt;
mod provider;
mod screen;
mod session;
mod signals;
mod stand_in;
mod summary;
mod table;
mod time;
mod width;

pub use exit::{CODES, Exit};

use args::{Cli, Command};
use comity_core::Points;
use config::{Globals, Surroundings};
use context::Context;
use printer::Printer;
use std::ffi::OsString;
use std::sync::Arc;

/// Does what the arguments say and returns the exit code. The first argument is the program's own name.
///
/// `points` is told of every moment at which a crash could matter; the product's own watches nothing.
pub fn main_with(args: impl IntoIterator<Item = OsString>, points: Arc<dyn Points>) -> i32 {
    let cli = match args::parse(args) {
        Ok(cli) => cli,
        Err(shown) => return args::show(&shown),
    };
    let globals = match settings(&cli) {
        Ok(globals) => globals,
        Err(error) => return Globals::of_flags(&cli.globals).printer().fail(&error).code(),
    };
    let printer = globals.printer();
    let context = Context::new(globals, printer.clone(), points);
    let exit = command::perform(&context, cli.command).unwrap_or_else(|error| printer.fail(&error));
    exit_code(&printer, exit)
}

/// What counts for this command. Those that do not need the configuration work without it.
fn settings(cli: &Cli) -> Result<Globals, error::Error> {
    let read = config::read(&cli.globals, &Surroundings::real());
    match cli.command {
        Command::Completions(_) | Command::Doctor(_) | Command::Init(_) | Command::Man(_) => {
            let fallback =
                || config::read(&cli.globals, &Surroundings { files: Vec::new(), ..Surroundings::real() });
            Ok(read.or_else(|_| fallback()).unwrap_or_else(|_| Globals::of_flags(&cli.globals)))
        }
        _ => read,
    }
}

/// Output that could not be written is a failure, unless the run itself came to something worse.
fn exit_code(printer: &Printer, exit: Exit) -> i32 {
    match printer.fault() {
        Some(why) if exit == Exit::Done => printer.fail(&error::Error::Output(why)).code(),
        _ => exit.code(),
    }
}
