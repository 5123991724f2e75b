//! One run in this process: who owns it, under which policy, and what it remembers.

use crate::acts::{Acts, ActsByTarget, actor};
use crate::error::Error;
use crate::gate::Inner;
use crate::history::{History, Past, PastState, count_done};
use crate::outcome::{Approval, Asked};
use crate::policy::Policy;
use crate::reuse::Legacy;
use crate::scope::Rules;
use comity_core::{
    Amounts, Namespace, Principal, ReasonCode, RunId, Step, StepId, StepKind, Tenant, Timestamp, TraceContext,
};
use comity_ledger::{Entry, EntryKind, Origin, Pen, RunStatus, Slot, StepRef, account, seal};
use comity_rules::Actor;
use comity_store::{AccountId, Commit, Expect, Fence, Op, Receipt, Refused, Ticket};
use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The statuses of a run that has not ended, by number.
pub(crate) const ALIVE: &[u8] =
    &[RunStatus::Running as u8, RunStatus::Waiting as u8, RunStatus::Interrupted as u8];

/// What a run is opened with. Everything here is pinned in its first entry.
pub struct Opening {
    /// Who asks for it.
    pub principal: Principal,
    /// Which process owns it.
    pub owner: Arc<str>,
    /// The limits it runs under.
    pub policy: Policy,
    /// The workflow file.
    pub source: Vec<u8>,
    /// Whatever else the composition root must find again on resume.
    pub setup: Vec<u8>,
    /// Whom its texts are about, if they are about somebody: they can be erased by that name.
    pub about: Option<String>,
    /// The last entry of the run that it was forked from, if it was.
    pub origin: Option<Origin>,
}

/// One run in this process. Commits made through it carry its epoch.
pub struct Run {
    pub(crate) inner: Arc<Inner>,
    id: RunId,
    pub(crate) tenant: Tenant,
    pub(crate) namespace: Namespace,
    principal: Arc<str>,
    pub(crate) rules: Arc<Rules>,
    /// Whoever the run is done for.
    pub(crate) actor: Arc<Actor>,
    pub(crate) accounts: Arc<[AccountId]>,
    epoch: u64,
    /// What its texts are written and read with: held here, whatever becomes of the tenant's key meanwhile.
    pub(crate) pen: Pen,
    /// Where the run's clock stood when this process began to work on it.
    began: Duration,
    elapsed_before: Duration,
    state: Mutex<State>,
    /// Rung whenever a hold of this run is given back.
    pub(crate) released: tokio::sync::Notify,
    /// One flush at a time: whoever comes second waits for what the first has taken.
    flushing: tokio::sync::Semaphore,
    /// Steps that are being done, or answered for.
    turns: Turns,
    /// The trace it belongs to, if it was called from within one.
    trace: OnceLock<TraceContext>,
    /// What it may take over from the run it was forked from, if it was.
    pub(crate) legacy: OnceLock<Legacy>,
}

#[derive(Default)]
struct State {
    /// Settlements that are queued and not yet known to be durable.
    pending: VecDeque<Owed>,
    failed: Option<Error>,
    steps: HashMap<StepId, Past>,
    /// What was done in the run, by what it was done to.
    acts: ActsByTarget,
    /// Whom people were asked about, and under which name.
    asked: HashMap<StepId, Asked>,
    in_flight: usize,
    given_back: u64,
    /// How long nothing but people was waited for, and since when that is so now.
    rested: Duration,
    resting: Option<Duration>,
}

/// A queued commit, and whose end its first entry records, if it is one.
struct Owed {
    ticket: Ticket,
    step: Option<StepId>,
}

type Turns = Arc<Mutex<HashSet<StepId>>>;

/// The right to be the only one at a step. Dropping it gives it back.
pub(crate) struct Turn {
    turns: Turns,
    step: StepId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.step);
    }
}

/// A settlement that is waited for. Dropped before the answer came, it goes back to those that are owed.
struct Awaited<'r> {
    run: &'r Run,
    owed: Option<Owed>,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if let Some(owed) = self.owed.take() {
            self.run.state().pending.push_front(owed);
        }
    }
}

