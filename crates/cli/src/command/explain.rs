//! `comity explain`: why a step stands as it does, in one paragraph from what is recorded.

mod next;
mod paragraph;
mod words;

use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Stream, Tone, one_line, symbol, tone};
use crate::width::{columns, wrap};
use clap::Args;
use comity_api::{Explanation, StepFacts};
use comity_core::RunId;
use comity_runtime::view::Which;

/// The longest lines of a paragraph: more is hard to read.
const LINE: usize = 100;

/// Say why a step stands as it does.
#[derive(Debug, Args)]
pub struct Explain {
    /// The run
    pub run: RunId,
    /// The step; `NAME#2` is its second pass
    pub step: Which,
}

/// Says it.
pub fn perform(context: &Context, args: &Explain) -> Result<Exit, Error> {
    let facts = context.block_on(async {
        let runtime = context.open(Database::Read)?.runtime;
        Ok(runtime.facts(args.run, &args.step).await?)
    })?;
    let explanation = explain(context, facts);
    match context.printer.format() {
        Format::Text => context.printer.out(&text(context, &explanation)),
        Format::Json | Format::Ndjson => context.printer.json(&explanation),
    }
    Ok(Exit::Done)
}

fn explain(context: &Context, facts: StepFacts) -> Explanation {
    let next = next::commands(context, &facts);
    Explanation {
        step: facts.step.step.clone(),
        pass: facts.step.pass,
        status: facts.step.status.clone(),
        reason: facts.step.reason.clone(),
        paragraph: paragraph::paragraph(&facts),
        next: next.into_iter().map(|(line, _)| line).collect(),
        facts,
    }
}

fn text(context: &Context, told: &Explanation) -> String {
    let printer = &context.printer;
    let dim = |text: &str| printer.paint(Stream::Out, Tone::Dim, text);
    let status = format!("{} {}", symbol(&told.status), told.status);
    let status = printer.paint(Stream::Out, tone(&told.status), &status);
    let pass = if told.pass > 1 { format!("#{}", told.pass) } else { String::new() };
    let reason = told.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
    let mut out = format!("{status}  {}{pass}{}\n\n", one_line(&told.step), dim(&reason));
    let columns = columns();
    let lines = wrap(&one_line(&told.paragraph), columns.map_or(usize::MAX, |columns| columns.min(LINE)));
    lines.iter().for_each(|line| out.push_str(&format!("{line}\n")));
    out.push('\n');
    for (line, about) in next::commands(context, &told.facts) {
        let fits = columns.is_none_or(|columns| line.len() + about.len() + 6 <= columns);
        match (about.is_empty(), fits) {
            (true, _) => out.push_str(&format!("  {line}\n")),
            (false, true) => out.push_str(&format!("  {line}   {}\n", dim(&format!("# {about}")))),
            (false, false) => out.push_str(&format!("  {}\n  {line}\n", dim(&format!("# {about}")))),
        }
    }
    out
}
