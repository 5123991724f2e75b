//! The one way to act: admit, do, settle.

use crate::admit::{Admission, Pass};
use crate::approval::{Again, Recalled};
use crate::effect::{Failure, Input, Output};
use crate::error::Error;
use crate::history::{Answer, History, Past, PastState};
use crate::outcome::Outcome;
use crate::permit::Permit;
use crate::planted::{Defect, is as planted};
use crate::policy::Policy;
use crate::run::{ALIVE, Opening, Run};
use crate::scope::{Rules, Scope};
use crate::settle::End;
use crate::world::World;
use comity_core::{Amounts, Digest, Point, Principal, ReasonCode, RunId, Step, StepId, Tenant, Timestamp};
use comity_ledger::vault::Fresh;
use comity_ledger::{Entry, EntryKind, RunStatus, Slot, StepRef, Vault, account, bare, seal};
use comity_store::{BreakerCell, Commit, Expect, Fence, Op, RunCell, Store};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// How much longer than its time an effect may take to stop by itself.
const GRACE: Duration = Duration::from_secs(2);
/// How long a breaker's state is believed before it is read again: other processes change it too.
const BREAKER_AGE: Duration = Duration::from_secs(1);
/// The most sets of rules kept in memory.
const BOOKS: usize = 64;
/// The most breakers kept in memory.
const BREAKERS: usize = 1024;

/// Decides, reserves, lets act, and records. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) vault: Vault,
    pub(crate) world: World,
    breakers: Mutex<Breakers>,
    /// Rules that were read, by their digest: most runs are under the same few.
    books: Mutex<HashMap<Digest, comity_rules::Rules>>,
}

/// Breakers by tenant and endpoint, each with the time it was read.
type Breakers = HashMap<(Tenant, Arc<str>), (Duration, BreakerCell)>;

impl Gate {
    /// A gate in front of this store, and of the keys that its texts are under.
    pub fn new(vault: Vault, world: World) -> Self {
        let (breakers, books) = (Mutex::default(), Mutex::default());
        Self { inner: Arc::new(Inner { vault, world, breakers, books }) }
    }

    /// The store and its keys, for reading.
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// The store behind it, for reading.
    pub fn store(&self) -> &Store {
        self.inner.store()
    }

    /// Opens a run: its accounts, and its first entry with everything pinned.
    pub async fn open(&self, opening: Opening) -> Result<Arc<Run>, Error> {
        let Opening { principal, owner, policy, source, setup, about, origin } = opening;
        // What nobody can read is not pinned.
        let rules = self.inner.rules(policy.clone())?;
        let world = &self.inner.world;
        let mut random = [0u8; 10];
        world.entropy.fill(&mut random);
        let now = world.clock.now();
        let id = RunId::new(now, random);
        let (tenant, namespace) = (principal.tenant.clone(), principal.namespace.clone());
        let mut entry = entry(EntryKind::Opened, id, &principal, now);
        entry.policy = Some(policy.digest());
        entry.caps = Some(policy.caps());
        entry.origin = origin;
        entry.status = Some(RunStatus::Running);
        let texts = [(Slot::Source, &source[..]), (Slot::Policy, &policy.to_json()), (Slot::Setup, &setup)];
        self.inner.vault.check_keys(&tenant).await?;
        let fresh = self.inner.vault.make(&tenant, id, about.as_deref(), &*world.entropy).await?;
        let mut ops = vec![
            Op::OpenRun { namespace: namespace.clone(), owner },
            Op::EnsureAccount {
                account: account::of_run(id),
                label: id.to_string().into(),
                caps: policy.caps(),
            },
            Op::EnsureAccount {
                account: account::of_namespace(&tenant, &namespace),
                label: format!("{tenant}/{namespace}").into(),
                caps: Amounts::UNLIMITED,
            },
            Op::EnsureAccount {
                account: account::of_tenant(&tenant),
                label: tenant.to_string().into(),
                caps: Amounts::UNLIMITED,
            },
            Op::Append(seal(entry, &texts, &fresh.pen, &*world.entropy)),
        ];
        ops.extend(fresh.ops());
        let commit =
            Commit { tenant: tenant.clone(), run: id, fence: Fence::New, at: now, expect: Vec::new(), ops };
        let receipt = self.inner.store().queue(commit).await.map_err(|error| Error::of_commit(id, error))?;
        self.inner.vault.catch_up(&tenant, id, now, &fresh).await?;
        let inner = Arc::clone(&self.inner);
        Ok(Arc::new(Run::new(inner, id, &principal, rules, receipt.epoch, History::default(), fresh.pen)))
    }

