//! `comity stream`: runs a workflow, and writes what happens as one JSON object a line.
//!
//! The first line says `run_started` and the last `run_finished`: a stream without the last was cut off.

use super::run;
use crate::args::Run;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::Format;
use clap::Args;

/// Run a workflow and write its events as NDJSON.
#[derive(Debug, Args)]
pub struct Stream {
    /// The same as `comity run` takes
    #[command(flatten)]
    pub run: Run,
}

/// Runs the workflow.
pub fn perform(context: &Context, args: Stream) -> Result<Exit, Error> {
    run::perform(&context.with_format(Format::Ndjson), args.run)
}
