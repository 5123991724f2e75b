//! One agent on a stage: a house, a run, and tools that say what they were told.

use comity_agent::{Agent, Tools};
use comity_core::Taint;
use comity_core::{Amounts, BoxFuture, Digest, RiskTier, RunId, Step, StepKind};
use comity_govern::{Failure, Input, Outcome, Output, Permit, Policy, Run, Scope};
use comity_model::{ToolCall, ToolSpec};
use comity_testkit::house::House;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What each tool costs.
pub const PRICE: u64 = 100;

/// `read`, `send` (reaches outside, twice is not once), `break` (fails), and `steal`, which is not for the
/// agent.
#[derive(Default)]
pub struct Shelf(pub Mutex<Vec<Value>>);

impl Tools for Shelf {
    fn step(&self, scope: &Scope, ordinal: u32, call: &ToolCall, input: &Input) -> Option<Step> {
        let outside = call.tool == "send";
        let known = ["break", "read", "send", "steal"].contains(&call.tool.as_str());
        known.then(|| Step {
            id: scope.step_id(ordinal, 0),
            parent: scope.parent_step(),
            ordinal,
            iteration: 0,
            name: "named by the agent".into(),
            target: "tool".into(),
            action: Arc::default(),
            kind: StepKind::ToolCall,
            risk: if outside { RiskTier::ExternalIo } else { RiskTier::ReadOnly },
            idempotent: !outside,
            contract: Digest::ZERO,
            endpoint: format!("test:{}", call.tool).into(),
            bound: amounts(PRICE, 1),
            timeout: None,
            input: Arc::clone(&input.bytes),
            taint: Taint::NONE,
        })
    }

    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        tool: &'a str,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            permit.charge(amounts(PRICE, 0)).map_err(|short| Failure::Failed(short.to_string()))?;
            self.0.lock().unwrap().push(input.value["arguments"].clone());
            match tool {
                "break" => Err(Failure::Failed("it broke".to_owned())),
                _ if input.value["arguments"]["long"] == true => {
                    Ok(Output { value: json!("word ".repeat(3_000)) })
                }
                _ => Ok(Output { value: json!(format!("{tool} says hello")) }),
            }
        })
    }

    fn fault(&self, error: comity_govern::Error) {
        panic!("the gate failed: {error}");
    }
}

/// Money and steps.
pub fn amounts(micro_usd: u64, steps: u64) -> Amounts {
    Amounts { micro_usd, steps, ..Amounts::ZERO }
}

pub struct Stage {
    pub house: House,
    pub shelf: Shelf,
    pub scope: Scope,
    pub task: Value,
    agent: Agent,
}

impl Stage {
    /// An agent with these keys and all tools, in a run under these limits.
    pub fn new(config: Value, policy: Policy) -> Self {
        Self::with(config, None, policy)
    }

    pub fn with(config: Value, schema: Option<&Value>, policy: Policy) -> Self {
        let tool = |name: &str| ToolSpec { name: name.to_owned(), about: format!("to {name}") };
        let tools = ["break", "read", "send"].map(tool).to_vec();
        let agent = Agent::build("mate", config.as_object().unwrap(), tools, None, schema).unwrap();
        let house = House::default();
        let scope = Scope::root(house.open(policy));
        let task = json!({"context": {}, "task": "count the ships"});
        Self { house, shelf: Shelf::default(), scope, task, agent }
    }

    pub fn run(&self) -> RunId {
        self.scope.run().id()
    }

    /// What the turn's step holds at most, its own step included.
    pub fn bound(&self) -> Amounts {
        let nested = self.agent.bound(&Input::new(self.task.clone()), &[amounts(PRICE, 1)]);
        nested.checked_add(&amounts(0, 1)).unwrap()
    }

    /// The turn, as a step of the run.
    pub fn play(&self) -> Outcome {
        self.play_in(&self.scope, self.bound())
    }

    /// The turn in a run that was taken over.
    pub fn play_again(&self, run: Arc<Run>) -> Outcome {
        self.play_in(&Scope::root(run), self.bound())
    }

    pub fn play_in(&self, scope: &Scope, bound: Amounts) -> Outcome {
        let input = Input::new(self.task.clone());
        let step = Step {
            id: scope.step_id(0, 0),
            parent: None,
            ordinal: 0,
            iteration: 0,
            name: "mate".into(),
            target: "tool".into(),
            action: Arc::default(),
            kind: StepKind::AgentTurn,
            risk: RiskTier::ReadOnly,
            idempotent: true,
            contract: Digest::ZERO,
            endpoint: "native".into(),
            bound,
            timeout: None,
            input: Arc::clone(&input.bytes),
            taint: Taint::NONE,
        };
        let gate = &self.house.gate;
        let turn: BoxFuture<'_, _> = Box::pin(
            gate.run(scope, step, async |permit| self.agent.turn(gate, permit, &input, &self.shelf).await),
        );
        self.house.wait(turn).unwrap()
    }
}

/// What a turn answered.
pub fn value(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Settled(settled) => settled.output.value,
        other => panic!("it did not settle: {other:?}"),
    }
}

/// Why a turn failed, with its reason.
pub fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(ended) => format!("{}: {}", ended.reason, ended.message),
        other => panic!("it did not fail: {other:?}"),
    }
}
