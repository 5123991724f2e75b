//! Runs as people want to see them: all of it read back from entries.

use crate::bundle::Bundle;
use crate::error::Error;
use crate::event::Events;
use crate::log::Compared;
use crate::outside::Standing;
use crate::pinned::Pinned;
use crate::runtime::Runtime;
use comity_api::{
    ApprovalInfo, Event, EventKind, GuardReport, RebuildReport, RunReport, StepReport, VerifyReport,
    ViewDifference, usd,
};
use comity_core::{Digest, ReasonCode, RunId, Timestamp};
use comity_flow::Plan;
use comity_ledger::rebuild::{Difference, NOT_DERIVED, rebuild};
use comity_ledger::{Fault, LogReport, Record, RunStatus, read, verify, verify_with};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What no verification from inside the database can show.
const NOT_SHOWN: &str = "a database cannot show that it is not an older copy of itself, nor that whoever has its key \
did not write it anew: `comity verify --checkpoint FILE` holds it against a checkpoint that was kept elsewhere";

impl Runtime {
    /// How a run stands, with its chain recomputed.
    pub async fn report(&self, id: RunId) -> Result<RunReport, Error> {
        let Pinned { cell, source, setup, .. } = self.pinned(id).await?;
        let bundle = self.bundle(&source, &setup)?;
        let mut fold = Fold::new(Arc::clone(&bundle.root));
        read(self.vault(), &cell, |record| fold.add(&record)).await?;
        let checked = verify(self.store(), Some((self.tenant(), id))).await?;
        let status = RunStatus::from_number(cell.status);
        let spent = fold.events.spent();
        Ok(RunReport {
            run_id: id.to_string(),
            status: status.map_or("unknown", RunStatus::word).to_owned(),
            output: fold.output(),
            cost_usd: usd(spent.micro_usd),
            cost_micro_usd: spent.micro_usd,
            tokens: spent.tokens,
            approvals: fold.approvals(&bundle),
            steps: fold.steps,
            head: cell.head.to_string(),
            entries: cell.next_seq,
            verified: checked.fault.is_none(),
            unprotected: Vec::new(),
        })
    }

    /// Makes every view of every tenant anew from its entries, and compares. Writes nothing.
    pub async fn rebuild(&self) -> Result<RebuildReport, Error> {
        let found = rebuild(self.store()).await?;
        let difference = |one: Difference| ViewDifference {
            view: one.view.to_owned(),
            row: one.row,
            column: one.column.to_owned(),
            stored: one.stored,
            derived: one.derived,
        };
        Ok(RebuildReport {
            whole: found.is_whole(),
            runs: found.runs,
            entries: found.entries,
            accounts: found.accounts,
            approvals: found.approvals,
            differences: found.differences.into_iter().map(difference).collect(),
            more: found.more,
            broken: found.broken.into_iter().map(|(run, why)| (run.to_string(), why)).collect(),
            not_derived: NOT_DERIVED.map(str::to_owned).to_vec(),
        })
    }

    /// How far each guard has come that is set up; and what is wrong, if a copy of a checkpoint is of another log.
    pub async fn guard_reports(&self) -> Result<(Vec<GuardReport>, Option<String>), Error> {
        let (standings, fault) = self.standings().await?;
        Ok((standings.into_iter().map(guard).collect(), fault))
    }

    /// Recomputes one run, or everything.
    pub async fn verify(&self, only: Option<RunId>) -> Result<VerifyReport, Error> {
        let report = verify_with(self.vault(), only.map(|run| (self.tenant(), run))).await?;
        let (mut fault, mut key_not_compared, mut guards) = (report.fault, None, Vec::new());
        match self.compare_key().await? {
            Compared::Same => {}
            Compared::Not(why) => key_not_compared = Some(why),
            Compared::Fault(what) => fault = fault.or(Some(Fault { run: None, seq: None, what })),
        }
        if only.is_none() {
            let (reports, other) = self.guard_reports().await?;
            (guards, fault) = (reports, fault.or(other.map(|what| Fault { run: None, seq: None, what })));
        }
        let LogReport { leaves, checkpoints, unprotected } = report.log;
        Ok(VerifyReport {
            valid: fault.is_none(),
            runs: report.runs,
            entries: report.entries,
            payloads: report.payloads,
            accounts: report.accounts,
            leaves,
            checkpoints,
            unprotected,
            head: only.and(report.head).map(|head: Digest| head.to_string()),
            bad_run: fault.as_ref().and_then(|fault| fault.run).map(|run| run.to_string()),
            bad_seq: fault.as_ref().and_then(|fault| fault.seq),
            fault: fault.map(|fault| fault.what),
            key_not_compared,
            guards,
            not_shown: not_shown(report.unbooked),
        })
    }
}

fn guard(standing: Standing) -> GuardReport {
    let Standing { guard, has, of, since, why } = standing;
    GuardReport { guard: guard.to_string(), has, of, since_ms: since.map(Timestamp::millis), why }
}

fn not_shown(unbooked: u64) -> String {
    match unbooked {
        0 => NOT_SHOWN.to_owned(),
        runs => format!(
            "{NOT_SHOWN}; nor why texts of {runs} runs are under a tenant key that was destroyed, and no erasure says \
             so: that is how a copy from before an erasure looks"
        ),
    }
}

/// A run's events, folded into how its steps stand.
pub(crate) struct Fold {
    plan: Arc<Plan>,
    events: Events,
    steps: Vec<StepReport>,
    outputs: Vec<Option<Value>>,
    asks: Vec<Option<ApprovalInfo>>,
    /// What each step has cost, in millionths of a dollar.
    costs: Vec<u64>,
    /// Questions about nested steps, by name.
    nested: BTreeMap<String, ApprovalInfo>,
}

