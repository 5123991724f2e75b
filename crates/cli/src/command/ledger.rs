//! `comity ledger`: what is done to the ledger as a whole.

mod keep;

use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::summary::count;
use clap::{Args, Subcommand};
use comity_api::RebuildReport;

/// Look after the ledger as a whole.
#[derive(Debug, Args)]
pub struct Ledger {
    /// What to do.
    #[command(subcommand)]
    pub act: Act,
}

/// What is done to it.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// Make every view anew from the entries, and list what differs from what is stored; nothing is written
    Rebuild,
    /// Show or set for how long texts of runs that have ended are kept
    Retention(keep::Retention),
    /// Erase the texts of runs that ended longer ago than that
    Gc(keep::Gc),
}

/// Does it.
pub fn perform(context: &Context, args: &Ledger) -> Result<Exit, Error> {
    match &args.act {
        Act::Rebuild => rebuild(context),
        Act::Retention(args) => keep::retention(context, args),
        Act::Gc(args) => keep::gc(context, args),
    }
}

fn rebuild(context: &Context) -> Result<Exit, Error> {
    let report = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        Ok(runtime.rebuild().await?)
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text => printer.out(&shown(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    if report.whole {
        return Ok(Exit::Done);
    }
    let label = printer.paint(Stream::Err, Tone::Bad, "error:");
    printer.note(&format!(
        "{label} the ledger's views are not what its entries make of them\n\nhint: keep a copy of the file as it is; \
         `comity verify` says whether the entries are as they were written, and a backup has the rows as they were\n"
    ));
    Ok(Exit::LedgerBroken)
}

fn shown(printer: &Printer, report: &RebuildReport) -> String {
    let counts = format!(
        "{}, {}, {}, {}",
        count(report.runs, "run"),
        count(report.entries, "entry"),
        count(report.accounts, "account"),
        count(report.approvals, "approval"),
    );
    let head = match report.whole {
        true => printer.paint(Stream::Out, Tone::Good, "the same:"),
        false => printer.paint(Stream::Out, Tone::Bad, "differs:"),
    };
    let mut out = format!("{head} {counts}\n");
    for (run, why) in &report.broken {
        out.push_str(&format!("{run}: its entries are not as they were written: {}\n", one_line(why)));
    }
    for one in &report.differences {
        let (view, row, column) = (&one.view, one_line(&one.row), &one.column);
        let (stored, derived) = (one_line(&one.stored), one_line(&one.derived));
        out.push_str(&format!("{view} {row} {column}: stored {stored}, entries say {derived}\n"));
    }
    if report.more > 0 {
        out.push_str(&format!("and {} more\n", report.more));
    }
    out.push_str(&format!("not compared: {}\n", report.not_derived.join(", ")));
    out
}
