//! A tenant's log, recomputed: the root of every leaf, every stored hash, every checkpoint.

use super::{Fault, Stop, fault};
use crate::entry::RunStatus;
use crate::log::check::open_by;
use crate::log::checkpoint::{Checkpoint, origin};
use crate::log::leaf::{Leaf, LeafKind, entry_leaf};
use crate::log::merkle::{Frontier, Head, stored_count};
use crate::log::note::Verifier;
use crate::log::sequence::{KEY_PIN, root_at};
use comity_core::{Digest, RunId, Tenant};
use comity_store::{CheckpointRow, LeafRow, RunCell, Store};
use std::collections::VecDeque;

/// How many rows are read at a time.
const PAGE: usize = 1_000;

/// What was found in the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// Leaves whose roots were recomputed.
    pub leaves: u64,
    /// Signed checkpoints that the log agrees with.
    pub checkpoints: u64,
    /// Entries that no leaf covers yet: somebody who can write the database could take them away unseen.
    pub unprotected: u64,
}

impl LogReport {
    pub(super) fn add(&mut self, other: Self) {
        self.leaves += other.leaves;
        self.checkpoints += other.checkpoints;
        self.unprotected += other.unprotected;
    }
}

/// One run's tree, grown while its chain is followed, and compared with each leaf on the way.
pub struct RunTree {
    run: RunId,
    tree: Frontier,
    /// Leaves that were read and not reached yet, and how far they reach.
    waiting: VecDeque<LeafRow>,
    reach: u64,
    leaves: u64,
    /// How many entries the leaf covers that says the run has ended.
    closed: Option<u64>,
}

impl RunTree {
    /// Before the run's first entry.
    pub fn new(run: RunId) -> Self {
        let (tree, waiting) = (Frontier::default(), VecDeque::new());
        Self { run, tree, waiting, reach: 0, leaves: 0, closed: None }
    }

    /// Reads the leaves over the next entries. What is beyond `anchored` does not belong to the run; the count of
    /// the log's leaves shows it.
    pub(super) async fn prepare(&mut self, store: &Store, cell: &RunCell) -> Result<(), Stop> {
        while self.reach < cell.anchored && self.reach <= self.tree.size() + PAGE as u64 {
            let Some(leaf) = store.leaf_covering(cell, self.reach).await? else {
                return Err(self.wrong("its row counts more entries as covered than its leaves cover"));
            };
            self.expect(leaf);
        }
        Ok(())
    }

    /// Waits for the entries that the run's next leaf covers.
    pub(super) fn expect(&mut self, leaf: LeafRow) {
        self.reach = leaf.size;
        self.waiting.push_back(leaf);
    }

    /// Takes the next entry's hash.
    pub(super) fn push(&mut self, hash: &Digest) -> Result<(), Stop> {
        self.tree.push(entry_leaf(hash), |_| ());
        while self.waiting.front().is_some_and(|leaf| leaf.size == self.tree.size()) {
            let Some(leaf) = self.waiting.pop_front() else { break };
            self.compare(&leaf).map_err(|what| self.wrong(what))?;
            self.leaves += 1;
        }
        Ok(())
    }

    fn compare(&mut self, leaf: &LeafRow) -> Result<(), &'static str> {
        let first = if self.leaves == 0 { LeafKind::Open } else { LeafKind::Head };
        let kind = LeafKind::from_number(leaf.kind);
        match () {
            () if leaf.root != self.tree.root().0 => {
                return Err("a leaf of the log has another root than its entries");
            }
            () if leaf.frontier != self.tree.to_bytes() => {
                return Err("a leaf of the log grows from another tree than its entries");
            }
            () if kind == Some(LeafKind::Close) => self.closed = self.closed.or(Some(leaf.size)),
            () if kind != Some(first) => {
                return Err("a leaf of the log is of another kind than its place says");
            }
            () => {}
        }
        Ok(())
    }

    /// When every entry went by, and the run's row was found to be what they say.
    pub(super) fn finish(&self, cell: &RunCell, report: &mut LogReport) -> Result<(), Stop> {
        if !self.waiting.is_empty() || cell.anchored > self.tree.size() {
            return Err(self.wrong("a leaf of the log covers more entries than are there"));
        }
        let open = self.tree.size() - cell.anchored;
        let ended = RunStatus::from_number(cell.status).is_some_and(RunStatus::is_final);
        if self.closed != (ended && open == 0).then_some(cell.anchored) {
            return Err(self.wrong("the log says wrongly whether it has ended"));
        }
        if cell.due != (open > 0) {
            return Err(self.wrong("its row says wrongly whether it waits for the next checkpoint"));
        }
        report.add(LogReport { leaves: self.leaves, checkpoints: 0, unprotected: open });
        Ok(())
    }

    fn wrong(&self, what: &str) -> Stop {
        fault(Some(self.run), None, what)
    }
}