impl Run {
    pub(crate) fn new(
        inner: Arc<Inner>,
        id: RunId,
        principal: &Principal,
        rules: Arc<Rules>,
        epoch: u64,
        history: History,
        pen: Pen,
    ) -> Self {
        let accounts = account::path(id, &principal.tenant, &principal.namespace);
        let began = inner.world.clock.monotonic();
        Self {
            inner,
            id,
            tenant: principal.tenant.clone(),
            namespace: principal.namespace.clone(),
            principal: Arc::clone(&principal.id),
            rules,
            actor: Arc::new(actor(principal)),
            accounts,
            epoch,
            pen,
            began,
            elapsed_before: history.elapsed,
            state: Mutex::new(State { steps: history.steps, acts: history.acts, ..State::default() }),
            released: tokio::sync::Notify::new(),
            flushing: tokio::sync::Semaphore::new(1),
            turns: Turns::default(),
            trace: OnceLock::new(),
            legacy: OnceLock::new(),
        }
    }

    /// The run's id.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// The limits it runs under.
    pub fn policy(&self) -> &Policy {
        &self.rules.policy
    }

    /// Puts the run into the trace it was called from within. The first call counts.
    pub fn belongs_to(&self, trace: TraceContext) {
        let _ = self.trace.set(trace);
    }

    /// The trace it belongs to: the one it was called from within, or one of its own.
    pub(crate) fn trace(&self) -> TraceContext {
        self.trace.get().copied().unwrap_or_else(|| TraceContext::of_run(self.id))
    }

    /// How the steps stand that earlier processes, or this one, left unfinished or finished earlier. The
    /// place of an entry that is not durable yet reads as 0.
    pub fn past(&self) -> Vec<(StepId, Past)> {
        self.state().steps.iter().map(|(id, past)| (*id, past.clone())).collect()
    }

    /// Records that a step can never begin, unless that is recorded already.
    pub fn skip(&self, step: &Step, reason: ReasonCode, message: &str) {
        if self.recall(step.id).is_some_and(|past| matches!(past.state, PastState::Skipped(..))) {
            return;
        }
        let mut entry = self.entry(EntryKind::Skipped);
        entry.step = Some(StepRef::of(step, 0));
        entry.reason = Some(reason);
        let act = act_bytes(step);
        let ops = vec![self.append(entry, &[(Slot::Act, &act), (Slot::Note, message.as_bytes())])];
        let past = Past { state: PastState::Skipped(reason, 0), ..Past::new(&StepRef::of(step, 0), 0) };
        self.remember(step.id, past);
        self.owe(step.id, self.inner.store().queue(self.build(Vec::new(), ops)));
    }

    /// Records that a step waits for a moment before it begins, or before it is tried again after its
    /// `attempt`-th try; unless that is recorded already. [`Run::flush`] makes it durable.
    pub fn schedule(&self, step: &Step, attempt: u32, due: Timestamp, reason: ReasonCode, message: &str) {
        let past = self.recall(step.id);
        if past.as_ref().is_some_and(|past| past.due.is_some()) {
            return;
        }
        let mut entry = self.entry(EntryKind::Scheduled);
        entry.step = Some(StepRef::of(step, attempt));
        entry.reason = Some(reason);
        entry.expires = Some(due.millis());
        let act = act_bytes(step);
        let ops = vec![self.append(entry, &[(Slot::Act, &act), (Slot::Note, message.as_bytes())])];
        let fresh = || Past { state: PastState::Scheduled, ..Past::new(&StepRef::of(step, attempt), 0) };
        let past = Past { due: Some(due), ..past.unwrap_or_else(fresh) };
        self.remember(step.id, past);
        let ticket = self.inner.store().queue(self.build(Vec::new(), ops));
        self.state().pending.push_back(Owed { ticket, step: None });
    }

    /// How a step stands, if it was ever heard of.
    pub fn stands(&self, step: StepId) -> Option<PastState> {
        self.state().steps.get(&step).map(|past| past.state)
    }

    /// The moment a step waits for before it begins, or is tried again.
    pub fn due(&self, step: StepId) -> Option<Timestamp> {
        self.state().steps.get(&step)?.due
    }

    /// The next moment that a step nested in this one waits for, however deeply.
    pub fn due_under(&self, parent: StepId) -> Option<Timestamp> {
        let state = self.state();
        let waits =
            state.steps.iter().filter(|(id, past)| past.due.is_some() && state.is_under(**id, parent));
        waits.filter_map(|(_, past)| past.due).min()
    }

