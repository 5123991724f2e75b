//! Turns of agents through a real gate, over a real store.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an integration test, all of it"
)]

mod limits;
mod stage;
mod tools;
mod words;

use stage::{Stage, amounts, failed, value};
