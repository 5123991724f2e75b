//! `comity checkpoint`: signs what is recorded so far, prints the checkpoint, and keeps copies of it elsewhere.

use crate::context::{Context, Database, aws_environment};
use crate::create;
use crate::error::Error;
use crate::exit::Exit;
use crate::guarded;
use crate::printer::{Format, Printer, one_line};
use crate::summary::count;
use clap::Args;
use comity_api::{CheckpointReport, WitnessReport};
use comity_runtime::{
    ArchiveAddress, Effort, Guarded, Place, PlaceOptions, Runtime, Shelf, Witness, Witnessed,
};
use std::path::Path;

/// Sign a checkpoint over everything that is recorded.
#[derive(Debug, Args)]
pub struct Checkpoint {
    /// Keep a copy elsewhere too: `s3://BUCKET/PREFIX`, a folder, or a file to make
    #[arg(long, value_name = "PLACE")]
    pub to: Vec<String>,
    /// The server, if it is not Amazon's [env: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Ask this witness to sign it too: `URL KEY`, as `comity witness` prints its key; may be given several times
    #[arg(long, value_name = "WITNESS", conflicts_with = "public_key")]
    pub witness: Vec<Witness>,
    /// Print the log's public key instead
    #[arg(long, conflicts_with = "to")]
    pub public_key: bool,
}

/// Signs it, if anything was recorded since the last one.
pub fn perform(context: &Context, args: &Checkpoint) -> Result<Exit, Error> {
    let (report, guarded) = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        make(context, &runtime, args).await
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text if args.public_key => printer.out(&format!("{}\n", one_line(&report.key))),
        Format::Text => show(printer, &report),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    guarded::tell(printer, guarded)?;
    Ok(Exit::Done)
}

/// Makes it, has it witnessed by those that are set up and those that are named, and copies it.
async fn make(
    context: &Context,
    runtime: &Runtime,
    args: &Checkpoint,
) -> Result<(CheckpointReport, Guarded), Error> {
    let anchored = runtime.anchor().await?.ok_or(Error::NoRuns)?;
    let (key, size) = (runtime.log_key().await?.ok_or(Error::NoRuns)?, anchored.checkpoint.head.size);
    let mut report = CheckpointReport {
        log: anchored.checkpoint.origin,
        size,
        root: anchored.checkpoint.head.root.to_string(),
        added: anchored.added,
        key: key.to_string(),
        ..CheckpointReport::default()
    };
    let mut guarded = Guarded { newest: Some(anchored.row), ..Guarded::default() };
    if !args.public_key {
        let mut witnesses = context.globals.witnesses.clone();
        let named = args.witness.iter().filter(|named| !context.globals.witnesses.contains(named));
        witnesses.extend(named.cloned());
        let asked = runtime.ask_witnesses(&witnesses, Effort::Patient).await?;
        report.witnesses = asked.told.into_iter().map(witnessed).collect();
        guarded.alarm = asked.split;
        // With the signatures of the witnesses, if there are any.
        let newest = runtime.store().checkpoint(runtime.tenant(), Some(size)).await;
        guarded.newest = newest.map_err(comity_runtime::Error::from)?.or(guarded.newest);
        runtime.copy_outside(&mut guarded).await;
    }
    let note = guarded.newest.as_ref().map(|row| row.note.clone()).unwrap_or_default();
    for place in &args.to {
        report.copies.push(copy(context, runtime, args, place, size, &note).await?);
    }
    report.note = String::from_utf8_lossy(&note).into_owned();
    Ok((report, guarded))
}

fn show(printer: &Printer, report: &CheckpointReport) {
    printer.out(&report.note);
    let leaves = count(report.size, "leaf");
    printer.note(&format!("{leaves}, {} new; others check it with --key {}\n", report.added, report.key));
    for told in &report.witnesses {
        let what = told.why.as_deref().map_or("signed it".to_owned(), one_line);
        printer.note(&format!("{} {what}\n", one_line(&told.witness)));
    }
    report.copies.iter().for_each(|copy| printer.note(&format!("copied to {}\n", one_line(copy))));
}

fn witnessed(told: Witnessed) -> WitnessReport {
    match told {
        Witnessed::Signed { witness, .. } => WitnessReport { witness, signed: true, why: None },
        Witnessed::Outgrown { witness } => {
            let why = Some("did not sign: the log has grown meanwhile".to_owned());
            WitnessReport { witness, signed: false, why }
        }
        Witnessed::Silent { witness, why } => {
            WitnessReport { witness, signed: false, why: Some(format!("did not sign: {why}")) }
        }
    }
}

/// Keeps one copy; where it is.
async fn copy(
    context: &Context,
    runtime: &Runtime,
    args: &Checkpoint,
    place: &str,
    size: u64,
    note: &[u8],
) -> Result<String, Error> {
    let path = Path::new(place);
    if !place.contains("://") && !path.is_dir() {
        create::file(path, note)?;
        return Ok(place.to_owned());
    }
    let failed = |error| Error::Runtime(comity_runtime::Error::from(error));
    let options = PlaceOptions {
        endpoint: args.endpoint.clone(),
        environment: aws_environment(),
        ..PlaceOptions::default()
    };
    let address: ArchiveAddress = place.parse().map_err(failed)?;
    let place = Place::open(&address, &options).map_err(failed)?;
    // A place that writes over what it was told to leave alone keeps no history.
    place.probe(context.nonce()).await.map_err(failed)?;
    let shelf = Shelf::of(runtime.store().id().await?, runtime.tenant());
    let key = shelf.log(&format!("checkpoints/{size}")).map_err(failed)?;
    place.keep(&key, note.to_vec()).await.map_err(failed)?;
    Ok(format!("{}/{}", place.name().trim_end_matches('/'), key.as_str()))
}
