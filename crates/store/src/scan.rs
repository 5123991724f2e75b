//! Everything in one reading, in the order it was written: for whoever verifies all of it.

use crate::rows::{EntryRow, LeafRow, PayloadRow, RunRow};
use std::hash::{BuildHasher, RandomState};

/// How many entries one page of a scan holds at most.
pub const SCAN_PAGE: usize = 4_000;

/// The most leaves a run may have to be read in a scan.
pub const SCAN_LEAVES: usize = 10_000;

/// An entry where it lies.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'r> {
    /// See [`EntryRow::id`].
    pub id: i64,
    /// See [`EntryRow::tenant`].
    pub tenant: &'r str,
    /// See [`EntryRow::seq`].
    pub seq: u64,
    /// See [`EntryRow::body`].
    pub body: &'r [u8],
    /// See [`EntryRow::hash`].
    pub hash: &'r [u8],
}

impl<'r> From<&'r EntryRow> for EntryRef<'r> {
    fn from(row: &'r EntryRow) -> Self {
        Self { id: row.id, tenant: &row.tenant, seq: row.seq, body: &row.body, hash: &row.hash }
    }
}

/// A payload where it lies.
#[derive(Clone, Copy, Debug)]
pub struct PayloadRef<'r> {
    /// See [`PayloadRow::slot`].
    pub slot: u8,
    /// See [`PayloadRow::tenant`].
    pub tenant: &'r str,
    /// See [`PayloadRow::codec`].
    pub codec: i64,
    /// See [`PayloadRow::subject`].
    pub subject: Option<&'r [u8]>,
    /// See [`PayloadRow::salt`].
    pub salt: &'r [u8],
    /// See [`PayloadRow::body`].
    pub body: &'r [u8],
}

impl<'r> From<&'r PayloadRow> for PayloadRef<'r> {
    fn from(row: &'r PayloadRow) -> Self {
        let PayloadRow { slot, tenant, codec, subject, salt, body } = row;
        Self { slot: *slot, tenant, codec: *codec, subject: subject.as_deref(), salt, body }
    }
}

/// What a scan comes by.
pub enum Scanned<'r> {
    /// The run whose first entry is next. Its number is what its entries name.
    Run(RunRow),
    /// A leaf of the run with this number, which was come by just now; in the order of their sizes.
    Leaf(i64, LeafRow),
    /// An entry of the run with this number.
    Entry(i64, EntryRef<'r>),
    /// A payload of the entry before.
    Payload(PayloadRef<'r>),
}

/// What there is after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Another page.
    More,
    /// Nothing: all of it was read, and it belongs together.
    Whole,
    /// Something that no writer leaves, or no such way of reading: read by run, which can say what it is.
    Odd,
}

/// How far a scan has come. Make one with `default`.
#[derive(Default)]
pub struct Scan {
    /// The last entry that was read.
    pub(crate) entry: Option<i64>,
    /// The last payload that was read.
    pub(crate) payload: Option<i64>,
    /// How many runs and entries were read.
    pub(crate) runs: u64,
    pub(crate) entries: u64,
    pub(crate) places: Places,
}

/// The sum of a keyed hash over the rows of an index: equal for the index and its table, in whatever order
/// they are read. The key is this process's own, so that nobody can make two sets of rows that look alike.
#[derive(Default)]
pub(crate) struct Places {
    key: RandomState,
    sum: u64,
}

impl Places {
    pub fn add(&mut self, place: (i64, i64, i64)) {
        self.sum = self.sum.wrapping_add(self.key.hash_one(place));
    }

    /// An empty sum under the same key.
    pub fn anew(&self) -> Self {
        Self { key: self.key.clone(), sum: 0 }
    }

    pub fn agrees(&self, other: &Self) -> bool {
        self.sum == other.sum
    }
}
