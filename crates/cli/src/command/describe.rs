//! `comity describe`: draws a workflow, without running it.

use super::run::check;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::printer::{Format, Stream, Tone, harmless, one_line};
use crate::summary::count;
use clap::{Args, ValueEnum};
use comity_runtime::draw::{self, Glyphs, Look};
use std::path::PathBuf;

/// Draw a workflow.
#[derive(Debug, Args)]
pub struct Describe {
    /// The workflow file
    pub flow: PathBuf,
    /// How it is drawn
    #[arg(long, value_enum, default_value_t = Picture::Ascii)]
    pub format: Picture,
    /// Draw with ASCII alone, also where the terminal has more
    #[arg(long)]
    pub ascii: bool,
}

/// How a workflow is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Picture {
    /// Boxes and lines, for a terminal
    Ascii,
    /// A Mermaid flowchart, for documents
    Mermaid,
}

/// Draws it.
pub fn perform(context: &Context, args: &Describe) -> Result<Exit, Error> {
    let request = files::request(&args.flow, String::new())?;
    let plan = check(&request)?;
    let printer = &context.printer;
    match (printer.format(), args.format) {
        (Format::Json | Format::Ndjson, _) => printer.json(&comity_runtime::describe(&plan, &request.file)),
        (Format::Text, Picture::Mermaid) => printer.out(&draw::mermaid(&plan)),
        (Format::Text, Picture::Ascii) => {
            let screen = printer.screen();
            let glyphs = if args.ascii || !screen.unicode { Glyphs::Plain } else { Glyphs::Unicode };
            let steps = u64::try_from(plan.steps().len()).unwrap_or(u64::MAX);
            let name = one_line(plan.name().unwrap_or(&request.file));
            let head = printer.paint(Stream::Out, Tone::Dim, &count(steps, "step"));
            let picture = draw::ascii(&plan, &Look { width: screen.width, glyphs });
            printer.out(&format!("{name}  {head}\n\n{}", harmless(&picture)));
        }
    }
    Ok(Exit::Done)
}
