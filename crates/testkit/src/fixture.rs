//! A run written through the gate on a clock that is moved by hand, so that its ids, times and hashes are the same
//! every time: what views are tested on.

use comity_core::Taint;
use comity_core::{
    Amounts, BoxFuture, Clock, Digest, Entropy, Namespace, Principal, ReasonCode, RunId, Spawn, Step, StepId,
    StepKind, Tenant, Timestamp, Unwatched,
};
use comity_flow::{Plan, StepPlan, compile};
use comity_govern::{
    Answer, Failure, Gate, Input, Opening, Outcome, Output, Permit, Ruling, Run, Scope, World,
};
use comity_ledger::{Entry, EntryKind, RunStatus, Slot, StepRef, Vault, seal};
use comity_runtime::keys::FolderKeys;
use comity_store::{Commit, Durability, Fence, Op, Options, Store};
use serde_json::{Value, json};
use std::future::pending;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The workflow of [`review`].
pub const REVIEW: &str = "\
name: contract-review
policy: {max_risk_tier: external-io, budget_usd: 0.5}
nodes:
  plan: {kind: echo, price_usd: 0.002}
  draft: {kind: echo, price_usd: 0.01}
  check: {kind: echo}
  researcher: {kind: echo, price_usd: 0.05}
  send_notice: {kind: echo, risk: irreversible}
  archive: {kind: echo}
  record: {kind: echo}
  sign: {kind: human, prompt: 'Sign it?'}
  ship: {kind: human, prompt: 'Ship it?'}
  publish: {kind: echo}
  done: {kind: echo}
edges:
  - plan -> draft -> check
  - plan -> researcher
  - check -> send_notice -> archive -> record
  - check -> sign
  - check -> ship -> publish -> done
";

/// When the clock begins: 2025-11-20T12:00:00Z.
const NOON: u64 = 1_763_640_000_000;

/// Time that is moved by hand. Nobody is ever woken by it.
struct Hands(Mutex<Duration>);

impl Hands {
    fn advance(&self, millis: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += Duration::from_millis(millis);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOON).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(pending())
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

/// Nothing here outlives its caller.
struct Nobody;

impl Spawn for Nobody {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(task);
    }
}

/// One run, written act by act.
struct Scene {
    gate: Gate,
    store: Store,
    hands: Arc<Hands>,
    plan: Plan,
    run: Arc<Run>,
    person: Principal,
}

/// Why a fixture cannot be written.
type Fault = Box<dyn std::error::Error>;

/// Writes a run that has a bit of everything into a new database: a loop, a second try, an agent that waits for a
/// person, a refusal and what it kept from running, a no, an open question, and a step that waits for a moment.
pub fn review(database: &Path) -> Result<RunId, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let scene = Scene::open(database, REVIEW).await?;
        let root = Scope::root(Arc::clone(&scene.run));
        scene.settle(&root, "plan", 0, 120, 420, json!({"steps": ["draft", "check"]})).await?;
        scene.settle(&root, "draft", 0, 80, 910, json!("First draft.\nIt is short.")).await?;
        scene.settle(&root, "check", 0, 15, 0, json!({"confidence": 0.4, "approved": false})).await?;
        scene.lose_and_repeat(&root).await?;
        scene.settle(&root, "check", 1, 15, 0, json!({"confidence": 0.9, "approved": true})).await?;
        scene.agent(&root).await?;
        scene.act(&root, "send_notice", 0, Act::default()).await?;
        scene.skip(
            &root,
            "archive",
            "every step it waits for ended without a result: one before it was refused (risk.tier)",
        );
        scene.skip(
            &root,
            "record",
            "every step it waits for ended without a result: one before it was refused (risk.tier)",
        );
        scene.run.flush().await?;
        let signed = scene.act(&root, "sign", 0, Act::default()).await?;
        scene.act(&root, "ship", 0, Act::default()).await?;
        if let Outcome::Held(approval) = signed {
            scene.hands.advance(60_000);
            let (tenant, person) = (&scene.person.tenant, &scene.person);
            scene.gate.rule(tenant, approval.id, Ruling::Reject, person, "not on a Friday").await?;
        }
        scene.schedule(&root, "publish").await?;
        scene.hands.advance(5);
        scene.run.pause(RunStatus::Waiting).await?;
        Ok(scene.run.id())
    })
}

/// What an act does.
#[derive(Default)]
struct Act {
    millis: u64,
    tokens: u64,
    micro_usd: u64,
    ends: Option<Result<Value, Failure>>,
}

