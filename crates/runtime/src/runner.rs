//! How a plan's steps are done: by the adapters of this build, or by walking another plan.

mod action;
mod called;
mod doer;
mod toolbox;

pub(crate) use called::{Called, called};

use crate::bundle::Bundle;
use crate::error::Error;
use comity_adapter::{Adapter, AdapterKind, Setup};
use comity_api::{Event, EventKind};
use comity_core::{Amounts, BoxFuture, Digest, MicroUsd, Step, StepId};
use comity_flow::{Code, Diagnostic, Forecast, Plan, StepPlan, StepRunner, runs_at_most};
use comity_govern::planted::{self, Defect};
use comity_govern::{Failure, Gate, Input, Output, Permit, Scope};
use doer::{Doer, Ready};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;

/// The most programs of one process at a time.
const PROCESSES: usize = 64;

/// What every runner of one run shares.
pub struct Shop {
    /// The plans.
    pub bundle: Bundle,
    /// The kinds of adapter there are.
    pub adapters: &'static [AdapterKind],
    /// The folder of the first file.
    pub base_dir: std::path::PathBuf,
    /// Turns for programs.
    pub processes: Arc<Semaphore>,
    /// Where nested steps are asked for; `None` when steps are built and not done.
    pub gate: Option<Gate>,
    /// What went wrong with the gate inside a step: it stops the run, not only the step.
    fault: Mutex<Option<comity_govern::Error>>,
}

impl Shop {
    /// For the steps of these plans.
    pub fn new(
        bundle: Bundle,
        adapters: &'static [AdapterKind],
        base_dir: &Path,
        processes: &Arc<Semaphore>,
        gate: Option<Gate>,
    ) -> Arc<Self> {
        let (base_dir, processes) = (base_dir.to_owned(), Arc::clone(processes));
        Arc::new(Self { bundle, adapters, base_dir, processes, gate, fault: Mutex::new(None) })
    }

    /// What went wrong with the gate inside a step, if anything did.
    pub fn fault(&self) -> Option<comity_govern::Error> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The adapter of a kind, with these keys.
    fn adapter(
        &self,
        kind: &str,
        config: &Map<String, Value>,
    ) -> Result<Result<Arc<dyn Adapter>, comity_adapter::Error>, Error> {
        let found = self.adapters.iter().find(|other| other.spec.name == kind);
        let found = found.ok_or_else(|| Error::NoAdapter(kind.to_owned()))?;
        Ok((found.build)(&Setup { base_dir: self.base_dir.clone() }, config))
    }

    fn note_fault(&self, error: comity_govern::Error) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// The steps of one plan, ready to be done.
pub struct Runner {
    plan: Arc<Plan>,
    ready: Vec<Ready>,
    /// What stands before the names of its steps: empty for the run's own.
    prefix: String,
    shop: Arc<Shop>,
    early: Option<Sender<Event>>,
}

impl Runner {
    /// Builds what does every step. Errors name the first step that cannot be built.
    pub fn new(shop: &Arc<Shop>) -> Result<Self, Error> {
        Self::of(shop, Arc::clone(&shop.bundle.root), "", String::new())
    }

    /// For the plan of the file at `path`.
    fn of(shop: &Arc<Shop>, plan: Arc<Plan>, path: &str, prefix: String) -> Result<Self, Error> {
        let mut ready = Vec::with_capacity(plan.steps().len());
        let mut wrong = Vec::new();
        for step in plan.steps() {
            let built = match shop.bundle.inner(path, step) {
                Some((path, inner)) => {
                    let prefix = format!("{prefix}{}/", step.name);
                    let inner = Self::of(shop, inner, &path, prefix)?;
                    Ok(Ready::of_flow(step, inner, shop.bundle.digest(&path)))
                }
                None => doer::build(&plan, step, &prefix, shop),
            };
            match built {
                Ok(built) => ready.push(built),
                // The next step's mistake is told too.
                Err(error) => wrong.push(Diagnostic::error(Code::SETUP, step.place, error.to_string())),
            }
        }
        shop.bundle.refuse(path, wrong)?;
        Ok(Self { plan, ready, prefix, shop: Arc::clone(shop), early: None })
    }

