//! `comity fmt`: writes workflow files in the one tidy way.

use crate::args::Fmt;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::overwrite::overwrite;
use crate::printer::Format;
use serde_json::json;
use std::path::Path;

/// Formats each file, or says which of them are not tidy.
pub fn perform(context: &Context, args: &Fmt) -> Result<Exit, Error> {
    let printer = &context.printer;
    let mut exit = Exit::Done;
    let mut reports = Vec::with_capacity(args.flow.len());
    for path in &args.flow {
        let changed = match one(path, args.check) {
            Ok(changed) => changed,
            Err(error) => {
                exit = printer.fail(&error);
                continue;
            }
        };
        if changed && args.check && exit == Exit::Done {
            exit = Exit::Failed;
        }
        let file = path.display().to_string();
        if changed && printer.format() == Format::Text {
            let word = if args.check { "not tidy" } else { "formatted" };
            printer.out(&format!("{word}: {file}\n"));
        }
        reports.push(json!({"file": file, "changed": changed}));
    }
    if printer.format() != Format::Text {
        printer.json_list(&reports);
    }
    Ok(exit)
}

/// Whether the file changes, or would.
fn one(path: &Path, only_check: bool) -> Result<bool, Error> {
    let text = files::flow(path)?;
    let tidy = comity_runtime::format(&text, &comity_runtime::kinds()).map_err(|invalid| Error::Flow {
        invalid,
        file: path.display().to_string(),
        text: text.clone(),
    })?;
    let changed = tidy != text;
    if changed && !only_check {
        overwrite(path, &tidy)?;
    }
    Ok(changed)
}
