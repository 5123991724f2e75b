//! The composition root: opens the store, builds the gate, and runs workflows through it.
//!
//! This room reads no arguments and prints nothing; it knows no HTTP. Start with [`Runtime`].

mod archive;
mod bundle;
mod describe;
mod erasing;
mod error;
mod event;
mod fork;
pub mod keys;
pub mod log;
mod outside;
mod owner;
mod pinned;
mod report;
mod runner;
mod runtime;
mod signing;
mod stored;
mod system;
mod tail;
pub mod view;
mod witness;

pub use archive::{Archived, Progress, Shelf, check_archive, keep_checkpoint};
pub use bundle::{Reader, no_files};
pub use comity_archive::{Address as ArchiveAddress, Error as ArchiveError, Options as PlaceOptions, Place};
pub use comity_flow::draw;
pub use comity_flow::{
    Approver, CODES, Diagnostic, Invalid, Plan, Question, Severity, StepPlan, format, json_schema, render,
};
/// Erasing, legal holds and retention: what is asked, and what is answered.
pub use comity_govern::book;
pub use comity_govern::{Answer, Approval, Error as GateError, Ruling};
pub use comity_ledger::keys::KeyFault;
pub use comity_ledger::log::note::Verifier;
pub use comity_ledger::{Error as LedgerError, RunStatus};
pub use comity_store::{Access, Address, Durability, Error as StoreError, Pump, SCHEMA};
pub use describe::describe;
pub use error::Error;
pub use fork::{Fork, ForkRequest};
pub use outside::{BadPlace, Guard, Guarded, Guards, Missing, SecondPlace, Standing};
pub use owner::{Signs, signs};
pub use pinned::PLANNER;
pub use runtime::{Anchoring, Finished, Hooks, Request, Runtime, Settings, check, has_agents};
pub use signing::{Attested, check_attestation};
pub use stored::{Part, Stored};
pub use system::{local_account, system_world};
pub use witness::{AskedAll, BadWitness, Effort, Witness, Witnessed};

use comity_core::KindSpec;

/// Every kind of step this build can run.
pub fn kinds() -> Vec<&'static KindSpec> {
    specs(comity_adapter::ADAPTERS)
}

/// What the kinds of step of these adapters, and those that need none, may say in a file.
pub(crate) fn specs(adapters: &[comity_adapter::AdapterKind]) -> Vec<&'static KindSpec> {
    let adapters = adapters.iter().map(|adapter| adapter.spec);
    adapters.chain(comity_flow::KINDS.iter().copied()).chain([&comity_agent::SPEC]).collect()
}