    /// What went wrong with the gate inside a step, if anything did.
    pub fn fault(&self) -> Option<comity_govern::Error> {
        self.shop.fault()
    }

    /// How a step is done, by its digest.
    pub fn contract(&self, ordinal: usize) -> Option<Digest> {
        self.ready.get(ordinal).map(|ready| ready.contract)
    }

    /// What it does the steps of.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The first workflow, this one or one inside it, that may cost more than its file lets it be forecast
    /// to cost: what it may cost, and the most its file allows.
    pub fn dearer(&self, task: &str) -> Option<(MicroUsd, MicroUsd)> {
        let over = self.plan.control().max_forecast.and_then(|most| {
            let wanted = MicroUsd::new(self.forecast(task).most.micro_usd);
            (wanted > most).then_some((wanted, most))
        });
        let inner = || {
            self.ready.iter().find_map(|ready| match &ready.doer {
                Doer::Flow(inner) => inner.dearer(task),
                Doer::Adapter(_) | Doer::Agent(..) | Doer::Timer => None,
            })
        };
        over.or_else(inner)
    }

    /// Whether no workflow inside may cost more than its own policy lets it spend.
    pub fn fits_inside(&self, task: &str) -> bool {
        self.ready.iter().all(|ready| match &ready.doer {
            Doer::Flow(inner) => {
                let most = Amounts { millis: 0, ..inner.forecast(task).most };
                most.exceeds(&inner.plan.policy().caps()).is_none() && inner.fits_inside(task)
            }
            Doer::Adapter(_) | Doer::Agent(..) | Doer::Timer => true,
        })
    }

    /// What the plan may cost, when it is about `task`. What agents are told by others is not known before.
    pub fn forecast(&self, task: &str) -> Forecast {
        let input = Input::new(json!({"context": {}, "task": task}));
        let cost = |step: &StepPlan| {
            let ordinal = self.plan.steps().iter().position(|other| other.name == step.name);
            ordinal.map_or(Amounts::UNLIMITED, |ordinal| {
                let (plan, ready) = self.at(ordinal);
                Self::most(plan, ready, &input)
            })
        };
        comity_flow::forecast(&self.plan, &cost)
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

    /// The most the whole plan can cost: every step with all its tries and passes, and at most what its own
    /// policy lets it spend. Of a walk that is gone on with, `done` came of steps that have ended, and
    /// `spent` is what was booked: a try that was lost is made again, and its policy allows no more for it.
    fn bound(&self, done: &Amounts, spent: &Amounts) -> Amounts {
        let mut sum = Amounts::ZERO;
        for (ordinal, ready) in self.ready.iter().enumerate() {
            let most = ready.bound.saturating_mul(runs_at_most(&self.plan, ordinal));
            sum = sum.checked_add(&most).unwrap_or(Amounts::UNLIMITED);
        }
        let spent = Amounts { steps: done.steps, millis: 0, ..*spent };
        let allowed = self.plan.policy().caps().saturating_sub(&spent);
        Amounts { millis: 0, ..sum.saturating_sub(done).min(&allowed) }
    }

    fn at(&self, ordinal: usize) -> (&StepPlan, &Ready) {
        match (self.plan.step(ordinal), self.ready.get(ordinal)) {
            (Some(plan), Some(ready)) => (plan, ready),
            _ => unreachable_step(ordinal),
        }
    }

    /// Whether doing a step twice does what doing it once does, and so does everything in it.
    fn is_harmless(&self, ordinal: usize) -> bool {
        self.plan.step(ordinal).is_some_and(|step| step.idempotent) && self.repeats(ordinal)
    }

    /// The most that one try of a step can cost.
    fn most(plan: &StepPlan, ready: &Ready, input: &Input) -> Amounts {
        match &ready.doer {
            Doer::Agent(agent, tools) => doer::agent_bound(agent, tools, plan, input),
            Doer::Flow(_) | Doer::Adapter(_) | Doer::Timer => ready.bound,
        }
    }

    /// What the step may still cost: a step that goes on keeps to what it was given once.
    fn rest(&self, scope: &Scope, id: StepId, step: (&StepPlan, &Ready), input: &Input) -> Amounts {
        let (plan, ready) = step;
        let run = scope.run();
        // Being gone on with is a step of its own; what was done before is not done again.
        match &ready.doer {
            Doer::Agent(agent, tools) => {
                doer::agent_bound(agent, tools, plan, input).saturating_sub(&run.done_in(id))
            }
            Doer::Flow(inner) => doer::flow_bound(inner, &run.done_in(id), &run.spent_on(id)),
            Doer::Adapter(_) | Doer::Timer => ready.bound,
        }
    }
}

/// Turns for programs, shared by every run of a process.
pub fn processes() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(PROCESSES))
}

