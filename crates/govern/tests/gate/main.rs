//! The gate in front of a real store: budgets, approvals, crashes, cancellation, replay.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an integration test, all of it"
)]

mod approval;
mod breaker;
mod budget;
mod cancel;
mod crash;
mod erase;
mod house;
mod limits;
mod lost;
mod nested;
mod overrun;
mod replay;
mod reuse;
mod rules;
mod suspended;
mod taint;

use house::{House, Spent, amounts, denied, done, pays, plain, settled, usd};
