//! What a run was made of and what came of it, gathered from its entries alone: what is attested.

use super::entries::{given, kind_word, produced};
use crate::bundle::Bundle;
use crate::error::Error;
use crate::event::Events;
use crate::pinned::Pinned;
use crate::report::Fold;
use crate::runner::{Called, called};
use crate::runtime::Runtime;
use comity_core::{Amounts, Digest, RunId, StepId, StepKind};
use comity_ledger::{Entry, EntryKind, Error as LedgerError, Record, RunStatus, Slot, Verdict, read, verify};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that is said of a run when it is attested.
pub(super) struct Evidence {
    pub(super) run: RunId,
    pub(super) tenant: String,
    pub(super) namespace: String,
    /// The workflow's name, if its file gives one.
    pub(super) workflow: Option<String>,
    /// Workflow files by name, the one that was asked for first.
    pub(super) files: Vec<(String, Digest)>,
    /// What the run is about.
    pub(super) task: Digest,
    /// The policy: as decisions name it, and its bytes.
    pub(super) policy: (Digest, Digest),
    pub(super) opened: u64,
    pub(super) changed: u64,
    pub(super) status: RunStatus,
    pub(super) verdicts: BTreeMap<&'static str, u64>,
    pub(super) kinds: BTreeMap<String, u64>,
    pub(super) principals: BTreeMap<String, u64>,
    pub(super) spent: Amounts,
    pub(super) models: BTreeMap<String, Use>,
    pub(super) tools: Vec<Tool>,
    pub(super) output: Option<Value>,
    pub(super) entries: u64,
    pub(super) head: Digest,
}

/// How much something was used.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    /// Calls that ended.
    pub(super) calls: u64,
    pub(super) amounts: Amounts,
    /// Whether answers were made up by the sandbox.
    pub(super) simulated: bool,
}

/// Something that was called.
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) contract: Digest,
    /// What its workflow file says of it, if this build reads that as the one that ran it did.
    pub(super) declared: Option<Called>,
    pub(super) risk: u8,
    pub(super) calls: u64,
}

impl Runtime {
    /// Gathers what can be said of a run. Errors if its chain is not as it was written.
    pub(super) async fn evidence(&self, id: RunId) -> Result<Evidence, Error> {
        let checked = verify(self.store(), Some((self.tenant(), id))).await?;
        let pinned = self.pinned(id).await?;
        if let Some(fault) = checked.fault {
            return Err(Error::Broken { run: id, fault: fault.what });
        }
        let bundle = self.bundle(&pinned.source, &pinned.setup)?;
        let mut gathering = Gathering::new(&bundle);
        read(self.vault(), &pinned.cell, |record| gathering.add(&record)).await?;
        Ok(gathering.tell(id, &pinned, &bundle))
    }
}

/// Entries, taken in one by one.
struct Gathering {
    fold: Fold,
    events: Events,
    declared: BTreeMap<Digest, Called>,
    /// Which model each call asks.
    asked: BTreeMap<StepId, String>,
    models: BTreeMap<String, Use>,
    tools: BTreeMap<Digest, Tool>,
    verdicts: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<String, u64>,
    principals: BTreeMap<String, u64>,
    policy: (Digest, Digest),
    opened: u64,
    changed: u64,
    status: RunStatus,
    entries: u64,
    head: Digest,
}

impl Gathering {
    fn new(bundle: &Bundle) -> Self {
        Self {
            fold: Fold::new(Arc::clone(&bundle.root)),
            events: Events::new(Arc::clone(&bundle.root)),
            declared: called(bundle),
            asked: BTreeMap::new(),
            models: BTreeMap::new(),
            tools: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            kinds: BTreeMap::new(),
            principals: BTreeMap::new(),
            policy: (Digest::ZERO, Digest::ZERO),
            opened: 0,
            changed: 0,
            status: RunStatus::Running,
            entries: 0,
            head: Digest::ZERO,
        }
    }

