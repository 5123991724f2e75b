//! Storage: executes commits, and is the only room that writes SQL.
//!
//! A transaction is data: a [`Commit`] lists preconditions and operations, [`apply`](crate::apply) decides
//! purely what it changes, and a backend loads, writes and makes durable. This room does not know what
//! the rows mean: bodies are bytes, statuses are numbers, the hash that links entries is handed in.
//!
//! Start with [`commit`], then [`apply`], [`queue`], and one backend: [`sqlite`].

pub mod apply;
pub mod cells;
pub mod commit;
mod error;
mod queue;
mod rows;
mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod sync;

pub use apply::Link;
pub use cells::{AccountCell, ApprovalCell, ApprovalState, BreakerCell, RunCell};
pub use commit::{AccountId, Append, Commit, Expect, Fence, Op, Payload, Receipt, Refused};
pub use error::{CommitError, Error};
pub use rows::{AccountRow, ApprovalRow, EntryRow, PayloadRow, RunRow, Totals};
pub use sqlite::{Durability, Options, Pump, SCHEMA, Store, Ticket};
