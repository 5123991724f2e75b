//! Entries read back, with their texts.

use crate::entry::Entry;
use crate::error::Error;
use crate::payload::{self, Slot};
use comity_core::Digest;
use comity_store::{EntryRow, PayloadRow, RunCell, Store};

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
}

impl Record {
    /// Reads a stored row. The chain is not checked here: that is [`crate::verify`]'s work.
    pub fn open(row: EntryRow) -> Result<Self, Error> {
        let bad = |why: String| Error::BadEntry { seq: row.seq, why };
        let entry = Entry::from_bytes(&row.body).map_err(bad)?;
        let hash = Digest::from_slice(&row.hash).ok_or_else(|| bad("its hash is not 32 bytes".to_owned()))?;
        Ok(Self { seq: row.seq, hash, entry, texts: row.payloads })
    }

    /// The text in a slot, checked against its commitment; `None` when the entry has none there.
    pub fn text(&self, slot: Slot) -> Result<Option<Vec<u8>>, Error> {
        let Some(committed) = self.entry.payloads.get(slot) else { return Ok(None) };
        let bad = |why| Error::BadPayload { seq: self.seq, slot: slot.name(), why };
        let row = self.texts.iter().find(|row| row.slot == slot as u8).ok_or_else(|| bad("it is missing"))?;
        payload::check(row, committed).map_err(bad)?;
        payload::decode(row.clone()).map(Some).map_err(bad)
    }

    /// The text in a slot as UTF-8, with what is not replaced; empty when there is none.
    pub fn words(&self, slot: Slot) -> Result<String, Error> {
        let text = self.text(slot)?.unwrap_or_default();
        Ok(String::from_utf8(text).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()))
    }
}

/// At most one page of a run's entries, from `from` on. An empty page is the end.
pub async fn read_page(store: &Store, run: &RunCell, from: u64) -> Result<Vec<Record>, Error> {
    let mut rows = Vec::new();
    store.entries(run, from, PAGE, |row| rows.push(row)).await?;
    rows.into_iter().map(Record::open).collect()
}

/// All of a run's entries, handed to `visit` in order.
pub async fn read(
    store: &Store,
    run: &RunCell,
    mut visit: impl FnMut(Record) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let mut next = 0;
    loop {
        let page = read_page(store, run, next).await?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.seq + 1;
        for record in page {
            visit(record)?;
        }
    }
}

/// The entry at one place of a run's chain.
pub async fn read_one(store: &Store, run: &RunCell, seq: u64) -> Result<Option<Record>, Error> {
    let mut rows = Vec::new();
    store.entries(run, seq, 1, |row| rows.push(row)).await?;
    let found = rows.pop().filter(|row| row.seq == seq);
    found.map(Record::open).transpose()
}