impl Fold {
    /// Of a run of this plan.
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let pending = |step: &comity_flow::StepPlan| StepReport {
            step: step.name.to_string(),
            status: "pending".to_owned(),
            reason: None,
            message: None,
            cost_usd: 0.0,
            duration_ms: None,
            attempts: 0,
        };
        let steps: Vec<StepReport> = plan.steps().iter().map(pending).collect();
        let count = steps.len();
        Self {
            events: Events::new(Arc::clone(&plan)),
            plan,
            steps,
            outputs: vec![None; count],
            asks: vec![None; count],
            costs: vec![0; count],
            nested: BTreeMap::new(),
        }
    }

    /// Takes an entry in.
    pub(crate) fn add(&mut self, record: &Record) -> Result<(), comity_ledger::Error> {
        let Some(event) = self.events.read(record)? else { return Ok(()) };
        let Some(step) = record.entry.step.as_ref() else { return Ok(()) };
        // A try that may be made again asks nobody.
        let retry = event.kind == EventKind::StepUnknown && step.idempotent;
        let event = if retry { Event { kind: EventKind::StepCancelled, ..event } } else { event };
        if step.parent.is_some() {
            self.note_nested(event, record.entry.expires);
            return Ok(());
        }
        let Ok(ordinal) = usize::try_from(step.ordinal) else { return Ok(()) };
        // Every try and every pass counts, and what it cost before it was suspended.
        if let (Some(cost), Some(usage)) = (self.costs.get_mut(ordinal), record.entry.usage) {
            *cost = cost.saturating_add(usage.micro_usd);
        }
        self.note(ordinal, event, record.entry.expires);
        Ok(())
    }

    /// A question about a nested step is one about the run.
    fn note_nested(&mut self, event: Event, expires: Option<u64>) {
        let Some(name) = event.step else { return };
        if !matches!(event.kind, EventKind::StepHeld | EventKind::StepUnknown) {
            self.nested.remove(&name);
            return;
        }
        let info = ApprovalInfo {
            approval: event.approval.unwrap_or_default(),
            step: name.clone(),
            prompt: None,
            message: event.message.unwrap_or_default(),
            expires_ms: expires,
        };
        self.nested.insert(name, info);
    }

    fn note(&mut self, ordinal: usize, event: Event, expires: Option<u64>) {
        let (Some(step), Some(output), Some(ask)) =
            (self.steps.get_mut(ordinal), self.outputs.get_mut(ordinal), self.asks.get_mut(ordinal))
        else {
            return;
        };
        step.status = status_word(event.kind).to_owned();
        step.attempts = step.attempts.max(event.attempt.unwrap_or_default());
        step.reason = event.reason;
        step.message.clone_from(&event.message);
        step.cost_usd = usd(self.costs.get(ordinal).copied().unwrap_or_default());
        step.duration_ms = event.duration_ms.or(step.duration_ms);
        if event.kind == EventKind::StepSettled {
            *output = event.output;
        }
        let asks = matches!(event.kind, EventKind::StepHeld | EventKind::StepUnknown);
        let prompt = self.plan.step(ordinal).and_then(|step| step.config.get("prompt")?.as_str());
        *ask = asks.then(|| ApprovalInfo {
            approval: event.approval.unwrap_or_default(),
            step: step.step.clone(),
            prompt: prompt.map(str::to_owned),
            message: event.message.unwrap_or_default(),
            expires_ms: expires,
        });
    }

    /// What the terminal steps produced: one output as it is, several by step name. When the workflow went
    /// past all of them, what the settled steps produced that led nowhere.
    pub(crate) fn output(&self) -> Value {
        let is = |step: &usize, status: &str| self.steps.get(*step).is_some_and(|step| step.status == status);
        let passed = self.plan.terminal().iter().all(|step| {
            let why = self.steps.get(*step).and_then(|step| step.reason.as_deref());
            why == Some(ReasonCode::ConditionFalse.code())
        });
        let ends = |step: &usize| {
            let before = self.plan.step(*step).map(|step| step.before.as_slice()).unwrap_or_default();
            is(step, "settled") && before.iter().all(|next| is(next, "skipped"))
        };
        let ends: Vec<usize> =
            if passed { (0..self.steps.len()).filter(ends).collect() } else { self.plan.terminal().to_vec() };
        // What a step left behind in an earlier pass of a loop is not what it came to.
        let settled = ends.iter().filter(|ordinal| is(ordinal, "settled")).filter_map(|ordinal| {
            let output = self.outputs.get(*ordinal)?.clone()?;
            Some((self.plan.step(*ordinal)?.name.to_string(), output))
        });
        let mut settled: Map<String, Value> = settled.collect();
        settled.sort_keys();
        match settled.len() {
            0 => Value::Null,
            1 => settled.values_mut().next().map(Value::take).unwrap_or_default(),
            _ => Value::Object(settled),
        }
    }

    fn approvals(&self, bundle: &Bundle) -> Vec<ApprovalInfo> {
        let nested = self.nested.values().map(|info| {
            let prompt = bundle.prompt(&info.step);
            ApprovalInfo { prompt, ..info.clone() }
        });
        self.asks.iter().flatten().cloned().chain(nested).collect()
    }
}

fn status_word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::StepStarted => "running",
        EventKind::StepSettled => "settled",
        EventKind::StepDenied => "denied",
        EventKind::StepHeld => "held",
        EventKind::StepScheduled => "scheduled",
        EventKind::StepSuspended => "suspended",
        EventKind::StepApproved => "approved",
        EventKind::StepSkipped => "skipped",
        EventKind::StepFailed => "failed",
        EventKind::StepUnknown => "unknown",
        EventKind::StepCancelled | EventKind::RunStarted | EventKind::RunFinished => "pending",
    }
}
