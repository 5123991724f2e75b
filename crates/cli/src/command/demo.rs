//! `comity demo`: a governed run of four agents, without a key, a file or a network.

mod closing;
mod tamper;

use super::run;
use crate::context::{Context, Database};
use crate::create::{self, Made};
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::printer::Format;
use crate::provider;
use crate::session::{Session, Work};
use clap::{Args, Subcommand};
use comity_runtime::{Request, no_files};
use std::path::{Path, PathBuf};

/// The workflow, as it also stands in `examples/demo`.
const FLOW: &str = include_str!("../../../../examples/demo/flow.yaml");
/// How the workflow file is called where it was never written.
pub const FILE: &str = "(the demo)";
/// What the run is about.
const TASK: &str = "Which contracts renew by themselves?";
/// The key of a script that says how long an answer takes.
const PAUSE: &str = "stall_s:";

/// Run four agents under a policy, in two seconds: no key, no files, no network.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Demo {
    /// What else to show
    #[command(subcommand)]
    pub more: Option<More>,
    /// Write the workflow into this folder and run it from there
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Do not wait for the simulated models
    #[arg(long, conflicts_with = "keep")]
    pub fast: bool,
}

/// What else to show.
#[derive(Debug, Subcommand)]
pub enum More {
    /// Change one byte in a copy of the database, and see that it is found
    Tamper,
}

/// Shows it.
pub fn perform(context: &Context, args: &Demo) -> Result<Exit, Error> {
    match args.more {
        Some(More::Tamper) => tamper::perform(context),
        None => play(context, args),
    }
}

fn play(context: &Context, args: &Demo) -> Result<Exit, Error> {
    let request = request(args)?;
    let plan = run::check(&request)?;
    let names = plan.steps().iter().map(|step| step.name.to_string()).collect();
    let context = &with_manners(context);
    context.block_on(async {
        let opened = context.open(Database::Made)?;
        provider::say(context, &reason());
        let session = Session::new(context, &opened).with_stand_in(words(context));
        let finished = session.follow(Work::Start(request), names).await?;
        if context.printer.format() != Format::Text {
            return session.conclude(finished).await;
        }
        closing::show(context, &opened, &session, finished, plan.policy().caps().micro_usd).await
    })
}

/// The workflow: kept in a folder if that was asked for, else only in this program.
fn request(args: &Demo) -> Result<Request, Error> {
    if let Some(folder) = &args.keep {
        create::new(folder, &[Made { name: "flow.yaml", bytes: FLOW.as_bytes() }])?;
        return files::request(&folder.join("flow.yaml"), TASK.to_owned());
    }
    let source = if args.fast { without_pauses(FLOW) } else { FLOW.to_owned() };
    let (file, base_dir) = (FILE.to_owned(), PathBuf::new());
    Ok(Request { source, file, base_dir, task: TASK.to_owned(), read: no_files(), trace: None, about: None })
}

fn without_pauses(flow: &str) -> String {
    let lines = flow.lines().filter(|line| !line.trim_start().starts_with(PAUSE));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The same context, with nobody to ask where nobody watches.
fn with_manners(context: &Context) -> Context {
    let watched = std::env::var_os("CI").is_none_or(|value| value.is_empty());
    let mut context = context.clone();
    context.globals.no_input |= !watched;
    context
}

/// Why the models are simulated.
fn reason() -> String {
    match provider::keys().first() {
        Some(key) => format!("the demo never uses {key}"),
        None => "no provider key is set".to_owned(),
    }
}

/// Who approves in a person's place, and why.
fn words(context: &Context) -> &'static str {
    if context.globals.no_input {
        "approved by the demo, because nobody is to be asked"
    } else {
        "approved by the demo, because nobody is at the terminal"
    }
}

/// How a person gets at the workflow of a run whose file is called this, if that is the demo's.
pub fn how_to_change(context: &Context, file: &Path) -> Option<String> {
    (file == Path::new(FILE)).then(|| context.line("demo", &["--keep", "demo"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_and_nothing_else_are_left_out() {
        let fast = without_pauses(FLOW);
        assert_eq!(FLOW.matches("\n      stall_s:").count(), 4);
        assert_eq!(fast.lines().count() + 4, FLOW.lines().count());
        assert!(!fast.contains("\n      stall_s:"));
    }
}
