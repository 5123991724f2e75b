//! Runs as people want to see them: all of it read back from entries.

use crate::bundle::Bundle;
use crate::error::Error;
use crate::event::Events;
use crate::kinds;
use crate::owner::alive;
use crate::pinned::Pinned;
use crate::runtime::Runtime;
use comity_api::{
    ApprovalInfo, Check, Event, EventKind, RunReport, RunSummary, StepReport, TraceRow, VerifyReport, usd,
};
use comity_core::{Digest, ReasonCode, RunId};
use comity_flow::{Plan, compile};
use comity_ledger::{EntryKind, Record, RunStatus, Slot, Verdict, read, read_one, verify};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What no verification from inside the database can show.
const NOT_SHOWN: &str = "a chain shows what was changed inside it; it cannot show that its last entries, or a \
whole run, were cut off and the rest made to fit: that takes a checkpoint kept elsewhere, which this build does not make";

impl Runtime {
    /// How a run stands, with its chain recomputed.
    pub async fn report(&self, id: RunId) -> Result<RunReport, Error> {
        let Pinned { cell, source, setup } = self.pinned(id).await?;
        let bundle = self.bundle(&source, &setup)?;
        let mut fold = Fold::new(Arc::clone(&bundle.root));
        read(self.store(), &cell, |record| fold.add(&record)).await?;
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
        })
    }

    /// The newest runs, newest first.
    pub async fn runs(&self, limit: usize) -> Result<Vec<RunSummary>, Error> {
        let mut out = Vec::new();
        for row in self.store().runs(self.tenant(), None, limit).await? {
            let spent = self.spent(row.id).await?;
            let opened = read_one(self.store(), &row.cell, 0).await?;
            let status = RunStatus::from_number(row.cell.status).unwrap_or(RunStatus::Running);
            let owner = alive(self.store().path(), &row.cell.owner).filter(|_| status == RunStatus::Running);
            // A run that says it is running, and whose process is gone, was cut off.
            let cut_off = status == RunStatus::Running && owner.is_none();
            let status = if cut_off { RunStatus::Interrupted } else { status };
            out.push(RunSummary {
                run_id: row.id.to_string(),
                status: status.word().to_owned(),
                name: opened.map_or(Ok(String::new()), |record| name(&record))?,
                cost_usd: usd(spent.micro_usd),
                entries: row.cell.next_seq,
                opened_ms: row.cell.opened.millis(),
                updated_ms: row.cell.updated.millis(),
                owner: owner.map(|pid| format!("process {pid}")),
            });
        }
        Ok(out)
    }

    /// Every entry of a run, handed on in order.
    pub async fn trace(&self, id: RunId, mut visit: impl FnMut(TraceRow) + Send) -> Result<(), Error> {
        let Pinned { cell, source, .. } = self.pinned(id).await?;
        let mut events = Events::new(Arc::new(self.compile(&source)?));
        read(self.store(), &cell, |record| {
            visit(trace_row(&record, events.step_name(&record)?)?);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Recomputes one run, or everything.
    pub async fn verify(&self, only: Option<RunId>) -> Result<VerifyReport, Error> {
        let report = verify(self.store(), only.map(|run| (self.tenant(), run))).await?;
        let fault = report.fault;
        Ok(VerifyReport {
            valid: fault.is_none(),
            runs: report.runs,
            entries: report.entries,
            payloads: report.payloads,
            accounts: report.accounts,
            head: only.and(report.head).map(|head: Digest| head.to_string()),
            bad_run: fault.as_ref().and_then(|fault| fault.run).map(|run| run.to_string()),
            bad_seq: fault.as_ref().and_then(|fault| fault.seq),
            fault: fault.map(|fault| fault.what),
            not_shown: NOT_SHOWN.to_owned(),
        })
    }
}

fn name(opened: &Record) -> Result<String, comity_ledger::Error> {
    let plan = compile(&opened.words(Slot::Source)?, &kinds());
    Ok(plan.ok().and_then(|plan| plan.name().map(str::to_owned)).unwrap_or_default())
}

fn trace_row(record: &Record, step: Option<String>) -> Result<TraceRow, comity_ledger::Error> {
    let entry = &record.entry;
    let checks =
        entry.checks.iter().map(|mark| Check { check: mark.0.to_string(), verdict: word(mark.1).to_owned() });
    Ok(TraceRow {
        seq: record.seq,
        at_ms: entry.at,
        kind: kind_word(entry.kind),
        step,
        principal: entry.principal.to_string(),
        attempt: entry.step.as_ref().map(|step| step.attempt).filter(|attempt| *attempt > 0),
        reason: entry.reason.map(|reason| reason.to_string()),
        message: Some(record.words(Slot::Note)?).filter(|words| !words.is_empty()),
        checks: checks.collect(),
        cost_usd: entry.usage.or(entry.used).map(|usage| usd(usage.micro_usd)),
        hash: record.hash.to_string(),
    })
}

fn kind_word(kind: EntryKind) -> String {
    serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Hold => "hold",
        Verdict::Deny => "deny",
    }
}

/// A run's events, folded into how its steps stand.
struct Fold {
    plan: Arc<Plan>,
    events: Events,
    steps: Vec<StepReport>,
    outputs: Vec<Option<Value>>,
    asks: Vec<Option<ApprovalInfo>>,
    /// Questions about nested steps, by name.
    nested: BTreeMap<String, ApprovalInfo>,
}

impl Fold {
    fn new(plan: Arc<Plan>) -> Self {
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
            nested: BTreeMap::new(),
        }
    }

    fn add(&mut self, record: &Record) -> Result<(), comity_ledger::Error> {
        let Some(event) = self.events.read(record)? else { return Ok(()) };
        let Some(step) = record.entry.step.as_ref() else { return Ok(()) };
        if step.parent.is_some() {
            self.note_nested(event, record.entry.expires);
            return Ok(());
        }
        let Ok(ordinal) = usize::try_from(step.ordinal) else { return Ok(()) };
        // A try that may be made again asks nobody.
        let retry = event.kind == EventKind::StepUnknown && step.idempotent;
        let event = if retry { Event { kind: EventKind::StepCancelled, ..event } } else { event };
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
        step.cost_usd = event.cost_usd.unwrap_or(step.cost_usd);
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
    fn output(&self) -> Value {
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
        let settled = ends.iter().filter_map(|ordinal| {
            let output = self.outputs.get(*ordinal)?.clone()?;
            Some((self.plan.step(*ordinal)?.name.to_string(), output))
        });
        let mut settled: Map<String, Value> = settled.collect();
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