impl Scene {
    async fn open(database: &Path, source: &str) -> Result<Self, Fault> {
        let mut options = Options::new(database, comity_ledger::link);
        options.durability = Durability::Process;
        // Keys of two databases do not mix, and no id of a run depends on this.
        let name = Digest::of(&[database.as_os_str().as_encoded_bytes()]);
        options.id.iter_mut().zip(name.0).for_each(|(slot, byte)| *slot = byte);
        let store = Store::open(options)?;
        let hands = Arc::new(Hands(Mutex::default()));
        let world = World {
            clock: Arc::clone(&hands) as Arc<dyn Clock>,
            entropy: Arc::new(Counter(AtomicU64::new(7))),
            spawn: Arc::new(Nobody),
            points: Arc::new(Unwatched),
        };
        let entropy = Arc::new(Counter(AtomicU64::new(1 << 30)));
        let keys = FolderKeys::open(&crate::keys::folder(&store.id().await?), entropy, None)?;
        let vault = Vault::new(store.clone(), Arc::new(keys));
        let gate = Gate::new(vault, world);
        let plan = compile(source, &comity_runtime::kinds())?;
        let person = Principal::local_person("jo", Tenant::local(), Namespace::default_name());
        let setup = json!({"base_dir": "", "file": "review.yaml", "planner": comity_runtime::PLANNER, "task": "Find the traps"});
        let opening = Opening {
            principal: person.clone(),
            owner: "1-0".into(),
            policy: plan.policy().clone(),
            source: source.as_bytes().to_vec(),
            setup: setup.to_string().into_bytes(),
            origin: None,
            about: None,
        };
        let run = gate.open(opening).await?;
        Ok(Self { gate, store, hands, plan, run, person })
    }

    fn planned(&self, name: &str) -> Result<(u32, &StepPlan), Fault> {
        let found = self.plan.steps().iter().zip(0..).find(|(step, _)| &*step.name == name);
        let (step, ordinal) = found.ok_or_else(|| format!("no step `{name}`"))?;
        Ok((ordinal, step))
    }

    fn step(&self, scope: &Scope, name: &str, iteration: u32) -> Result<Step, Fault> {
        let (ordinal, plan) = self.planned(name)?;
        let input = Input::new(json!({"context": {"pass": iteration + 1}, "task": "Find the traps"}));
        Ok(Step {
            id: scope.step_id(ordinal, iteration),
            parent: None,
            ordinal,
            iteration,
            name: Arc::clone(&plan.name),
            target: Arc::clone(&plan.name),
            action: Arc::default(),
            kind: plan.kind.step,
            risk: plan.risk,
            idempotent: plan.idempotent,
            contract: Digest::of(&[name.as_bytes()]),
            endpoint: format!("test:{name}").into(),
            bound: Amounts { micro_usd: plan.price.micros(), tokens: 2_000, steps: 4, millis: 0 },
            timeout: Some(Duration::from_secs(30)),
            input: input.bytes,
            taint: Taint::NONE,
        })
    }

    /// A step that ends with this result.
    async fn settle(
        &self,
        scope: &Scope,
        name: &str,
        iteration: u32,
        millis: u64,
        tokens: u64,
        output: Value,
    ) -> Result<Outcome, Fault> {
        let micro_usd = self.planned(name)?.1.price.micros();
        self.act(scope, name, iteration, Act { millis, tokens, micro_usd, ends: Some(Ok(output)) }).await
    }

    async fn act(&self, scope: &Scope, name: &str, iteration: u32, act: Act) -> Result<Outcome, Fault> {
        self.hands.advance(2);
        let step = self.step(scope, name, iteration)?;
        Ok(self.gate.run(scope, step, async |permit| self.do_it(permit, act)).await?)
    }

    fn do_it(&self, permit: &mut Permit, act: Act) -> Result<Output, Failure> {
        self.hands.advance(act.millis);
        let usage = Amounts { micro_usd: act.micro_usd, tokens: act.tokens, ..Amounts::ZERO };
        permit.charge(usage).map_err(|short| Failure::Failed(short.to_string()))?;
        act.ends.unwrap_or(Ok(Value::Null)).map(|value| Output { value })
    }

