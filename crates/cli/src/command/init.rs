//! `comity init`: a small project to begin with.

mod template;

use crate::config::quoted;
use crate::context::Context;
use crate::create::{self, Made};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Stream, Tone};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Start a project.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder; made if it is not there
    #[arg(default_value = ".", hide_default_value = true)]
    pub dir: PathBuf,
    /// What to begin with
    #[arg(long, value_enum, default_value_t = Template::Hello)]
    pub template: Template,
}

/// What to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// Four steps and one refusal
    Hello,
    /// Agents that read notes, doubt each other, and write a brief
    Research,
    /// Agents that run tests before anything may go out
    Coding,
    /// Agents that read a contract, and a person who has the last word
    Legal,
}

/// What was made.
#[derive(Serialize)]
struct Started {
    folder: String,
    files: Vec<&'static str>,
    next: String,
}

/// Makes the files: all of them, or none where one of them is there.
pub fn perform(context: &Context, args: &Init) -> Result<Exit, Error> {
    let files = template::files(args.template);
    let made: Vec<Made<'_>> =
        files.iter().map(|(name, text)| Made { name, bytes: text.as_bytes() }).collect();
    create::new(&args.dir, &made)?;
    let printer = &context.printer;
    let next = next(&args.dir, template::task(args.template));
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    if printer.format() == Format::Text {
        let created = printer.paint(Stream::Out, Tone::Good, "created");
        let label = printer.paint(Stream::Out, Tone::Busy, "next:");
        printer.out(&format!("{created} {}  {}\n{label} {next}\n", folder(&args.dir), names.join(" ")));
    } else {
        printer.json(&Started { folder: args.dir.display().to_string(), files: names, next });
    }
    Ok(Exit::Done)
}

/// A folder as it is told: with a slash at its end.
fn folder(path: &Path) -> String {
    let shown = path.display().to_string();
    if shown.ends_with('/') { shown } else { shown + "/" }
}

/// The line that runs it.
fn next(folder: &Path, task: &str) -> String {
    let run = format!("comity run flow.yaml --task \"{task}\"");
    if folder == Path::new(".") { run } else { format!("cd {} && {run}", quoted(folder)) }
}
