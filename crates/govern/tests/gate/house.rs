//! A gate, a store on disk, and a world in which time moves only when nothing else can.

use comity_core::Taint;
use comity_core::{
    Amounts, BoxFuture, Clock, Digest, Entropy, Namespace, Points, Principal, ReasonCode, RiskTier, RunId,
    Spawn, Step, StepId, StepKind, Tenant, Timestamp, Unwatched,
};
use comity_govern::{
    Error, Failure, Gate, Opening, Outcome, Output, Permit, Policy, Run, Scope, Settled, World,
};
use comity_ledger::keys::{Keys, MemoryKeys};
use comity_ledger::{Entry, EntryKind, RunStatus, Vault, account, bare, verify};
use comity_store::{AccountCell, AccountId, Commit, Durability, Fence, Op, Options, Pump, Store};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tempfile::TempDir;

/// Time that is moved by hand.
#[derive(Default)]
pub struct Hands {
    state: Mutex<(Duration, u64, Timers)>,
}

/// Who waits for which moment; the number tells those who wait for the same one apart.
type Timers = BTreeMap<(Duration, u64), Option<Waker>>;

impl Hands {
    pub fn advance(&self, span: Duration) {
        self.state.lock().unwrap().0 += span;
    }

    /// Moves time to the next timer; false when there is none.
    fn fire(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let Some(((at, _), waker)) = state.2.pop_first() else { return false };
        state.0 = state.0.max(at);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        true
    }
}

struct Watch(Arc<Hands>);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_640_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.state.lock().unwrap().0
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let hands = Arc::clone(&self.0);
        let mut state = self.0.state.lock().unwrap();
        let key = (state.0.saturating_add(span), state.1);
        state.1 += 1;
        state.2.insert(key, None);
        drop(state);
        Box::pin(Sleep { hands, key })
    }
}

struct Sleep {
    hands: Arc<Hands>,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.hands.state.lock().unwrap().2.get_mut(&self.key) {
            None => Poll::Ready(()),
            Some(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.hands.state.lock().unwrap().2.remove(&self.key);
    }
}

/// Unequal bytes, none of them secret.
pub struct Counter(pub AtomicU64);

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let bytes = Digest::of(&[&number.to_be_bytes()]).0;
        out.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
    }
}

/// Tasks nobody waits for.
#[derive(Default)]
pub struct Inbox(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Spawn for Inbox {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(task);
    }
}

struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One process: a gate, its store, and what waits in it.
pub struct House {
    pub gate: Gate,
    pub store: Store,
    pub hands: Arc<Hands>,
    pub policy: RefCell<Policy>,
    inbox: Arc<Inbox>,
    folder: Rc<TempDir>,
    processes: Rc<Cell<u64>>,
    keys: Arc<dyn Keys>,
    memory: MemoryKeys,
}

/// No keys yet; processes share them.
fn keys_in_memory() -> MemoryKeys {
    MemoryKeys::new(Arc::new(Counter(0.into())))
}

impl House {
    pub fn new() -> Self {
        Self::watched(Arc::new(Unwatched))
    }

    /// Told of every point that the store and the gate reach.
    pub fn watched(points: Arc<dyn Points>) -> Self {
        let (folder, memory) = (Rc::new(tempfile::tempdir().unwrap()), keys_in_memory());
        let keys = Arc::new(memory.clone());
        Self { memory, ..Self::start(folder, Arc::default(), Rc::default(), points, keys) }
    }

    fn start(
        folder: Rc<TempDir>,
        hands: Arc<Hands>,
        processes: Rc<Cell<u64>>,
        points: Arc<dyn Points>,
        keys: Arc<dyn Keys>,
    ) -> Self {
        processes.set(processes.get() + 1);
        let inbox = Arc::new(Inbox::default());
        let store = Store::open(Options {
            durability: Durability::Process,
            pump: Pump::Manual,
            points: Arc::clone(&points),
            ..Options::new(folder.path().join("a.db"), comity_ledger::link)
        });
        let store = store.unwrap();
        let world = World {
            clock: Arc::new(Watch(Arc::clone(&hands))),
            entropy: Arc::new(Counter((processes.get() << 32).into())),
            spawn: Arc::clone(&inbox) as Arc<dyn Spawn>,
            points,
        };
        let gate = Gate::new(Vault::new(store.clone(), Arc::clone(&keys)), world);
        let policy = RefCell::new(Policy { max_steps: 10_000, ..Policy::default() });
        Self { gate, store, hands, policy, inbox, folder, processes, keys, memory: keys_in_memory() }
    }

