//! What a run was started with, as its opening entry pins it.

use crate::error::Error;
use comity_core::{RunId, Tenant, TraceContext};
use comity_govern::Run;
use comity_ledger::{Slot, read_one};
use comity_store::{RunCell, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the planner's rules. A run goes on only under the rules it began under.
pub const PLANNER: u64 = 2;
/// Earlier versions whose rules this one contains: what their files could say means the same.
const CONTAINED: &[u64] = &[1];

/// The pinned setup: everything a resume needs besides the workflow file and the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Folder that programs start in.
    pub base_dir: String,
    /// Name of the workflow file, for messages.
    pub file: String,
    /// The workflow files that the file names, by path from its folder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flows: BTreeMap<String, String>,
    /// Version of the planner's rules.
    pub planner: u64,
    /// What the run is about.
    pub task: String,
    /// The trace it was called from within, as a `traceparent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Setup {
    /// Puts a run into the trace it was called from within.
    pub fn place(&self, run: &Run) {
        if let Some(trace) = self.traceparent.as_deref().and_then(TraceContext::parse) {
            run.belongs_to(trace);
        }
    }
}

/// A run's row, workflow file and setup.
pub struct Pinned {
    /// The run's row.
    pub cell: RunCell,
    /// The workflow file.
    pub source: String,
    /// The setup.
    pub setup: Setup,
}

/// Reads what a run was started with.
pub async fn read(store: &Store, tenant: &Tenant, run: RunId) -> Result<Pinned, Error> {
    let cell = store.run(tenant, run).await?.ok_or(comity_govern::Error::NoRun(run))?;
    let bad = |why: &str| comity_ledger::Error::BadEntry { seq: 0, why: why.to_owned() };
    let opened = read_one(store, &cell, 0).await?.ok_or_else(|| bad("it is missing"))?;
    let source = opened.words(Slot::Source)?;
    let setup = opened.text(Slot::Setup)?.unwrap_or_default();
    let setup: Setup = serde_json::from_slice(&setup).map_err(|error| bad(&error.to_string()))?;
    if setup.planner != PLANNER && !CONTAINED.contains(&setup.planner) {
        return Err(Error::Planner { run, found: setup.planner, known: PLANNER });
    }
    Ok(Pinned { cell, source, setup })
}
