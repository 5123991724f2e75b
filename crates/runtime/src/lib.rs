//! The composition root: opens the store, builds the gate, and runs workflows through it.
//!
//! This room reads no arguments and prints nothing; it knows no HTTP. Start with [`Runtime`].

mod error;
mod event;
mod owner;
mod pinned;
mod report;
mod runner;
mod runtime;
mod system;
mod tail;

pub use comity_flow::{Approver, Invalid, StepPlan};
pub use comity_govern::{Answer, Approval, Ruling};
pub use comity_ledger::RunStatus;
pub use comity_store::Durability;
pub use comity_store::{Error as StoreError, Pump};
pub use error::Error;
pub use runtime::{Finished, Hooks, Request, Runtime, Settings, check};
pub use system::{local_account, system_world};

use comity_core::KindSpec;

/// Every kind of step this build can run.
pub fn kinds() -> Vec<&'static KindSpec> {
    comity_adapter::ADAPTERS.iter().map(|adapter| adapter.spec).collect()
}
