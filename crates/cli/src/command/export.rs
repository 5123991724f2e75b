//! `comity export`: a run as a file that speaks for itself.

use crate::context::{Context, Database};
use crate::create::{self, Made};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::summary::count;
use clap::Args;
use comity_api::ExportReport;
use comity_core::RunId;
use comity_runtime::view::ExportWanted;
use std::path::{Path, PathBuf};

/// Write a run as a file that speaks for itself.
#[derive(Debug, Args)]
pub struct Export {
    /// The run
    pub run: RunId,
    /// The file to make; stdout if none is named
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Write what steps were given and produced in the clear too
    #[arg(long)]
    pub texts: bool,
}

/// Writes it.
pub fn perform(context: &Context, args: &Export) -> Result<Exit, Error> {
    let bytes = context.block_on(async {
        let opened = context.open(Database::Read)?;
        let bytes = opened.runtime.export(args.run, ExportWanted { texts: args.texts }).await?;
        for why in opened.runtime.unread() {
            let printer = &context.printer;
            printer.note(&format!(
                "some texts have no key here, and are not in this export in the clear: {why}\n"
            ));
        }
        Ok(bytes)
    })?;
    let printer = &context.printer;
    if args.texts {
        printer.note(
            "this export holds the run's texts in the clear, and their keys: erasing the run does not reach it\n",
        );
    }
    let Some(path) = &args.to else {
        printer.out(&String::from_utf8_lossy(&bytes));
        return Ok(Exit::Done);
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create::new(folder, &[Made { name: &name, bytes: &bytes }])?;
    printer.note(&format!("wrote {} to {}\n", count(bytes.len() as u64, "byte"), path.display()));
    Ok(Exit::Done)
}

/// Shows what the verification of an export found. Returns how the command ends.
pub fn conclude(printer: &Printer, report: &ExportReport) -> Exit {
    match printer.format() {
        Format::Text => printer.out(&shown(printer, report)),
        Format::Json | Format::Ndjson => printer.json(report),
    }
    if report.valid {
        return Exit::Done;
    }
    let label = printer.paint(Stream::Err, Tone::Bad, "error:");
    let fault = one_line(report.fault.as_deref().unwrap_or_default());
    printer.note(&format!(
        "{label} the export is not as it was written: {fault}\n\nhint: keep the file as it is, and export the run \
         again from its database or take another copy\n"
    ));
    Exit::LedgerBroken
}

fn shown(printer: &Printer, report: &ExportReport) -> String {
    let counts = format!(
        "{}, {}, {}",
        one_line(&report.run),
        count(report.entries, "entry"),
        count(report.payloads, "payload")
    );
    let mut out = if report.valid {
        format!("{} {counts}\n", printer.paint(Stream::Out, Tone::Good, "valid:"))
    } else {
        let place = report.bad_seq.map(|seq| format!("entry {seq}: ")).unwrap_or_default();
        let what = one_line(report.fault.as_deref().unwrap_or_default());
        format!("{} {place}{what}\nbefore that: {counts}\n", printer.paint(Stream::Out, Tone::Bad, "broken:"))
    };
    if let Some(head) = report.head.as_ref().filter(|_| report.valid) {
        out.push_str(&format!("head: {head}\n"));
    }
    if let Some(proven) = report.proven {
        let by = if report.signed {
            "signed with the key"
        } else {
            "whose signer was not looked at: `--key VKEY`"
        };
        out.push_str(&format!(
            "in the log: {} of {} entries, by a checkpoint {by}\n",
            proven, report.entries
        ));
    }
    out.push_str(&format!("not shown: {}\n", report.not_shown));
    out
}