    /// The steps nested in this one, however deeply, that wait for a person's yes or no.
    pub fn asked_under(&self, parent: StepId) -> Vec<Asked> {
        let state = self.state();
        let held =
            |id: &StepId| state.steps.get(id).is_some_and(|past| matches!(past.state, PastState::Held(_)));
        let asked = state.asked.iter().filter(|(id, _)| held(id) && state.is_under(**id, parent));
        let mut asked: Vec<Asked> = asked.map(|(_, asked)| asked.clone()).collect();
        asked.sort_by(|one, other| one.name.cmp(&other.name));
        asked
    }

    /// What a step has cost since it was first begun, or last failed.
    pub fn spent_on(&self, step: StepId) -> Amounts {
        self.state().steps.get(&step).map_or(Amounts::ZERO, |past| past.spent)
    }

    /// How often a step has failed.
    pub fn failures(&self, step: StepId) -> u32 {
        self.state().steps.get(&step).map_or(0, |past| past.failures)
    }

    /// What steps nested in a step that have ended came to, since it was first begun or last failed: they
    /// are not done again when it is gone on with.
    pub fn done_in(&self, step: StepId) -> Amounts {
        self.state().steps.get(&step).map_or(Amounts::ZERO, |past| past.done)
    }

    /// A step that others are nested in has failed: what these waited for, nobody waits for any more.
    pub(crate) fn end_waits_in(&self, parent: StepId) {
        let mut state = self.state();
        let under: Vec<StepId> =
            state.steps.keys().copied().filter(|step| state.is_under(*step, parent)).collect();
        for step in under {
            state.asked.remove(&step);
            if let Some(past) = state.steps.get_mut(&step) {
                past.due = None;
            }
        }
    }

    /// A step has begun: it is known from here on, if it was not before.
    pub(crate) fn note_begun(&self, step: &StepRef, act: u64) {
        self.state().steps.entry(step.id).or_insert_with(|| Past::new(step, act));
    }

    /// A step nested in `parent` has ended, and came to this much itself.
    pub(crate) fn count_done(&self, parent: Option<StepId>, own: &Amounts) {
        count_done(&mut self.state().steps, parent, own);
    }

    /// Takes note of whom a person is asked about.
    pub(crate) fn note_asked(&self, step: &Step, approval: &Approval) {
        let asked = Asked { name: Arc::clone(&step.name), risk: step.risk, approval: approval.clone() };
        self.state().asked.insert(approval.step, asked);
    }

    /// Stops for now; the run can be resumed. Waits until everything queued is durable.
    pub async fn pause(&self, status: RunStatus) -> Result<(), Error> {
        self.end(EntryKind::Paused, status).await
    }

    /// Ends the run. Waits until everything queued is durable.
    pub async fn close(&self, status: RunStatus) -> Result<(), Error> {
        self.end(EntryKind::Closed, status).await
    }

    async fn end(&self, kind: EntryKind, status: RunStatus) -> Result<(), Error> {
        self.flush().await?;
        let mut entry = self.entry(kind);
        entry.status = Some(status);
        let ops = vec![self.append(entry, &[]), Op::SetStatus(status as u8)];
        let receipt = self.commit(Vec::new(), ops).await?;
        receipt.map(drop).map_err(|refused| Error::of_refusal(self.id, &refused))
    }

    /// Waits until every settlement so far is durable. Errors if one of them was lost.
    pub async fn flush(&self) -> Result<(), Error> {
        let _turn = self.flushing.acquire().await;
        loop {
            let next = self.state().pending.pop_front();
            let mut awaited = Awaited { run: self, owed: next };
            let Some(owed) = &mut awaited.owed else { break };
            let answer = (&mut owed.ticket).await;
            if let Some(owed) = awaited.owed.take() {
                self.state().hear(self.id, owed.step, answer);
            }
        }
        self.alive()
    }

    /// Whether this process still owns the run, by what its row says.
    pub(crate) fn owns(&self, cell: &comity_store::RunCell) -> bool {
        cell.epoch == self.epoch
    }

    pub(crate) fn world(&self) -> &crate::world::World {
        &self.inner.world
    }

    /// What was done in the run so far, by target.
    pub(crate) fn acts(&self) -> ActsByTarget {
        self.state().acts.clone()
    }

