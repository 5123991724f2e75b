//! `comity attest`: a signed statement about a run, and what the run was made of.

use crate::context::{Context, Database};
use crate::create::{self, Made};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::summary::count;
use clap::Args;
use comity_api::attestation::AttestationReport;
use comity_core::RunId;
use comity_runtime::Verifier;
use std::path::{Path, PathBuf};

/// Sign a statement about a run.
#[derive(Debug, Args)]
pub struct Attest {
    /// The run
    pub run: RunId,
    /// The file to make; stdout if none is named
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// The file to write the run's bill of materials into
    #[arg(long, value_name = "FILE")]
    pub sbom: Option<PathBuf>,
}

/// Signs it.
pub fn perform(context: &Context, args: &Attest) -> Result<Exit, Error> {
    let attested = context.block_on(async {
        let opened = context.open(Database::Existing)?;
        Ok(opened.runtime.attest(args.run).await?)
    })?;
    let printer = &context.printer;
    if let Some(path) = &args.sbom {
        write(printer, path, &attested.sbom)?;
    }
    match &args.to {
        Some(path) => write(printer, path, &attested.envelope)?,
        None => printer.out(&String::from_utf8_lossy(&attested.envelope)),
    }
    printer.note(&format!("signed; others check it with --key {}\n", attested.key));
    Ok(Exit::Done)
}

fn write(printer: &Printer, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create::new(folder, &[Made { name: &name, bytes }])?;
    printer.note(&format!("wrote {} to {}\n", count(bytes.len() as u64, "byte"), path.display()));
    Ok(())
}

/// Whether a file is a signed statement, rather than an export.
pub fn is_envelope(text: &str) -> bool {
    text.trim_start().starts_with("{\"payload\"")
}

/// Checks a signed statement: by the key that is named, else by the one that this database signs with.
pub fn verify(context: &Context, text: &str, key: Option<&Verifier>) -> Result<Exit, Error> {
    let own = match key {
        Some(key) => key.clone(),
        None => context.block_on(async {
            let runtime = context.open(Database::Existing)?.runtime;
            Ok(runtime.public_key().await?)
        })?,
    };
    let report = comity_runtime::check_attestation(text.as_bytes(), &own);
    let printer = &context.printer;
    match printer.format() {
        Format::Text => printer.out(&shown(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    if report.valid {
        return Ok(Exit::Done);
    }
    let label = printer.paint(Stream::Err, Tone::Bad, "error:");
    let fault = one_line(report.fault.as_deref().unwrap_or_default());
    printer.note(&format!(
        "{label} the statement is not to be believed: {fault}\n\nhint: `--key` names the key of whoever is said to have \
         signed it; ask them for it by another way than the file came\n"
    ));
    Ok(Exit::LedgerBroken)
}

fn shown(printer: &Printer, report: &AttestationReport) -> String {
    let run = one_line(report.run.as_deref().unwrap_or_default());
    let status = one_line(report.status.as_deref().unwrap_or_default());
    let mut out = if report.valid {
        format!("{} {run}, {status}\n", printer.paint(Stream::Out, Tone::Good, "valid:"))
    } else {
        let fault = one_line(report.fault.as_deref().unwrap_or_default());
        format!("{} {fault}\n", printer.paint(Stream::Out, Tone::Bad, "broken:"))
    };
    for (name, digest) in &report.subjects {
        out.push_str(&format!("sha256 {} {}\n", one_line(digest), one_line(name)));
    }
    out.push_str(&format!("by: {}\nnot shown: {}\n", one_line(&report.key), report.not_shown));
    out
}
