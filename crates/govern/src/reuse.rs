//! Results that a forked run takes over from the run it was forked from, instead of doing their steps again.
//!
//! What may be taken over is pure data, worked out before and pinned in the fork's first entry. Taking one over is one
//! queued commit with one entry; from there on the fork's own chain answers for it, and the other run is not read again.

use crate::error::Error;
use crate::gate::Gate;
use crate::history::{Past, PastState};
use crate::outcome::{Outcome, Settled};
use crate::run::{Run, act_bytes};
use crate::scope::Scope;
use comity_core::{Digest, ReasonCode, RunId, Step, StepId, Taint};
use comity_ledger::{EntryKind, Origin, Record, Slot, StepRef, read_one};
use serde_json::Value;
use std::collections::HashMap;

/// Results that are queued before they are waited for.
const QUEUED: usize = 256;

/// What a forked run may take over.
#[derive(Clone, Debug)]
pub struct Legacy {
    /// The run it was forked from.
    pub run: RunId,
    /// By the ids of the fork's own steps.
    pub steps: HashMap<StepId, Recorded>,
}

/// Where a result is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The entry that has the act's text, by its place in the chain.
    pub act: u64,
    /// The entry that has the result, by its place in the chain.
    pub end: u64,
    /// That entry's hash.
    pub hash: Digest,
    /// What a person put in the result's place, if somebody did.
    pub edited: Option<Value>,
}

impl Run {
    /// Lets results of another run be taken over. The first call counts.
    pub fn inherit(&self, legacy: Legacy) {
        let _ = self.legacy.set(legacy);
    }

    /// Whether a step's result may be taken over, or was. Without having asked, nobody knows whether it fits.
    pub fn inherits(&self, step: StepId) -> bool {
        self.legacy.get().is_some_and(|legacy| legacy.steps.contains_key(&step))
    }
}

impl Gate {
    /// Takes a step's result over, if there is one and the step is asked for with the same input and done in the
    /// same way. Nothing is done, held or booked, and nobody is asked: what was approved there is not approved here.
    ///
    /// `None` says that the step has to go through [`Gate::run`]. Returns once the entry is queued.
    pub async fn reuse(&self, scope: &Scope, step: &Step) -> Result<Option<Outcome>, Error> {
        let run = &*scope.run;
        if step.id != scope.step_id(step.ordinal, step.iteration) {
            return Err(Error::Misplaced(step.id));
        }
        let _turn = run.turn(step.id)?;
        if let Some(past) = run.recall(step.id) {
            return if past.reused { self.reused(run, step, &past).await.map(Some) } else { Ok(None) };
        }
        let recorded = run.legacy.get().and_then(|legacy| Some((legacy.run, legacy.steps.get(&step.id)?)));
        let Some((from, recorded)) = recorded else { return Ok(None) };
        let (act, end) = self.recorded(run, from, recorded).await?;
        let given = act.text(Slot::Act)?;
        let contract = end.entry.step.as_ref().map(|step| step.contract);
        if given.as_deref() != Some(&act_bytes(step)) || contract != Some(step.contract) {
            return Ok(None);
        }
        let output = match &recorded.edited {
            Some(value) => Some(crate::effect::Input::new(value.clone()).bytes.to_vec()),
            None => end.text(Slot::Output)?,
        };
        let lost = || Error::Origin { run: from, what: format!("has lost what entry {} produced", end.seq) };
        let output = output.ok_or_else(lost)?;
        let value = serde_json::from_slice(&output).map_err(|_| lost())?;
        if run.owed() >= QUEUED {
            run.flush().await?;
        }
        let mut entry = run.entry(EntryKind::Reused);
        entry.step = Some(StepRef::of(step, 0));
        entry.origin = Some(Origin { entry: end.hash, run: from, seq: end.seq });
        // What a person put in its place is the person's.
        let taint = if recorded.edited.is_some() { Taint::NONE } else { end.entry.taint };
        entry.taint = taint;
        entry.reason = recorded.edited.is_some().then_some(ReasonCode::Edited);
        let at = comity_core::Timestamp::from_millis(entry.at);
        let texts = [(Slot::Act, &act_bytes(step)[..]), (Slot::Output, &output)];
        let ops = vec![run.append(entry, &texts)];
        let fresh = Past::new(&StepRef::of(step, 0), 0);
        run.remember(step.id, Past { state: PastState::Settled(0), reused: true, ..fresh });
        run.owe(step.id, self.inner.store().queue(run.build(Vec::new(), ops)));
        let settled = Settled {
            output: crate::effect::Output { value },
            taint,
            usage: comity_core::Amounts::ZERO,
            replayed: true,
            at,
        };
        Ok(Some(Outcome::Settled(settled)))
    }

    /// A result that was taken over before, from this run's own chain.
    async fn reused(&self, run: &Run, step: &Step, past: &Past) -> Result<Outcome, Error> {
        // What is not durable yet has no place in the chain to be read from.
        run.flush().await?;
        let past = run.recall(step.id).unwrap_or_else(|| past.clone());
        let PastState::Settled(seq) = past.state else { return Err(Error::Misplaced(step.id)) };
        self.same_act(run, step, &past).await?;
        self.recorded_output(run, seq).await
    }

    /// The entries of the other run that have the act and the result.
    async fn recorded(&self, run: &Run, from: RunId, recorded: &Recorded) -> Result<(Record, Record), Error> {
        let fail = |what: String| Error::Origin { run: from, what };
        let vault = &self.inner.vault;
        let gone = || fail("is not there any more".to_owned());
        let cell = vault.store().run(&run.tenant, from).await?.ok_or_else(gone)?;
        let missing = |seq: u64| fail(format!("has no entry {seq} any more"));
        let end = read_one(vault, &cell, recorded.end).await?.ok_or_else(|| missing(recorded.end))?;
        if end.hash != recorded.hash {
            return Err(fail(format!("has another entry {} than when it was forked", recorded.end)));
        }
        if recorded.act == recorded.end {
            return Ok((end.clone(), end));
        }
        let act = read_one(vault, &cell, recorded.act).await?.ok_or_else(|| missing(recorded.act))?;
        Ok((act, end))
    }
}