    /// Another process on the same database. Used after a crash too: what this one has queued stays unheard.
    pub fn another(&self) -> Self {
        self.another_with(Arc::clone(&self.keys))
    }

    /// Another process, which has its keys from here.
    pub fn another_with(&self, keys: Arc<dyn Keys>) -> Self {
        let processes = Rc::clone(&self.processes);
        let (folder, hands) = (Rc::clone(&self.folder), Arc::clone(&self.hands));
        let mut next = Self::start(folder, hands, processes, Arc::new(Unwatched), keys);
        next.memory = self.memory.clone();
        next.policy.replace(self.policy.borrow().clone());
        next
    }

    /// The keys that its first process had.
    pub fn keys(&self) -> MemoryKeys {
        self.memory.clone()
    }

    /// Time on the monotonic clock.
    pub fn now(&self) -> Duration {
        self.hands.state.lock().unwrap().0
    }

    pub fn person(&self) -> Principal {
        Principal::local_person("jo", Tenant::local(), Namespace::default_name())
    }

    pub fn open(&self) -> Arc<Run> {
        self.try_open(None).unwrap()
    }

    /// A run about somebody.
    pub fn open_about(&self, name: &str) -> Arc<Run> {
        self.try_open(Some(name)).unwrap()
    }

    pub fn try_open(&self, about: Option<&str>) -> Result<Arc<Run>, Error> {
        let opening = Opening {
            principal: self.person(),
            owner: "one".into(),
            policy: self.policy.borrow().clone(),
            source: b"flow".to_vec(),
            setup: b"{}".to_vec(),
            origin: None,
            about: about.map(str::to_owned),
        };
        self.wait(self.gate.open(opening))
    }

    pub fn open_with(&self, policy: Policy) -> Arc<Run> {
        self.policy.replace(policy);
        self.open()
    }

    pub fn resume(&self, run: RunId) -> Arc<Run> {
        self.wait(self.gate.resume(run, &self.person(), "two".into())).unwrap()
    }

