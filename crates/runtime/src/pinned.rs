//! What a run was started with, as its opening entry pins it.

use crate::error::Error;
use comity_core::{Digest, RunId, StepId, Tenant, TraceContext};
use comity_govern::{Legacy, Recorded, Run};
use comity_ledger::keys::KeyFault;
use comity_ledger::{ERASED, Origin, Slot, UNREADABLE, Vault, read_one};
use comity_store::RunCell;
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
    /// What it goes back to, if it was forked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Forked>,
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
    /// Whether nothing of this is known, because its key was destroyed or is not here.
    #[serde(skip)]
    pub erased: bool,
}

impl Setup {
    /// What is known of a setup whose key was destroyed, or is not here; `word` says which.
    fn closed(word: &str) -> Self {
        Self {
            base_dir: String::new(),
            file: word.to_owned(),
            flows: BTreeMap::new(),
            fork: None,
            planner: PLANNER,
            task: word.to_owned(),
            traceparent: None,
            erased: true,
        }
    }

    /// Puts a run into the trace it was called from within, and lets it take over what it was forked for.
    pub fn place(&self, run: &Run) {
        if let Some(forked) = &self.fork {
            run.inherit(forked.legacy(run.id()));
        }
        if let Some(trace) = self.traceparent.as_deref().and_then(TraceContext::parse) {
            run.belongs_to(trace);
        }
    }
}

/// What a forked run goes back to, and what it takes over from there: worked out once, before it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forked {
    /// From which step on everything is done anew: `draft`, or `draft#2` for its second pass.
    pub from: String,
    /// The run that it was forked from.
    pub run: RunId,
    /// Results that are taken over.
    pub taken: Vec<Taken>,
    /// What that run was about: steps that are taken over were told this.
    pub task: String,
}

/// A result that is taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The entry that has the act, by its place in the other chain.
    pub act: u64,
    /// The entry that has the result, by its place in the other chain.
    pub end: u64,
    /// That entry's hash.
    pub entry: Digest,
    /// Which pass, from 0.
    pub iteration: u32,
    /// Which step of the fork.
    pub ordinal: u32,
    /// What a person put in the result's place, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl Forked {
    /// The same, for the gate.
    fn legacy(&self, run: RunId) -> Legacy {
        let one = |taken: &Taken| {
            let edited = taken.output.as_deref().map(|text| serde_json::from_str(text).unwrap_or_default());
            let recorded = Recorded { act: taken.act, end: taken.end, hash: taken.entry, edited };
            (taken.step(run), recorded)
        };
        Legacy { run: self.run, steps: self.taken.iter().map(one).collect() }
    }
}

impl Taken {
    /// The step of this run that it is the result of.
    pub fn step(&self, run: RunId) -> StepId {
        StepId::derive(run, None, self.ordinal, self.iteration)
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
    /// The last entry of the run that it was forked from, if it was.
    pub origin: Option<Origin>,
    /// Why nothing of its setup can be read, if its key is not here.
    lost: Option<KeyFault>,
}

impl Pinned {
    /// Errors if it cannot be gone on with, because its texts were erased or their key is not here.
    pub fn is_open(&self, run: RunId) -> Result<(), Error> {
        match &self.lost {
            Some(why) => Err(comity_ledger::Error::from(why.clone()).into()),
            None if self.setup.erased => Err(comity_govern::Error::Erased(run).into()),
            None => Ok(()),
        }
    }
}

/// Reads what a run was started with.
///
/// What was erased of it reads as [`ERASED`], and the setup says so.
pub async fn read(vault: &Vault, tenant: &Tenant, run: RunId) -> Result<Pinned, Error> {
    let cell = vault.store().run(tenant, run).await?.ok_or(comity_govern::Error::NoRun(run))?;
    let bad = |why: &str| comity_ledger::Error::BadEntry { seq: 0, why: why.to_owned() };
    let opened = read_one(vault, &cell, 0).await?.ok_or_else(|| bad("it is missing"))?;
    let source = opened.words(Slot::Source)?;
    let mut lost = None;
    let setup = match opened.text(Slot::Setup) {
        Err(comity_ledger::Error::Erased { .. }) => Setup::closed(ERASED),
        Err(comity_ledger::Error::Keys(why)) => {
            lost = Some(why);
            Setup::closed(UNREADABLE)
        }
        text => {
            serde_json::from_slice(&text?.unwrap_or_default()).map_err(|error| bad(&error.to_string()))?
        }
    };
    if setup.planner != PLANNER && !CONTAINED.contains(&setup.planner) {
        return Err(Error::Planner { run, found: setup.planner, known: PLANNER });
    }
    Ok(Pinned { cell, source, setup, origin: opened.entry.origin, lost })
}
