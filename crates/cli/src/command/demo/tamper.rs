//! `comity demo tamper`: what becomes of a ledger in which one bit was changed.

use crate::command::verify;
use crate::config::quoted;
use crate::context::{Context, Database, is_missing};
use crate::error::Error;
use crate::exit::Exit;
use crate::flip::{self, Flipped};
use crate::printer::{Format, Stream, Tone, one_line};
use crate::summary::count;
use comity_api::VerifyReport;
use comity_core::RunId;
use comity_runtime::view::RunsWanted;
use comity_runtime::{Runtime, Stored};
use serde::Serialize;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most bytes of a database that is searched: it is read into memory.
const LIMIT: u64 = 1 << 30;
/// Where in an entry a bit is flipped: behind the first of these that it has. A digit stays a digit, so that the
/// entry can still be read, and says something else.
const MARKS: [&[u8]; 2] = [b"\"risk\":", b"\"at\":"];
/// Bytes before the flipped one that are shown.
const BEFORE: usize = 7;

/// What was done, and what came of it.
#[derive(Serialize)]
struct Report {
    copy: String,
    run_id: String,
    seq: u64,
    offset: u64,
    before: String,
    after: String,
    verify: VerifyReport,
    original_valid: bool,
}

/// A byte to change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Aim {
    run: RunId,
    seq: u64,
    /// The bytes of the entry.
    bytes: Vec<u8>,
    /// Which of them.
    at: usize,
}

/// Changes a copy, verifies it, and verifies that the original is what it was.
pub fn perform(context: &Context) -> Result<Exit, Error> {
    if is_missing(&context.globals.db) {
        return Err(Error::NothingToTamper);
    }
    context.block_on(async {
        let runtime = context.open(Database::Existing)?.runtime;
        let aim = aim(&runtime).await?.ok_or(Error::NothingToTamper)?;
        let copy = beside(&context.globals.db);
        flip::clear(&copy)?;
        runtime.copy_to(&copy).await?;
        let (flipped, verify) = change(context, &copy, &aim).await?;
        let original = runtime.verify(None).await?;
        let report = Report {
            copy: copy.display().to_string(),
            run_id: aim.run.to_string(),
            seq: aim.seq,
            offset: flipped.offset,
            before: char::from(flipped.before).to_string(),
            after: char::from(flipped.after).to_string(),
            verify,
            original_valid: original.valid,
        };
        match context.printer.format() {
            Format::Text => tell(context, &aim, &report, &original),
            Format::Json | Format::Ndjson => context.printer.json(&report),
        }
        Ok(verify::conclude(&context.printer, &report.verify))
    })
}

/// The copy is beside the original: nobody can read it who could not read that one.
fn beside(database: &Path) -> PathBuf {
    let mut name: OsString = database.as_os_str().to_owned();
    name.push(".tampered");
    PathBuf::from(name)
}

/// The entry of a refusal in the newest run of the demo; where there is none, the last entry of the newest run.
async fn aim(runtime: &Runtime) -> Result<Option<Aim>, Error> {
    let demos = RunsWanted { limit: 1, name: Some("demo".to_owned()), ..RunsWanted::default() };
    let run = match runtime.runs_like(&demos).await?.first() {
        Some(run) => run.run_id.parse().ok(),
        None => runtime.newest().await?,
    };
    let Some(run) = run else { return Ok(None) };
    let mut best = None;
    let mut next = 0;
    loop {
        let page = runtime.stored(run, next).await?;
        let Some(last) = page.last() else { return Ok(best) };
        next = last.seq + 1;
        for stored in &page {
            let Some(aim) = within(run, stored) else { continue };
            if contains(&aim.bytes, b"\"kind\":\"denied\"") {
                return Ok(Some(aim));
            }
            best = Some(aim);
        }
    }
}