    /// Runs a future and everything it leaves behind: first whoever can go on, then commits, then time.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        self.until(future.as_mut(), || false).expect("it has an end")
    }

    /// The same, but only until something is the case; `None` then.
    pub fn until<F: Future>(&self, mut future: Pin<&mut F>, enough: impl Fn() -> bool) -> Option<F::Output> {
        let bell = Arc::new(Bell(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&bell));
        let mut cx = Context::from_waker(&waker);
        let mut left = Vec::new();
        loop {
            while bell.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
                    self.inbox.0.lock().unwrap().append(&mut left);
                    return Some(done);
                }
                left.append(&mut self.inbox.0.lock().unwrap());
                left.retain_mut(|task: &mut BoxFuture<'static, ()>| task.as_mut().poll(&mut cx).is_pending());
            }
            if enough() {
                self.inbox.0.lock().unwrap().append(&mut left);
                return None;
            }
            assert!(self.store.pump(256) > 0 || self.hands.fire(), "nothing can go on");
        }
    }

    /// Lets everything that is left behind come to its end.
    pub fn settle(&self) {
        for _ in 0..3 {
            let tasks = std::mem::take(&mut *self.inbox.0.lock().unwrap());
            while self.store.pump(256) > 0 {}
            tasks.into_iter().for_each(|task| self.wait(task));
            while self.store.pump(256) > 0 {}
        }
    }

    /// Changes the database behind the gate's back.
    pub fn tamper(&self, sql: &str) {
        self.settle();
        rusqlite::Connection::open(self.store.path().unwrap()).unwrap().execute_batch(sql).unwrap();
    }

    /// The account of a run, once everything is durable, in a ledger without fault.
    pub fn sound(&self, run: RunId) -> AccountCell {
        self.settle();
        let report = self.wait(verify(&self.store, None)).unwrap();
        assert_eq!(report.fault, None);
        self.account(account::of_run(run))
    }

    pub fn account(&self, id: AccountId) -> AccountCell {
        self.wait(self.store.account(&Tenant::local(), id)).unwrap().unwrap().cell
    }

    /// The kinds of a run's entries, in order.
    pub fn kinds(&self, run: RunId) -> Vec<EntryKind> {
        self.entries(run).into_iter().map(|entry| entry.kind).collect()
    }

    pub fn entries(&self, run: RunId) -> Vec<Entry> {
        let cell = self.wait(self.store.run(&Tenant::local(), run)).unwrap().unwrap();
        let mut entries = Vec::new();
        self.wait(comity_ledger::read(self.gate.vault(), &cell, |record| {
            entries.push(record.entry);
            Ok(())
        }))
        .unwrap();
        entries
    }

    /// Caps the namespace and the tenant before any run of theirs is opened by the gate.
    pub fn cap(&self, namespace: Amounts, tenant: Amounts) {
        let (run, who) = (RunId::from_bytes([9; 16]), self.person());
        let ensure = |account, caps| Op::EnsureAccount { account, label: "capped".into(), caps };
        let (kind, at) = (EntryKind::Opened, Timestamp::from_millis(1));
        let mut entry =
            Entry::new(kind, run, who.tenant.clone(), who.namespace.clone(), "local:jo".into(), at);
        entry.status = Some(RunStatus::Running);
        entry.caps = Some(Amounts::ZERO);
        let ops = vec![
            Op::OpenRun { namespace: who.namespace.clone(), owner: "one".into() },
            ensure(account::of_run(run), Amounts::ZERO),
            ensure(account::of_namespace(&who.tenant, &who.namespace), namespace),
            ensure(account::of_tenant(&who.tenant), tenant),
            Op::Append(bare(&entry)),
        ];
        let commit = Commit { tenant: who.tenant, run, fence: Fence::New, at, expect: Vec::new(), ops };
        self.wait(self.store.queue(commit)).unwrap();
    }
}

pub fn usd(micro_usd: u64) -> Amounts {
    Amounts { micro_usd, ..Amounts::ZERO }
}

/// Money and steps.
pub fn amounts(micro_usd: u64, steps: u64) -> Amounts {
    Amounts { micro_usd, steps, ..Amounts::ZERO }
}

/// An idempotent step that costs nothing.
pub fn plain(scope: &Scope, ordinal: u32) -> Step {
    let id: StepId = scope.step_id(ordinal, 0);
    Step {
        id,
        parent: scope.parent_step(),
        ordinal,
        iteration: 0,
        name: format!("s{ordinal}").into(),
        target: "act".into(),
        action: Arc::default(),
        kind: StepKind::ToolCall,
        risk: RiskTier::ReadOnly,
        idempotent: true,
        contract: Digest::ZERO,
        endpoint: format!("test:{ordinal}").into(),
        bound: Amounts::ZERO,
        timeout: None,
        input: (*b"{}").into(),
        taint: Taint::NONE,
    }
}

/// A step that may cost this much.
pub fn pays(scope: &Scope, ordinal: u32, most: u64) -> Step {
    Step { bound: usd(most), ..plain(scope, ordinal) }
}

pub fn done() -> Result<Output, Failure> {
    Ok(Output { value: json!("done") })
}

pub fn settled(outcome: Outcome) -> Settled {
    match outcome {
        Outcome::Settled(settled) => settled,
        other => panic!("it did not settle: {other:?}"),
    }
}

pub fn denied(outcome: &Outcome) -> Option<ReasonCode> {
    match outcome {
        Outcome::Denied(refusal) => Some(refusal.reason),
        _ => None,
    }
}

pub fn text(outcome: Outcome) -> Value {
    settled(outcome).output.value
}

/// What effects have really spent, told from the effects and not from the ledger.
#[derive(Clone, Default)]
pub struct Spent(pub Rc<Cell<u64>>);

impl Spent {
    pub fn charge(&self, permit: &mut Permit, amount: u64) -> Result<(), Failure> {
        permit.charge(usd(amount)).map_err(|short| Failure::Failed(short.to_string()))?;
        self.0.set(self.0.get() + amount);
        Ok(())
    }

    pub fn get(&self) -> u64 {
        self.0.get()
    }
}
