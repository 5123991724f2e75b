//! `comity watch`: follows a run that another process works on.

use crate::command::replay::shown;
use crate::context::{Context, Database, Opened};
use crate::error::Error;
use crate::exit::Exit;
use crate::listen::{Listener, View};
use crate::live::Live;
use crate::plain::Plain;
use crate::printer::{Format, Stream};
use crate::session::can_redraw;
use crate::summary;
use clap::Args;
use comity_core::RunId;
use comity_runtime::RunStatus;
use comity_runtime::view::{Patience, Until};
use std::io::{IsTerminal, stdout};
use std::sync::Arc;

/// Follow a run from another terminal.
#[derive(Debug, Args)]
pub struct Watch {
    /// The run; the newest one if nothing is said
    pub run: Option<RunId>,
    /// Begin after this entry: the `seq` of the last event that was seen
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// Go on watching when the run waits or is interrupted, until it finishes
    #[arg(long)]
    pub keep: bool,
}

/// Follows it, and ends as `comity run` would have.
pub fn perform(context: &Context, args: &Watch) -> Result<Exit, Error> {
    context.block_on(async {
        let opened = context.open(Database::Existing)?;
        let run = match args.run {
            Some(run) => run,
            None => opened.runtime.newest().await?.ok_or(Error::NoRuns)?,
        };
        let until = if args.keep { Until::Finished } else { Until::Paused };
        let view = view(context, &opened, run).await?;
        let drawn = matches!(view, View::Tree(_));
        let (events, listener) = Listener::start(view, Arc::clone(&opened.clock))?;
        let followed =
            opened.runtime.follow(run, args.from, until, Patience::default(), &*opened.clock, &events).await;
        drop(events);
        listener.join();
        let status = followed?;
        conclude(context, &opened, run, status, drawn).await?;
        Ok(Exit::of(status))
    })
}

/// How to tell what happens: as data on stdout, or as a tree on a terminal.
async fn view(context: &Context, opened: &Opened, run: RunId) -> Result<View, Error> {
    let printer = context.printer.clone();
    Ok(match printer.format() {
        Format::Json => View::Quiet,
        Format::Ndjson => View::Events(printer),
        Format::Text if can_redraw() && stdout().is_terminal() => {
            let names = shown(&opened.runtime, run).await?;
            View::Tree(Arc::new(Live::of_names(printer, Arc::clone(&opened.clock), &names)))
        }
        Format::Text => View::Lines(Plain::new(printer, Stream::Out)),
    })
}

/// Says how the run stands, and what it asks.
async fn conclude(
    context: &Context,
    opened: &Opened,
    run: RunId,
    status: RunStatus,
    drawn: bool,
) -> Result<(), Error> {
    let printer = &context.printer;
    let mut report = opened.runtime.report(run).await?;
    // What the row says of a run that was cut off is not how it stands.
    status.word().clone_into(&mut report.status);
    match printer.format() {
        Format::Json => printer.json(&report),
        Format::Text if drawn => {
            printer.out(&summary::output(&report, true));
            printer.out(&summary::text(printer, &report));
        }
        Format::Text | Format::Ndjson => {}
    }
    printer.note(&summary::asks(context, &report));
    Ok(())
}
