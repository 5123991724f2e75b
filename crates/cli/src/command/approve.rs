//! `comity approve`: records a person's yes or no, and leaves the run where it is.

use crate::args::{Approve, Target};
use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Stream, Tone};
use comity_runtime::Ruling;
use serde::Serialize;

/// What was recorded.
#[derive(Serialize)]
struct Recorded {
    run_id: String,
    approval: String,
    ruling: &'static str,
    resume: String,
}

/// Records the decision.
pub fn perform(context: &Context, args: &Approve) -> Result<Exit, Error> {
    let ruling = if args.reject { Ruling::Reject } else { Ruling::Approve };
    let (run, approval) = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        Ok(match args.target {
            Target::Run(run) => (run, runtime.rule(run, args.step.as_deref(), ruling, &args.comment).await?),
            Target::Approval(approval) => (runtime.rule_on(approval, ruling, &args.comment).await?, approval),
        })
    })?;
    let (word, tone) = match ruling {
        Ruling::Approve => ("approved", Tone::Good),
        Ruling::Reject => ("rejected", Tone::Bad),
    };
    let resume = context.resume_line(&run.to_string(), "");
    let printer = &context.printer;
    if printer.format() == Format::Text {
        printer.out(&format!("{} {approval}\nto go on: {resume}\n", printer.paint(Stream::Out, tone, word)));
    } else {
        let (run_id, approval) = (run.to_string(), approval.to_string());
        printer.json(&Recorded { run_id, approval, ruling: word, resume });
    }
    Ok(Exit::Done)
}