    /// Takes note of what is done to a target.
    pub(crate) fn note_act(&self, target: &Arc<str>, note: impl FnOnce(&mut Acts)) {
        self.state().acts.note(target, note);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of settlements that have become durable, or have not. Nothing follows a lost one.
    fn alive(&self) -> Result<(), Error> {
        let mut state = self.state();
        while let Some(answer) = state.pending.front_mut().and_then(|owed| owed.ticket.take()) {
            if let Some(owed) = state.pending.pop_front() {
                state.hear(self.id, owed.step, answer);
            }
        }
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// A fresh entry of this run.
    pub(crate) fn entry(&self, kind: EntryKind) -> Entry {
        let (tenant, namespace) = (self.tenant.clone(), self.namespace.clone());
        Entry::new(kind, self.id, tenant, namespace, self.principal.to_string().into(), self.now())
    }

    pub(crate) fn append(&self, entry: Entry, texts: &[(Slot, &[u8])]) -> Op {
        Op::Append(seal(entry, texts, &self.pen, &*self.world().entropy))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world().clock.now()
    }

    pub(crate) fn build(&self, expect: Vec<Expect>, ops: Vec<Op>) -> Commit {
        let fenced = !crate::planted::is(crate::planted::Defect::DoubleResume);
        let fence = if fenced { Fence::Epoch(self.epoch) } else { Fence::Anyone };
        Commit { tenant: self.tenant.clone(), run: self.id, fence, at: self.now(), expect, ops }
    }

    /// Commits, and waits until it is durable or refused.
    pub(crate) async fn commit(
        &self,
        expect: Vec<Expect>,
        ops: Vec<Op>,
    ) -> Result<Result<Receipt, Refused>, Error> {
        self.alive()?;
        let ticket = self.inner.store().queue(self.build(expect, ops));
        let answered = self.answered(ticket.await)?;
        // Whatever was queued before is answered by now: nothing may follow a settlement that was lost.
        self.alive()?;
        Ok(answered)
    }

    /// What an answer to one of this run's commits means.
    pub(crate) fn answered(
        &self,
        answer: Result<Receipt, comity_store::CommitError>,
    ) -> Result<Result<Receipt, Refused>, Error> {
        match answer {
            Ok(receipt) => Ok(Ok(receipt)),
            Err(comity_store::CommitError::Refused(
                refused @ (Refused::Fenced(_) | Refused::Broken | Refused::NoRun),
            )) => {
                let error = self.alive().err().unwrap_or_else(|| Error::of_refusal(self.id, &refused));
                Err(self.stop(error))
            }
            Err(comity_store::CommitError::Refused(refused)) => Ok(Err(refused)),
            Err(comity_store::CommitError::Failed(error)) => Err(self.stop(Error::Store(error))),
        }
    }

    /// Lets nothing follow. Returns what everything that tries is told.
    fn stop(&self, error: Error) -> Error {
        self.released.notify_waiters();
        self.state().failed.get_or_insert(error).clone()
    }

    /// Takes charge of a settlement's ticket: it is asked after before anything else of the run.
    pub(crate) fn owe(&self, step: StepId, ticket: Ticket) {
        self.state().pending.push_back(Owed { ticket, step: Some(step) });
    }

    /// How many commits are queued and not known to be durable.
    pub(crate) fn owed(&self) -> usize {
        self.state().pending.len()
    }

    /// Takes note of where a step's end is recorded.
    pub(crate) fn recorded(&self, step: StepId, receipt: &Receipt) {
        self.state().recorded(step, receipt);
    }

    /// The right to be the only one at this step. Errors if somebody is at it.
    pub(crate) fn turn(&self, step: StepId) -> Result<Turn, Error> {
        let fresh = self.turns.lock().unwrap_or_else(PoisonError::into_inner).insert(step);
        if fresh { Ok(Turn { turns: Arc::clone(&self.turns), step }) } else { Err(Error::Busy(step)) }
    }

    /// Errors if a settlement was lost.
    pub(crate) fn flush_errors(&self) -> Result<(), Error> {
        self.alive()
    }

    pub(crate) fn recall(&self, step: StepId) -> Option<Past> {
        self.state().steps.get(&step).cloned()
    }

    pub(crate) fn remember(&self, step: StepId, past: Past) {
        self.state().steps.insert(step, past);
    }

    /// A step of the run itself asks for a hold.
    pub(crate) fn begin(&self) {
        self.state().in_flight += 1;
    }

    /// A hold is given back.
    pub(crate) fn done(&self) {
        let mut state = self.state();
        state.given_back += 1;
        state.in_flight = state.in_flight.saturating_sub(1);
        drop(state);
        self.released.notify_waiters();
    }

    /// How many holds have been given back so far.
    pub(crate) fn given_back(&self) -> u64 {
        self.state().given_back
    }

    /// Waits until another hold than the first `seen` was given back: true. False when none will be,
    /// because no step of the run itself is under way or about to be. A refusal of somebody else is no
    /// reason to try again, or two who do not fit would keep each other trying for ever.
    pub(crate) async fn waits_for_more(&self, seen: u64) -> Result<bool, Error> {
        loop {
            let mut released = pin!(self.released.notified());
            released.as_mut().enable();
            self.alive()?;
            // One look at both: a step that gives back and leaves between two looks would be missed.
            let (given_back, in_flight) = {
                let state = self.state();
                (state.given_back, state.in_flight)
            };
            match (given_back != seen, in_flight > 0) {
                (true, _) => return Ok(true),
                (false, false) => return Ok(false),
                (false, true) => released.await,
            }
        }
    }

    /// A hold was refused. Those who wait are told only if nobody is left to wait for.
    pub(crate) fn refused(&self) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        let alone = state.in_flight == 0;
        drop(state);
        if alone {
            self.released.notify_waiters();
        }
    }

    /// How long the run has been under way, waiting for people left out.
    pub(crate) fn elapsed(&self) -> Duration {
        let now = self.world().clock.monotonic();
        let state = self.state();
        let rest = state.rested + state.resting.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.elapsed_before + now.saturating_sub(self.began).saturating_sub(rest)
    }

    /// From here on, until the guard is dropped, only people are waited for: the run's time stands still.
    pub fn rest(&self) -> Rest<'_> {
        self.state().resting = Some(self.world().clock.monotonic());
        Rest(self)
    }

