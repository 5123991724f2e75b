//! What one agent may call: the tools of its file, each done by an adapter.

use super::doer::needs_turn;
use super::{Shop, action};
use crate::error::Error;
use comity_adapter::Adapter;
use comity_agent::Tools;
use comity_core::{Amounts, BoxFuture, Digest, Step};
use comity_flow::{Plan, StepPlan, ToolPlan};
use comity_govern::{Failure, Input, Output, Permit, Scope};
use comity_model::{ToolCall, ToolSpec};
use futures_util::future::{Either, select};
use serde_json::Value;
use std::pin::pin;
use std::sync::Arc;

/// The tools of one agent.
pub(super) struct Toolbox {
    tools: Vec<Tool>,
    shop: Arc<Shop>,
}

/// One of them, ready to be called.
struct Tool {
    plan: ToolPlan,
    adapter: Arc<dyn Adapter>,
    contract: Digest,
    endpoint: Arc<str>,
    /// Its name, and what it does in the words of its adapter.
    action: Arc<str>,
    bound: Amounts,
}

impl Toolbox {
    /// The tools that a step names. Errors name the first that cannot be built.
    pub(super) fn of(plan: &Plan, step: &StepPlan, shop: &Arc<Shop>) -> Result<Self, Error> {
        let named = step.tools.iter().filter_map(|place| plan.tools().get(*place));
        let tools = named.map(|tool| Tool::of(tool, shop)).collect::<Result<_, _>>()?;
        Ok(Self { tools, shop: Arc::clone(shop) })
    }

    /// The tools as a model is told of them.
    pub(super) fn specs(&self) -> Vec<ToolSpec> {
        let spec =
            |tool: &Tool| ToolSpec { name: tool.plan.name.to_string(), about: tool.plan.about.clone() };
        self.tools.iter().map(spec).collect()
    }

    /// Whether calling any of them twice does what calling it once does.
    pub(super) fn are_idempotent(&self) -> bool {
        self.tools.iter().all(|tool| tool.plan.idempotent)
    }

    /// What one call of each costs at most.
    pub(super) fn bounds(&self) -> Vec<Amounts> {
        self.tools.iter().map(|tool| tool.bound).collect()
    }

    /// Names how all of them are done.
    pub(super) fn digest(&self) -> Digest {
        let mut parts: Vec<&[u8]> = vec![b"comity/tools/v1\n"];
        parts.extend(self.tools.iter().map(|tool| &tool.contract.0[..]));
        Digest::of(&parts)
    }

    fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| &*tool.plan.name == name)
    }
}

impl Tool {
    fn of(plan: &ToolPlan, shop: &Shop) -> Result<Self, Error> {
        let fail = |source| Error::Tool { tool: plan.name.to_string(), source };
        let adapter = shop.adapter(plan.kind.name, &plan.config)?.map_err(fail)?;
        let own = Amounts { micro_usd: plan.price.micros(), steps: 1, ..Amounts::ZERO };
        let bound = own.checked_add(&adapter.reserve()).unwrap_or(Amounts::UNLIMITED);
        let (contract, endpoint) = (contract(plan), adapter.endpoint().into());
        let action = format!("{} {}", plan.name, action::of(plan.kind.name, &plan.config)).into();
        Ok(Self { plan: plan.clone(), adapter, contract, endpoint, action, bound })
    }
}

/// Names how a tool is called.
pub(super) fn contract(plan: &ToolPlan) -> Digest {
    let config = Value::Object(plan.config.clone()).to_string();
    let facts = [plan.risk.level(), u8::from(plan.idempotent)];
    let (name, kind) = (plan.name.as_bytes(), plan.kind.name.as_bytes());
    let price = plan.price.micros().to_be_bytes();
    let (config, about) = (config.as_bytes(), plan.about.as_bytes());
    Digest::of(&[b"comity/tool/v1\n", name, b"\n", kind, b"\n", config, b"\n", about, b"\n", &facts, &price])
}

impl Tools for Toolbox {
    fn step(&self, scope: &Scope, ordinal: u32, call: &ToolCall, input: &Input) -> Option<Step> {
        let tool = self.find(&call.tool)?;
        Some(Step {
            id: scope.step_id(ordinal, 0),
            parent: scope.parent_step(),
            ordinal,
            iteration: 0,
            name: Arc::clone(&tool.plan.name),
            target: Arc::clone(&tool.plan.name),
            action: Arc::clone(&tool.action),
            kind: tool.plan.kind.step,
            risk: tool.plan.risk,
            idempotent: tool.plan.idempotent,
            contract: tool.contract,
            endpoint: Arc::clone(&tool.endpoint),
            bound: tool.bound,
            timeout: tool.plan.timeout,
            input: Arc::clone(&input.bytes),
            taint: input.taint,
        })
    }

    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        tool: &'a str,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        let Some(tool) = self.find(tool) else {
            return Box::pin(async { Err(Failure::Failed("there is no such tool".to_owned())) });
        };
        permit.taint(tool.plan.source);
        let price = Amounts { micro_usd: tool.plan.price.micros(), ..Amounts::ZERO };
        if let Err(short) = permit.charge(price) {
            return Box::pin(async move { Err(Failure::Failed(short.to_string())) });
        }
        // Programs have their turns here too: an agent waits for one within its own time.
        let turns = needs_turn(tool.plan.kind.name).then(|| Arc::clone(&self.shop.processes));
        Box::pin(async move {
            let _turn = match &turns {
                Some(turns) => {
                    let over = permit.clock().sleep(permit.time_left());
                    match select(pin!(turns.acquire()), over).await {
                        Either::Left((turn, _)) => turn.ok(),
                        Either::Right(_) => {
                            return Err(Failure::Failed("it was not its turn within its time".to_owned()));
                        }
                    }
                }
                None => None,
            };
            tool.adapter.call(permit, input).await
        })
    }

    fn fault(&self, error: comity_govern::Error) {
        self.shop.note_fault(error);
    }
}