    /// The second pass of the draft: nobody sees how its first try ends, a person finds out, the second settles.
    async fn lose_and_repeat(&self, root: &Scope) -> Result<(), Fault> {
        self.hands.advance(2);
        let harmful = |step: Step| Step { idempotent: false, ..step };
        let lost = Act {
            millis: 40,
            ends: Some(Err(Failure::Unknown("the line went dead".into()))),
            ..Act::default()
        };
        let step = harmful(self.step(root, "draft", 1)?);
        let id = step.id;
        self.gate.run(root, step, async |permit| self.do_it(permit, lost)).await?;
        self.hands.advance(30_000);
        self.gate.answer(&self.run, id, &Answer::NotHappened, &self.person, "nothing arrived").await?;
        let step = harmful(self.step(root, "draft", 1)?);
        let output = json!("Second draft, with every trap in it that a careful reader finds.");
        let act = Act { millis: 75, tokens: 880, micro_usd: 10_000, ends: Some(Ok(output)) };
        self.gate.run(root, step, async |permit| self.do_it(permit, act)).await?;
        Ok(())
    }

    /// An agent's turn: one tool call settles, the next waits for a person, and so the turn stops for now.
    async fn agent(&self, root: &Scope) -> Result<(), Fault> {
        self.hands.advance(2);
        let turn = Step { kind: StepKind::AgentTurn, ..self.step(root, "researcher", 0)? };
        let ended = self.gate.run(root, turn, async |permit| {
            let Some(inside) = permit.scope() else { return Err(Failure::Failed("no scope".into())) };
            let search = nested(&inside, 0, "researcher/search", StepKind::ToolCall);
            let found = Act { millis: 50, tokens: 300, micro_usd: 4_000, ends: Some(Ok(json!({"hits": 3}))) };
            let fail = |error: comity_govern::Error| Failure::Failed(error.to_string());
            self.gate.run(&inside, search, async |permit| self.do_it(permit, found)).await.map_err(fail)?;
            let ask = nested(&inside, 1, "researcher/confirm", StepKind::HumanDecision);
            self.gate.run(&inside, ask, async |_| Ok(Output { value: Value::Null })).await.map_err(fail)?;
            Err(Failure::Waiting("`researcher/confirm` waits for a person".into()))
        });
        ended.await?;
        Ok(())
    }

    fn skip(&self, scope: &Scope, name: &str, message: &str) {
        if let Ok(step) = self.step(scope, name, 0) {
            self.run.skip(&step, ReasonCode::Unreachable, message);
        }
    }

    /// A step that waits for a moment, as whoever writes such entries would.
    async fn schedule(&self, scope: &Scope, name: &str) -> Result<(), Fault> {
        let step = self.step(scope, name, 0)?;
        let (tenant, namespace) = (self.person.tenant.clone(), self.person.namespace.clone());
        let (who, now) = (self.person.id.to_string().into(), self.hands.now());
        let mut entry = Entry::new(EntryKind::Scheduled, self.run.id(), tenant.clone(), namespace, who, now);
        entry.step = Some(StepRef::of(&step, 1));
        entry.reason = Some(ReasonCode::Timer);
        entry.expires = Some(now.plus(Duration::from_secs(86_400)).millis());
        let act = json!({"input": {}, "name": name}).to_string();
        let entropy = Counter(AtomicU64::new(1 << 20));
        let cell = self.store.run(&tenant, self.run.id()).await?.ok_or("the run is gone")?;
        let pen = self.gate.vault().open(&cell).await?.pen().ok_or("its keys are gone")?;
        let texts = [(Slot::Act, act.as_bytes()), (Slot::Note, &b"it publishes at noon"[..])];
        let ops = vec![Op::Append(seal(entry, &texts, &pen, &entropy))];
        let commit =
            Commit { tenant, run: self.run.id(), fence: Fence::Anyone, at: now, expect: Vec::new(), ops };
        self.store.queue(commit).await.map_err(|error| format!("{error:?}"))?;
        Ok(())
    }
}

fn nested(scope: &Scope, ordinal: u32, name: &str, kind: StepKind) -> Step {
    let id: StepId = scope.step_id(ordinal, 0);
    Step {
        id,
        parent: scope.parent_step(),
        ordinal,
        iteration: 0,
        name: name.into(),
        target: name.into(),
        action: Arc::default(),
        kind,
        risk: comity_core::RiskTier::ReadOnly,
        idempotent: true,
        contract: Digest::of(&[name.as_bytes()]),
        endpoint: format!("test:{name}").into(),
        bound: Amounts { micro_usd: 5_000, tokens: 500, steps: 1, millis: 0 },
        timeout: None,
        input: (*b"{\"query\":\"renewal\"}").into(),
        taint: Taint::NONE,
    }
}
