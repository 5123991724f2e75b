//! `comity witness`: signs that the logs of others only grew.

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Printer, Stream, Tone, one_line};
use crate::signals::Signals;
use clap::Args;
use comity_witness::server::{Limits, Server};
use comity_witness::{Head, Kind, Options, Said, Verifier, Witness as Service};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Sign that logs of others only grew.
#[derive(Debug, Args)]
pub struct Witness {
    /// The folder in which it remembers; made, with a key, where it is not there
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// The public key of a log that it knows; several with `--trust` again
    #[arg(long, value_name = "KEY", value_parser = log_key, required_unless_present = "key")]
    pub trust: Vec<Verifier>,
    /// Where it listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7411")]
    pub listen: String,
    /// Print its public key, and do nothing else
    #[arg(long, conflicts_with_all = ["trust", "listen"])]
    pub key: bool,
}

fn log_key(text: &str) -> Result<Verifier, String> {
    let key: Verifier = text.parse().map_err(|error: comity_witness::BadKey| error.to_string())?;
    if key.kind() == Kind::Ed25519 { Ok(key) } else { Err("it is the key of a witness".to_owned()) }
}

/// Said at the first signal.
const STOPPING: &str = "\nstopping: requests under way are answered; once more stops at once\n";

/// Witnesses until it is told to stop.
pub fn perform(context: &Context, args: &Witness) -> Result<Exit, Error> {
    let printer = context.printer.clone();
    let entropy = context.entropy();
    let options = Options {
        folder: &args.state,
        trust: &args.trust,
        clock: context.clock(),
        entropy: &*entropy,
        points: context.points(),
        say: Box::new(move |said| tell(&printer, said)),
    };
    let witness = Arc::new(Service::open(options)?);
    let key = witness.verifier().to_string();
    if args.key {
        show(&context.printer, &Line::Key { key: &key }, &format!("{key}\n"));
        return Ok(Exit::Done);
    }
    context.block_on(async {
        let server = Server::bind(&args.listen).await?;
        // Listening comes first: whoever reads the line can connect.
        let mut signals = Signals::watch_saying(STOPPING, &context.printer, None)?;
        let address = server.address.to_string();
        let text = format!("key: {key}\nlistening: http://{address}\n");
        show(&context.printer, &Line::Listening { key: &key, address: &address }, &text);
        server.serve(witness, Limits::default(), context.clock(), signals.stop()).await;
        Ok(Exit::Done)
    })
}

/// What is written in JSON, one object a line.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'l> {
    Key {
        key: &'l str,
    },
    Listening {
        key: &'l str,
        address: &'l str,
    },
    Cosigned {
        origin: &'l str,
        size: u64,
    },
    Split {
        origin: &'l str,
        proven: bool,
        cosigned: View,
        refused: View,
        #[serde(skip_serializing_if = "Option::is_none")]
        evidence: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        not_kept: Option<&'l str>,
    },
    Stuck {
        origin: &'l str,
        why: &'l str,
    },
}

#[derive(Serialize)]
struct View {
    size: u64,
    root: String,
}

impl From<Head> for View {
    fn from(head: Head) -> Self {
        Self { size: head.size, root: head.root.hex() }
    }
}

/// Writes a line in the format of answers. It is a stream: both JSON formats have one object a line.
fn show(printer: &Printer, line: &Line<'_>, text: &str) {
    match printer.format() {
        Format::Text => printer.out(text),
        Format::Json | Format::Ndjson => printer.with_format(Format::Ndjson).json(line),
    }
}

/// Says aloud what the witness says. What is wrong is on stderr in every format.
fn tell(printer: &Printer, said: &Said) {
    match said {
        Said::Cosigned { origin, size } => {
            let text = format!("cosigned: {} at {size}\n", one_line(origin));
            show(printer, &Line::Cosigned { origin, size: *size }, &text);
        }
        Said::Split { origin, cosigned, refused, how, evidence } => {
            let kept = evidence.as_ref().map(|path| path.display().to_string());
            let (evidence, not_kept) =
                (kept.as_ref().ok().cloned(), kept.as_ref().err().map(|why| why.as_str()));
            let (proven, one, other) = (how.is_proven(), (*cosigned).into(), (*refused).into());
            let line = Line::Split { origin, proven, cosigned: one, refused: other, evidence, not_kept };
            show(printer, &line, "");
            let what = if proven { "signed two views of itself" } else { "did not show that it only grew" };
            let kept = match &kept {
                Ok(path) => format!("both checkpoints are in `{path}`"),
                Err(why) => format!("the checkpoints were not kept: {why}"),
            };
            let (origin, old, new) = (one_line(origin), cosigned.size, refused.size);
            wrong(printer, &format!("the log `{origin}` {what}, of size {old} and {new}; {kept}"));
        }
        Said::Stuck { origin, why } => {
            show(printer, &Line::Stuck { origin, why }, "");
            let origin = one_line(origin);
            wrong(printer, &format!("nothing more of the log `{origin}` is cosigned until a restart: {why}"));
        }
    }
}

fn wrong(printer: &Printer, what: &str) {
    let label = printer.paint(Stream::Err, Tone::Bad, "error:");
    printer.note(&format!("{label} {what}\n"));
}
