//! `comity prove`: a file that shows to somebody else that an entry was recorded, or that the log only grew.

use crate::context::{Context, Database};
use crate::create;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::summary::count;
use clap::{ArgGroup, Args};
use comity_core::RunId;
use comity_runtime::log::ProvedEntry;
use comity_runtime::view::Which;
use std::path::PathBuf;

/// The most bytes of a checkpoint that are read.
const LIMIT: u64 = 64 << 10;

/// Prove that an entry was recorded.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["run", "consistency"]).required(true))]
pub struct Prove {
    /// The run
    pub run: Option<RunId>,
    /// A step of it, by name, or `NAME#PASS`; its last entry is proved, or else the run's
    pub step: Option<Which>,
    /// The entry at this place of the run, from 0
    #[arg(long, value_name = "N", conflicts_with = "step", requires = "run")]
    pub entry: Option<u64>,
    /// Prove that the log only grew since the checkpoint in this file; up to a second one, or to the newest
    #[arg(long, value_name = "CHECKPOINT", num_args = 1..=2)]
    pub consistency: Vec<PathBuf>,
    /// The file to make; stdout if none is named
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Writes the proof.
pub fn perform(context: &Context, args: &Prove) -> Result<Exit, Error> {
    let read = |path: &PathBuf| files::text(path, LIMIT).map(String::into_bytes);
    let mut kept = args.consistency.iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter();
    let (old, new) = (kept.next(), kept.next());
    let file = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        Ok(match (old, args.run) {
            (Some(old), _) => runtime.prove_consistency(old, new).await?.to_bytes(),
            (None, Some(run)) => runtime.prove(run, &entry(args)).await?.to_bytes(),
            (None, None) => return Err(Error::NoRuns),
        })
    })?;
    let printer = &context.printer;
    match &args.to {
        None => printer.out(&String::from_utf8_lossy(&file)),
        Some(path) => {
            create::file(path, &file)?;
            printer.note(&format!("wrote {} to {}\n", count(file.len() as u64, "byte"), path.display()));
        }
    }
    Ok(Exit::Done)
}

fn entry(args: &Prove) -> ProvedEntry {
    match (&args.step, args.entry) {
        (Some(step), _) => ProvedEntry::Of(step.clone()),
        (None, Some(seq)) => ProvedEntry::At(seq),
        (None, None) => ProvedEntry::Last,
    }
}
