//! The commands, one file each.

mod approve;
pub mod archive;
pub mod attest;
pub mod checkpoint;
pub mod completions;
pub mod config;
pub mod costs;
pub mod demo;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod erase;
pub mod explain;
pub mod export;
mod fmt;
pub mod forecast;
pub mod fork;
pub mod hold;
pub mod init;
pub mod ledger;
pub mod man;
pub mod prove;
pub mod replay;
mod resume;
mod run;
pub mod runs;
mod schema;
pub mod stream;
pub mod trace;
mod validate;
mod verify;
pub mod watch;
pub mod witness;

use crate::args::Command;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Does what was asked.
pub fn perform(context: &Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Run(args) => run::perform(context, args),
        Command::Resume(args) => resume::perform(context, args),
        Command::Fork(args) => fork::perform(context, args),
        Command::Approve(args) => approve::perform(context, &args),
        Command::Runs(args) => runs::perform(context, &args),
        Command::Trace(args) => trace::perform(context, &args),
        Command::Explain(args) => explain::perform(context, &args),
        Command::Watch(args) => watch::perform(context, &args),
        Command::Stream(args) => stream::perform(context, args),
        Command::Replay(args) => replay::perform(context, &args),
        Command::Forecast(args) => forecast::perform(context, args),
        Command::Costs(args) => costs::perform(context, &args),
        Command::Diff(args) => diff::perform(context, &args),
        Command::Export(args) => export::perform(context, &args),
        Command::Attest(args) => attest::perform(context, &args),
        Command::Archive(args) => archive::perform(context, &args),
        Command::Checkpoint(args) => checkpoint::perform(context, &args),
        Command::Prove(args) => prove::perform(context, &args),
        Command::Erase(args) => erase::erase(context, &args),
        Command::Anonymize(args) => erase::anonymize(context, &args),
        Command::Hold(args) => hold::perform(context, &args),
        Command::Ledger(args) => ledger::perform(context, &args),
        Command::Verify(args) => verify::perform(context, &args),
        Command::Witness(args) => witness::perform(context, &args),
        Command::Validate(args) => validate::perform(context, &args),
        Command::Describe(args) => describe::perform(context, &args),
        Command::Demo(args) => demo::perform(context, &args),
        Command::Init(args) => init::perform(context, &args),
        Command::Config(args) => config::perform(context, &args),
        Command::Doctor(_) => doctor::perform(context),
        Command::Completions(args) => completions::perform(context, &args),
        Command::Man(args) => man::perform(context, &args),
        Command::Fmt(args) => fmt::perform(context, &args),
        Command::Schema(args) => Ok(schema::perform(context, &args)),
    }
}
