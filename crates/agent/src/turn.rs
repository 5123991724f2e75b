//! One turn of an agent: model calls and tool calls, one after another, each through the gate.

use crate::agent::amounts;
use crate::prompt::{Brief, said};
use crate::{Agent, Tools};
use comity_core::{Amounts, ReasonCode, RiskTier, Step, StepKind, Taint};
use comity_govern::{Ended, Failure, Gate, Input, Outcome, Output, Permit, Scope};
use comity_model::sandbox::{self, Scene};
use comity_model::{Message, Price, Reply, Request, ToolCall, Usage, tokens};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Most tokens of what a tool answers that the model is told.
const MAX_RESULT: u64 = 512;
/// Most tokens of a tool's name that the model is told.
const MAX_NAME: u64 = 64;
/// What one tool call adds to what goes in at most, with the envelope of its message.
pub(crate) const RESULT: u64 = MAX_RESULT + MAX_NAME + 4;
/// What each model call adds to what goes into the next one at most, beyond its own words: the envelope of
/// its message, and a word about calls that were too many.
pub(crate) const PER_CALL: u64 = 64;
/// How sure an answer counts as that does not say.
const CONFIDENCE: f64 = 0.8;
/// The place of the first step nested in a turn that repairs an answer.
const REPAIRS: u32 = 1 << 16;
/// Who answers, as the circuit breaker knows it.
const ENDPOINT: &str = "model:sandbox";

/// A turn under way.
pub(crate) struct Turn<'t> {
    agent: &'t Agent,
    gate: &'t Gate,
    scope: Scope,
    brief: Brief<'t>,
    /// What is asked next: everything said so far is in it.
    request: Request,
    tools: &'t dyn Tools,
    /// How many steps were nested in the turn.
    nested: u32,
    /// How many tool calls it may still make.
    calls_left: u64,
    used: Usage,
    /// The untrusted sources that went into what was said so far.
    taint: Taint,
}

impl<'t> Turn<'t> {
    pub(crate) fn new(
        agent: &'t Agent,
        gate: &'t Gate,
        scope: Scope,
        brief: Brief<'t>,
        request: Request,
        tools: &'t dyn Tools,
    ) -> Self {
        let calls_left = agent.keys.max_tool_calls;
        // A second turn about the same step stands behind the first.
        let nested = if brief.repairs() { REPAIRS } else { 0 };
        let (used, taint) = (Usage::default(), brief.taint);
        Self { agent, gate, scope, brief, request, tools, nested, calls_left, used, taint }
    }

    /// Plays the turn. What its answer came from is said to the permit of the turn.
    pub(crate) async fn run(mut self, permit: &mut Permit) -> Result<Output, Failure> {
        let most = self.agent.calls();
        for number in 1..=most {
            let reply = self.ask(number - 1).await?;
            self.used = self.used.plus(reply.usage);
            permit.taint(self.taint);
            if reply.tool_calls.is_empty() {
                return Ok(self.output(reply));
            }
            // Whatever a tool would answer now, nobody would be there to hear it.
            if number < most {
                self.call_all(reply).await?;
            }
        }
        Err(Failure::Failed(format!("agent `{}` had not ended after {most} model calls", self.agent.name)))
    }

    /// One model call.
    async fn ask(&mut self, call: u64) -> Result<Reply, Failure> {
        let step = self.model_step()?;
        let request = &self.request;
        let keys = &self.agent.keys;
        let scene = Scene {
            role: keys.role,
            task: keys.prompt.as_deref().unwrap_or(self.brief.task),
            context: &self.brief.context,
            repairs: self.brief.repairs(),
            call: usize::try_from(call).unwrap_or(usize::MAX),
            seed: keys.seed,
            script: keys.script.pass(self.brief.pass),
        };
        let name = Arc::clone(&step.name);
        let effect = async |permit: &mut Permit| ask_sandbox(permit, request, &scene).await;
        let outcome = self.gate.run(&self.scope, step, effect).await;
        match outcome.map_err(|error| self.stop(error))? {
            // The turn's own sources: an answer to what is not trusted is not trusted either.
            Outcome::Settled(settled) => serde_json::from_value(settled.output.value)
                .map_err(|_| Failure::Failed(format!("`{name}` has no answer on record"))),
            // Why it was refused is why the turn fails: a run out of money is not a model that failed.
            Outcome::Denied(refusal) => Err(Failure::Refused(refusal.reason, refusal.message)),
            Outcome::Failed(Ended { reason, message, .. }) => Err(match reason {
                ReasonCode::EffectTimeout | ReasonCode::EffectUnknown => Failure::Unknown(message),
                _ => Failure::Failed(message),
            }),
            Outcome::Held(_) | Outcome::Unknown(_) | Outcome::Suspended(_) => Err(waiting(&name)),
        }
    }

    /// The gate itself failed: the run stops over this, and the turn is gone on with when the run is.
    fn stop(&self, error: comity_govern::Error) -> Failure {
        let failure = Failure::Waiting(error.to_string());
        self.tools.fault(error);
        failure
    }

