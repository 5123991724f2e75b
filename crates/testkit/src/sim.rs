//! The real gate, runtime and SQLite store under a seeded scheduler.
//!
//! One thread, one virtual clock, one seed. At every step the seed decides what happens next: a task goes
//! on, a batch is committed, a timer fires, the process is killed, or its caller lets go of it. Effects are
//! noted outside the ledger, by the adapter that does them; at the end the [`oracle`] compares the two.
//!
//! Start with [`run_seed`]; a seed that failed fails again, the same way.

pub mod chain;
pub mod control;
pub mod executor;
pub mod oracle;
pub mod probe;
pub mod scenario;
pub mod world;

pub use scenario::{Outcome, run_seed};
