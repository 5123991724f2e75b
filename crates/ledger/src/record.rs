//! Entries read back, with their texts.

use crate::entry::Entry;
use crate::error::Error;
use crate::payload::{self, Slot};
use crate::vault::{ERASED, RunKeys, UNREADABLE, Vault};
use comity_core::{Digest, SubjectId};
use comity_store::{EntryRow, PayloadRow, RunCell, Store};
use serde_json::Value;

/// How many entries are read at a time.
const PAGE: usize = 500;

/// An entry as it was written, with its place in the chain.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place in the chain, from 0.
    pub seq: u64,
    /// Its hash as stored.
    pub hash: Digest,
    /// What it says.
    pub entry: Entry,
    texts: Vec<PayloadRow>,
    keys: RunKeys,
}

impl Record {
    /// Reads a stored row, with the keys of its run. The chain is not checked here: that is
    /// [`crate::verify`]'s work.
    pub fn open(row: EntryRow, keys: &RunKeys) -> Result<Self, Error> {
        let bad = |why: String| Error::BadEntry { seq: row.seq, why };
        let entry = Entry::from_bytes(&row.body).map_err(bad)?;
        let hash = Digest::from_slice(&row.hash).ok_or_else(|| bad("its hash is not 32 bytes".to_owned()))?;
        Ok(Self { seq: row.seq, hash, entry, texts: row.payloads, keys: keys.clone() })
    }

    /// Whether one of its texts is encrypted.
    pub fn is_sealed(&self) -> bool {
        self.texts.iter().any(|row| row.subject.is_some())
    }

    /// Whether the entry has a text in this slot whose key was destroyed.
    pub fn is_erased(&self, slot: Slot) -> bool {
        matches!(self.text(slot), Err(Error::Erased { .. }))
    }

    /// The text in a slot, checked against its commitment; `None` when the entry has none there.
    ///
    /// A text whose key was destroyed is [`Error::Erased`]: for those who cannot go on without it. Whoever
    /// shows it asks for its [`Record::words`] or its [`Record::value`].
    pub fn text(&self, slot: Slot) -> Result<Option<Vec<u8>>, Error> {
        let Some(committed) = self.entry.payloads.get(slot) else { return Ok(None) };
        let (seq, name) = (self.seq, slot.name());
        let bad = |why| Error::BadPayload { seq, slot: name, why };
        let row = self.texts.iter().find(|row| row.slot == slot as u8).ok_or_else(|| bad("it is missing"))?;
        payload::check(row, committed).map_err(bad)?;
        let subject = row.subject.as_deref().and_then(SubjectId::from_slice);
        if let Some(why) = subject.and_then(|subject| self.keys.lost(subject)) {
            return Err(why.clone().into());
        }
        let text = payload::decode(row.clone(), &self.keys).map_err(bad)?;
        text.map(Some).ok_or(Error::Erased { seq, slot: name })
    }

    /// The text in a slot as UTF-8, with what is not replaced; empty when there is none, and
    /// [`ERASED`] when its key was destroyed, and [`UNREADABLE`] when it is not here.
    pub fn words(&self, slot: Slot) -> Result<String, Error> {
        let text = match self.text(slot) {
            Err(Error::Erased { .. }) => return Ok(ERASED.to_owned()),
            Err(Error::Keys(_)) => return Ok(UNREADABLE.to_owned()),
            text => text?.unwrap_or_default(),
        };
        Ok(String::from_utf8(text).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()))
    }

    /// The text in a slot as JSON, if it is there and is JSON; the text [`ERASED`] when its key was destroyed, and
    /// [`UNREADABLE`] when it is not here.
    pub fn value(&self, slot: Slot) -> Result<Option<Value>, Error> {
        match self.text(slot) {
            Err(Error::Erased { .. }) => Ok(Some(Value::from(ERASED))),
            Err(Error::Keys(_)) => Ok(Some(Value::from(UNREADABLE))),
            text => Ok(text?.and_then(|text| serde_json::from_slice(&text).ok())),
        }
    }
}

/// At most one page of a run's entries, from `from` on, with keys that were opened before. An empty page is
/// the end.
pub async fn read_page_with(
    store: &Store,
    run: &RunCell,
    keys: &RunKeys,
    from: u64,
) -> Result<Vec<Record>, Error> {
    let mut rows = Vec::new();
    store.entries(run, from, PAGE, |row| rows.push(row)).await?;
    rows.into_iter().map(|row| Record::open(row, keys)).collect()
}

/// At most one page of a run's entries, from `from` on. An empty page is the end.
pub async fn read_page(vault: &Vault, run: &RunCell, from: u64) -> Result<Vec<Record>, Error> {
    read_page_with(vault.store(), run, &vault.open(run).await?, from).await
}

/// All of a run's entries, handed to `visit` in order.
pub async fn read(
    vault: &Vault,
    run: &RunCell,
    mut visit: impl FnMut(Record) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let keys = vault.open(run).await?;
    let mut next = 0;
    loop {
        let page = read_page_with(vault.store(), run, &keys, next).await?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.seq + 1;
        for record in page {
            visit(record)?;
        }
    }
}

/// The entry at one place of a run's chain, with keys that were opened before.
pub async fn read_one_with(
    store: &Store,
    run: &RunCell,
    keys: &RunKeys,
    seq: u64,
) -> Result<Option<Record>, Error> {
    let mut rows = Vec::new();
    store.entries(run, seq, 1, |row| rows.push(row)).await?;
    let found = rows.pop().filter(|row| row.seq == seq);
    found.map(|row| Record::open(row, keys)).transpose()
}

/// The entry at one place of a run's chain.
pub async fn read_one(vault: &Vault, run: &RunCell, seq: u64) -> Result<Option<Record>, Error> {
    read_one_with(vault.store(), run, &vault.open(run).await?, seq).await
}