    fn add(&mut self, record: &Record) -> Result<(), LedgerError> {
        let entry = &record.entry;
        self.fold.add(record)?;
        self.events.read(record)?;
        *self.kinds.entry(kind_word(entry.kind)).or_default() += 1;
        *self.principals.entry(entry.principal.to_string()).or_default() += 1;
        for mark in &entry.checks {
            *self.verdicts.entry(verdict(mark.1)).or_default() += 1;
        }
        self.status = entry.status.unwrap_or(self.status);
        (self.changed, self.head, self.entries) = (entry.at, record.hash, record.seq.saturating_add(1));
        if entry.kind == EntryKind::Opened {
            let text = record.text(Slot::Policy)?.unwrap_or_default();
            let digest = Digest::of(&[b"comity/policy/v1\n", &text]);
            (self.opened, self.policy) = (entry.at, (entry.policy.unwrap_or(digest), Digest::of(&[&text])));
        }
        self.parts(record)
    }

    /// What the entry says of models and tools.
    fn parts(&mut self, record: &Record) -> Result<(), LedgerError> {
        let Some(step) = &record.entry.step else { return Ok(()) };
        match step.kind {
            StepKind::ModelCall => {
                let model = given(record)?.and_then(|mut given| given.get_mut("model").map(Value::take));
                if let Some(Value::String(model)) = model {
                    self.asked.insert(step.id, model);
                }
                if let Some(model) = self.asked.get(&step.id).filter(|_| ended(&record.entry)) {
                    let of = self.models.entry(model.clone()).or_default();
                    let amounts = record.entry.usage.or(record.entry.used).unwrap_or_default();
                    of.calls += 1;
                    of.amounts = of.amounts.checked_add(&amounts).unwrap_or(Amounts::UNLIMITED);
                }
            }
            StepKind::AgentTurn => {
                let Some(answer) = produced(record)? else { return Ok(()) };
                let simulated = answer.get("simulated").and_then(Value::as_bool).unwrap_or_default();
                if let Some(model) = answer.get("model").and_then(Value::as_str).filter(|_| simulated) {
                    self.models.entry(model.to_owned()).or_default().simulated = true;
                }
            }
            StepKind::ToolCall => {
                let name = self.events.step_name(record)?.unwrap_or_default();
                let name = name.rsplit('/').next().unwrap_or_default().to_owned();
                let tool = self.tools.entry(step.contract).or_insert_with(|| Tool {
                    name,
                    contract: step.contract,
                    declared: self.declared.get(&step.contract).cloned(),
                    risk: step.risk,
                    calls: 0,
                });
                tool.calls += u64::from(ended(&record.entry));
            }
            _ => {}
        }
        Ok(())
    }

    fn tell(self, run: RunId, pinned: &Pinned, bundle: &Bundle) -> Evidence {
        let digest = |text: &str| Digest::of(&[text.as_bytes()]);
        let own = base_name(&pinned.setup.file).to_owned();
        let named = pinned.setup.flows.iter().map(|(path, text)| (path.clone(), digest(text)));
        let files = std::iter::once((own, digest(&pinned.source))).chain(named).collect();
        let mut tools: Vec<Tool> = self.tools.into_values().collect();
        tools.sort_by(|one, other| (&one.name, one.contract).cmp(&(&other.name, other.contract)));
        Evidence {
            run,
            tenant: pinned.cell.tenant.to_string(),
            namespace: pinned.cell.namespace.to_string(),
            workflow: bundle.root.name().map(str::to_owned),
            files,
            task: digest(&pinned.setup.task),
            policy: self.policy,
            opened: self.opened,
            changed: self.changed,
            status: self.status,
            verdicts: self.verdicts,
            kinds: self.kinds,
            principals: self.principals,
            spent: self.events.spent(),
            models: self.models,
            tools,
            output: Some(self.fold.output()).filter(|output| !output.is_null()),
            entries: self.entries,
            head: self.head,
        }
    }
}

/// Whether the entry ends a try of its step.
fn ended(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Settled | EntryKind::Failed | EntryKind::Unknown)
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Hold => "hold",
        Verdict::Deny => "deny",
    }
}

/// The file without the folders around it: where it lay is nobody's business.
fn base_name(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or("workflow.yaml")
}

/// Milliseconds since 1970 as RFC 3339 in UTC, as in `2025-11-20T12:00:00.25Z`.
pub(super) fn moment(millis: u64) -> String {
    let millis = i64::try_from(millis).ok();
    let moment = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    moment.unwrap_or_default().to_string()
}