    /// How long a step may take: its own limit, the policy's, or what is left of the run's time.
    pub(crate) fn time_for(&self, step: &Step, policy: &Policy) -> Duration {
        let left = self.rules.policy.timeout.saturating_sub(self.elapsed());
        // A person's decision is read, not made, while the step is under way, and a moment has come before
        // it begins: both may wait for days without keeping seconds from others.
        let brief = matches!(step.kind, StepKind::HumanDecision | StepKind::Timer);
        let brief = brief.then_some(Duration::from_secs(1));
        let own = brief.or(step.timeout).or(policy.step_timeout).unwrap_or(left);
        own.min(left)
    }
}

impl State {
    /// Takes note of what became of a settlement. Nothing follows a lost one.
    fn hear(&mut self, run: RunId, step: Option<StepId>, answer: Result<Receipt, comity_store::CommitError>) {
        match answer {
            Ok(receipt) => step.into_iter().for_each(|step| self.recorded(step, &receipt)),
            Err(error) => drop(self.failed.get_or_insert_with(|| Error::of_commit(run, error)).clone()),
        }
    }

    /// Whether a step is nested in another, however deeply.
    fn is_under(&self, step: StepId, parent: StepId) -> bool {
        let mut here = self.steps.get(&step).and_then(|past| past.parent);
        while let Some(step) = here {
            if step == parent {
                return true;
            }
            here = self.steps.get(&step).and_then(|past| past.parent);
        }
        false
    }

    fn recorded(&mut self, step: StepId, receipt: &Receipt) {
        if let (Some(past), Some((seq, _))) = (self.steps.get_mut(&step), receipt.entries.first()) {
            past.state = past.state.at(*seq);
            if past.reused {
                // One entry has its act and its result.
                past.act = *seq;
            }
        }
    }
}

/// A run that waits for people alone. Dropping it lets the run's time go on.
pub struct Rest<'r>(&'r Run);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        let now = self.0.world().clock.monotonic();
        let mut state = self.0.state();
        if let Some(since) = state.resting.take() {
            state.rested += now.saturating_sub(since);
        }
    }
}

/// The act as it is recorded: `{"input":…,"name":…}`.
pub(crate) fn act_bytes(step: &Step) -> Vec<u8> {
    let name = serde_json::Value::from(&*step.name).to_string();
    let mut out = Vec::with_capacity(step.input.len() + name.len() + 20);
    out.extend_from_slice(b"{\"input\":");
    out.extend_from_slice(&step.input);
    out.extend_from_slice(b",\"name\":");
    out.extend_from_slice(name.as_bytes());
    out.push(b'}');
    out
}

/// A duration as an amount, rounded up to the millisecond, at most the largest.
pub(crate) fn millis(span: Duration) -> u64 {
    let whole = span.as_nanos().div_ceil(1_000_000);
    u64::try_from(whole).unwrap_or(comity_core::Amounts::MAX).min(comity_core::Amounts::MAX)
}
