//! What an agent may not do, and what becomes of it then.

use crate::{Stage, amounts, failed, value};
use comity_core::{Amounts, MicroUsd};
use comity_govern::{Outcome, Policy};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_failing_model_fails_the_turn() {
    let stage = Stage::new(json!({"sandbox": {"fail": "overloaded"}}), Policy::default());
    assert_eq!(failed(stage.play()), "effect.failed: overloaded");
    assert_eq!(stage.house.balance(stage.run()).1.micro_usd, 0);
}

#[test]
fn a_model_that_stalls_is_waited_for_until_the_time_is_over() {
    let policy = Policy { step_timeout: Some(Duration::from_secs(5)), ..Policy::default() };
    let stage = Stage::new(json!({"sandbox": {"stall_s": 60}}), policy.clone());
    assert_eq!(failed(stage.play()), "effect.timeout: the model did not answer within 5.000 s");
    assert_eq!(stage.house.now(), Duration::from_secs(5));
    let slow = Stage::new(json!({"sandbox": {"stall_s": 4.5}}), policy);
    value(slow.play());
    assert_eq!(slow.house.now(), Duration::from_millis(4_500));
}

#[test]
fn a_model_that_takes_more_than_it_may_freezes_the_account() {
    let stage = Stage::new(json!({"sandbox": {"overspend": true}, "max_turns": 1}), Policy::default());
    let said = value(stage.play());
    let (held, spent, frozen) = stage.house.balance(stage.run());
    assert_eq!((held, frozen), (Amounts::ZERO, true));
    assert!(spent.tokens > stage.bound().tokens, "{spent:?}");
    assert_eq!(said["tokens"]["total"].as_u64(), Some(spent.tokens));
    assert!(stage.house.story(stage.run()).contains(&"defect mate (account.frozen)".to_owned()));
}

#[test]
fn a_call_that_the_hold_does_not_cover_is_refused_and_says_why() {
    let stage = Stage::new(json!({}), Policy::default());
    let short = Amounts { tokens: 400_000, ..amounts(10, 9) };
    let why = failed(stage.play_in(&stage.scope, short));
    assert!(why.starts_with("budget.usd: "), "{why}");
    assert_eq!(stage.house.balance(stage.run()).1, amounts(0, 1));
}

#[test]
fn a_run_that_cannot_pay_for_a_turn_denies_it() {
    let policy = Policy { budget_usd: MicroUsd::new(1_000), ..Policy::default() };
    let outcome = Stage::new(json!({}), policy).play();
    let Outcome::Denied(refusal) = outcome else { panic!("{outcome:?}") };
    assert!(refusal.reason.is_budget());
}

#[test]
fn the_bound_covers_the_longest_turn_there_can_be() {
    let talk = "word ".repeat(3_000);
    let call = json!({"tool": "read", "arguments": {"long": true}});
    let turn = json!({"content": talk, "calls": vec![call; 5]});
    let last = json!({"content": talk});
    let config = json!({"max_turns": 4, "sandbox": {"turns": [turn, turn, turn, last]}});
    let stage = Stage::new(config, Policy { max_steps: 100, ..Policy::default() });
    value(stage.play());
    let (_, spent, frozen) = stage.house.balance(stage.run());
    let bound = stage.bound();
    assert!(!frozen && Amounts { millis: 0, ..spent }.exceeds(&bound).is_none(), "{spent:?} {bound:?}");
    // It is a bound one can plan with, too.
    assert!(bound.micro_usd < spent.micro_usd * 2, "{spent:?} {bound:?}");
    assert_eq!(stage.shelf.0.lock().unwrap().len(), 8);
}

#[test]
fn an_agent_that_never_ends_is_stopped() {
    let asks = json!({"calls": [{"tool": "read"}]});
    let config = json!({"max_turns": 2, "sandbox": {"turns": [asks, asks, asks]}});
    let stage = Stage::new(config, Policy::default());
    assert_eq!(failed(stage.play()), "effect.failed: agent `mate` had not ended after 2 model calls");
    assert_eq!(stage.shelf.0.lock().unwrap().len(), 1);
}