impl StepRunner for Runner {
    fn step(&self, scope: &Scope, ordinal: usize, iteration: u32, input: &Input) -> Step {
        let number = u32::try_from(ordinal).unwrap_or(u32::MAX);
        let (plan, ready) = self.at(ordinal);
        let id = scope.step_id(number, iteration);
        let name = if self.prefix.is_empty() {
            Arc::clone(&plan.name)
        } else {
            format!("{}{}", self.prefix, plan.name).into()
        };
        Step {
            id,
            parent: scope.parent_step(),
            ordinal: number,
            iteration,
            name,
            target: Arc::clone(&plan.name),
            action: Arc::clone(&ready.action),
            kind: plan.kind.step,
            risk: plan.risk,
            idempotent: plan.idempotent,
            contract: ready.contract,
            endpoint: Arc::clone(&ready.endpoint),
            bound: self.rest(scope, id, (plan, ready), input),
            timeout: match &ready.doer {
                // A workflow has its own time inside another, too.
                Doer::Flow(inner) => {
                    let own = inner.plan.policy().timeout;
                    Some(plan.timeout.map_or(own, |timeout| timeout.min(own)))
                }
                Doer::Adapter(_) | Doer::Agent(..) | Doer::Timer => plan.timeout,
            },
            input: Arc::clone(&input.bytes),
            taint: input.taint,
        }
    }

    fn run<'a>(
        &'a self,
        permit: &'a mut Permit,
        ordinal: usize,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        let (plan, ready) = self.at(ordinal);
        permit.taint(plan.source);
        // A call is paid for when it is made, whatever comes of it.
        let price = Amounts { micro_usd: plan.price.micros(), ..Amounts::ZERO };
        if let Err(short) = permit.charge(price) {
            return Box::pin(async move { Err(Failure::Failed(short.to_string())) });
        }
        match &ready.doer {
            Doer::Adapter(adapter) if self.early.is_some() => Box::pin(async move {
                let ended = adapter.call(permit, input).await;
                self.tell_early(&plan.name);
                ended
            }),
            Doer::Adapter(adapter) => adapter.call(permit, input),
            Doer::Agent(agent, tools) => Box::pin(async move {
                let Some(gate) = &self.shop.gate else {
                    return Err(Failure::Failed("there is no gate to ask".to_owned()));
                };
                agent.turn(gate, permit, input, tools).await
            }),
            Doer::Timer => Box::pin(async move { Ok(doer::moment(permit)) }),
            Doer::Flow(inner) => Box::pin(inner.walk_within(permit, input)),
        }
    }

    fn turn(&self, ordinal: usize) -> Option<Arc<Semaphore>> {
        self.ready.get(ordinal)?.turn.clone()
    }

    fn repeats(&self, ordinal: usize) -> bool {
        match &self.at(ordinal).1.doer {
            // It ended and said that it failed: what it did not do may be asked for again.
            Doer::Adapter(_) | Doer::Timer => true,
            Doer::Agent(_, tools) => tools.are_idempotent(),
            Doer::Flow(inner) => (0..inner.ready.len()).all(|step| inner.is_harmless(step)),
        }
    }

    fn fault(&self) -> Option<comity_govern::Error> {
        self.shop.fault()
    }

    fn prompt(&self, name: &str) -> Option<String> {
        self.shop.bundle.prompt(name)
    }
}

#[expect(clippy::panic, reason = "ordinals come from the very plan the adapters were built from")]
fn unreachable_step(ordinal: usize) -> ! {
    panic!("step {ordinal} is not in the plan")
}
