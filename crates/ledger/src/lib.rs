//! The ledger: canonical bytes, the hash chain, payload commitments, and their verification.
//!
//! Entries are the truth; every other row is a view of them. This room does not know budgets, policies or
//! workflows: it sums what entries say was held, released and used, and compares.
//!
//! Start with [`entry`] (what a row says), then [`seal`] (how it is written) and [`verify`] (how it is checked).

pub mod account;
pub mod book;
pub mod chain;
pub mod dsse;
pub mod entry;
mod error;
pub mod keys;
pub mod log;
pub mod payload;
pub mod rebuild;
mod record;
pub mod seal;
pub mod vault;
pub mod verify;

pub use chain::link;
pub use entry::{CheckMark, Entry, EntryKind, Origin, RunStatus, StepRef, Verdict};
pub use error::Error;
pub use payload::Slot;
pub use record::{Record, read, read_one, read_one_with, read_page, read_page_with};
pub use seal::{bare, seal, seal_beside};
pub use vault::{ERASED, Pen, RunKeys, UNREADABLE, Vault, is_closed};
pub use verify::{Fault, LogReport, Report, held_against, verify, verify_with};