/// Follows a tenant's log from its first leaf. `leaves` is how many its runs have.
pub(super) async fn check(store: &Store, tenant: &Tenant, leaves: u64) -> Result<LogReport, Stop> {
    let wrong = |what: String| fault(None, None, format!("the log of tenant `{tenant}`: {what}"));
    let log = store.log(tenant).await?;
    let mut walk =
        Walk { store, tenant, tree: Frontier::default(), hashes: 0, checkpoints: Checkpoints::default() };
    loop {
        let page = store.leaves(tenant, walk.tree.size(), PAGE).await?;
        if page.is_empty() {
            break;
        }
        walk.page(&page).await.map_err(|stop| stop.within(wrong))?;
    }
    let checkpoints = walk.end(log.size).await.map_err(|stop| stop.within(wrong))?;
    let size = walk.tree.size();
    match () {
        () if size != log.size => {
            Err(wrong(format!("{size} leaves are stored, and its row counts {}", log.size)))
        }
        () if size != leaves => Err(wrong(format!("it has {size} leaves, and its runs have {leaves}"))),
        () if stored_count(size) != log.hashes => {
            Err(wrong("its row counts another number of hashes".to_owned()))
        }
        () => Ok(LogReport { leaves: 0, checkpoints, unprotected: 0 }),
    }
}

/// A fault that does not say yet whose log it is in, or a failure to read.
enum Bad {
    Fault(String),
    Stop(Stop),
}

impl Bad {
    fn within(self, wrong: impl Fn(String) -> Stop) -> Stop {
        match self {
            Self::Fault(what) => wrong(what),
            Self::Stop(stop) => stop,
        }
    }
}

impl From<comity_store::Error> for Bad {
    fn from(error: comity_store::Error) -> Self {
        Self::Stop(error.into())
    }
}

impl From<&str> for Bad {
    fn from(what: &str) -> Self {
        Self::Fault(what.to_owned())
    }
}

struct Walk<'s> {
    store: &'s Store,
    tenant: &'s Tenant,
    tree: Frontier,
    hashes: u64,
    checkpoints: Checkpoints,
}

/// Checkpoints in the order of their sizes, read a page ahead.
#[derive(Default)]
struct Checkpoints {
    waiting: VecDeque<CheckpointRow>,
    read: Option<u64>,
    key: Option<Verifier>,
    count: u64,
}

