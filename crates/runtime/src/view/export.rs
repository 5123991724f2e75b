//! A run as a file that speaks for itself: written here, and checked in [`check`].

mod check;

pub use check::check_export;

use crate::error::Error;
use crate::runtime::Runtime;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use comity_api::{EXPORT_FORMAT, Export, ExportedEntry, ExportedPayload};
use comity_core::RunId;
use comity_ledger::{Error as LedgerError, Record, RunKeys, Slot};
use comity_store::{EntryRow, PayloadRow, RunCell};

/// Entries that are read at a time.
const PAGE: usize = 500;

/// What an export holds beside entries and payloads as they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportWanted {
    /// Whether texts are written in the clear.
    pub texts: bool,
}

impl Runtime {
    /// A run's entries and payloads as they are stored, in the one form that RFC 8785 gives them: the same bytes
    /// wherever and however often they are written, as long as the run does not move.
    pub async fn export(&self, run: RunId, wanted: ExportWanted) -> Result<Vec<u8>, Error> {
        let cell = self.store().run(self.tenant(), run).await?.ok_or(comity_govern::Error::NoRun(run))?;
        Ok(bytes(&self.exported(run, &cell, wanted).await?))
    }

    /// Up to where the run stood when its row was read: what is appended meanwhile is not in it.
    async fn exported(&self, run: RunId, cell: &RunCell, wanted: ExportWanted) -> Result<Export, Error> {
        let keys = if wanted.texts { Some(self.vault().open(cell).await?) } else { None };
        let mut entries: Vec<ExportedEntry> = Vec::new();
        loop {
            let next = entries.len() as u64;
            let left = usize::try_from(cell.next_seq.saturating_sub(next)).unwrap_or(PAGE).min(PAGE);
            if left == 0 {
                break;
            }
            let mut rows = Vec::new();
            self.store().entries(cell, next, left, |row| rows.push(row)).await?;
            if rows.is_empty() {
                return Err(LedgerError::BadEntry { seq: next, why: "it is missing".to_owned() }.into());
            }
            for row in rows {
                entries.push(exported(row, keys.as_ref())?);
            }
        }
        let (format, tenant) = (EXPORT_FORMAT.to_owned(), self.tenant().to_string());
        Ok(Export { entries, format, proof: None, run: run.to_string(), tenant })
    }

    /// What an archive keeps of a run: nothing in the clear, and nothing that changes while the run does not.
    pub(crate) async fn archived(&self, run: RunId, cell: &RunCell) -> Result<Vec<u8>, Error> {
        Ok(bytes(&self.exported(run, cell, ExportWanted::default()).await?))
    }
}

/// An export in its one form.
fn bytes(export: &Export) -> Vec<u8> {
    // Plain data is always written; an empty export would not verify.
    serde_json_canonicalizer::to_vec(export).unwrap_or_default()
}

/// One entry; with its texts in the clear, as far as they are not erased, if there are keys to read them with.
fn exported(row: EntryRow, keys: Option<&RunKeys>) -> Result<ExportedEntry, LedgerError> {
    let bad = |why: &str| LedgerError::BadEntry { seq: row.seq, why: why.to_owned() };
    let body = String::from_utf8(row.body.to_vec()).map_err(|_| bad("it is not text"))?;
    let hash = comity_core::Digest::from_slice(&row.hash).ok_or_else(|| bad("its hash is not 32 bytes"))?;
    let record = keys.map(|keys| Record::open(row.clone(), keys)).transpose()?;
    let payloads = row.payloads.iter().map(|payload| {
        let slot = Slot::ALL.into_iter().find(|slot| *slot as u8 == payload.slot);
        let slot = slot.ok_or_else(|| bad("it has a text that this build does not know"))?;
        let text = match &record {
            Some(record) => match record.text(slot) {
                Err(LedgerError::Erased { .. }) => None,
                text => text?.and_then(|text| String::from_utf8(text).ok()),
            },
            None => None,
        };
        Ok(exported_payload(payload, slot, text))
    });
    let payloads = payloads.collect::<Result<_, LedgerError>>()?;
    Ok(ExportedEntry { body, hash: hash.hex(), payloads, seq: row.seq })
}

fn exported_payload(row: &PayloadRow, slot: Slot, text: Option<String>) -> ExportedPayload {
    ExportedPayload {
        body: BASE64.encode(&row.body),
        // A codec that is no byte cannot have been committed to: it does not verify here either.
        codec: u8::try_from(row.codec).unwrap_or(u8::MAX),
        salt: BASE64.encode(&row.salt),
        slot: slot.name().to_owned(),
        subject: row.subject.as_ref().map(|subject| hex(subject)),
        text,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
