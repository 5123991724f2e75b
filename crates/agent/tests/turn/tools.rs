//! Tools of an agent, each call through the gate.

use crate::stage::PRICE;
use crate::{Stage, value};
use comity_core::RiskTier;
use comity_govern::{Outcome, Policy, Ruling};
use serde_json::{Value, json};

fn calls(tools: &[&str]) -> Value {
    let calls: Vec<Value> =
        tools.iter().map(|tool| json!({"tool": tool, "arguments": {"what": "ships"}})).collect();
    json!({"sandbox": {"calls": calls, "content": "three ships"}})
}

fn asks(tier: RiskTier) -> Policy {
    Policy { human_approval_tier: Some(tier), ..Policy::default() }
}

#[test]
fn a_tool_is_called_once_and_paid_for() {
    let stage = Stage::new(calls(&["read"]), Policy::default());
    let said = value(stage.play());
    assert_eq!(said["content"], json!("three ships"));
    assert_eq!(*stage.shelf.0.lock().unwrap(), [json!({"what": "ships"})]);
    let (held, spent, _) = stage.house.balance(stage.run());
    let model = spent.micro_usd - PRICE;
    assert!(held.is_zero() && model > 0 && model < PRICE * 100, "{spent:?}");
    assert_eq!((spent.steps, Some(spent.tokens)), (4, said["tokens"]["total"].as_u64()));
    let names =
        ["mate", "mate/model", "mate/model", "mate/read", "mate/read", "mate/model", "mate/model", "mate"];
    let story = stage.house.story(stage.run());
    let told: Vec<&str> = story.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(told, names);
}

#[test]
fn an_agent_is_told_no_and_goes_on() {
    let policy = Policy { max_risk_tier: RiskTier::Internal, ..Policy::default() };
    let stage = Stage::new(calls(&["send", "break", "steal", "read"]), policy);
    assert_eq!(value(stage.play())["content"], json!("three ships"));
    let story = stage.house.story(stage.run());
    for line in ["denied mate/send (risk.tier)", "failed mate/break (effect.failed)", "settled mate/read"] {
        assert!(story.iter().any(|told| told == line), "{line}: {story:?}");
    }
    assert!(!story.concat().contains("steal"), "{story:?}");
    // `break` and `read` were called, and nothing else.
    assert_eq!(stage.shelf.0.lock().unwrap().len(), 2);
}

#[test]
fn what_came_of_each_call_goes_into_the_next_request() {
    let policy = Policy { max_risk_tier: RiskTier::Internal, ..Policy::default() };
    let stage = Stage::new(calls(&["send", "break", "steal", "read"]), policy);
    value(stage.play());
    let asked = stage.house.inputs(stage.run(), "mate/model");
    let heard: Vec<(&str, bool)> = asked[1]["messages"].as_array().unwrap()[2..]
        .iter()
        .map(|message| (message["text"].as_str().unwrap(), message["failed"].as_bool().unwrap()))
        .collect();
    assert!(heard[0].0.starts_with("refused: ") && heard[0].1, "{heard:?}");
    assert_eq!(heard[1..], [("failed: it broke", true), ("no such tool", true), ("read says hello", false)]);
}

#[test]
fn no_more_calls_are_made_than_it_may_make() {
    let mut config = calls(&["read", "read", "read"]);
    config["max_tool_calls"] = json!(2);
    let stage = Stage::new(config, Policy::default());
    value(stage.play());
    assert_eq!(stage.shelf.0.lock().unwrap().len(), 2);
    let asked = stage.house.inputs(stage.run(), "mate/model");
    let last = asked[1]["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["text"], json!("not called: 2 tool calls are the most"));
}

#[test]
fn a_held_call_suspends_the_turn_and_nothing_after_it_happens() {
    let stage = Stage::new(calls(&["send", "read"]), asks(RiskTier::ExternalIo));
    let Outcome::Suspended(ended) = stage.play() else { panic!("it was not suspended") };
    assert_eq!(ended.message, "`mate/send` waits for a person");
    assert!(stage.shelf.0.lock().unwrap().is_empty());
    let story = stage.house.story(stage.run());
    let end = ["held mate/send (approval.required)", "suspended mate (nested.waiting)"];
    assert_eq!(story[story.len() - 2..], end);
}

#[test]
fn an_approved_call_is_made_and_the_rest_replayed() {
    for (ruling, moved) in
        [(Ruling::Approve, true), (Ruling::Reject, true), (Ruling::Approve, false), (Ruling::Reject, false)]
    {
        let stage = Stage::new(calls(&["read", "send"]), asks(RiskTier::ExternalIo));
        assert!(matches!(stage.play(), Outcome::Suspended(_)));
        stage.house.rule(stage.house.asked(stage.run()), ruling);
        let outcome = if moved { stage.play_again(stage.house.resume(stage.run())) } else { stage.play() };
        assert_eq!(value(outcome)["content"], json!("three ships"), "{ruling:?}");
        let sent = usize::from(ruling == Ruling::Approve);
        assert_eq!(stage.shelf.0.lock().unwrap().len(), 1 + sent);
        let story = stage.house.story(stage.run());
        let settled = |name: &str| story.iter().filter(|line| *line == &format!("settled {name}")).count();
        assert_eq!((settled("mate/read"), settled("mate/model"), settled("mate/send")), (1, 2, sent));
    }
}
