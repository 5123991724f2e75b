//! The gate: decides, reserves, and records.
//!
//! This room decides and records. It performs no effect and knows no model, no socket, no workflow file.
//! It is the only writer of the ledger. Start with the gate.

mod effect;
mod permit;
mod policy;

pub use effect::{Failure, Input, Output};
pub use permit::{Decision, Overspent, Permit};
pub use policy::{BreakerPolicy, Policy};
