//! `comity ledger retention` and `gc`: for how long texts are kept, and the erasing of those whose time is over.

use crate::command::erase;
use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::guarded;
use crate::printer::Format;
use crate::summary::count;
use clap::Args;
use comity_core::RunId;
use comity_runtime::Guarded;
use comity_runtime::book::{Aim, Mode};
use serde::Serialize;

/// For how long texts are kept.
#[derive(Debug, Args)]
pub struct Retention {
    /// So many days after the run has ended
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// For ever
    #[arg(long, conflicts_with = "days")]
    pub forever: bool,
}

/// Erase what was kept long enough.
#[derive(Debug, Args)]
pub struct Gc {
    /// Only say what would be erased
    #[arg(long)]
    pub dry_run: bool,
}

/// What would be erased, or was not.
#[derive(Serialize)]
struct Told {
    runs: Vec<RunId>,
    on_hold: Vec<RunId>,
}

/// Shows or sets for how long texts are kept.
pub fn retention(context: &Context, args: &Retention) -> Result<Exit, Error> {
    let (days, guarded) = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        let mut guarded = Guarded::default();
        if args.forever || args.days.is_some() {
            runtime.set_retention(args.days).await?;
            guarded = runtime.guard().await;
        }
        Ok((runtime.book_state().await?.retention_days, guarded))
    })?;
    let printer = &context.printer;
    match (printer.format(), days) {
        (Format::Text, None) => printer.out("texts are kept for ever\n"),
        (Format::Text, Some(days)) => {
            let days = count(days.into(), "day");
            printer.out(&format!("texts are kept for {days} after their run has ended\n"));
        }
        (_, days) => printer.json(&serde_json::json!({"retention_days": days})),
    }
    guarded::tell(printer, guarded)?;
    Ok(Exit::Done)
}

/// Erases what was kept long enough, or says what that is.
pub fn gc(context: &Context, args: &Gc) -> Result<Exit, Error> {
    let found = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        Ok(runtime.would_erase(&Aim::Old, Mode::Collect).await?)
    })?;
    if !args.dry_run && !found.runs.is_empty() {
        return erase::perform(context, &Aim::Old, Mode::Collect);
    }
    let printer = &context.printer;
    if printer.format() != Format::Text {
        printer.json(&Told { runs: found.runs, on_hold: found.on_hold });
        return Ok(Exit::Done);
    }
    let mut out = match found.runs.len() as u64 {
        0 => "nothing to collect\n".to_owned(),
        runs => format!("would collect {}\n", count(runs, "run")),
    };
    found.runs.iter().for_each(|run| out.push_str(&format!("  {run}\n")));
    found.on_hold.iter().for_each(|run| out.push_str(&format!("  {run} is on hold, and stays\n")));
    printer.out(&out);
    Ok(Exit::Done)
}
