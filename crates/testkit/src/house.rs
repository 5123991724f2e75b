//! A gate in front of a store on disk, in a world in which time moves only when nothing else can.
//!
//! For tests of rooms that act through a gate. What fails here fails the test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it fails")]

use comity_core::{
    Amounts, ApprovalId, BoxFuture, Clock, Digest, Entropy, Namespace, Principal, RunId, Spawn, StepId,
    Tenant, Timestamp, Unwatched,
};
use comity_govern::{Gate, Opening, Policy, Ruling, Run, World};
use comity_ledger::{Entry, EntryKind, Slot, account, verify};
use comity_store::{AccountCell, Durability, Options, Pump, Store};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tempfile::TempDir;

/// Who waits for which moment; the number tells those who wait for the same one apart.
type Timers = BTreeMap<(Duration, u64), Option<Waker>>;

/// Time that stands still until somebody moves it.
#[derive(Clone, Default)]
struct Hands(Arc<Mutex<(Duration, u64, Timers)>>);

impl Hands {
    /// Moves time to the next timer; false when there is none.
    fn fire(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        let Some(((at, _), waker)) = state.2.pop_first() else { return false };
        state.0 = state.0.max(at);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        true
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_640_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let mut state = self.0.lock().unwrap();
        let key = (state.0.saturating_add(span), state.1);
        state.1 += 1;
        state.2.insert(key, None);
        drop(state);
        Box::pin(Sleep { hands: self.clone(), key })
    }
}

struct Sleep {
    hands: Hands,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.hands.0.lock().unwrap().2.get_mut(&self.key) {
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
        self.hands.0.lock().unwrap().2.remove(&self.key);
    }
}

/// Unequal bytes, none of them secret.
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let bytes = Digest::of(&[&number.to_be_bytes()]).0;
        out.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
    }
}

/// Tasks nobody waits for.
#[derive(Default)]
struct Inbox(Mutex<Vec<BoxFuture<'static, ()>>>);

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

/// One process with a store of its own.
pub struct House {
    /// The gate.
    pub gate: Gate,
    store: Store,
    hands: Hands,
    inbox: Arc<Inbox>,
    _folder: TempDir,
}

impl Default for House {
    fn default() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            durability: Durability::Process,
            pump: Pump::Manual,
            points: Arc::new(Unwatched),
            ..Options::new(folder.path().join("a.db"), comity_ledger::link)
        };
        let (hands, inbox) = (Hands::default(), Arc::new(Inbox::default()));
        let store = Store::open(options).unwrap();
        let world = World {
            clock: Arc::new(hands.clone()),
            entropy: Arc::new(Counter(0.into())),
            spawn: Arc::clone(&inbox) as Arc<dyn Spawn>,
            points: Arc::new(Unwatched),
        };
        let vault = crate::keys::in_memory(store.clone(), Arc::new(Counter(1.into())));
        Self { gate: Gate::new(vault, world), store, hands, inbox, _folder: folder }
    }
}

impl House {
    /// Time on the monotonic clock.
    pub fn now(&self) -> Duration {
        self.hands.monotonic()
    }

    /// The person who opens runs and rules on approvals.
    pub fn person(&self) -> Principal {
        Principal::local_person("jo", Tenant::local(), Namespace::default_name())
    }

    /// Opens a run under these limits.
    pub fn open(&self, policy: Policy) -> Arc<Run> {
        let (source, setup) = (b"flow".to_vec(), b"{}".to_vec());
        let (principal, owner) = (self.person(), "one".into());
        let opening = Opening { principal, owner, policy, source, setup, origin: None, about: None };
        self.wait(self.gate.open(opening)).unwrap()
    }

    /// Takes a run over, as another process would.
    pub fn resume(&self, run: RunId) -> Arc<Run> {
        self.wait(self.gate.resume(run, &self.person(), "two".into())).unwrap()
    }

    /// Lets the person decide.
    pub fn rule(&self, id: ApprovalId, ruling: Ruling) {
        self.wait(self.gate.rule(&Tenant::local(), id, ruling, &self.person(), "")).unwrap();
    }

    /// Runs a future and everything it leaves behind: first whoever can go on, then commits, then time.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let bell = Arc::new(Bell(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&bell));
        let mut cx = Context::from_waker(&waker);
        let mut left = Vec::new();
        loop {
            while bell.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
                    self.inbox.0.lock().unwrap().append(&mut left);
                    return done;
                }
                left.append(&mut self.inbox.0.lock().unwrap());
                left.retain_mut(|task: &mut BoxFuture<'static, ()>| task.as_mut().poll(&mut cx).is_pending());
            }
            assert!(self.store.pump(256) > 0 || self.hands.fire(), "nothing can go on");
        }
    }

    /// The account of a run, once everything is durable, in a ledger without fault.
    pub fn sound(&self, run: RunId) -> AccountCell {
        while self.store.pump(256) > 0 {}
        assert_eq!(self.wait(verify(&self.store, None)).unwrap().fault, None);
        let id = account::of_run(run);
        self.wait(self.store.account(&Tenant::local(), id)).unwrap().expect("the run has an account").cell
    }

    /// What is held on a run's account and what was spent on it, and whether it is frozen.
    pub fn balance(&self, run: RunId) -> (Amounts, Amounts, bool) {
        let cell = self.sound(run);
        (cell.held, cell.spent, cell.frozen)
    }

    /// A run's entries about steps, in order, as in `admitted plan`, with the reason if there is one.
    pub fn story(&self, run: RunId) -> Vec<String> {
        let tell = |(entry, act): &(Entry, Value)| {
            let kind = format!("{:?}", entry.kind).to_lowercase();
            let reason = entry.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("{kind} {}{reason}", act.get("name").and_then(Value::as_str).unwrap_or_default())
        };
        self.entries(run).iter().map(tell).collect()
    }

    /// What the steps of this name were given, in the order of their admission.
    pub fn inputs(&self, run: RunId, name: &str) -> Vec<Value> {
        let admitted = |(entry, act): &(Entry, Value)| {
            entry.kind == EntryKind::Admitted && act.get("name").and_then(Value::as_str) == Some(name)
        };
        let input = |(_, act): (Entry, Value)| act.get("input").cloned().unwrap_or_default();
        self.entries(run).into_iter().filter(admitted).map(input).collect()
    }

    /// The entries about steps, each with what its step was to do.
    fn entries(&self, run: RunId) -> Vec<(Entry, Value)> {
        self.sound(run);
        let cell = self.wait(self.store.run(&Tenant::local(), run)).unwrap().expect("there is such a run");
        let mut acts: HashMap<StepId, Value> = HashMap::new();
        let mut entries = Vec::new();
        let read = comity_ledger::read(self.gate.vault(), &cell, |record| {
            let Some(step) = &record.entry.step else { return Ok(()) };
            if let Some(act) = record.text(Slot::Act)? {
                acts.insert(step.id, serde_json::from_slice(&act).unwrap());
            }
            let act = acts.get(&step.id).cloned().unwrap_or_default();
            entries.push((record.entry.clone(), act));
            Ok(())
        });
        self.wait(read).unwrap();
        entries
    }

    /// The approval that a run waits for.
    pub fn asked(&self, run: RunId) -> ApprovalId {
        let asked = self.entries(run).into_iter().rev().find_map(|(entry, _)| entry.approval);
        asked.expect("somebody is asked")
    }
}
