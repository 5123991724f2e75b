//! The database as bytes: a copy of it, and what stands in it for an entry.

use crate::error::Error;
use crate::runtime::Runtime;
use comity_core::RunId;
use comity_ledger::Slot;
use std::path::Path;

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the chain.
    pub seq: u64,
    /// What is stored for it: the entry itself, then its payloads.
    pub parts: Vec<Part>,
}

/// One piece of an entry, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which payload; `None` for the entry itself.
    pub payload: Option<&'static str>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Runtime {
    /// Whether a run, or a workflow that it names, asks a model.
    pub async fn has_agents(&self, run: RunId) -> Result<bool, Error> {
        let pinned = self.pinned(run).await?;
        Ok(self.bundle(&pinned.source, &pinned.setup)?.has_agents())
    }

    /// Writes the database as it is now into a new file.
    pub async fn copy_to(&self, path: &Path) -> Result<(), Error> {
        Ok(self.store().copy_to(path).await?)
    }

    /// The entries of a run as they are stored, from `from` on, at most a page. An empty page is the end.
    pub async fn stored(&self, run: RunId, from: u64) -> Result<Vec<Stored>, Error> {
        let cell = self.pinned(run).await?.cell;
        let mut out = Vec::new();
        let visit = |row: comity_store::EntryRow| {
            let mut parts = vec![Part { payload: None, bytes: row.body }];
            parts.extend(row.payloads.into_iter().map(|payload| {
                let slot = Slot::ALL.into_iter().find(|slot| *slot as u8 == payload.slot);
                Part { payload: Some(slot.map_or("unknown", Slot::name)), bytes: payload.body }
            }));
            out.push(Stored { seq: row.seq, parts });
        };
        self.store().entries(&cell, from, PAGE, visit).await?;
        Ok(out)
    }
}

/// Entries that are read at a time.
const PAGE: usize = 500;
