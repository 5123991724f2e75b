//! One agent of a workflow: what it is asked, what it may cost, and its turn.

use crate::keys::Keys;
use crate::prompt::Brief;
use crate::turn::{self, Turn};
use crate::{Error, Router, Tools};
use comity_core::{Amounts, Digest, MicroUsd, Unit};
use comity_govern::{Failure, Gate, Input, Output, Permit};
use comity_model::{Message, Price, Request, Role, ToolSpec, Usage};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// An agent, ready for its turns. It remembers nothing between them.
#[derive(Clone, Debug)]
pub struct Agent {
    pub(crate) name: Arc<str>,
    pub(crate) keys: Keys,
    pub(crate) tools: Vec<ToolSpec>,
    router: Option<Router>,
    schema: Option<Value>,
}

impl Agent {
    /// Builds an agent from its step's keys. `tools` are those it may call; `router` picks the model if the
    /// step names none; `schema` is what its answer has to look like.
    ///
    /// Errors if a key is not as [`SPEC`](crate::SPEC) says, or a model it may ask has no list price.
    pub fn build(
        name: &str,
        config: &Map<String, Value>,
        tools: Vec<ToolSpec>,
        router: Option<Router>,
        schema: Option<&Value>,
    ) -> Result<Self, Error> {
        let keys = Keys::read(config)?;
        let routed = router.iter().flat_map(|router| router.tiers.values().chain([&router.fallback]));
        for model in keys.model.iter().chain(routed) {
            Price::of_model(model)?;
        }
        Ok(Self { name: name.into(), keys, tools, router, schema: schema.cloned() })
    }

    /// The model it asks about `input`: its own, or else the router's, or else its role's.
    pub fn model(&self, input: &Input) -> String {
        self.first_request(&Brief::of(input)).model
    }

    /// The most that the steps nested in one turn about `input` can cost, all together; the turn's own step
    /// is not in it. `tools` tells what one call of each tool costs at most.
    ///
    /// Each model call is counted with everything that may have been said before it, and each tool call at
    /// the price of the dearest.
    pub fn bound(&self, input: &Input, tools: &[Amounts]) -> Amounts {
        let request = self.first_request(&Brief::of(input));
        self.bound_of(&request, tools).unwrap_or(Amounts::UNLIMITED)
    }

    /// One turn: asks the model, calls the tools it asks for, and so on until it answers.
    ///
    /// Every call is a step of its own, nested in the one that `permit` admits. The n-th of them has the
    /// ordinal n, and the same input leads to the same steps: a turn that was suspended because one of them
    /// waits for a person goes on where it was when it is asked for again. The answer is
    /// `{"confidence", "content", "model", "simulated", "structured", "tokens"}`.
    pub async fn turn(
        &self,
        gate: &Gate,
        permit: &mut Permit,
        input: &Input,
        tools: &dyn Tools,
    ) -> Result<Output, Failure> {
        let brief = Brief::of(input);
        let request = self.first_request(&brief);
        let Some(scope) = permit.scope() else {
            return Err(Failure::Failed(format!("nothing can be nested in agent `{}`", self.name)));
        };
        let scope = scope.acting(&self.name, self.keys.role.name());
        Turn::new(self, gate, scope, brief, request, tools).run(permit).await
    }

    /// How many model calls a turn has at most. One without tools can only be told so, once.
    pub(crate) fn calls(&self) -> u64 {
        if self.tools.is_empty() { self.keys.max_turns.min(2) } else { self.keys.max_turns }
    }

    fn first_request(&self, brief: &Brief<'_>) -> Request {
        let keys = &self.keys;
        let text = brief.text(keys.prompt.as_deref());
        let mut request = Request {
            model: String::new(),
            system: keys.role.instructions().to_owned(),
            messages: vec![Message::User { text, attachments: keys.attachments.clone() }],
            tools: self.tools.clone(),
            max_output_tokens: keys.max_output_tokens,
            temperature: None,
            schema: self.schema.clone(),
        };
        request.model = match (&keys.model, &self.router) {
            (Some(model), _) => model.clone(),
            (None, Some(router)) => router.pick(request.input_tokens()).to_owned(),
            (None, None) => model_of(keys.role).to_owned(),
        };
        request
    }

