//! `comity run`: starts a workflow and stays with it until it ends or waits.

use crate::args::Run;
use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::provider;
use crate::session::{Session, Work};
use comity_runtime::{Plan, Request};
use std::sync::Arc;

/// Runs the workflow.
pub fn perform(context: &Context, args: Run) -> Result<Exit, Error> {
    let task = files::task(args.task, args.task_file.as_deref())?;
    let request = Request { about: args.subject, ..files::request(&args.flow, task)? };
    // A file that is wrong shall not leave a database behind.
    let plan = check(&request)?;
    provider::announce(context, comity_runtime::has_agents(&request)?)?;
    let names = plan.steps().iter().map(|step| step.name.to_string()).collect();
    context.block_on(async {
        let opened = context.open(Database::Made)?;
        let exit = Session::new(context, &opened).perform(Work::Start(request), names).await?;
        Ok(exit.fine_if_waiting(args.exit_zero_on_pause))
    })
}

/// Checks a workflow, with its mistakes shown in its text.
pub fn check(request: &Request) -> Result<Arc<Plan>, Error> {
    comity_runtime::check(request).map_err(|error| match error {
        comity_runtime::Error::Invalid(invalid) => {
            Error::Flow { invalid, file: request.file.clone(), text: request.source.clone() }
        }
        comity_runtime::Error::InvalidInner { file, text, invalid } => Error::Flow { invalid, file, text },
        other => other.into(),
    })
}