    fn model_step(&mut self) -> Result<Step, Failure> {
        let (tokens, price) =
            comity_model::bound(&self.request).map_err(|error| Failure::Failed(error.to_string()))?;
        let ordinal = self.place();
        Ok(Step {
            id: self.scope.step_id(ordinal, 0),
            parent: self.scope.parent_step(),
            ordinal,
            iteration: 0,
            name: format!("{}/model", self.agent.name).into(),
            target: self.request.model.as_str().into(),
            action: Arc::default(),
            kind: StepKind::ModelCall,
            risk: RiskTier::ReadOnly,
            idempotent: true,
            contract: self.agent.contract(&self.request.model),
            endpoint: ENDPOINT.into(),
            bound: Amounts { micro_usd: price.micros(), steps: 1, tokens, ..Amounts::ZERO },
            timeout: None,
            input: Input::new(self.request.to_value()).bytes,
            taint: self.taint,
        })
    }

    /// The next place among the steps of the turn.
    fn place(&mut self) -> u32 {
        let ordinal = self.nested;
        self.nested = ordinal.saturating_add(1);
        ordinal
    }

    /// Makes the calls that a reply asks for, as far as they are not too many.
    async fn call_all(&mut self, reply: Reply) -> Result<(), Failure> {
        let calls = reply.tool_calls;
        self.request.messages.push(Message::Assistant { text: reply.content, calls: calls.clone() });
        let asked = calls.len() as u64;
        let taken = asked.min(self.calls_left);
        self.calls_left -= taken;
        for call in calls.iter().take(usize::try_from(taken).unwrap_or(usize::MAX)) {
            let answer = self.call(call).await?;
            self.tell(&call.tool, answer);
        }
        if taken < asked {
            let most = self.agent.keys.max_tool_calls;
            self.tell("tools", Err(format!("not called: {most} tool calls are the most")));
        }
        Ok(())
    }

    /// One tool call. What it answered, or why it did not, for the model to go on with.
    async fn call(&mut self, call: &ToolCall) -> Result<Result<String, String>, Failure> {
        let none = || Ok(Err("no such tool".to_owned()));
        if self.agent.tools.iter().all(|tool| tool.name != call.tool) {
            return none();
        }
        let input = json!({"arguments": call.arguments, "context": {}, "task": self.brief.task});
        let input = Input::tainted(input, self.taint);
        let Some(step) = self.tools.step(&self.scope, self.nested, call, &input) else { return none() };
        self.place();
        let name: Arc<str> = format!("{}/{}", self.agent.name, call.tool).into();
        let step = Step { name: Arc::clone(&name), ..step };
        let tools = self.tools;
        let effect = async |permit: &mut Permit| tools.call(permit, &call.tool, &input).await;
        let outcome = self.gate.run(&self.scope, step, effect).await;
        match outcome.map_err(|error| self.stop(error))? {
            Outcome::Settled(settled) => {
                self.taint = self.taint | settled.taint;
                Ok(Ok(said(&settled.output.value)))
            }
            Outcome::Denied(refusal) => Ok(Err(format!("refused: {}", refusal.message))),
            Outcome::Failed(ended) => {
                // Why it failed, the tool says in its own words.
                self.taint = self.taint | Taint::TOOL;
                Ok(Err(format!("failed: {}", ended.message)))
            }
            Outcome::Held(_) | Outcome::Unknown(_) | Outcome::Suspended(_) => Err(waiting(&name)),
        }
    }

    fn tell(&mut self, tool: &str, answer: Result<String, String>) {
        let failed = answer.is_err();
        let text = answer.unwrap_or_else(|why| why);
        let (tool, text) =
            (tokens::cut(tool, MAX_NAME).into_owned(), tokens::cut(&text, MAX_RESULT).into_owned());
        self.request.messages.push(Message::Tool { tool, text, failed });
    }

    fn output(self, reply: Reply) -> Output {
        let Usage { input_tokens, output_tokens } = self.used;
        let tokens = json!({"input": input_tokens, "output": output_tokens, "total": self.used.total()});
        Output {
            value: json!({
                "confidence": reply.confidence.unwrap_or(CONFIDENCE),
                "content": reply.content,
                "model": self.request.model,
                "simulated": true,
                "structured": reply.structured,
                "tokens": tokens,
            }),
        }
    }
}

fn waiting(name: &str) -> Failure {
    Failure::Waiting(format!("`{name}` waits for a person"))
}

/// Asks the sandbox, waits as long as it takes to answer, and books what it reports.
async fn ask_sandbox(permit: &mut Permit, request: &Request, scene: &Scene<'_>) -> Result<Output, Failure> {
    let answer = sandbox::answer(request, scene);
    wait(permit, answer.after).await?;
    let reply = answer.reply.map_err(Failure::Failed)?;
    let price = Price::of_model(&request.model).map_err(|error| Failure::Failed(error.to_string()))?;
    // It is used already, so it is booked whether it fits or not: what does not freezes the account.
    permit.report(amounts(reply.usage, price.cost(reply.usage)));
    let value = serde_json::to_value(&reply).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(Output { value })
}

/// Waits for `span`, or until the time is over and then gives up: whether the answer came nobody knows.
async fn wait(permit: &Permit, span: Duration) -> Result<(), Failure> {
    let left = permit.time_left();
    if left.is_zero() {
        return Err(Failure::Failed("the model was not asked: no time was left".to_owned()));
    }
    if !span.is_zero() {
        permit.clock().sleep(span.min(left)).await;
    }
    if span > left {
        let limit = left.as_secs_f64();
        return Err(Failure::Unknown(format!("the model did not answer within {limit:.3} s")));
    }
    Ok(())
}
