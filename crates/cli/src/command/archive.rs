//! `comity archive`: copies of runs in a bucket or a folder, made once and read back.

use crate::context::{Context, Database, aws_environment};
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::session::can_redraw;
use crate::summary::count;
use clap::{ArgGroup, Args};
use comity_api::{ArchiveCheck, ArchiveReport};
use comity_core::RunId;
use comity_runtime::{
    ArchiveAddress, Archived, Place, PlaceOptions, Progress, Runtime, Verifier, check_archive,
};
use std::str::FromStr;

/// How many runs go by between two lines, where nothing can be redrawn.
const EVERY: u64 = 100;

/// Keep copies of runs in another place.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["run", "closed", "check"]).required(true))]
pub struct Archive {
    /// The runs
    pub run: Vec<RunId>,
    /// Every run that has ended
    #[arg(long)]
    pub closed: bool,
    /// Read the archive back and verify it; needs no database
    #[arg(long)]
    pub check: bool,
    /// Where: `s3://BUCKET/PREFIX`, or a folder
    #[arg(long, value_name = "PLACE")]
    pub to: Where,
    /// With `--check`, the public key that checkpoints must be signed with; may be given several times
    #[arg(long, value_name = "VKEY", requires = "check")]
    pub key: Vec<Verifier>,
    /// The server, if it is not Amazon's [env: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// Where an archive is.
#[derive(Clone, Debug)]
pub struct Where(ArchiveAddress);

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: comity_runtime::ArchiveError| error.to_string())
    }
}

/// Keeps them, or reads them back.
pub fn perform(context: &Context, args: &Archive) -> Result<Exit, Error> {
    let options = PlaceOptions {
        endpoint: args.endpoint.clone(),
        environment: aws_environment(),
        ..PlaceOptions::default()
    };
    context.block_on(async {
        let place = Place::open(&args.to.0, &options).map_err(comity_runtime::Error::from)?;
        if args.check {
            return check(context, &place, &args.key).await;
        }
        let wanted = if args.closed { Archived::Closed } else { Archived::Runs(args.run.clone()) };
        let opened = context.open(Database::Existing)?;
        keep(context, &opened.runtime, &place, &wanted).await
    })
}

async fn keep(context: &Context, runtime: &Runtime, place: &Place, wanted: &Archived) -> Result<Exit, Error> {
    let printer = &context.printer;
    let probe = place.probe(context.nonce()).await.map_err(comity_runtime::Error::from)?;
    if let Some(why) = probe.left {
        printer.note(&format!("the object this place was tried with is still there: {}\n", one_line(&why)));
    }
    let mut line = Line::new(printer);
    let report = runtime.archive(place, wanted, |progress| line.tell(progress)).await;
    line.end();
    let report = report?;
    match printer.format() {
        Format::Text => printer.out(&kept(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    Ok(Exit::Done)
}

fn kept(printer: &Printer, report: &ArchiveReport) -> String {
    format!(
        "{} {} in {}: {} made ({}), {} there already\n",
        printer.paint(Stream::Out, Tone::Good, "archived:"),
        count(report.runs, "run"),
        one_line(&report.place),
        count(report.made, "object"),
        count(report.bytes, "byte"),
        report.there,
    )
}

async fn check(context: &Context, place: &Place, known: &[Verifier]) -> Result<Exit, Error> {
    let printer = &context.printer;
    let mut line = Line::new(printer);
    let report = check_archive(place, known, |report| line.tell(Progress { done: report.runs, of: 0 })).await;
    line.end();
    let report = report?;
    match printer.format() {
        Format::Text => printer.out(&checked(printer, &report)),
        Format::Json | Format::Ndjson => printer.json(&report),
    }
    if report.valid {
        return Ok(Exit::Done);
    }
    let label = printer.paint(Stream::Err, Tone::Bad, "error:");
    printer.note(&format!(
        "{label} the archive is not as it was written: {}\n\nhint: keep the object as it is; export the run again \
         from its database and compare\n",
        one_line(report.fault.as_deref().unwrap_or_default())
    ));
    Ok(Exit::LedgerBroken)
}

fn checked(printer: &Printer, report: &ArchiveCheck) -> String {
    let mut counts = format!(
        "{}, {}, {}",
        count(report.runs, "run"),
        count(report.entries, "entry"),
        count(report.payloads, "payload")
    );
    if report.checkpoints > 0 {
        let (leaves, checkpoints) = (report.leaves, count(report.checkpoints, "checkpoint"));
        counts.push_str(&format!(
            ", {} of the log, {checkpoints}",
            if leaves == 1 { "1 leaf".to_owned() } else { format!("{leaves} leaves") }
        ));
    }
    let mut out = match (&report.bad, &report.fault) {
        (Some(bad), Some(fault)) => format!(
            "{} {}: {}\nbefore that: {counts}\n",
            printer.paint(Stream::Out, Tone::Bad, "broken:"),
            one_line(bad),
            one_line(fault)
        ),
        _ => format!("{} {counts}\n", printer.paint(Stream::Out, Tone::Good, "valid:")),
    };
    if report.checkpoints > 0 && !report.signed {
        out.push_str("not shown: who signed the checkpoints; give the log's public key with `--key VKEY`\n");
    }
    if !report.strange.is_empty() {
        let names: Vec<String> = report.strange.iter().map(|name| one_line(name)).collect();
        out.push_str(&format!("not looked at: {}\n", names.join(", ")));
    }
    out
}

/// One line on stderr that says how far it has come: drawn again where that can be done, else a line now and then.
struct Line<'p> {
    printer: &'p Printer,
    redraws: bool,
    drawn: bool,
}

impl<'p> Line<'p> {
    fn new(printer: &'p Printer) -> Self {
        Self { printer, redraws: can_redraw(), drawn: false }
    }

    fn tell(&mut self, progress: Progress) {
        let of = if progress.of > 0 { format!(" of {}", progress.of) } else { String::new() };
        if self.redraws {
            self.printer.note(&format!("\r{}{of} runs", progress.done));
            self.drawn = true;
        } else if progress.done.is_multiple_of(EVERY) {
            self.printer.note(&format!("{}{of} runs\n", progress.done));
        }
    }

    fn end(&self) {
        if self.drawn {
            self.printer.note("\n");
        }
    }
}
