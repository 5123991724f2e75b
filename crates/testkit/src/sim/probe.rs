//! An adapter whose effects are noted outside the ledger.

use comity_adapter::{Adapter, AdapterKind, Error, Setup};
use comity_core::Taint;
use comity_core::{
    Amounts, BoxFuture, Digest, KeySpec, KindSpec, RiskTier, RunId, Shape, Step, StepId, StepKind,
};
use comity_govern::{Failure, Gate, Input, Outcome, Output, Permit, Scope};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// One effect, at the moment it touches the world.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The run it belongs to.
    pub run: RunId,
    /// The step it is the effect of.
    pub step: StepId,
    /// What the step may do twice.
    pub idempotent: bool,
    /// What it spent, in millionths of a dollar.
    pub spent: u64,
}

thread_local! {
    static EFFECTS: RefCell<Vec<Effect>> = const { RefCell::new(Vec::new()) };
    static GATE: RefCell<Option<Gate>> = const { RefCell::new(None) };
}

/// Forgets every effect and the gate.
pub fn reset() {
    EFFECTS.with_borrow_mut(Vec::clear);
    lend(None);
}

/// Every effect so far, in order.
pub fn effects() -> Vec<Effect> {
    EFFECTS.with_borrow(Clone::clone)
}

/// The gate that nested steps go through.
pub fn lend(gate: Option<Gate>) {
    GATE.with_borrow_mut(|slot| *slot = gate);
}

const KEYS: &[KeySpec] = &[
    KeySpec { name: "delay_ms", shape: Shape::Count, required: true, about: "How long it takes." },
    KeySpec { name: "children", shape: Shape::Count, required: true, about: "Steps nested in it." },
    KeySpec { name: "fails", shape: Shape::Flag, required: true, about: "Whether it fails." },
    KeySpec { name: "flunks", shape: Shape::Count, required: false, about: "So many times it fails first." },
    KeySpec { name: "worth", shape: Shape::Count, required: false, about: "What is noted as spent." },
    KeySpec { name: "once", shape: Shape::Flag, required: true, about: "Whether doing it twice does harm." },
];

const SPEC: KindSpec = KindSpec {
    name: "probe",
    step: StepKind::ToolCall,
    risk: RiskTier::Internal,
    idempotent: false,
    keys: KEYS,
    about: "Notes what it does.",
};

/// The kinds of step of simulated workflows.
pub const KINDS: &[AdapterKind] = &[HUMAN, AdapterKind { spec: &SPEC, build }];

const HUMAN: AdapterKind = human();

const fn human() -> AdapterKind {
    let [.., human] = comity_adapter::ADAPTERS else { panic!("the last adapter is human") };
    AdapterKind { spec: human.spec, build: human.build }
}

struct Probe {
    delay: Duration,
    children: u32,
    fails: bool,
    flunks: u64,
    worth: u64,
    once: bool,
}

fn build(_: &Setup, keys: &Map<String, Value>) -> Result<Arc<dyn Adapter>, Error> {
    let count = |key: &str| keys.get(key).and_then(Value::as_u64).unwrap_or_default();
    let flag = |key: &str| keys.get(key).and_then(Value::as_bool).unwrap_or_default();
    Ok(Arc::new(Probe {
        delay: Duration::from_millis(count("delay_ms")),
        children: count("children") as u32,
        fails: flag("fails"),
        flunks: count("flunks"),
        worth: count("worth"),
        once: flag("once"),
    }))
}

impl Adapter for Probe {
    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(self.act(permit, input))
    }

    fn endpoint(&self) -> String {
        // One endpoint each, so that a failing step does not open another's breaker.
        format!("probe:{}:{}", self.fails, self.children)
    }

    fn reserve(&self) -> Amounts {
        let children = u64::from(self.children);
        Amounts { micro_usd: 10 * children, steps: children, ..Amounts::ZERO }
    }
}

impl Probe {
    async fn act(&self, permit: &mut Permit, input: &Input) -> Result<Output, Failure> {
        let clock = Arc::clone(permit.clock());
        clock.sleep(self.delay / 2).await;
        if let Some(scope) = permit.scope() {
            for ordinal in 0..self.children {
                nested(&scope, ordinal).await?;
            }
            note(&scope, permit.step(), !self.once, self.worth);
        }
        clock.sleep(self.delay / 2).await;
        let times = effects().iter().filter(|effect| effect.step == permit.step()).count() as u64;
        if self.fails || times <= self.flunks && self.flunks > 0 {
            Err(Failure::Failed("as it was told to".to_owned()))
        } else {
            let pass = input.value.get("iteration").and_then(Value::as_u64).unwrap_or_default();
            Ok(Output { value: json!({"n": pass + 1}) })
        }
    }
}

fn note(scope: &Scope, step: StepId, idempotent: bool, spent: u64) {
    let run = scope.run().id();
    EFFECTS.with_borrow_mut(|effects| effects.push(Effect { run, step, idempotent, spent }));
}

/// A step inside a step: idempotent, and paid for out of its parent's hold.
async fn nested(scope: &Scope, ordinal: u32) -> Result<(), Failure> {
    let Some(gate) = GATE.with_borrow(Clone::clone) else { return Ok(()) };
    let input = Input::new(json!({"child": ordinal}));
    let step = Step {
        id: scope.step_id(ordinal, 0),
        parent: scope.parent_step(),
        ordinal,
        iteration: 0,
        name: format!("child{ordinal}").into(),
        target: "child".into(),
        action: Arc::default(),
        kind: StepKind::ToolCall,
        risk: RiskTier::ReadOnly,
        idempotent: true,
        contract: Digest::ZERO,
        endpoint: "probe:child".into(),
        bound: Amounts { micro_usd: 10, steps: 1, ..Amounts::ZERO },
        timeout: Some(Duration::from_millis(50)),
        input: Arc::clone(&input.bytes),
        taint: Taint::NONE,
    };
    let outcome = gate.run(scope, step, async |permit| {
        let spend = permit.charge(Amounts { micro_usd: 7, ..Amounts::ZERO });
        spend.map_err(|short| Failure::Failed(short.to_string()))?;
        permit.clock().sleep(Duration::from_millis(1)).await;
        if let Some(inner) = permit.scope() {
            note(&inner, permit.step(), true, 7);
        }
        Ok(Output { value: json!("child done") })
    });
    match outcome.await {
        Ok(Outcome::Settled(_)) => Ok(()),
        Ok(other) => Err(Failure::Failed(format!("a nested step came out as {other:?}"))),
        Err(error) => Err(Failure::Unknown(error.to_string())),
    }
}
