//! `comity verify`: recomputes the ledger.

mod proof;

use super::{attest, export};
use crate::args::{Verified, Verify};
use crate::context::{Context, Database, must_exist};
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::summary::count;
use crate::time::utc;
use comity_api::{GuardReport, VerifyReport};
use comity_runtime::view::check_export;

/// The most bytes of an export that are read: what an archive takes as one object.
const LIMIT: u64 = 256 << 20;
/// The most bytes of a checkpoint that are read.
const CHECKPOINT: u64 = 64 << 10;

/// Verifies one run, or everything, or a file.
pub fn perform(context: &Context, args: &Verify) -> Result<Exit, Error> {
    let only = match &args.what {
        None => None,
        Some(Verified::Run(run)) => Some(*run),
        Some(Verified::File(path)) => {
            let text = files::text(path, LIMIT)?;
            if attest::is_envelope(&text) {
                return attest::verify(context, &text, args.key.as_ref());
            }
            if proof::is_one(&text) {
                return proof::verify(context, &text, args);
            }
            let (report, _) = check_export(text.as_bytes(), args.key.as_slice());
            return Ok(export::conclude(&context.printer, &report));
        }
    };
    let kept = args.checkpoint.as_ref().map(|path| files::text(path, CHECKPOINT)).transpose()?;
    let report = context.block_on(async {
        let runtime = context.open(Database::Read)?.runtime;
        if let Some(run) = only {
            must_exist(&runtime, run).await?;
        }
        let mut report = runtime.verify(only).await?;
        if let Some(kept) = kept.filter(|_| report.valid) {
            let fault = runtime.held_against(kept.as_bytes(), args.witness.clone()).await?;
            report.valid = fault.is_none();
            report.fault = fault.map(|fault| fault.what);
        }
        Ok(report)
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text => printer.out(&shown(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    Ok(conclude(printer, &report))
}

/// Says aloud that the ledger is broken, if it is. Returns how the command ends.
pub fn conclude(printer: &Printer, report: &VerifyReport) -> Exit {
    if report.valid {
        return Exit::Done;
    }
    let label = printer.paint(Stream::Err, Tone::Bad, "error:");
    let fault = one_line(report.fault.as_deref().unwrap_or_default());
    printer.note(&format!(
        "{label} the ledger is not as it was written: {fault}\n\nhint: keep a copy of the file as it is; what \
         was recorded before the first bad entry can still be read with `comity trace RUN`\n"
    ));
    Exit::LedgerBroken
}

/// What was found, for people.
pub fn shown(printer: &Printer, report: &VerifyReport) -> String {
    let mut counts = format!(
        "{}, {}, {}",
        count(report.runs, "run"),
        count(report.entries, "entry"),
        count(report.payloads, "payload"),
    );
    // Of one run only its own account is compared, and that is part of its run.
    if report.accounts > 0 {
        counts.push_str(&format!(", {}", count(report.accounts, "account")));
    }
    if report.checkpoints > 0 {
        counts.push_str(&format!(", {}", count(report.checkpoints, "checkpoint")));
    }
    let mut out = if report.valid {
        format!("{} {counts}\n", printer.paint(Stream::Out, Tone::Good, "valid:"))
    } else {
        let place = place(report);
        let what = one_line(report.fault.as_deref().unwrap_or_default());
        format!("{} {place}{what}\nbefore that: {counts}\n", printer.paint(Stream::Out, Tone::Bad, "broken:"))
    };
    if let Some(head) = &report.head {
        out.push_str(&format!("head: {head}\n"));
    }
    if report.valid && report.unprotected > 0 {
        let open = count(report.unprotected, "entry");
        out.push_str(&format!(
            "unprotected: {open} since the last checkpoint; `comity checkpoint` makes one\n"
        ));
    }
    for guard in report.guards.iter().filter(|guard| guard.has != Some(guard.of) || guard.why.is_some()) {
        out.push_str(&format!("unprotected: {}\n", behind(guard)));
    }
    if let Some(why) = &report.key_not_compared {
        out.push_str(&format!("not compared with a pinned key: {}\n", one_line(why)));
    }
    out.push_str(&format!("not shown: {}\n", report.not_shown));
    out
}

/// How far a guard lags behind the newest checkpoint.
pub fn behind(guard: &GuardReport) -> String {
    let name = one_line(&guard.guard);
    if let Some(why) = &guard.why {
        return format!("{name}: {}", one_line(why));
    }
    let since = guard.since_ms.map(|since| format!(", none since {}", utc(since))).unwrap_or_default();
    match guard.has {
        Some(has) => format!("{name} has the checkpoint of {} of {}{since}", count(has, "leaf"), guard.of),
        None => format!("{name} has no checkpoint of the {} here{since}", count(guard.of, "leaf")),
    }
}

/// Where the first fault is, as far as it is anywhere.
fn place(report: &VerifyReport) -> String {
    match (&report.bad_run, report.bad_seq) {
        (Some(run), Some(seq)) => format!("{run} entry {seq}: "),
        (Some(run), None) => format!("{run}: "),
        (None, _) => String::new(),
    }
}
