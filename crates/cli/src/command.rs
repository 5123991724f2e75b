//! The commands, one file each.

mod approve;
mod fmt;
mod resume;
mod run;
mod runs;
mod schema;
mod trace;
mod validate;
mod verify;

use crate::args::Command;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Does what was asked.
pub fn perform(context: &Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Run(args) => run::perform(context, args),
        Command::Resume(args) => resume::perform(context, args),
        Command::Approve(args) => approve::perform(context, &args),
        Command::Runs(args) => runs::perform(context, &args),
        Command::Trace(args) => trace::perform(context, &args),
        Command::Verify(args) => verify::perform(context, &args),
        Command::Validate(args) => validate::perform(context, &args),
        Command::Fmt(args) => fmt::perform(context, &args),
        Command::Schema(args) => Ok(schema::perform(context, &args)),
    }
}
