//! Checks an export without a database.

use super::bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use comity_api::{EXPORT_FORMAT, Export, ExportReport, ExportedEntry, ExportedPayload};
use comity_core::Digest;
use comity_ledger::{Entry, EntryKind, RunKeys, Slot, link, payload};
use comity_store::PayloadRow;

/// What no verification of an export alone can show.
const NOT_SHOWN: &str = "an export shows that what is in it belongs together; that it is the run that happened, and all of it, \
takes a checkpoint or a head kept elsewhere";

/// The first thing that is not as it was written: in which entry, and what.
type Fault = (Option<u64>, String);

/// Recomputes an export: its form, its chain, and every payload against its commitment. Returns it too, as far as it
/// could be read.
pub fn check_export(text: &[u8]) -> (ExportReport, Option<Export>) {
    let mut report = ExportReport { not_shown: NOT_SHOWN.to_owned(), ..ExportReport::default() };
    let export: Export = match serde_json::from_slice(text) {
        Ok(export) => export,
        Err(error) => {
            report.fault = Some(format!("it is not an export: {error}"));
            return (report, None);
        }
    };
    report.run.clone_from(&export.run);
    match walk(text, &export, &mut report) {
        Ok(()) => report.valid = true,
        Err((seq, what)) => (report.bad_seq, report.fault) = (seq, Some(what)),
    }
    (report, Some(export))
}

fn walk(text: &[u8], export: &Export, report: &mut ExportReport) -> Result<(), Fault> {
    let wrong = |what: String| Err((None, what));
    if export.format != EXPORT_FORMAT {
        return wrong(format!("its format is `{}`, and this build knows `{EXPORT_FORMAT}`", export.format));
    }
    if bytes(export) != text {
        return wrong("it is not in the one form that an export has".to_owned());
    }
    let mut head = Digest::ZERO;
    for (seq, stored) in (0u64..).zip(&export.entries) {
        head = entry(export, seq, stored, &head).map_err(|what| (Some(seq), what))?;
        report.entries += 1;
        report.payloads += stored.payloads.len() as u64;
        report.head = Some(head.hex());
    }
    if export.entries.is_empty() { wrong("it has no entries".to_owned()) } else { Ok(()) }
}

/// Checks one entry. Returns its hash.
fn entry(export: &Export, seq: u64, stored: &ExportedEntry, before: &Digest) -> Result<Digest, String> {
    if stored.seq != seq {
        return Err(format!("entry {seq} is missing: the next one is {}", stored.seq));
    }
    let hash = link(before, seq, stored.body.as_bytes());
    if stored.hash != hash.hex() {
        return Err("its hash is not that of its content and the entry before it".to_owned());
    }
    let entry = Entry::from_bytes(stored.body.as_bytes())?;
    let wrong = |what: &str| Err(what.to_owned());
    match () {
        () if entry.run.to_string() != export.run => return wrong("it names another run than the export"),
        () if entry.tenant.as_str() != export.tenant => {
            return wrong("it names another tenant than the export");
        }
        () if (entry.kind == EntryKind::Opened) != (seq == 0) => {
            return wrong("a run opens with its first entry, once");
        }
        () if stored.payloads.len() != entry.payloads.count() => {
            let (there, said) = (stored.payloads.len(), entry.payloads.count());
            return Err(format!("it commits to {said} payloads, and {there} are there"));
        }
        () => {}
    }
    for slot in Slot::ALL {
        let Some(committed) = entry.payloads.get(slot) else { continue };
        let told = stored.payloads.iter().find(|told| told.slot == slot.name());
        let told = told.ok_or_else(|| format!("its payload `{}`: it is missing", slot.name()))?;
        checked(told, slot, committed, &export.tenant)
            .map_err(|why| format!("its payload `{}`: {why}", slot.name()))?;
    }
    Ok(hash)
}

fn checked(told: &ExportedPayload, slot: Slot, committed: Digest, tenant: &str) -> Result<(), &'static str> {
    let bytes = |text: &str| BASE64.decode(text).map_err(|_| "it is not base64");
    let row = PayloadRow {
        slot: slot as u8,
        tenant: tenant.to_owned(),
        codec: i64::from(told.codec),
        subject: told.subject.as_deref().map(unhex).transpose()?,
        salt: bytes(&told.salt)?,
        body: bytes(&told.body)?,
    };
    payload::check(&row, committed)?;
    match &told.text {
        // An encrypted one cannot be compared without its key.
        Some(text) if row.subject.is_none() => match payload::decode(row, &RunKeys::default())? {
            Some(stored) if stored == text.as_bytes() => Ok(()),
            _ => Err("its text is not the one that is stored"),
        },
        _ => Ok(()),
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, &'static str> {
    let pair = |place| text.get(place..place + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(pair).collect();
    bytes.ok_or("its subject is not hex")
}