    /// Takes a run over and reads what has happened in it. Steps whose end nobody recorded become unknown.
    ///
    /// Whether the present owner is still alive is for the caller to find out first; if it is, it is
    /// fenced off, and its next commit refused.
    pub async fn resume(&self, id: RunId, principal: &Principal, owner: Arc<str>) -> Result<Arc<Run>, Error> {
        let cell = self.inner.store().run(&principal.tenant, id).await?.ok_or(Error::NoRun(id))?;
        self.take_over(id, &cell, principal, owner).await
    }

    /// As [`Gate::resume`], from the very row that the caller looked at: if another process has taken the
    /// run over since, this one does not.
    pub async fn take_over(
        &self,
        id: RunId,
        cell: &RunCell,
        principal: &Principal,
        owner: Arc<str>,
    ) -> Result<Arc<Run>, Error> {
        let store = self.inner.store();
        let principal = Principal { namespace: cell.namespace.clone(), ..principal.clone() };
        let now = self.inner.world.clock.now();
        self.inner.vault.check_keys(&cell.tenant).await?;
        let fresh = self.for_writing(id, cell).await?;
        let mut entry = entry(EntryKind::Resumed, id, &principal, now);
        entry.status = Some(RunStatus::Running);
        let mut ops = vec![
            Op::TakeOver { from: cell.epoch, owner },
            Op::Append(bare(&entry)),
            Op::SetStatus(RunStatus::Running as u8),
        ];
        ops.extend(fresh.ops());
        let tenant = cell.tenant.clone();
        let expect = vec![Expect::Status(ALIVE)];
        let commit = Commit { tenant, run: id, fence: Fence::Anyone, at: now, expect, ops };
        let receipt = store.queue(commit).await.map_err(|error| Error::of_commit(id, error))?;
        self.inner.vault.catch_up(&cell.tenant, id, now, &fresh).await?;
        let (history, policy) = self.read_back(cell).await?;
        let inner = Arc::clone(&self.inner);
        let rules = inner.rules(policy)?;
        let run = Arc::new(Run::new(inner, id, &principal, rules, receipt.epoch, history, fresh.pen));
        self.close_open_steps(&run).await?;
        Ok(run)
    }

    /// What is written into a run that another process may have opened. Errors if its texts were erased.
    pub(crate) async fn for_writing(&self, id: RunId, cell: &RunCell) -> Result<Fresh, Error> {
        // Boxed: it is large, and within the future of everybody who waits for a decision.
        let fresh = Box::pin(self.inner.vault.for_writing(id, cell, &*self.inner.world.entropy)).await;
        fresh.map_err(|error| match error {
            comity_ledger::Error::RunErased => Error::Erased(id),
            other => other.into(),
        })
    }

    async fn read_back(&self, cell: &RunCell) -> Result<(History, Policy), Error> {
        let mut history = History::default();
        let mut policy = None;
        comity_ledger::read(&self.inner.vault, cell, |record| {
            if record.entry.kind == EntryKind::Opened {
                policy = record.text(Slot::Policy)?;
            }
            history.add_record(&record)
        })
        .await?;
        let bad = |why: String| comity_ledger::Error::BadEntry { seq: 0, why };
        let policy = policy.ok_or_else(|| bad("it pins no policy".to_owned()))?;
        let policy = Policy::from_json(&policy).map_err(|error| bad(error.to_string()))?;
        Ok((history, policy))
    }

