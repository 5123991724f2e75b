//! Staying with a run: telling what happens, asking who is there, and saying at the end how it stands.

use crate::context::{Context, Opened};
use crate::error::Error;
use crate::exit::Exit;
use crate::listen::{Listener, Seen, View};
use crate::live::Live;
use crate::plain::Plain;
use crate::printer::{Format, Stream, Tone};
use crate::prompt::Prompt;
use crate::signals::Signals;
use crate::stand_in::StandIn;
use crate::summary;
use comity_api::RunReport;
use comity_core::RunId;
use comity_runtime::view::{Patience, Until};
use comity_runtime::{Answer, Approver, Finished, Fork, Hooks, Request, RunStatus};
use std::io::IsTerminal;
use std::sync::Arc;

/// What to work on.
pub enum Work {
    /// A new run.
    Start(Request),
    /// A new run that goes on from another one.
    Fork(Box<Fork>),
    /// A run that waits or was stopped.
    Resume(RunId),
    /// A run that waits to be told how a step ended.
    Answer {
        /// The run.
        run: RunId,
        /// The step.
        step: String,
        /// How it ended.
        answer: Answer,
        /// What to write beside that.
        comment: String,
    },
}

impl Work {
    fn run(&self) -> Option<RunId> {
        match self {
            Self::Start(_) | Self::Fork(_) => None,
            Self::Resume(run) | Self::Answer { run, .. } => Some(*run),
        }
    }
}

/// One command that stays with a run.
pub struct Session<'c> {
    context: &'c Context,
    opened: &'c Opened,
    /// What is said in a person's place, where nobody can be asked.
    stand_in: Option<&'static str>,
}

impl<'c> Session<'c> {
    /// In this context, on this runtime.
    pub fn new(context: &'c Context, opened: &'c Opened) -> Self {
        Self { context, opened, stand_in: None }
    }

    /// The same, but held steps are approved with these words where nobody can be asked.
    pub fn with_stand_in(self, words: &'static str) -> Self {
        Self { stand_in: Some(words), ..self }
    }

    /// Works until the run ends, waits, or is stopped. `names` are the steps of a new run.
    pub async fn perform(&self, work: Work, names: Vec<String>) -> Result<Exit, Error> {
        let finished = self.follow(work, names).await?;
        self.conclude(finished).await
    }

    /// Works until the run ends, waits, or is stopped, and says nothing about that.
    pub async fn follow(&self, work: Work, names: Vec<String>) -> Result<Finished, Error> {
        let printer = &self.context.printer;
        let view = self.view(&work, names).await?;
        let screen = if let View::Tree(live) = &view { Some(Arc::clone(live)) } else { None };
        let mut signals = Signals::watch(printer, screen.clone())?;
        let approver = self.approver(screen);
        let (events, listener) = match view {
            View::Quiet => (None, None),
            view => {
                let (events, listener) = Listener::start(view, Arc::clone(&self.opened.clock))?;
                (Some(events), Some(listener))
            }
        };
        let hooks = Hooks { events, approver: approver.as_deref(), stop: Some(signals.stop()) };
        let finished = self.work(work, hooks).await;
        let seen = listener.and_then(Listener::join);
        if let (Err(_), Some(seen)) = (&finished, seen) {
            self.tell_the_rest(&seen).await;
            printer.note(&format!("{} was not finished\n\n", seen.run));
        }
        finished
    }

    /// Who is asked about held steps.
    fn approver(&self, screen: Option<Arc<Live>>) -> Option<Box<dyn Approver + 'c>> {
        let (runtime, printer) = (&self.opened.runtime, self.context.printer.clone());
        if self.may_ask() {
            return Some(Box::new(Prompt::new(runtime, printer, screen)));
        }
        let words = self.stand_in?;
        Some(Box::new(StandIn::new(runtime, printer, screen, words)))
    }

    /// Writes the events that a failed run had recorded and not told of, so that a stream ends as its chain does.
    async fn tell_the_rest(&self, seen: &Seen) {
        let printer = &self.context.printer;
        let Ok(run) = seen.run.parse() else { return };
        if printer.format() != Format::Ndjson {
            return;
        }
        let (out, mut events) = tokio::sync::mpsc::channel(64);
        let clock = Arc::clone(&self.opened.clock);
        let rest = async move {
            let patience = Patience::default();
            // What cannot be read any more leaves the stream cut off, as it was.
            let _ =
                self.opened.runtime.follow(run, Some(seen.seq), Until::Now, patience, &*clock, &out).await;
        };
        let tell = async {
            while let Some(event) = events.recv().await {
                printer.json(&event);
            }
        };
        tokio::join!(rest, tell);
    }

    async fn work(&self, work: Work, hooks: Hooks<'_>) -> Result<Finished, Error> {
        let runtime = &self.opened.runtime;
        Ok(match work {
            Work::Start(request) => runtime.start(request, hooks).await?,
            Work::Fork(fork) => runtime.fork(*fork, hooks).await?,
            Work::Resume(run) => runtime.resume(run, hooks).await?,
            Work::Answer { run, step, answer, comment } => {
                runtime.resume_with_answer(run, &step, &answer, &comment, hooks).await?
            }
        })
    }

    /// How to tell what happens.
    async fn view(&self, work: &Work, names: Vec<String>) -> Result<View, Error> {
        let printer = &self.context.printer;
        match printer.format() {
            Format::Json => return Ok(View::Quiet),
            Format::Ndjson => return Ok(View::Events(printer.clone())),
            Format::Text => {}
        }
        if !can_redraw() {
            return Ok(View::Lines(Plain::new(printer.clone(), Stream::Err)));
        }
        let clock = Arc::clone(&self.opened.clock);
        let live = match work.run() {
            None => Live::of_names(printer.clone(), clock, &names),
            Some(run) => {
                Live::of_steps(printer.clone(), clock, &self.opened.runtime.report(run).await?.steps)
            }
        };
        Ok(View::Tree(Arc::new(live)))
    }

    /// Whether there is somebody to ask.
    pub fn may_ask(&self) -> bool {
        !self.context.globals.no_input
            && self.context.printer.format() == Format::Text
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
    }

    /// Says how the run stands.
    pub async fn conclude(&self, finished: Finished) -> Result<Exit, Error> {
        let mut report = self.opened.runtime.report(finished.run).await?;
        report.unprotected = crate::guarded::words(&finished.guarded);
        let printer = &self.context.printer;
        let asks = summary::asks(self.context, &report);
        match printer.format() {
            Format::Text => {
                let terminal = std::io::stdout().is_terminal();
                printer.out(&summary::output(&report, terminal));
                printer.out(&summary::text(printer, &report));
                printer.out(&asks);
            }
            Format::Json => {
                printer.json(&report);
                printer.note(&asks);
            }
            Format::Ndjson => printer.note(&asks),
        }
        let exit = self.exit(finished.status, &report);
        crate::guarded::tell(printer, finished.guarded)?;
        Ok(exit)
    }

    /// How the command ends; says aloud that the chain is broken, if it is.
    pub fn exit(&self, status: RunStatus, report: &RunReport) -> Exit {
        if report.verified {
            return Exit::of(status);
        }
        let printer = &self.context.printer;
        let label = printer.paint(Stream::Err, Tone::Bad, "error:");
        printer.note(&format!(
            "{label} the chain of {} is not as it was written\n\nhint: `comity verify {}` names the first bad entry\n",
            report.run_id, report.run_id
        ));
        Exit::LedgerBroken
    }
}

/// Whether stderr is a terminal that can be drawn on more than once.
pub fn can_redraw() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}