fn within(run: RunId, stored: &Stored) -> Option<Aim> {
    let bytes = &stored.parts.first()?.bytes;
    let behind = |mark: &&[u8]| {
        let place = bytes.windows(mark.len()).position(|window| window == *mark)? + mark.len();
        bytes.get(place).filter(|byte| byte.is_ascii_digit()).map(|_| place)
    };
    let at = MARKS.iter().find_map(behind)?;
    Some(Aim { run, seq: stored.seq, bytes: bytes.clone(), at })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Flips a bit of the byte in the file, and verifies.
///
/// Pages keep bytes of rows that were moved: of several places, the one that counts is the one that is missed.
async fn change(context: &Context, copy: &Path, aim: &Aim) -> Result<(Flipped, VerifyReport), Error> {
    let file = read(copy)?;
    let whole = file.windows(aim.bytes.len().max(1)).enumerate().filter(|(_, window)| *window == aim.bytes);
    let places = whole.filter_map(|(place, _)| u64::try_from(place + aim.at).ok());
    let mut offsets: Vec<u64> = places.collect();
    if offsets.is_empty() {
        offsets.extend(locate(&file, &aim.bytes, aim.at));
    }
    for offset in offsets {
        let flipped = flip::flip(copy, offset)?;
        let verify = verified(context, copy).await?;
        if !verify.valid {
            return Ok((flipped, verify));
        }
        flip::flip(copy, offset)?;
    }
    Err(Error::NothingToTamper)
}

/// Where in a file the byte at `at` of these bytes stands. Long ones stand there in pieces, so that less and less
/// around it is looked for, as long as that stands there once.
fn locate(file: &[u8], bytes: &[u8], at: usize) -> Option<u64> {
    let reaches = [bytes.len(), 256, 128, 64, 32];
    reaches.into_iter().find_map(|reach| {
        let from = at.saturating_sub(reach / 2);
        let to = bytes.len().min(at.saturating_add(reach / 2).saturating_add(1));
        let (from, to) = if reach == bytes.len() { (0, reach) } else { (from, to) };
        let place = flip::place(file, bytes.get(from..to)?)?;
        u64::try_from(place + at - from).ok()
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable =
        |error: std::io::Error| Error::Unreadable { path: path.to_owned(), why: error.to_string() };
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path).map_err(unreadable)?.take(LIMIT + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if file.limit() == 0 {
        return Err(Error::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    Ok(bytes)
}

/// What `comity verify` says of the copy.
async fn verified(context: &Context, copy: &Path) -> Result<VerifyReport, Error> {
    let mut context = context.clone();
    context.globals.db = copy.to_owned();
    Ok(context.open(Database::Existing)?.runtime.verify(None).await?)
}

fn tell(context: &Context, aim: &Aim, report: &Report, original: &VerifyReport) {
    let printer = &context.printer;
    let label = |tone, word: &str| {
        printer.paint(Stream::Out, tone, word) + &" ".repeat(10_usize.saturating_sub(word.len()))
    };
    let copy = quoted(Path::new(&report.copy));
    let from = aim.at.saturating_sub(BEFORE);
    let around = aim.bytes.get(from..aim.at).unwrap_or_default();
    let around = one_line(&String::from_utf8_lossy(around));
    printer.out(&format!(
        "{}{copy}, of {}\n{}one bit of byte {}: `{around}{}` is now `{around}{}`, in entry {} of {}\n\n",
        label(Tone::Busy, "copied"),
        quoted(&context.globals.db),
        label(Tone::Bad, "flipped"),
        report.offset,
        report.before,
        report.after,
        report.seq,
        report.run_id,
    ));
    printer.out(&format!("comity verify --db {copy}\n"));
    printer.out(&verify::shown(printer, &report.verify));
    let (tone, stands) = if original.valid { (Tone::Good, "valid") } else { (Tone::Bad, "NOT VALID") };
    printer.out(&format!(
        "\n{}{}: {stands}, {} recomputed; nothing in it was touched\n",
        label(tone, "original"),
        quoted(&context.globals.db),
        count(original.entries, "entry"),
    ));
}

#[cfg(test)]
mod tests;
