//! `comity validate`: checks workflow files without running them.

use super::run::check;
use crate::args::Validate;
use crate::context::Context;
use crate::error::Error;
use crate::exit::{Exit, meaning};
use crate::files;
use crate::printer::{Format, Printer, Stream, Tone};
use crate::summary::count;
use comity_api::{ErrorReport, ValidateReport};
use comity_runtime::{Diagnostic, Plan, render};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Checks the files, once or whenever one changes.
pub fn perform(context: &Context, args: &Validate) -> Result<Exit, Error> {
    if !args.watch {
        return Ok(all(&context.printer, &args.flow));
    }
    context.printer.note("watching for changes; Ctrl-C ends\n");
    let clock = context.clock();
    context.block_on(async {
        let mut seen = None;
        loop {
            let now: Vec<_> = args.flow.iter().map(|path| stamp(path)).collect();
            if seen.as_ref() != Some(&now) {
                all(&context.printer, &args.flow);
                seen = Some(now);
            }
            clock.sleep(LOOK).await;
        }
    })
}

/// When a file changed last, and its length; `None` while it is not there.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = path.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Checks each file. The exit is that of the first that is wrong.
fn all(printer: &Printer, files: &[PathBuf]) -> Exit {
    let mut exit = Exit::Done;
    let mut reports = Vec::with_capacity(files.len());
    for file in files {
        let (report, ended) = one(printer, file, files.len() > 1);
        reports.push(report);
        if exit == Exit::Done {
            exit = ended;
        }
    }
    match (printer.format(), reports.as_slice()) {
        (Format::Text, _) => {}
        (_, [report]) => printer.json(report),
        (_, reports) => printer.json_list(reports),
    }
    exit
}

fn one(printer: &Printer, path: &Path, named: bool) -> (ValidateReport, Exit) {
    let file = path.display().to_string();
    match checked(path) {
        Ok((plan, text)) => {
            let steps = plan.steps().len();
            if !plan.warnings().is_empty() {
                printer.note(&(render(plan.warnings(), &file, &text) + "\n"));
            }
            if printer.format() == Format::Text {
                let ok = printer.paint(Stream::Out, Tone::Good, "ok:");
                let name = if named { format!("{file}: ") } else { String::new() };
                let steps = count(u64::try_from(steps).unwrap_or(u64::MAX), "step");
                printer.out(&format!("{ok} {name}{steps}\n"));
            }
            let warnings = plan.warnings().iter().map(reported).collect();
            (ValidateReport { valid: true, file, steps, errors: Vec::new(), warnings }, Exit::Done)
        }
        Err(error) => {
            let (errors, warnings) = (mistakes(&error), Vec::new());
            (ValidateReport { valid: false, file, steps: 0, errors, warnings }, printer.fail(&error))
        }
    }
}

fn checked(path: &Path) -> Result<(Arc<Plan>, String), Error> {
    let request = files::request(path, String::new())?;
    let plan = check(&request)?;
    Ok((plan, request.source))
}

fn reported(found: &Diagnostic) -> ErrorReport {
    ErrorReport {
        code: Some(found.code.to_string()),
        message: found.message.clone(),
        line: Some(found.line),
        column: Some(found.column),
        help: found.help.clone(),
    }
}

fn mistakes(error: &Error) -> Vec<ErrorReport> {
    if let Error::Flow { invalid, .. } = error {
        return invalid.diagnostics.iter().map(reported).collect();
    }
    let meaning = meaning(error);
    vec![ErrorReport {
        code: Some(meaning.code.to_owned()),
        message: error.to_string(),
        line: None,
        column: None,
        help: Some(meaning.hint.to_owned()),
    }]
}