    /// Every admission whose end nobody recorded becomes unknown; if a second try does no harm, its hold
    /// is given back at once.
    async fn close_open_steps(&self, run: &Run) -> Result<(), Error> {
        let mut open: Vec<(StepId, Past)> =
            run.past().into_iter().filter(|(_, past)| past.state == PastState::Open).collect();
        open.sort_by_key(|(_, past)| past.act);
        for (id, past) in open {
            let record = self.entry_at(run, past.act).await?;
            let Some(mut step) = record.entry.step else { continue };
            step.attempt = past.attempt;
            let container = step.kind.is_container();
            let (reason, message) =
                (ReasonCode::EffectUnknown, "the process ended while the step was under way");
            let mut entry = run.entry(EntryKind::Unknown);
            entry.step = Some(step);
            entry.reason = Some(reason);
            let held = past.hold;
            let free = past.idempotent && !held.is_zero();
            // Nobody knows whether it was paid for: what it could cost counts as spent. Steps and time of a
            // try that will be made again do not. A container's costs are those of the steps in it, which
            // are known, and will not be done again if they have ended.
            let spent = if container {
                Amounts { millis: 0, ..past.nested }.min(&held)
            } else {
                Amounts { micro_usd: held.micro_usd, tokens: held.tokens, ..Amounts::ZERO }
            };
            if free {
                (entry.release, entry.usage) = (Some(held), Some(spent));
            }
            let mut ops = vec![run.append(entry, &[(Slot::Note, message.as_bytes())])];
            if free {
                ops.push(Op::Settle { accounts: Arc::clone(&run.accounts), held, spent });
            }
            let receipt = run.commit(Vec::new(), ops).await?;
            let receipt = receipt.map_err(|refused| Error::of_refusal(run.id(), &refused))?;
            let seq = receipt.entries.first().map_or(past.act, |(seq, _)| *seq);
            let retry = past.idempotent;
            let state = if retry { PastState::Retry } else { PastState::Unknown(reason, seq) };
            let hold = if free { Amounts::ZERO } else { held };
            let booked = if free { spent } else { Amounts::ZERO };
            let spent = past.spent.checked_add(&booked).unwrap_or(Amounts::UNLIMITED);
            run.remember(id, Past { state, hold, spent, ..past });
        }
        Ok(())
    }

    /// Records what a person found out about an unknown step.
    pub async fn answer(
        &self,
        run: &Run,
        step: StepId,
        answer: &Answer,
        person: &Principal,
        comment: &str,
    ) -> Result<(), Error> {
        let _turn = run.turn(step)?;
        // An end that is not durable yet has no place in the chain to be read from.
        run.flush().await?;
        let past = run.recall(step).ok_or(Error::NotUnknown(step))?;
        let PastState::Unknown(..) = past.state else { return Err(Error::NotUnknown(step)) };
        let record = self.entry_at(run, past.act).await?;
        let container = record.entry.step.as_ref().is_some_and(|step| step.kind.is_container());
        let kind = match answer {
            Answer::Happened(_) => EntryKind::Happened,
            Answer::NotHappened => EntryKind::NotHappened,
            Answer::Abandon => EntryKind::Abandoned,
        };
        let mut entry = run.entry(kind);
        entry.principal = person.id.to_string().into();
        entry.step = record.entry.step.map(|step| StepRef { attempt: past.attempt, ..step });
        entry.reason = (kind == EntryKind::Abandoned).then_some(ReasonCode::Abandoned);
        let held = past.hold;
        // What nobody measured is booked at what it could cost at most, time left out.
        let most = Amounts { millis: 0, ..held };
        let nested = Amounts { steps: 0, millis: 0, ..past.nested };
        let spent = if kind == EntryKind::NotHappened { nested.min(&held) } else { most };
        let mut ops = Vec::new();
        if !held.is_zero() {
            (entry.release, entry.usage) = (Some(held), Some(spent));
            ops.push(Op::Settle { accounts: Arc::clone(&run.accounts), held, spent });
        }
        let output = match answer {
            Answer::Happened(value) => Some(Input::new(value.clone()).bytes.to_vec()),
            Answer::NotHappened | Answer::Abandon => None,
        };
        let mut texts = vec![(Slot::Note, comment.as_bytes())];
        texts.extend(output.as_deref().map(|output| (Slot::Output, output)));
        ops.insert(0, run.append(entry, &texts));
        let receipt = run.commit(Vec::new(), ops).await?;
        let receipt = receipt.map_err(|refused| Error::of_refusal(run.id(), &refused))?;
        let seq = receipt.entries.first().map_or(0, |(seq, _)| *seq);
        if kind != EntryKind::NotHappened {
            let most = if past.parent.is_some() { past.part } else { spent };
            run.count_done(past.parent, &past.own(container, &most));
        }
        let state = match answer {
            Answer::Happened(_) => PastState::Settled(seq),
            Answer::NotHappened => PastState::Retry,
            Answer::Abandon => PastState::Failed(ReasonCode::Abandoned, seq),
        };
        run.remember(step, Past { state, hold: Amounts::ZERO, ..past });
        Ok(())
    }

