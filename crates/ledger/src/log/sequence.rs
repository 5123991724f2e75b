//! Extends a tenant's log: what moved becomes leaves, under a new signed checkpoint.

use super::check::open_by;
use super::checkpoint::{Checkpoint, origin};
use super::leaf::{Leaf, LeafKind, entry_leaf};
use super::merkle::{Frontier, Head, Lookup};
use super::note::{Note, SecretKey};
use crate::entry::RunStatus;
use crate::error::Error;
use comity_core::{Digest, RunId, Tenant};
use comity_store::{Anchor, LogCell, NewLeaf, RunRow, Store};

/// The most leaves that one commit adds.
const LEAVES: usize = 1_000;
/// How many hashes are read at a time.
const PAGE: usize = 1_000;

/// Under which name a tenant's public key is pinned in the store.
pub const KEY_PIN: &str = "log-key";

/// What the next commit adds to a log, decided on what was read: a commit checks that it still fits.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The leaves, their hashes and the checkpoint over them.
    pub anchor: Anchor,
    /// What the checkpoint says.
    pub checkpoint: Checkpoint,
    /// A run that has a leaf in it.
    pub run: RunId,
    /// Whether more runs may be due than fit.
    pub more: bool,
}

/// Reads what moved since the last checkpoint. `None` when everything is covered.
///
/// Nothing is put on top of a log that is not the one this key signed before: that would sign what somebody did to
/// the database in between.
pub async fn draft(store: &Store, tenant: &Tenant, key: &SecretKey) -> Result<Option<Draft>, Error> {
    let log = store.log(tenant).await?;
    let due = store.due(tenant, LEAVES).await?;
    if due.is_empty() {
        return Ok(None);
    }
    let mut frontier = frontier(store, tenant, log, key).await?;
    let (mut leaves, mut hashes) = (Vec::new(), Vec::new());
    for row in &due {
        let Some((leaf, tree)) = next_leaf(store, row).await? else { continue };
        frontier.push(leaf.hash(), |hash| hashes.push(hash));
        let Leaf { run, size, kind, root } = leaf;
        leaves.push(NewLeaf { run, size, kind: kind as u8, root, frontier: tree.to_bytes() });
    }
    let Some(run) = leaves.first().map(|leaf| leaf.run) else { return Ok(None) };
    let checkpoint = Checkpoint {
        origin: key.verifier().name().to_owned(),
        head: Head { size: frontier.size(), root: frontier.root() },
    };
    let anchor = Anchor { from: log.size, leaves, hashes, note: sign(&checkpoint, key)?.into() };
    Ok(Some(Draft { anchor, checkpoint, run, more: due.len() == LEAVES }))
}

/// The key that signs a tenant's log: one seed, under the log's own name.
pub async fn key_of(store: &Store, tenant: &Tenant, seed: &[u8; 32]) -> Result<SecretKey, Error> {
    let name = origin(&store.id().await?, tenant);
    let key = SecretKey::new(&name, super::note::Kind::Ed25519, seed);
    key.map_err(|bad| Error::Log { tenant: tenant.clone(), why: bad.to_string() })
}

fn sign(checkpoint: &Checkpoint, key: &SecretKey) -> Result<Vec<u8>, Error> {
    let signed = Note::new(&checkpoint.to_text()).map_err(|bad| bad.to_string()).and_then(|mut note| {
        note.sign(key).map_err(|bad| bad.to_string())?;
        Ok(note.to_bytes())
    });
    signed.map_err(|why| Error::Signing { log: checkpoint.origin.clone(), why })
}

/// The right edge of the log, which has to be the one that the last checkpoint signs.
async fn frontier(store: &Store, tenant: &Tenant, log: LogCell, key: &SecretKey) -> Result<Frontier, Error> {
    let broken = |why: String| Error::Log { tenant: tenant.clone(), why };
    if log.size == 0 {
        return Ok(Frontier::default());
    }
    let peaks = store.log_hashes_at(tenant, &Lookup::frontier(log.size).places()).await?;
    let frontier =
        Frontier::new(log.size, peaks).ok_or_else(|| broken("a stored hash is missing".to_owned()))?;
    let last = store.checkpoint(tenant, Some(log.size)).await?;
    let last = last.filter(|row| row.size == log.size);
    let last = last.ok_or_else(|| broken(format!("no checkpoint of its {} leaves is stored", log.size)))?;
    let signed = open_by(&last.note, key.verifier())
        .map_err(|why| broken(format!("the last checkpoint is not one this key signed: {why}")))?;
    if signed.head != (Head { size: log.size, root: frontier.root() }) {
        return Err(broken("its stored hashes are not those that the last checkpoint signs".to_owned()));
    }
    Ok(frontier)
}

/// The leaf that covers a run as its row stands, and the tree it grows from next; `None` if it is covered already.
async fn next_leaf(store: &Store, row: &RunRow) -> Result<Option<(Leaf, Frontier)>, Error> {
    let (run, cell) = (row.id, &row.cell);
    let broken = |why: String| Error::Log { tenant: cell.tenant.clone(), why: format!("run `{run}`: {why}") };
    let last = store.last_leaf(cell).await?;
    let mut tree = match &last {
        None => Frontier::default(),
        Some(leaf) => Frontier::from_bytes(leaf.size, &leaf.frontier)
            .filter(|tree| tree.root().0 == *leaf.root)
            .ok_or_else(|| broken("its last leaf does not fit its own root".to_owned()))?,
    };
    if tree.size() >= cell.next_seq {
        return Ok(None);
    }
    while tree.size() < cell.next_seq {
        let missing = usize::try_from(cell.next_seq - tree.size()).unwrap_or(PAGE).min(PAGE);
        let hashes = store.entry_hashes(cell, tree.size(), missing).await?;
        if hashes.is_empty() {
            return Err(broken(format!(
                "its row counts {} entries, and {} are there",
                cell.next_seq,
                tree.size()
            )));
        }
        hashes.iter().for_each(|hash| tree.push(entry_leaf(hash), |_| ()));
    }
    let ended = RunStatus::from_number(cell.status).is_some_and(RunStatus::is_final);
    let kind = match last {
        _ if ended => LeafKind::Close,
        None => LeafKind::Open,
        Some(_) => LeafKind::Head,
    };
    Ok(Some((Leaf { kind, run, size: tree.size(), root: tree.root() }, tree)))
}

/// The root over the first `size` leaves of a tenant's log, from its stored hashes.
pub async fn root_at(store: &Store, tenant: &Tenant, size: u64) -> Result<Digest, Error> {
    let peaks = store.log_hashes_at(tenant, &Lookup::frontier(size).places()).await?;
    let frontier = Frontier::new(size, peaks);
    let missing = || Error::Log { tenant: tenant.clone(), why: "a stored hash is missing".to_owned() };
    Ok(frontier.ok_or_else(missing)?.root())
}
