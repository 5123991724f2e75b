//! What reads return.

use crate::cells::{AccountCell, ApprovalCell, RunCell, SubjectCell};
use crate::commit::AccountId;
use comity_core::{ApprovalId, Digest, RunId, SubjectId, Timestamp};

/// The most rows one read returns.
pub const PAGE: usize = 1_000;

/// A run, by id.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Its row.
    pub cell: RunCell,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Its row number, unique in the database.
    pub id: i64,
    /// The tenant column.
    pub tenant: String,
    /// Its place in its run's chain.
    pub seq: u64,
    /// What was hashed.
    pub body: Vec<u8>,
    /// The stored hash, as it stands (32 bytes unless somebody tampered).
    pub hash: Vec<u8>,
    /// The payloads, by slot.
    pub payloads: Vec<PayloadRow>,
}

/// A payload as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadRow {
    /// Which of the entry's commitments it is.
    pub slot: u8,
    /// The tenant column.
    pub tenant: String,
    /// How the body is encoded.
    pub codec: i64,
    /// Whose key it is encrypted under, as it stands; `None` when it is not encrypted.
    pub subject: Option<Vec<u8>>,
    /// The salt of its commitment, as it stands.
    pub salt: Vec<u8>,
    /// The encoded text.
    pub body: Vec<u8>,
}

/// An account, by id.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// The account.
    pub id: AccountId,
    /// Its row.
    pub cell: AccountCell,
}

/// An approval, by id.
#[derive(Clone, Debug)]
pub struct ApprovalRow {
    /// The approval.
    pub id: ApprovalId,
    /// Its row.
    pub cell: ApprovalCell,
}

/// A wrapped key, by id.
#[derive(Clone, Debug)]
pub struct SubjectRow {
    /// Whose it is.
    pub id: SubjectId,
    /// Its row.
    pub cell: SubjectCell,
}

/// A leaf of a tenant's log, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRow {
    /// Its place in the log, from 0.
    pub position: u64,
    /// The run it is about.
    pub run: RunId,
    /// How many of the run's entries it covers.
    pub size: u64,
    /// What it says of the run.
    pub kind: u8,
    /// Root of the tree over the entries it covers, as it stands.
    pub root: Vec<u8>,
    /// What that tree grows from, as it stands.
    pub frontier: Vec<u8>,
}

/// A signed checkpoint, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    /// How many leaves it covers.
    pub size: u64,
    /// When it was kept.
    pub at: Timestamp,
    /// The signed note.
    pub note: Vec<u8>,
}

/// How much there is, and the first thing that belongs nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries of every tenant.
    pub entries: u64,
    /// Payloads of every tenant.
    pub payloads: u64,
    /// The largest row number of an entry.
    pub last_entry: i64,
    /// The first entry whose run does not exist, and its sequence number.
    pub stray_entry: Option<(i64, u64)>,
    /// The first payload whose entry does not exist.
    pub stray_payload: Option<i64>,
    /// The first leaf whose run does not exist, by tenant and place.
    pub stray_leaf: Option<(String, u64)>,
}

/// The first hash of every chain.
pub(crate) const GENESIS: Digest = Digest::ZERO;
