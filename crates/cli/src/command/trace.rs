//! `comity trace`: a run step by step, entry by entry, or as it stood at one of its steps.

mod at;
mod details;
mod entries;
pub mod steps;

pub use steps::named;

use crate::context::{Context, Database, Opened};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::Format;
use clap::Args;
use comity_api::TraceRow;
use comity_core::RunId;
use comity_runtime::Runtime;
use comity_runtime::view::{Depth, Rows, Which};

/// Show a run: its steps, their checks and their entries.
#[derive(Debug, Args)]
pub struct Trace {
    /// The run
    pub run: RunId,
    /// One line for every entry instead of every step
    #[arg(long, conflicts_with_all = ["verbose", "at"])]
    pub entries: bool,
    /// Checks, input, output, digests and hashes of every step
    #[arg(short, long, conflicts_with = "at")]
    pub verbose: bool,
    /// The same of one step; `NAME#2` is its second pass
    #[arg(long, value_name = "NAME", conflicts_with = "at")]
    pub step: Option<Which>,
    /// Inputs and outputs whole, however long they are
    #[arg(long)]
    pub full: bool,
    /// The run as it stood when this step was admitted
    #[arg(long, value_name = "NAME")]
    pub at: Option<Which>,
}

/// Shows it.
pub fn perform(context: &Context, args: &Trace) -> Result<Exit, Error> {
    context.block_on(async {
        let opened = context.open(Database::Read)?;
        let shown = show(context, &opened, args).await;
        context.tell_unread(&opened.runtime);
        shown
    })
}

async fn show(context: &Context, opened: &Opened, args: &Trace) -> Result<Exit, Error> {
    let (printer, runtime) = (&context.printer, &opened.runtime);
    if let Some(which) = &args.at {
        let view = runtime.at(args.run, which).await?;
        match printer.format() {
            Format::Text => printer.out(&at::text(context, &view, args.full)),
            Format::Json | Format::Ndjson => printer.json(&view),
        }
        return Ok(Exit::Done);
    }
    if printer.format() != Format::Text || args.entries {
        return entry_by_entry(context, runtime, args).await;
    }
    let depth = match &args.step {
        Some(which) => Depth::Of(which.clone()),
        None if args.verbose => Depth::Everything,
        None => Depth::Standing,
    };
    let view = runtime.view(args.run, &depth).await?;
    let now = opened.clock.now().millis();
    printer.out(&steps::head(printer, &view, now));
    if depth == Depth::Standing {
        printer.out(&steps::text(context, &view, now));
        return Ok(Exit::Done);
    }
    let told = view.steps.iter().filter(|step| args.step.is_none() || !step.entries.is_empty());
    let mut some = false;
    for step in told {
        some = true;
        printer.out(&details::text(context, &view.run_id, step, args.full));
    }
    match &args.step {
        Some(which) if !some => {
            let step = which.step.clone();
            Err(comity_runtime::Error::NoStep { run: args.run, step }.into())
        }
        _ => Ok(Exit::Done),
    }
}

/// One line, or one object, for every entry.
async fn entry_by_entry(context: &Context, runtime: &Runtime, args: &Trace) -> Result<Exit, Error> {
    let printer = &context.printer;
    let texts = args.verbose || args.step.is_some() || args.full;
    let mut rows = Vec::new();
    let visit = |row: TraceRow| match printer.format() {
        Format::Ndjson => printer.json(&row),
        Format::Text | Format::Json => rows.push(row),
    };
    runtime.trace_rows(args.run, &Rows { of: args.step.clone(), texts }, visit).await?;
    match printer.format() {
        Format::Text => printer.out(&entries::text(printer, &rows)),
        Format::Json => printer.json_list(&rows),
        Format::Ndjson => {}
    }
    Ok(Exit::Done)
}
