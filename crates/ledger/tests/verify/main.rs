//! Verification against a database that somebody has changed behind the ledger's back.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an integration test, all of it"
)]
#![expect(clippy::disallowed_methods, reason = "the subject is a file that somebody else writes")]

mod chain;
mod columns;
mod fixture;
mod index;
mod keys;
mod parse;
mod views;

use fixture::{BYSTANDER, Copy, NEWEST, OLDEST, STRANGER};