impl Walk<'_> {
    async fn page(&mut self, page: &[LeafRow]) -> Result<(), Bad> {
        let mut made = Vec::new();
        for row in page {
            if row.position != self.tree.size() {
                return Err(Bad::Fault(format!("leaf {} is missing, or its run is", self.tree.size())));
            }
            let kind = LeafKind::from_number(row.kind).ok_or("a leaf is of an unknown kind")?;
            let root = Digest::from_slice(&row.root).ok_or("the root of a leaf is not 32 bytes")?;
            let leaf = Leaf { kind, run: row.run, size: row.size, root };
            self.tree.push(leaf.hash(), |hash| made.push(hash));
            self.checkpoint().await?;
        }
        for part in made.chunks(PAGE) {
            let stored = self.store.log_hashes(self.tenant, self.hashes, part.len()).await?;
            if stored != part {
                return Err("a stored hash is not that of its leaves".into());
            }
            self.hashes += part.len() as u64;
        }
        Ok(())
    }

    /// The next checkpoint, if it is of the tree as it is now.
    async fn checkpoint(&mut self) -> Result<(), Bad> {
        if self.checkpoints.waiting.is_empty() {
            self.read().await?;
        }
        let due = self.checkpoints.waiting.front().is_some_and(|row| row.size <= self.tree.size());
        let Some(row) = due.then(|| self.checkpoints.waiting.pop_front()).flatten() else { return Ok(()) };
        let key = self.checkpoints.key.as_ref().ok_or("it has checkpoints, and no key that signs them")?;
        let signed = open_by(&row.note, key)
            .map_err(|why| Bad::Fault(format!("the checkpoint of {} leaves: {why}", row.size)))?;
        let head = Head { size: self.tree.size(), root: self.tree.root() };
        if row.size != head.size || signed.head != head {
            return Err(Bad::Fault(format!("the checkpoint of {} leaves signs another tree", row.size)));
        }
        self.checkpoints.count += 1;
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Bad> {
        if self.checkpoints.read.is_none() {
            self.checkpoints.key = key(self.store, self.tenant).await?;
        }
        let page = self.store.checkpoints(self.tenant, self.checkpoints.read, PAGE).await?;
        self.checkpoints.read = page.last().map(|row| row.size).or(self.checkpoints.read).or(Some(0));
        self.checkpoints.waiting.extend(page);
        Ok(())
    }

    /// After the last leaf, nothing may be left over. Returns how many checkpoints there were.
    async fn end(&mut self, size: u64) -> Result<u64, Bad> {
        if !self.store.log_hashes(self.tenant, self.hashes, 1).await?.is_empty() {
            return Err("it has stored hashes beyond its last leaf".into());
        }
        let last = self.store.checkpoint(self.tenant, None).await?.map_or(0, |row| row.size);
        if last != size || last != self.tree.size() {
            let leaves = self.tree.size();
            return Err(Bad::Fault(format!("it has {leaves} leaves, and its last checkpoint is of {last}")));
        }
        Ok(self.checkpoints.count)
    }
}

/// The public key that the log was first signed with, as the database has it.
async fn key(store: &Store, tenant: &Tenant) -> Result<Option<Verifier>, Bad> {
    let Some(pinned) = store.pinned(tenant, KEY_PIN).await? else { return Ok(None) };
    let key = str::from_utf8(&pinned).ok().and_then(|text| text.parse::<Verifier>().ok());
    let key = key.ok_or("the pinned key is not a key")?;
    let name = origin(&store.id().await?, tenant);
    if key.name() == name { Ok(Some(key)) } else { Err("the pinned key is another log's".into()) }
}

/// Holds a tenant's log against a checkpoint that was kept elsewhere, and was found to be signed; what is wrong, if
/// anything. Of the log only its hashes are looked at: that they belong to what is stored is [`super::verify`]'s work.
pub async fn held_against(
    store: &Store,
    tenant: &Tenant,
    kept: &Checkpoint,
) -> Result<Option<Fault>, crate::error::Error> {
    let fault = |what: String| Ok(Some(Fault { run: None, seq: None, what }));
    let own = origin(&store.id().await?, tenant);
    if kept.origin != own {
        return fault(format!(
            "the checkpoint is of another log: `{}`, and this one is `{own}`",
            kept.origin
        ));
    }
    let (size, wanted) = (store.log(tenant).await?.size, kept.head.size);
    if size < wanted {
        return fault(format!(
            "the log has {size} leaves, and the checkpoint kept elsewhere has {wanted}: it was rolled back, or cut off"
        ));
    }
    if root_at(store, tenant, wanted).await? != kept.head.root {
        return fault(format!(
            "the first {wanted} leaves of the log are not those of the checkpoint kept elsewhere: another history"
        ));
    }
    Ok(None)
}
