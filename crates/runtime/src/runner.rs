//! How a plan's steps are done: by the adapters of this build.

use crate::error::Error;
use comity_adapter::{Adapter, AdapterKind, Setup};
use comity_api::{Event, EventKind};
use comity_core::{Amounts, BoxFuture, Digest, Step};
use comity_flow::{Plan, StepPlan, StepRunner};
use comity_govern::planted::{self, Defect};
use comity_govern::{Failure, Input, Output, Permit, Scope};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;

/// The most programs of one process at a time.
const PROCESSES: usize = 64;

/// A step of the plan, ready to be done.
struct Ready {
    adapter: Arc<dyn Adapter>,
    contract: Digest,
    endpoint: Arc<str>,
    turn: Option<Arc<Semaphore>>,
    bound: Amounts,
}

/// The adapters of one plan.
pub struct Runner {
    plan: Arc<Plan>,
    ready: Vec<Ready>,
    early: Option<Sender<Event>>,
}

impl Runner {
    /// Builds an adapter for every step. Errors name the first step that cannot be built.
    pub fn new(
        plan: Arc<Plan>,
        adapters: &[AdapterKind],
        base_dir: &Path,
        processes: &Arc<Semaphore>,
    ) -> Result<Self, Error> {
        let setup = Setup { base_dir: base_dir.to_owned() };
        let ready = plan
            .steps()
            .iter()
            .map(|step| build(step, adapters, &setup, processes))
            .collect::<Result<_, _>>()?;
        Ok(Self { plan, ready, early: None })
    }

    /// Where the planted defect of events that leave too early sends them.
    pub fn telling(self, early: Option<Sender<Event>>) -> Self {
        Self { early: early.filter(|_| planted::is(Defect::EarlyEvent)), ..self }
    }

    /// The planted defect: says that a step settled before that is written down.
    fn tell_early(&self, name: &str) {
        if let Some(early) = &self.early {
            let _ = early.try_send(Event::bare(EventKind::StepSettled, name));
        }
    }
}

/// Turns for programs, shared by every run of a process.
pub fn processes() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(PROCESSES))
}

fn build(
    step: &StepPlan,
    adapters: &[AdapterKind],
    setup: &Setup,
    processes: &Arc<Semaphore>,
) -> Result<Ready, Error> {
    let fail = |source| Error::Adapter { step: step.name.to_string(), source };
    let kind = adapters.iter().find(|kind| kind.spec.name == step.kind.name);
    let kind = kind.ok_or_else(|| Error::NoAdapter(step.kind.name.to_owned()))?;
    let adapter = (kind.build)(setup, &step.config).map_err(fail)?;
    let endpoint: Arc<str> = adapter.endpoint().into();
    let turn = endpoint.starts_with("command:").then(|| Arc::clone(processes));
    // The call's own step and price, and whatever it may nest. What leaves the range fits no account.
    let own = Amounts { micro_usd: step.price.micros(), steps: 1, ..Amounts::ZERO };
    let bound = own.checked_add(&adapter.reserve()).unwrap_or(Amounts::UNLIMITED);
    Ok(Ready { adapter, contract: contract(step), endpoint, turn, bound })
}

/// Names how a step is done: a resumed step that is done another way is not the same act.
fn contract(step: &StepPlan) -> Digest {
    let config = serde_json::Value::Object(step.config.clone()).to_string();
    let facts = [step.risk.level(), u8::from(step.idempotent)];
    let price = step.price.micros().to_be_bytes();
    Digest::of(&[
        b"comity/contract/v1\n",
        step.kind.name.as_bytes(),
        b"\n",
        config.as_bytes(),
        &facts,
        &price,
    ])
}

impl StepRunner for Runner {
    fn step(&self, scope: &Scope, ordinal: usize, input: &Input) -> Step {
        let number = u32::try_from(ordinal).unwrap_or(u32::MAX);
        let (plan, ready) = match (self.plan.step(ordinal), self.ready.get(ordinal)) {
            (Some(plan), Some(ready)) => (plan, ready),
            _ => unreachable_step(ordinal),
        };
        Step {
            id: scope.step_id(number, 0),
            parent: None,
            ordinal: number,
            iteration: 0,
            name: Arc::clone(&plan.name),
            kind: plan.kind.step,
            risk: plan.risk,
            idempotent: plan.idempotent,
            contract: ready.contract,
            endpoint: Arc::clone(&ready.endpoint),
            bound: ready.bound,
            timeout: plan.timeout,
            input: Arc::clone(&input.bytes),
        }
    }

    fn run<'a>(
        &'a self,
        permit: &'a mut Permit,
        ordinal: usize,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        let (plan, ready) = match (self.plan.step(ordinal), self.ready.get(ordinal)) {
            (Some(plan), Some(ready)) => (plan, ready),
            _ => unreachable_step(ordinal),
        };
        // A call is paid for when it is made, whatever comes of it.
        let price = Amounts { micro_usd: plan.price.micros(), ..Amounts::ZERO };
        match permit.charge(price) {
            Ok(()) if self.early.is_some() => Box::pin(async move {
                let ended = ready.adapter.call(permit, input).await;
                self.tell_early(&plan.name);
                ended
            }),
            Ok(()) => ready.adapter.call(permit, input),
            Err(short) => Box::pin(async move { Err(Failure::Failed(short.to_string())) }),
        }
    }

    fn turn(&self, ordinal: usize) -> Option<Arc<Semaphore>> {
        self.ready.get(ordinal)?.turn.clone()
    }
}

#[expect(clippy::panic, reason = "ordinals come from the very plan the adapters were built from")]
fn unreachable_step(ordinal: usize) -> ! {
    panic!("step {ordinal} is not in the plan")
}
