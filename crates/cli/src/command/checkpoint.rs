//! `comity checkpoint`: signs what is recorded so far, prints the checkpoint, and keeps copies of it elsewhere.

use crate::context::{Context, Database};
use crate::create;
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, one_line};
use crate::summary::count;
use clap::Args;
use comity_api::CheckpointReport;
use comity_runtime::{ArchiveAddress, Place, PlaceOptions, Runtime, Shelf};
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
    /// Print the log's public key instead
    #[arg(long, conflicts_with = "to")]
    pub public_key: bool,
}

/// Signs it, if anything was recorded since the last one.
pub fn perform(context: &Context, args: &Checkpoint) -> Result<Exit, Error> {
    let report = context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        let anchored = runtime.anchor().await?.ok_or(Error::NoRuns)?;
        let key = runtime.log_key().await?.ok_or(Error::NoRuns)?;
        let mut copies = Vec::new();
        for place in &args.to {
            copies.push(
                copy(context, &runtime, args, place, anchored.checkpoint.head.size, &anchored.row.note)
                    .await?,
            );
        }
        Ok(CheckpointReport {
            log: anchored.checkpoint.origin,
            size: anchored.checkpoint.head.size,
            root: anchored.checkpoint.head.root.to_string(),
            added: anchored.added,
            key: key.to_string(),
            note: String::from_utf8_lossy(&anchored.row.note).into_owned(),
            copies,
        })
    })?;
    let printer = &context.printer;
    match printer.format() {
        Format::Text if args.public_key => printer.out(&format!("{}\n", one_line(&report.key))),
        Format::Text => {
            printer.out(&report.note);
            let leaves = count(report.size, "leaf");
            printer.note(&format!(
                "{leaves}, {} new; others check it with --key {}\n",
                report.added, report.key
            ));
            report.copies.iter().for_each(|copy| printer.note(&format!("copied to {}\n", one_line(copy))));
        }
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    Ok(Exit::Done)
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
    let options = PlaceOptions { endpoint: args.endpoint.clone(), ..PlaceOptions::default() };
    let address: ArchiveAddress = place.parse().map_err(failed)?;
    let place = Place::open(&address, &options).map_err(failed)?;
    // A place that writes over what it was told to leave alone keeps no history.
    place.probe(context.nonce()).await.map_err(failed)?;
    let shelf = Shelf::of(runtime.store().id().await?, runtime.tenant());
    let key = shelf.log(&format!("checkpoints/{size}")).map_err(failed)?;
    place.keep(&key, note.to_vec()).await.map_err(failed)?;
    Ok(format!("{}/{}", place.name().trim_end_matches('/'), key.as_str()))
}
