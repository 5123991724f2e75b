//! Makes proofs from what is stored.

use super::checkpoint::Checkpoint;
use super::consistency::Consistency;
use super::leaf::{LeafKind, entry_leaf};
use super::merkle::{Lookup, PathBuilder};
use super::note::Note;
use super::proof::Proof;
use crate::error::Error;
use comity_core::{Digest, RunId, Tenant};
use comity_store::{CheckpointRow, RunCell, Store};

/// How many hashes are read at a time.
const PAGE: usize = 1_000;

/// Proves that the entry at `seq` of a run is in the log, as its newest checkpoint has it.
///
/// Errors if no checkpoint covers the entry yet.
pub async fn prove(store: &Store, tenant: &Tenant, run: RunId, seq: u64) -> Result<Proof, Error> {
    let store = &store.snapshot().await?;
    let uncovered = || Error::Uncovered { run, seq };
    let cell = store.run(tenant, run).await?.ok_or_else(uncovered)?;
    let leaf = store.leaf_covering(&cell, seq).await?.ok_or_else(uncovered)?;
    let newest = store.checkpoint(tenant, None).await?;
    let newest = newest.filter(|row| row.size > leaf.position).ok_or_else(uncovered)?;
    let broken = |why: &str| Error::Log { tenant: tenant.clone(), why: why.to_owned() };
    let kind = LeafKind::from_number(leaf.kind).ok_or_else(|| broken("a leaf is of an unknown kind"))?;
    let (run_path, before) = path_in_run(store, &cell, seq, leaf.size).await?;
    let lookup = Lookup::path(leaf.position, newest.size).ok_or_else(uncovered)?;
    Ok(Proof {
        seq,
        before,
        body: body(store, &cell, seq).await?,
        kind,
        size: leaf.size,
        run_path,
        index: leaf.position,
        log_path: nodes(store, tenant, &lookup).await?,
        note: newest.note,
    })
}

/// The path of an entry in the tree over the run's first `size` entries, and the hash before the entry.
async fn path_in_run(
    store: &Store,
    cell: &RunCell,
    seq: u64,
    size: u64,
) -> Result<(Vec<Digest>, Digest), Error> {
    let missing = || Error::BadEntry { seq, why: "entries that its leaf covers are missing".to_owned() };
    let mut path = PathBuilder::new(seq, size).ok_or_else(missing)?;
    let (mut next, mut before) = (0, Digest::ZERO);
    while next < size {
        let wanted = usize::try_from(size - next).unwrap_or(PAGE).min(PAGE);
        let hashes = store.entry_hashes(cell, next, wanted).await?;
        if hashes.is_empty() {
            return Err(missing());
        }
        for hash in hashes {
            path.push(entry_leaf(&hash));
            next += 1;
            if next == seq {
                before = hash;
            }
        }
    }
    Ok((path.finish().ok_or_else(missing)?, before))
}

async fn body(store: &Store, cell: &RunCell, seq: u64) -> Result<String, Error> {
    let bad = |why: &str| Error::BadEntry { seq, why: why.to_owned() };
    let mut found = None;
    store.entries(cell, seq, 1, |row| found = Some(row)).await?;
    let row = found.filter(|row| row.seq == seq).ok_or_else(|| bad("it is missing"))?;
    String::from_utf8(row.body).map_err(|_| bad("it is not UTF-8"))
}

async fn nodes(store: &Store, tenant: &Tenant, lookup: &Lookup) -> Result<Vec<Digest>, Error> {
    let hashes = store.log_hashes_at(tenant, &lookup.places()).await?;
    let missing = || Error::Log { tenant: tenant.clone(), why: "a stored hash is missing".to_owned() };
    lookup.nodes(&hashes).ok_or_else(missing)
}

/// Proves that the log at `new` begins with the log at `old`. Both are signed checkpoints of this tenant's log; what
/// they say of it is not compared with what is stored: whoever checks the proof finds out.
///
/// Errors if one is not a checkpoint, if `old` is the larger one, or if the log is not as large as `new` says.
pub async fn prove_consistency(
    store: &Store,
    tenant: &Tenant,
    old: Vec<u8>,
    new: Vec<u8>,
) -> Result<Consistency, Error> {
    let store = &store.snapshot().await?;
    let (from, to) = (read(tenant, &old)?.head.size, read(tenant, &new)?.head.size);
    let size = store.log(tenant).await?.size;
    let broken = |why: String| Error::Log { tenant: tenant.clone(), why };
    if to > size {
        return Err(broken(format!("the checkpoint has {to} leaves, and the log has {size}")));
    }
    let lookup = Lookup::consistency(from, to);
    let lookup =
        lookup.ok_or_else(|| broken(format!("the older checkpoint has {from} leaves, the newer {to}")))?;
    let path = nodes(store, tenant, &lookup).await?;
    Ok(Consistency { path, old, new })
}

/// What a signed checkpoint says. Signatures are not checked.
pub fn read(tenant: &Tenant, note: &[u8]) -> Result<Checkpoint, Error> {
    let bad = |why: String| Error::Log {
        tenant: tenant.clone(),
        why: format!("a checkpoint cannot be read: {why}"),
    };
    let note = Note::parse(note).map_err(|why| bad(why.to_string()))?;
    Checkpoint::parse(note.text()).map_err(|why| bad(why.to_owned()))
}

/// The checkpoint of exactly this size, if one is stored.
pub async fn checkpoint_of(
    store: &Store,
    tenant: &Tenant,
    size: u64,
) -> Result<Option<CheckpointRow>, Error> {
    Ok(store.checkpoint(tenant, Some(size)).await?.filter(|row| row.size == size))
}