    /// Admits the step, lets `effect` act on the permit, and settles. A step that the ledger says has
    /// ended is not done again: its recorded outcome is returned. One that is under way is an error.
    ///
    /// Returns once the settlement is queued; the next admission's commit carries it, and
    /// [`Run::flush`] waits for it. A nested step's settlement is durable before this returns. Dropping
    /// the future cancels a step that has not begun and leaves one that has `unknown`.
    pub async fn run<F>(&self, scope: &Scope, step: Step, effect: F) -> Result<Outcome, Error>
    where
        F: AsyncFnOnce(&mut Permit) -> Result<Output, Failure>,
    {
        self.attempt(scope, step, Again::No, effect).await
    }

    /// As [`Gate::run`], but a step that failed is tried once more instead of answered for. Whoever calls
    /// this decides that a new try is wanted; the gate decides whether it may happen.
    pub async fn run_again<F>(&self, scope: &Scope, step: Step, effect: F) -> Result<Outcome, Error>
    where
        F: AsyncFnOnce(&mut Permit) -> Result<Output, Failure>,
    {
        self.attempt(scope, step, Again::Failed, effect).await
    }

    async fn attempt<F>(&self, scope: &Scope, step: Step, again: Again, effect: F) -> Result<Outcome, Error>
    where
        F: AsyncFnOnce(&mut Permit) -> Result<Output, Failure>,
    {
        let placed = scope.step_id(step.ordinal, step.iteration);
        if step.id != placed || step.parent != scope.parent.as_ref().map(|parent| parent.step) {
            return Err(Error::Misplaced(step.id));
        }
        let turn = Arc::new(scope.run.turn(step.id)?);
        let recalled = self.recall(scope, &step, again).await?;
        let (attempt, ticket) = match recalled {
            Recalled::Ended(outcome) => return Ok(outcome),
            Recalled::Fresh { attempt } => (attempt, Pass::None),
            Recalled::Approved(approved) => (approved.attempt, Pass::Approved(Box::new(approved))),
            Recalled::Suspended { attempt, cleared: true } => (attempt, Pass::Cleared),
            Recalled::Suspended { attempt, cleared: false } => (attempt, Pass::None),
        };
        let mut settlement = match self.admit(scope, step, attempt, ticket, turn).await? {
            Admission::Go(settlement) => settlement,
            Admission::Stop(outcome) => return Ok(outcome),
        };
        if planted(Defect::SettleBeforeEffect) {
            settlement.pretend();
        }
        let world = &self.inner.world;
        world.points.reach(Point::BeforeEffect);
        let mut permit = settlement.permit();
        let time = permit.time_left();
        let ended = self.within(time, effect(&mut permit)).await;
        world.points.reach(Point::AfterEffect);
        let end = settlement.judge_end(ended, time);
        drop(permit);
        settlement.finish(end).await
    }

