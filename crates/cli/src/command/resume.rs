//! `comity resume`: answers what a run asks, and goes on with it.

use crate::args::Resume;
use crate::context::{Context, Database, must_exist};
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::provider;
use crate::session::{Session, Work};
use comity_runtime::{Answer, Ruling};

/// Answers, if there is an answer, and goes on.
pub fn perform(context: &Context, args: Resume) -> Result<Exit, Error> {
    let ruling = match (args.approve, args.reject) {
        (true, _) => Some(Ruling::Approve),
        (_, true) => Some(Ruling::Reject),
        _ => None,
    };
    let (run, answer) = (args.run, answer(&args)?);
    context.block_on(async {
        let opened = context.open(Database::Existing)?;
        must_exist(&opened.runtime, run).await?;
        provider::announce(context, opened.runtime.has_agents(run).await?)?;
        let comment = args.comment.unwrap_or_default();
        if let Some(ruling) = ruling {
            opened.runtime.rule(run, args.step.as_deref(), ruling, &comment).await?;
        }
        let work = match (answer, args.step) {
            (Some(answer), Some(step)) => Work::Answer { run, step, answer, comment },
            _ => Work::Resume(run),
        };
        let exit = Session::new(context, &opened).perform(work, Vec::new()).await?;
        Ok(exit.fine_if_waiting(args.exit_zero_on_pause))
    })
}

/// What a person found out about an unknown step.
fn answer(args: &Resume) -> Result<Option<Answer>, Error> {
    Ok(match &args.happened {
        Some(file) => Some(Answer::Happened(files::output(file)?)),
        None if args.not_happened => Some(Answer::NotHappened),
        None if args.abandon => Some(Answer::Abandon),
        None => None,
    })
}
