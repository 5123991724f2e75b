//! A run entry by entry.

use super::Which;
use crate::error::Error;
use crate::event::{Events, origin};
use crate::pinned::Pinned;
use crate::runtime::Runtime;
use comity_api::{Check, TraceRow, usd};
use comity_core::{Digest, RunId};
use comity_ledger::{EntryKind, Error as LedgerError, Record, Slot, Verdict, read};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What of each entry is handed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Only entries about this step.
    pub of: Option<Which>,
    /// Whether what steps were given and produced is read too.
    pub texts: bool,
}

impl Runtime {
    /// Every entry of a run, handed on in order.
    pub async fn trace(&self, id: RunId, visit: impl FnMut(TraceRow) + Send) -> Result<(), Error> {
        self.trace_rows(id, &Rows::default(), visit).await
    }

    /// The entries of a run that are wanted, handed on in order.
    pub async fn trace_rows(
        &self,
        id: RunId,
        rows: &Rows,
        mut visit: impl FnMut(TraceRow) + Send,
    ) -> Result<(), Error> {
        let Pinned { cell, source, .. } = self.pinned(id).await?;
        let mut events = Events::new(Arc::new(self.compile(&source)?));
        let mut prev = Digest::ZERO;
        let mut found = rows.of.is_none();
        read(self.vault(), &cell, |record| {
            let mut row = trace_row(&record, events.step_name(&record)?, prev)?;
            prev = record.hash;
            let about = rows
                .of
                .as_ref()
                .is_none_or(|of| row.step.as_ref().is_some_and(|step| of.is(step, row.pass.unwrap_or(1))));
            if about {
                found = true;
                if rows.texts {
                    (row.input, row.output) = (given(&record)?, produced(&record)?);
                }
                visit(row);
            }
            Ok(())
        })
        .await?;
        match &rows.of {
            Some(of) if !found => Err(Error::NoStep { run: id, step: of.step.clone() }),
            _ => Ok(()),
        }
    }
}

/// One entry, without what its step was given and produced.
pub(crate) fn trace_row(
    record: &Record,
    step: Option<String>,
    prev: Digest,
) -> Result<TraceRow, LedgerError> {
    let entry = &record.entry;
    let usage = entry.usage.or(entry.used);
    Ok(TraceRow {
        seq: record.seq,
        at_ms: entry.at,
        kind: kind_word(entry.kind),
        step,
        principal: entry.principal.to_string(),
        attempt: entry.step.as_ref().map(|step| step.attempt).filter(|attempt| *attempt > 0),
        reason: entry.reason.map(|reason| reason.to_string()),
        message: Some(record.words(Slot::Note)?).filter(|words| !words.is_empty()),
        checks: checks(record),
        cost_usd: usage.map(|usage| usd(usage.micro_usd)),
        origin: origin(entry),
        hash: record.hash.to_string(),
        prev: prev.to_string(),
        pass: entry.step.as_ref().map(|step| step.iteration.saturating_add(1)).filter(|pass| *pass > 1),
        due_ms: entry.expires,
        status: entry.status.map(|status| status.word().to_owned()),
        tokens: usage.map(|usage| usage.tokens).filter(|tokens| *tokens > 0),
        payloads: payloads(record),
        input: None,
        output: None,
    })
}

/// What each check said.
pub(crate) fn checks(record: &Record) -> Vec<Check> {
    let one = |mark: &comity_ledger::CheckMark| {
        let verdict = match mark.1 {
            Verdict::Pass => "pass",
            Verdict::Hold => "hold",
            Verdict::Deny => "deny",
        };
        Check { check: mark.0.to_string(), verdict: verdict.to_owned() }
    };
    record.entry.checks.iter().map(one).collect()
}

/// What an entry records, in one word.
pub(crate) fn kind_word(kind: EntryKind) -> String {
    serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What the step was given, if the entry has it.
pub(crate) fn given(record: &Record) -> Result<Option<Value>, LedgerError> {
    let act = record.value(Slot::Act)?;
    Ok(act.and_then(|mut act| match &act {
        Value::String(_) => Some(act),
        _ => act.get_mut("input").map(Value::take),
    }))
}

/// What the step produced, if the entry has it.
pub(crate) fn produced(record: &Record) -> Result<Option<Value>, LedgerError> {
    record.value(Slot::Output)
}

fn payloads(record: &Record) -> BTreeMap<String, String> {
    let digest = |slot: Slot| Some((slot.name().to_owned(), record.entry.payloads.get(slot)?.to_string()));
    Slot::ALL.into_iter().filter_map(digest).collect()
}
