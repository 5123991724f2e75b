//! Who does a step.

use super::toolbox::Toolbox;
use super::{Runner, Shop, action};
use crate::error::Error;
use comity_adapter::Adapter;
use comity_agent::{Agent, Router};
use comity_core::{Amounts, Digest, StepKind};
use comity_flow::{Drive, Plan, RunVerdict, StepPlan};
use comity_govern::{Failure, Input, Output, Permit};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes that an agent inside a workflow inside another is assumed to be told, when what it may cost is set
/// aside before anybody knows.
const ASSUMED: usize = 8 << 10;

/// A step of the plan, ready to be done.
pub(super) struct Ready {
    pub(super) doer: Doer,
    pub(super) contract: Digest,
    pub(super) endpoint: Arc<str>,
    pub(super) action: Arc<str>,
    pub(super) turn: Option<Arc<Semaphore>>,
    pub(super) bound: Amounts,
}

/// Who does it.
pub(super) enum Doer {
    /// Something that is not ours.
    Adapter(Arc<dyn Adapter>),
    /// An agent of this process, with what it may call.
    Agent(Box<Agent>, Toolbox),
    /// Nobody: the moment has come.
    Timer,
    /// Another plan.
    Flow(Box<Runner>),
}

impl Ready {
    /// A step that walks another plan.
    pub(super) fn of_flow(step: &StepPlan, inner: Runner, source: Digest) -> Self {
        let bound = flow_bound(&inner, &Amounts::ZERO, &Amounts::ZERO);
        let contract = contract(step, Some(source));
        // What is done another way fails by itself: its circuit breaker is its own.
        let endpoint = format!("workflow:{}", contract.hex()).into();
        let action = Arc::default();
        Self { doer: Doer::Flow(Box::new(inner)), contract, endpoint, action, turn: None, bound }
    }
}

/// Builds what does a step of a kind that is no workflow. `prefix` stands before the step's name.
pub(super) fn build(plan: &Plan, step: &StepPlan, prefix: &str, shop: &Arc<Shop>) -> Result<Ready, Error> {
    if step.kind.step == StepKind::AgentTurn {
        return agent(plan, step, prefix, shop);
    }
    let own = Amounts { micro_usd: step.price.micros(), steps: 1, ..Amounts::ZERO };
    if step.kind.step == StepKind::Timer {
        let endpoint = "timer".into();
        return Ok(Ready {
            doer: Doer::Timer,
            contract: contract(step, None),
            endpoint,
            action: Arc::default(),
            turn: None,
            bound: own,
        });
    }
    let fail = |source| Error::Adapter { step: step.name.to_string(), source };
    let adapter = shop.adapter(step.kind.name, &step.config)?.map_err(fail)?;
    let endpoint: Arc<str> = adapter.endpoint().into();
    let turn = needs_turn(step.kind.name).then(|| Arc::clone(&shop.processes));
    // The call's own step and price, and whatever it may nest. What leaves the range fits no account. An
    // output that may be repaired is paid for twice.
    let calls = if step.schema.is_some() && step.idempotent { 2 } else { 1 };
    let price = Amounts { steps: 0, ..own }.saturating_mul(calls);
    let nested = adapter.reserve().saturating_mul(calls);
    let fee = Amounts { steps: 1, ..price };
    let bound = fee.checked_add(&nested).unwrap_or(Amounts::UNLIMITED);
    let (contract, action) = (contract(step, None), action::of(step.kind.name, &step.config).into());
    Ok(Ready { doer: Doer::Adapter(adapter), contract, endpoint, action, turn, bound })
}

fn agent(plan: &Plan, step: &StepPlan, prefix: &str, shop: &Arc<Shop>) -> Result<Ready, Error> {
    let name = format!("{prefix}{}", step.name);
    let tools = Toolbox::of(plan, step, shop)?;
    let router = plan.control().router.as_ref().map(|router| Router {
        fallback: router.tiers.get(&router.fallback).unwrap_or(&router.fallback).clone(),
        tiers: router.tiers.clone(),
    });
    let schema = step.schema.as_ref().map(|schema| schema.source());
    let agent = Agent::build(&name, &step.config, tools.specs(), router, schema);
    let agent = agent.map_err(|source| Error::Agent { step: step.name.to_string(), source })?;
    let contract = contract(step, Some(tools.digest()));
    let bound = agent_bound(&agent, &tools, step, &Input::new(json!({"task": "x".repeat(ASSUMED)})));
    let doer = Doer::Agent(Box::new(agent), tools);
    let endpoint = format!("agent:{}", contract.hex()).into();
    Ok(Ready { doer, contract, endpoint, action: Arc::default(), turn: None, bound })
}

