//! `comity hold`: legal holds, which keep texts from being erased.

use crate::context::{Context, Database};
use crate::error::Error;
use crate::exit::Exit;
use crate::guarded;
use crate::printer::{Format, Stream, Tone};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use comity_core::RunId;
use comity_runtime::book::{Held, Hold as Found};
use serde::Serialize;

/// Keep texts from being erased.
#[derive(Debug, Args)]
pub struct Hold {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What to do with holds.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Place a hold
    Place(Place),
    /// Lift a hold
    Lift(Lift),
    /// List the holds that stand
    List,
}

/// Place a hold.
#[derive(Debug, Args)]
pub struct Place {
    /// What it keeps
    #[command(flatten)]
    pub on: On,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub why: String,
}

/// What a hold keeps.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct On {
    /// One run
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// Every run that was, or will be, started with this `--subject`
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub subject: Option<String>,
    /// Every run there is and will be
    #[arg(long)]
    pub tenant: bool,
}

/// Lift a hold.
#[derive(Debug, Args)]
pub struct Lift {
    /// Its number
    #[arg(value_name = "N")]
    pub number: u64,
}

/// A hold, as it is told.
#[derive(Serialize)]
struct Told {
    hold: u64,
    on: Held,
    why: String,
    at_ms: u64,
}

/// Does it.
pub fn perform(context: &Context, args: &Hold) -> Result<Exit, Error> {
    let (printer, text) = (&context.printer, context.printer.format() == Format::Text);
    let paint = |word: &str| printer.paint(Stream::Out, Tone::Good, word);
    match &args.what {
        What::Place(place) => {
            let held = match (place.on.run, &place.on.subject) {
                (Some(run), _) => Held::Run(run),
                (None, Some(name)) => Held::Subject(name.clone()),
                (None, None) => Held::Tenant,
            };
            let (number, guarded) = context.block_on(async {
                let runtime = context.open(Database::Existing)?.runtime;
                let number = runtime.place_hold(held, &place.why).await?;
                Ok((number, runtime.guard().await))
            })?;
            let found = all(context)?.into_iter().find(|hold| hold.number == number);
            if text {
                printer.out(&format!("{} hold {number}\n", paint("placed")));
            } else {
                found.into_iter().for_each(|hold| printer.json(&told(hold)));
            }
            guarded::tell(printer, guarded)?;
        }
        What::Lift(lift) => {
            let (hold, guarded) = context.block_on(async {
                let runtime = context.open(Database::Existing)?.runtime;
                let hold = runtime.lift_hold(lift.number).await?;
                Ok((hold, runtime.guard().await))
            })?;
            if text {
                printer.out(&format!("{} {hold}\n", paint("lifted")));
            } else {
                printer.json(&told(hold));
            }
            guarded::tell(printer, guarded)?;
        }
        What::List => {
            let holds = all(context)?;
            if !text {
                printer.json(&holds.into_iter().map(told).collect::<Vec<_>>());
            } else if holds.is_empty() {
                printer.out("no holds\n");
            } else {
                let lines: String = holds.iter().map(|hold| format!("{hold}\n")).collect();
                printer.out(&lines);
            }
        }
    }
    Ok(Exit::Done)
}

fn all(context: &Context) -> Result<Vec<Found>, Error> {
    context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        Ok(runtime.book_state().await?.holds.into_values().collect())
    })
}

fn told(hold: Found) -> Told {
    Told { hold: hold.number, on: hold.held, why: hold.why, at_ms: hold.at }
}
