//! `comity validate`: checks a workflow file without running it.

use super::run::check;
use crate::args::Validate;
use crate::context::Context;
use crate::error::Error;
use crate::exit::{Exit, meaning};
use crate::files;
use crate::printer::{Format, Stream, Tone};
use crate::summary::count;
use comity_api::{ErrorReport, ValidateReport};

/// Checks the file.
pub fn perform(context: &Context, args: &Validate) -> Result<Exit, Error> {
    let printer = &context.printer;
    let checked = files::request(&args.flow, String::new()).and_then(|request| check(&request));
    if printer.format() == Format::Text {
        let steps = u64::try_from(checked?.steps().len()).unwrap_or(u64::MAX);
        printer.out(&format!("{} {}\n", printer.paint(Stream::Out, Tone::Good, "ok:"), count(steps, "step")));
        return Ok(Exit::Done);
    }
    let file = args.flow.display().to_string();
    let (report, exit) = match checked {
        Ok(plan) => {
            let steps = plan.steps().len();
            (ValidateReport { valid: true, file, steps, errors: Vec::new() }, Exit::Done)
        }
        Err(error) => {
            let errors = mistakes(&error);
            (ValidateReport { valid: false, file, steps: 0, errors }, printer.fail(&error))
        }
    };
    printer.json(&report);
    Ok(exit)
}

fn mistakes(error: &Error) -> Vec<ErrorReport> {
    if let Error::Flow { invalid, .. } = error {
        let reports = invalid.diagnostics.iter().map(|mistake| ErrorReport {
            code: Some(mistake.code.to_string()),
            message: mistake.message.clone(),
            line: Some(mistake.line),
            column: Some(mistake.column),
            help: mistake.help.clone(),
        });
        return reports.collect();
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
