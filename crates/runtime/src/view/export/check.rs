//! Checks an export without a database.

use super::bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use comity_api::{EXPORT_FORMAT, Export, ExportReport, ExportedEntry, ExportedPayload};
use comity_core::Digest;
use comity_ledger::keys::Secret;
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::note::{Note, Verifier};
use comity_ledger::log::proof::Proof;
use comity_ledger::vault::cipher::PayloadKey;
use comity_ledger::{Entry, EntryKind, Slot, link, payload};
use comity_store::PayloadRow;

/// What no verification of an export alone can show.
const NOT_SHOWN: &str = "an export shows that what is in it belongs together; that it is the run that happened, and all of it, \
takes a checkpoint or a head kept elsewhere";

/// The first thing that is not as it was written: in which entry, and what.
type Fault = (Option<u64>, String);

/// Recomputes an export: its form, its chain, every payload against its commitment, and its proof. Returns it too, as
/// far as it could be read.
///
/// `known` are keys that the proof's checkpoint may be signed with; without any, signatures are not looked at.
pub fn check_export(text: &[u8], known: &[Verifier]) -> (ExportReport, Option<Export>) {
    let mut report = ExportReport { not_shown: NOT_SHOWN.to_owned(), ..ExportReport::default() };
    let export: Export = match serde_json::from_slice(text) {
        Ok(export) => export,
        Err(error) => {
            report.fault = Some(format!("it is not an export: {error}"));
            return (report, None);
        }
    };
    report.run.clone_from(&export.run);
    match walk(text, &export, known, &mut report) {
        Ok(()) => report.valid = true,
        Err((seq, what)) => (report.bad_seq, report.fault) = (seq, Some(what)),
    }
    (report, Some(export))
}

fn walk(text: &[u8], export: &Export, known: &[Verifier], report: &mut ExportReport) -> Result<(), Fault> {
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
    if export.entries.is_empty() {
        return wrong("it has no entries".to_owned());
    }
    if let Some(text) = &export.proof {
        let covered = proven(export, text, known).map_err(|what| (None, format!("its proof: {what}")))?;
        (report.proven, report.signed) = (Some(covered), !known.is_empty());
    }
    Ok(())
}

/// Checks that the proof is of one of these entries, and leads to the checkpoint in it. Returns how many entries it
/// covers.
fn proven(export: &Export, text: &str, known: &[Verifier]) -> Result<u64, String> {
    let proof = Proof::parse(text.as_bytes())?;
    let at = |seq: u64| usize::try_from(seq).ok().and_then(|seq| export.entries.get(seq));
    let before = match proof.seq.checked_sub(1) {
        None => Some(Digest::ZERO),
        Some(before) => at(before).and_then(|entry| Digest::from_hex(&entry.hash)),
    };
    if at(proof.seq).is_none_or(|entry| entry.body != proof.body) || before != Some(proof.before) {
        return Err("it is of another entry than the export has there".to_owned());
    }
    let note = Note::parse(&proof.note).map_err(|bad| bad.to_string())?;
    let checkpoint = Checkpoint::parse(note.text())?;
    if !known.is_empty() {
        note.verify(known).map_err(|bad| bad.to_string())?;
    }
    proof.entry_under(&checkpoint)?;
    Ok(proof.seq + 1)
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
    let key = told.key.as_deref().map(bytes).transpose()?;
    let key = key.map(|key| <[u8; 32]>::try_from(key).map_err(|_| "its key is not 32 bytes")).transpose()?;
    let key = key.map(|key| PayloadKey::from_secret(Secret::new(key)));
    if told.text.is_none() && key.is_none() {
        return Ok(());
    }
    let stored = payload::disclosed(&row, key.as_ref())?;
    match &told.text {
        Some(text) if stored != text.as_bytes() => Err("its text is not the one that is stored"),
        _ => Ok(()),
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, &'static str> {
    let pair = |place| text.get(place..place + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(pair).collect();
    bytes.ok_or("its subject is not hex")
}
