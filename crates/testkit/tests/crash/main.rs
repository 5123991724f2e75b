//! The program is killed, dropped, stopped and crowded, and nothing is lost, done twice or paid for wrongly.
//!
//! Start with `oracle`: what happened is read from a file that each step itself writes, never from the ledger.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the subject is processes and what they leave in files")]

mod control;
mod drop;
mod fork;
mod kill;
mod oracle;
mod sandbox;
mod servers;
mod several;
