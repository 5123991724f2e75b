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

pub use comity_flow::{Approver, Diagnostic, Invalid, Plan, Severity, StepPlan, format, json_schema, render};
pub use comity_govern::{Answer, Approval, Error as GateError, Ruling};
pub use comity_ledger::{Error as LedgerError, RunStatus};
pub use comity_store::Durability;
pub use comity_store::{Error as StoreError, Pump};
pub use error::Error;
pub use runtime::{Finished, Hooks, Request, Runtime, Settings, check};
pub use system::{local_account, system_world};

use comity_core::KindSpec;

/// Every kind of step this build can run.
pub fn kinds() -> Vec<&'static KindSpec> {
    specs(comity_adapter::ADAPTERS)
}

/// What the kinds of step of these adapters may say in a file.
pub(crate) fn specs(adapters: &[comity_adapter::AdapterKind]) -> Vec<&'static KindSpec> {
    adapters.iter().map(|adapter| adapter.spec).collect()
}