    /// Lets an effect run until its time and the grace are over; `None` if it did not end by itself.
    async fn within<T>(&self, time: Duration, effect: impl Future<Output = T>) -> Option<T> {
        let mut effect = pin!(effect);
        let mut limit = None;
        poll_fn(|cx| {
            if let Poll::Ready(ended) = effect.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            // The timer is made only for effects that do not end at once.
            let limit = limit.get_or_insert_with(|| self.inner.world.clock.sleep(time.saturating_add(GRACE)));
            limit.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    pub(crate) async fn entry_at(&self, run: &Run, seq: u64) -> Result<comity_ledger::Record, Error> {
        let store = self.inner.store();
        let cell = store.run(&run.tenant, run.id()).await?.ok_or(Error::NoRun(run.id()))?;
        let record = comity_ledger::read_one_with(store, &cell, run.pen.keys(), seq).await?;
        let why = "it is missing".to_owned();
        record.ok_or_else(|| comity_ledger::Error::BadEntry { seq, why }.into())
    }

    /// The endpoint's breaker, as it was read at most a second ago.
    pub(crate) async fn breaker(&self, run: &Run, endpoint: &Arc<str>) -> Result<BreakerCell, Error> {
        if let Some(cell) = self.inner.fresh_breaker(&run.tenant, endpoint) {
            return Ok(cell);
        }
        // What this run learned last may not be in the store yet.
        run.flush().await?;
        // Somebody else may have read it meanwhile, and be trying.
        if let Some(cell) = self.inner.fresh_breaker(&run.tenant, endpoint) {
            return Ok(cell);
        }
        let cell = self.inner.store().breaker(&run.tenant, endpoint).await?;
        self.inner.note_breaker(&run.tenant, endpoint, cell);
        Ok(cell)
    }
}

impl Inner {
    /// A policy with its rules, ready to be asked.
    pub(crate) fn rules(&self, policy: Policy) -> Result<Arc<Rules>, Error> {
        let book = self.book(&policy)?;
        Ok(Rules::new(policy, book.into_iter().collect()))
    }

    /// The rules of a policy; `None` if it has none. Errors if they cannot be read.
    pub(crate) fn book(&self, policy: &Policy) -> Result<Option<comity_rules::Rules>, Error> {
        if policy.rules.is_empty() {
            return Ok(None);
        }
        let digest = comity_rules::digest(&policy.rules);
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = books.get(&digest) {
            return Ok(Some(book.clone()));
        }
        let book = comity_rules::Rules::parse(policy.rules.clone())?;
        if books.len() >= BOOKS {
            books.clear();
        }
        books.insert(digest, book.clone());
        Ok(Some(book))
    }

    pub(crate) fn store(&self) -> &Store {
        self.vault.store()
    }

    pub(crate) fn note_breaker(&self, tenant: &Tenant, endpoint: &Arc<str>, cell: BreakerCell) {
        let now = self.world.clock.monotonic();
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        if breakers.len() >= BREAKERS {
            breakers.clear();
        }
        breakers.insert((tenant.clone(), Arc::clone(endpoint)), (now, cell));
    }

    /// The breaker, if this process has read or changed it within a second.
    fn fresh_breaker(&self, tenant: &Tenant, endpoint: &Arc<str>) -> Option<BreakerCell> {
        let now = self.world.clock.monotonic();
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, cell) = breakers.get(&(tenant.clone(), Arc::clone(endpoint)))?;
        (now.saturating_sub(*read) < BREAKER_AGE).then_some(*cell)
    }

    /// The breaker as this process knows it.
    pub(crate) fn known_breaker(&self, tenant: &Tenant, endpoint: &Arc<str>) -> BreakerCell {
        let key = (tenant.clone(), Arc::clone(endpoint));
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.get(&key).map(|(_, cell)| *cell).unwrap_or_default()
    }
}

pub(crate) fn entry(kind: EntryKind, run: RunId, principal: &Principal, at: Timestamp) -> Entry {
    let (tenant, namespace) = (principal.tenant.clone(), principal.namespace.clone());
    Entry::new(kind, run, tenant, namespace, principal.id.to_string().into(), at)
}

/// What [`Gate::run`] saw of an effect, before it is settled.
pub(crate) type Seen = Option<Result<Output, Failure>>;

impl crate::settle::Settlement {
    /// What an effect's end means for its step.
    fn judge_end(&self, seen: Seen, time: Duration) -> End {
        let late = time.is_zero() || self.elapsed() >= time;
        match seen {
            Some(Ok(mut output)) => {
                output.value.sort_all_objects();
                End::Output(output)
            }
            Some(Err(Failure::Failed(message))) => End::Failed(ReasonCode::EffectFailed, message),
            Some(Err(Failure::Refused(reason, message))) => End::Failed(reason, message),
            Some(Err(Failure::Waiting(message))) => End::Suspended(message),
            Some(Err(Failure::Unknown(message))) => {
                let reason = if late { ReasonCode::EffectTimeout } else { ReasonCode::EffectUnknown };
                End::Unknown(reason, message)
            }
            None => {
                let message = format!("it did not end within {time:.3?}, nor stop when told to");
                End::Unknown(ReasonCode::EffectTimeout, message)
            }
        }
    }
}
