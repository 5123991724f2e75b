//! One cap, many runs, real threads, and a store that commits by itself.

#![expect(clippy::disallowed_methods, reason = "the subject is real threads and real time")]

use comity_core::{
    Amounts, BoxFuture, Clock, Digest, Entropy, MicroUsd, Namespace, Principal, RiskTier, Spawn, Step,
    StepKind, Tenant, Timestamp, Unwatched,
};
use comity_govern::{Gate, Opening, Outcome, Output, Policy, Scope, World};
use comity_ledger::keys::MemoryKeys;
use comity_ledger::{Vault, account, verify};
use comity_store::{Durability, Options, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

struct Machine(Instant);

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_640_000_000).plus(self.0.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) {
        let bytes = Digest::of(&[&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()]).0;
        out.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
    }
}

struct Threads;

impl Spawn for Threads {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(tokio::spawn(task));
    }
}

const CAP: u64 = 100;

fn opening() -> Opening {
    Opening {
        principal: Principal::local_person("jo", Tenant::local(), Namespace::default_name()),
        owner: "one".into(),
        policy: Policy { budget_usd: MicroUsd::new(CAP), max_steps: 1_000, ..Policy::default() },
        source: Vec::new(),
        setup: Vec::new(),
        origin: None,
        about: None,
    }
}

fn step(scope: &Scope, ordinal: u32, most: u64) -> Step {
    Step {
        id: scope.step_id(ordinal, 0),
        parent: None,
        ordinal,
        iteration: 0,
        name: "s".into(),
        target: "act".into(),
        action: "".into(),
        kind: StepKind::ToolCall,
        risk: RiskTier::ReadOnly,
        idempotent: true,
        contract: Digest::ZERO,
        endpoint: "test".into(),
        bound: Amounts { micro_usd: most, ..Amounts::ZERO },
        timeout: None,
        input: (*b"{}").into(),
        taint: comity_core::Taint::NONE,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_tasks_on_four_threads_never_pass_a_cap() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("a.db"), comity_ledger::link);
    let store = Store::open(Options { durability: Durability::Process, ..options }).unwrap();
    let world = World {
        clock: Arc::new(Machine(Instant::now())),
        entropy: Arc::new(Counter::default()),
        spawn: Arc::new(Threads),
        points: Arc::new(Unwatched),
    };
    let gate =
        Gate::new(Vault::new(store.clone(), Arc::new(MemoryKeys::new(Arc::clone(&world.entropy)))), world);
    for _ in 0..10 {
        let run = gate.open(opening()).await.unwrap();
        let tasks: Vec<_> = (0..64u32)
            .map(|ordinal| {
                let (gate, scope) = (gate.clone(), Scope::root(Arc::clone(&run)));
                tokio::spawn(async move {
                    let most = u64::from(ordinal % 7) * 15;
                    let effect = async |permit: &mut comity_govern::Permit| {
                        tokio::task::yield_now().await;
                        permit.charge(Amounts { micro_usd: most / 15, ..Amounts::ZERO }).unwrap();
                        Ok(Output { value: "done".into() })
                    };
                    let outcome = gate.run(&scope, step(&scope, ordinal, most), effect).await.unwrap();
                    (most, matches!(outcome, Outcome::Settled(_)))
                })
            })
            .collect();
        let mut spent = 0;
        let mut refused = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (most, true) => spent += most / 15,
                (most, false) => refused.push(most),
            }
        }
        run.flush().await.unwrap();
        let row = store.account(&Tenant::local(), account::of_run(run.id())).await.unwrap().unwrap();
        assert_eq!((row.cell.held, row.cell.spent.micro_usd), (Amounts::ZERO, spent));
        assert!(spent <= CAP);
        // Whoever was refused would not fit even now that nothing is held.
        assert!(refused.iter().all(|most| *most > CAP - spent), "{refused:?} with {spent} spent");
    }
    assert_eq!(verify(&store, None).await.unwrap().fault, None);
}