/// The most that a step which walks another plan can still cost, itself included.
pub(super) fn flow_bound(inner: &Runner, done: &Amounts, spent: &Amounts) -> Amounts {
    let own = Amounts { steps: 1, ..Amounts::ZERO };
    own.checked_add(&inner.bound(done, spent)).unwrap_or(Amounts::UNLIMITED)
}

/// The most a turn about this input can cost, its own step included. An answer that may be repaired is
/// paid for twice.
pub(super) fn agent_bound(agent: &Agent, tools: &Toolbox, step: &StepPlan, input: &Input) -> Amounts {
    let own = Amounts { steps: 1, ..Amounts::ZERO };
    let turns = if step.schema.is_some() && step.idempotent { 2 } else { 1 };
    let nested = agent.bound(input, &tools.bounds()).saturating_mul(turns);
    own.checked_add(&nested).unwrap_or(Amounts::UNLIMITED)
}

/// Whether a step of this kind takes a process or a socket of the machine while it is done.
pub(super) fn needs_turn(kind: &str) -> bool {
    matches!(kind, "command" | "http")
}

/// Names how a step is done: a resumed step that is done another way is not the same act.
pub(super) fn contract(step: &StepPlan, source: Option<Digest>) -> Digest {
    let config = Value::Object(step.config.clone()).to_string();
    let facts = [step.risk.level(), u8::from(step.idempotent)];
    let price = step.price.micros().to_be_bytes();
    let schema = step.schema.as_ref().map(|schema| schema.source().to_string());
    let mut parts: Vec<&[u8]> =
        vec![b"comity/contract/v1\n", step.kind.name.as_bytes(), b"\n", config.as_bytes(), &facts, &price];
    if let Some(schema) = &schema {
        parts.extend([&b"\nschema\n"[..], schema.as_bytes()]);
    }
    if let Some(source) = &source {
        parts.extend([&b"\nsource\n"[..], &source.0]);
    }
    Digest::of(&parts)
}

/// What a timer produces: the moment at which it was let through.
pub(super) fn moment(permit: &Permit) -> Output {
    Output { value: json!({"at_ms": permit.clock().now().millis()}) }
}

impl Runner {
    /// Walks the plan as part of the step that was admitted, within its hold and under the stricter of both
    /// policies.
    pub(super) async fn walk_within(&self, permit: &mut Permit, input: &Input) -> Result<Output, Failure> {
        let (Some(scope), Some(gate)) = (permit.scope(), &self.shop.gate) else {
            return Err(Failure::Failed("there is no run to nest steps in".to_owned()));
        };
        let scope = scope.under(self.plan.policy()).map_err(|error| Failure::Failed(error.to_string()))?;
        let clock = Arc::clone(permit.clock());
        let none = Map::new();
        let given = input.value.get("context").and_then(Value::as_object).unwrap_or(&none);
        let task = input.value.get("task").and_then(Value::as_str).unwrap_or_default();
        let drive = Drive {
            gate,
            scope: &scope,
            plan: &self.plan,
            runner: self,
            approver: None,
            clock: &*clock,
            task,
            inherited: None,
            given,
            taint: input.taint,
        };
        let walked = drive.walk().await.map_err(|error| {
            // The run stops over this; the step did not fail, and is gone on with when the run is.
            let failure = Failure::Waiting(error.to_string());
            self.shop.note_fault(error);
            failure
        })?;
        permit.taint(walked.taint);
        match walked.verdict {
            RunVerdict::Completed => Ok(Output { value: walked.output }),
            RunVerdict::Waiting => Err(Failure::Waiting("a step in it waits".to_owned())),
            // Why it ended is why the step ends: a refusal inside is no failure that another try could mend.
            RunVerdict::Failed(reason) => {
                Err(Failure::Refused(reason, format!("a step in it failed: {reason}")))
            }
            RunVerdict::Denied(reason) => {
                Err(Failure::Refused(reason, format!("a step in it was refused: {reason}")))
            }
        }
    }
}
