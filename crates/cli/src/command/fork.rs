//! `comity fork`: a new run that takes over what another one recorded before a step, and does the rest anew.

use super::run;
use crate::context::{Context, Database, must_exist};
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::printer::{Format, Stream, Tone};
use crate::prompt::confirmed;
use crate::provider;
use crate::session::{Session, Work};
use crate::summary::count;
use clap::Args;
use comity_core::RunId;
use comity_runtime::view::Which;
use comity_runtime::{Fork as Planned, ForkRequest};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Names that are shown of those that are taken over.
const SHOWN: usize = 8;

/// Go back to a step of a run, in a new run.
#[derive(Debug, Args)]
pub struct Fork {
    /// The run to go back to; nothing in it changes
    pub run: RunId,
    /// The step from which on everything is done anew; `NAME#2` is its second pass
    #[arg(long, value_name = "STEP")]
    pub from: Which,
    /// What shall be otherwise: `task=TEXT`, `STEP.output=JSON`, or another workflow file; may be given several times
    #[arg(long, value_name = "EDIT")]
    pub edit: Vec<Edit>,
    /// Do not ask before steps are done again that may do harm
    #[arg(short, long)]
    pub yes: bool,
    /// End with 0 instead of 8 when the run waits for a person
    #[arg(long)]
    pub exit_zero_on_pause: bool,
}

/// What shall be otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// What the run is about.
    Task(String),
    /// What a step produced.
    Output(Which, Value),
    /// The workflow file.
    Flow(PathBuf),
}

impl FromStr for Edit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(task) = text.strip_prefix("task=") {
            return Ok(Self::Task(task.to_owned()));
        }
        let Some((step, output)) = text.split_once(".output=") else {
            return Ok(Self::Flow(PathBuf::from(text)));
        };
        // As with `resume --happened`: what is no JSON is text.
        let output = serde_json::from_str(output).unwrap_or_else(|_| Value::from(output));
        Ok(Self::Output(step.parse()?, output))
    }
}

/// Forks it, and stays with the fork.
pub fn perform(context: &Context, args: Fork) -> Result<Exit, Error> {
    let (run, yes, fine) = (args.run, args.yes, args.exit_zero_on_pause);
    let wanted = wanted(args)?;
    context.block_on(async {
        let opened = context.open(Database::Existing)?;
        must_exist(&opened.runtime, run).await?;
        let agents = match &wanted.flow {
            Some(request) => comity_runtime::has_agents(request)?,
            None => opened.runtime.has_agents(run).await?,
        };
        provider::announce(context, agents)?;
        let fork = opened.runtime.plan_fork(wanted).await?;
        let session = Session::new(context, &opened);
        announce(context, run, &fork);
        if !fork.again.is_empty() && !yes {
            if !session.may_ask() {
                return Err(Error::DoneAgain(fork.again));
            }
            if !confirmed(&context.printer).await {
                context.printer.note("nothing was done\n");
                return Ok(Exit::Done);
            }
        }
        let steps = fork.steps.clone();
        let exit = session.perform(Work::Fork(Box::new(fork)), steps).await?;
        Ok(exit.fine_if_waiting(fine))
    })
}

/// What the arguments ask for.
fn wanted(args: Fork) -> Result<ForkRequest, Error> {
    let Fork { run, from, edit, .. } = args;
    let twice = |what: &str| {
        Err(comity_runtime::Error::Unforkable { run, why: format!("{what} is given twice") }.into())
    };
    let (mut task, mut flow, mut outputs) = (None, None, Vec::new());
    for edit in edit {
        match edit {
            Edit::Task(_) if task.is_some() => return twice("the task"),
            Edit::Task(text) => task = Some(files::task(Some(text), None)?),
            Edit::Flow(_) if flow.is_some() => return twice("another workflow file"),
            Edit::Flow(path) => flow = Some(read(&path)?),
            Edit::Output(step, output) => outputs.push((step, output)),
        }
    }
    Ok(ForkRequest { run, from, task, outputs, flow, trace: files::trace() })
}

/// Another workflow file, with its mistakes shown in its text.
fn read(path: &Path) -> Result<comity_runtime::Request, Error> {
    let request = files::request(path, String::new())?;
    run::check(&request)?;
    Ok(request)
}

/// Says what is taken over, and which steps may do harm when they are done again.
fn announce(context: &Context, run: RunId, fork: &Planned) {
    let printer = &context.printer;
    if printer.format() != Format::Text {
        return;
    }
    let results = count(u64::try_from(fork.taken.len()).unwrap_or(u64::MAX), "result");
    let names: Vec<&str> = fork.taken.iter().map(String::as_str).take(SHOWN).collect();
    let more = if fork.taken.len() > SHOWN { ", …" } else { "" };
    let names = if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) };
    printer.note(&format!("takes over {results} of {run}{names}\n"));
    if !fork.again.is_empty() {
        let label = printer.paint(Stream::Err, Tone::Asking, "done again:");
        printer.note(&format!("{label} {}: doing it twice may do harm\n", fork.again.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_a_task_an_output_or_a_file() {
        let output = |step: &str, pass, value| Edit::Output(Which { step: step.to_owned(), pass }, value);
        for (text, edit) in [
            ("task=be brief", Edit::Task("be brief".to_owned())),
            ("task=", Edit::Task(String::new())),
            ("draft.output={\"a\":1}", output("draft", None, serde_json::json!({"a": 1}))),
            ("draft#2.output=hello", output("draft", Some(2), Value::from("hello"))),
            ("a.b.output=null", output("a.b", None, Value::Null)),
            ("other.yaml", Edit::Flow(PathBuf::from("other.yaml"))),
        ] {
            assert_eq!(text.parse(), Ok(edit), "{text}");
        }
        assert!("draft#0.output=1".parse::<Edit>().is_err());
    }
}
