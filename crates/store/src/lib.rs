//! Storage: executes commits, and is the only room that writes SQL.
//!
//! A transaction is data: a [`Commit`] lists preconditions and operations, [`apply`](crate::apply) decides
//! purely what it changes, and a backend loads, writes and makes durable. This room does not know what
//! the rows mean: bodies are bytes, statuses are numbers, the hash that links entries is handed in.
//!
//! Start with [`commit`], then [`apply`], [`queue`], and one backend: [`sqlite`] or [`postgres`]; [`store`] is what others see.

pub mod apply;
mod broken;
pub mod cells;
pub mod commit;
mod error;
mod lease;
mod migrations;
mod postgres;
mod queue;
mod rows;
mod scan;
mod sqlite;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod sync;

pub use apply::Link;
pub use cells::{
    AccountCell, ApprovalCell, ApprovalState, BreakerCell, BreakerChange, LogCell, RunCell, SubjectCell,
};
pub use commit::{
    AccountId, Anchor, Append, Commit, Expect, Fence, KeyId, NewLeaf, NewSubject, Op, Payload, Receipt,
    Refused, Rewrapped, WrappedKey,
};
pub use error::{CommitError, Error};
pub use lease::Lease;
pub use rows::{
    AccountRow, ApprovalRow, CheckpointRow, EntryRow, LeafRow, PayloadRow, RunRow, SubjectRow, Totals,
};
pub use scan::{EntryRef, Page, PayloadRef, Scan, Scanned};
pub use sqlite::SCHEMA;
pub use store::{Access, Address, Durability, Options, Pump, Store, Ticket};