    fn bound_of(&self, request: &Request, tools: &[Amounts]) -> Option<Amounts> {
        let price = Price::of_model(&request.model).ok()?;
        let (first, output_tokens) = (request.input_tokens(), request.max_output_tokens);
        let results = self.keys.max_tool_calls.checked_mul(turn::RESULT)?;
        let mut total = Amounts::ZERO;
        for number in 0..self.calls() {
            let said = number.checked_mul(output_tokens.checked_add(turn::PER_CALL)?)?;
            let heard = if number == 0 { 0 } else { results };
            let input_tokens = first.checked_add(said)?.checked_add(heard)?;
            let usage = Usage { input_tokens, output_tokens };
            total = total.checked_add(&amounts(usage, price.cost(usage)))?;
            total.steps = total.steps.checked_add(1)?;
        }
        let dearest = |unit: Unit| tools.iter().map(|amounts| amounts.get(unit)).max().unwrap_or(0);
        let times = |most: u64| most.checked_mul(self.keys.max_tool_calls);
        let steps = if tools.is_empty() { 0 } else { dearest(Unit::Steps).max(1) };
        total.checked_add(&Amounts {
            micro_usd: times(dearest(Unit::MicroUsd))?,
            millis: 0,
            steps: times(steps)?,
            tokens: times(dearest(Unit::Tokens))?,
        })
    }

    /// Names how the model is asked: a call that is resumed and asks in another way is not the same call.
    pub(crate) fn contract(&self, model: &str) -> Digest {
        let keys = &self.keys;
        let facts = json!([model, keys.role.name(), keys.prompt, keys.seed, keys.sandbox]);
        Digest::of(&[b"comity/model-call/v1\n", facts.to_string().as_bytes()])
    }
}

/// Tokens and their price, as accounts keep them.
pub(crate) fn amounts(usage: Usage, price: MicroUsd) -> Amounts {
    Amounts { micro_usd: price.micros(), tokens: usage.total(), ..Amounts::ZERO }
}

/// The model of a role when nobody names one.
const fn model_of(role: Role) -> &'static str {
    match role {
        Role::Orchestrator => "claude-opus-4-7",
        Role::Planner | Role::Researcher | Role::Critic => "claude-sonnet-4-6",
        Role::Executor | Role::Guardian => "claude-haiku-4-5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn agent(config: Value, tools: Vec<ToolSpec>, router: Option<Router>) -> Result<Agent, Error> {
        Agent::build("a", config.as_object().unwrap(), tools, router, None)
    }

    fn input(task: &str) -> Input {
        Input::new(json!({"context": {}, "task": task}))
    }

    fn find() -> Vec<ToolSpec> {
        vec![ToolSpec { name: "find".to_owned(), about: "finds".to_owned() }]
    }

    #[test]
    fn roles_have_models_that_have_prices() {
        for role in Role::ALL {
            let agent = agent(json!({"role": role.name()}), Vec::new(), None).unwrap();
            assert!(Price::of_model(&agent.model(&input("x"))).is_ok());
        }
    }

    #[test]
    fn its_own_model_goes_before_the_router_s_and_that_before_its_role_s() {
        let tiers = BTreeMap::from([("small".to_owned(), "tiny-haiku".to_owned())]);
        let router = Some(Router { fallback: "big-opus".to_owned(), tiers });
        let routed = agent(json!({}), Vec::new(), router.clone()).unwrap();
        assert_eq!(routed.model(&input("x")), "tiny-haiku");
        assert_eq!(routed.model(&input(&"word ".repeat(300))), "big-opus");
        let own = agent(json!({"model": "my-sonnet"}), Vec::new(), router).unwrap();
        assert_eq!(own.model(&input("x")), "my-sonnet");
    }

    #[test]
    fn a_model_without_a_price_is_refused() {
        let error = agent(json!({"model": "gpt-4o"}), Vec::new(), None).unwrap_err();
        assert_eq!(error.to_string(), "model `gpt-4o` has no list price");
        let router = Router { fallback: "llama3.2".to_owned(), tiers: BTreeMap::new() };
        assert!(agent(json!({}), Vec::new(), Some(router)).is_err());
    }

    #[test]
    fn the_bound_grows_with_what_a_turn_may_do() {
        let config = json!({"max_turns": 3, "max_tool_calls": 5});
        let with = agent(config.clone(), find(), None).unwrap();
        let tool = Amounts { micro_usd: 70, steps: 2, tokens: 1, ..Amounts::ZERO };
        let dear = Amounts { micro_usd: 100, ..Amounts::ZERO };
        let (bound, free) =
            (with.bound(&input("x"), &[tool, dear]), with.bound(&input("x"), &[Amounts::ZERO]));
        assert_eq!((bound.steps, free.steps), (3 + 5 * 2, 3 + 5));
        assert_eq!((bound.micro_usd - free.micro_usd, bound.tokens - free.tokens), (500, 5));
        let without = agent(config, Vec::new(), None).unwrap().bound(&input("x"), &[]);
        assert_eq!(without.steps, 2);
        assert!(without.tokens < free.tokens);
        assert_eq!(with.bound(&input("x"), &[Amounts::UNLIMITED]), Amounts::UNLIMITED);
    }
}
