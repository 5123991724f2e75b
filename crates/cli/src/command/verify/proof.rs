//! Checks a proof or a checkpoint: with the file and the log's public key, and no database.

use crate::args::Verify;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::summary::count;
use comity_api::ProofReport;
use comity_runtime::Verifier;
use comity_runtime::log::{
    Checked, check_file, is_proof_of_something, known_key, log_of, other_key, remember_key,
};

/// The most bytes of a checkpoint that are read.
const LIMIT: u64 = 64 << 10;

/// Whether a file is a proof or a checkpoint.
pub fn is_one(text: &str) -> bool {
    is_proof_of_something(text)
}

/// Checks it: by the key that is named, else by the one that was first seen for this log.
pub fn verify(context: &Context, text: &str, args: &Verify) -> Result<Exit, Error> {
    let kept = args.consistent_with.as_ref().map(|path| files::text(path, LIMIT)).transpose()?;
    let log = log_of(text).unwrap_or_default();
    let key = context.block_on(key(context, &log, args.key.as_ref()))?;
    let checked = check_file(text.as_bytes(), &key, &args.witness, kept.as_ref().map(String::as_bytes));
    if checked.is_ok() && args.key.is_some() {
        // Somebody named it, and it fits: the next file of this log can do without.
        context.block_on(async {
            Ok(remember_key(&key, context.globals.keys.as_deref(), &context.entropy()).await?)
        })?;
    }
    let printer = &context.printer;
    let report = report(&log, &key, &checked);
    match printer.format() {
        Format::Text => printer.out(&shown(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    let Err(why) = checked else { return Ok(Exit::Done) };
    let label = printer.paint(Stream::Err, Tone::Bad, "error:");
    printer.note(&format!(
        "{label} the file shows nothing: {}\n\nhint: keep the file as it is, and ask whoever made it for another; \
         `--key` names the key of the log, which you should have by another way than the file\n",
        one_line(&why.to_string())
    ));
    Ok(Exit::LedgerBroken)
}

async fn key(context: &Context, log: &str, named: Option<&Verifier>) -> Result<Verifier, Error> {
    let (folder, entropy) = (context.globals.keys.as_deref(), context.entropy());
    let known = known_key(log, folder, &entropy).await?;
    if let Some(key) = named {
        return match known {
            Some(known) if known.key() != key.key() => Err(other_key(&known, key).into()),
            _ => Ok(key.clone()),
        };
    }
    known.ok_or_else(|| Error::UnknownLog(log.to_owned()))
}

fn report(
    log: &str,
    key: &Verifier,
    checked: &Result<Checked, comity_runtime::log::NotShown>,
) -> ProofReport {
    let mut report = ProofReport { log: log.to_owned(), key: key.to_string(), ..ProofReport::default() };
    match checked {
        Err(why) => report.fault = Some(why.to_string()),
        Ok(checked) => {
            report.valid = true;
            report.size = Some(checked.size);
            report.since = checked.since;
            report.run = checked.run.map(|run| run.to_string());
            report.seq = checked.seq;
            report.hash = checked.hash.map(|hash| hash.to_string());
            report.entry.clone_from(&checked.entry);
        }
    }
    report
}

fn shown(printer: &Printer, report: &ProofReport) -> String {
    if !report.valid {
        let why = one_line(report.fault.as_deref().unwrap_or_default());
        return format!("{} {why}\n", printer.paint(Stream::Out, Tone::Bad, "broken:"));
    }
    let size = report.size.unwrap_or_default();
    let what = match (&report.run, report.seq, report.since) {
        (Some(run), Some(seq), _) => {
            format!("entry {seq} of {} is in the log, at {}", one_line(run), count(size, "leaf"))
        }
        (_, _, Some(since)) => format!("the log at {} begins with the log at {since}", count(size, "leaf")),
        _ => format!("the log signed {}; what is in them is not shown", count(size, "leaf")),
    };
    let mut out = format!("{} {what}\n", printer.paint(Stream::Out, Tone::Good, "valid:"));
    if let Some(entry) = &report.entry {
        out.push_str(&format!("entry: {}\n", one_line(entry)));
    }
    if let Some(hash) = &report.hash {
        out.push_str(&format!("hash: {hash}\n"));
    }
    out.push_str(&format!("log: {}\n", one_line(&report.log)));
    out
}
