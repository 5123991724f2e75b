//! `comity erase` and `comity anonymize`: destroys the keys of texts, and says what was done.

use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::guarded;
use crate::printer::{Format, Stream, Tone};
use crate::summary::count;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use comity_core::RunId;
use comity_runtime::book::{Aim, Mode, Receipt};

/// Erase texts for good.
#[derive(Debug, Args)]
pub struct Erase {
    /// What to erase
    #[command(flatten)]
    pub what: What,
}

/// Erase what went into runs and came out of them; workflow and policy stay.
#[derive(Debug, Args)]
pub struct Anonymize {
    /// What to anonymize
    #[command(flatten)]
    pub what: What,
}

/// What is meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct What {
    /// One run
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// Every run that was started with this `--subject`
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub subject: Option<String>,
    /// Every run there is
    #[arg(long)]
    pub tenant: bool,
}

impl What {
    fn aim(&self) -> Aim {
        match (self.run, &self.subject) {
            (Some(run), _) => Aim::Run(run),
            (None, Some(name)) => Aim::Subject(name.clone()),
            (None, None) => Aim::Tenant,
        }
    }
}

/// Erases.
pub fn erase(context: &Context, args: &Erase) -> Result<Exit, Error> {
    perform(context, &args.what.aim(), Mode::Erase)
}

/// Anonymizes.
pub fn anonymize(context: &Context, args: &Anonymize) -> Result<Exit, Error> {
    perform(context, &args.what.aim(), Mode::Anonymize)
}

/// Erases what is meant, and shows the receipt.
pub fn perform(context: &Context, aim: &Aim, mode: Mode) -> Result<Exit, Error> {
    let (receipt, guarded) = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        let receipt = runtime.erase(aim, mode).await?;
        Ok((receipt, runtime.guard().await))
    })?;
    tell(context, &receipt);
    guarded::tell(&context.printer, guarded)?;
    Ok(Exit::Done)
}

fn tell(context: &Context, receipt: &Receipt) {
    let printer = &context.printer;
    if printer.format() != Format::Text {
        printer.json(receipt);
        return;
    }
    if let Some(before) = &receipt.finished_before {
        printer.note("an erasure that was cut off was finished first; its receipt is:\n");
        one(context, before);
    }
    one(context, receipt);
    if !receipt.passed_over.is_empty() {
        let runs: Vec<String> = receipt.passed_over.iter().map(ToString::to_string).collect();
        printer.note(&format!(
            "passed over, because the tenant key of their texts is not here: {}\n",
            runs.join(", ")
        ));
    }
}

fn one(context: &Context, receipt: &Receipt) {
    let printer = &context.printer;
    let word = match receipt.mode {
        Mode::Erase => "erased",
        Mode::Anonymize => "anonymized",
        Mode::Collect => "collected",
    };
    let word = printer.paint(Stream::Out, Tone::Good, word);
    let mut out = format!(
        "{word} {}: {} destroyed, {} wrapped anew\n",
        count(receipt.runs.len() as u64, "run"),
        count(receipt.keys_erased as u64, "key"),
        receipt.keys_wrapped_anew,
    );
    for run in &receipt.runs {
        out.push_str(&format!("  {run}\n"));
    }
    out.push_str(&format!("tenant key: {}, in place of {}\n", receipt.tenant_key, keys(receipt)));
    printer.out(&out);
    if !receipt.to_be_destroyed_by_owner.is_empty() {
        printer.note(&format!(
            "the tenant key {} is not ours to destroy: until you destroy it, whoever has it and a copy of the \
             database from before can read what was erased\n",
            receipt.to_be_destroyed_by_owner.join(", ")
        ));
    }
}

fn keys(receipt: &Receipt) -> String {
    let all: Vec<&str> =
        receipt.destroyed.iter().chain(&receipt.to_be_destroyed_by_owner).map(String::as_str).collect();
    all.join(", ")
}
