//! An endpoint that keeps failing is left alone, tried once, and forgiven.

use crate::{House, denied, done, plain, settled};
use comity_core::{Amounts, ReasonCode, Step};
use comity_govern::{BreakerPolicy, Failure, Outcome, Policy, Scope};
use futures_util::future::join_all;
use std::time::Duration;

fn policy() -> Policy {
    let breaker = BreakerPolicy { threshold: 3, ..BreakerPolicy::default() };
    Policy { breaker, timeout: Duration::from_secs(3_600), max_steps: 1_000, ..Policy::default() }
}

fn step(scope: &Scope, ordinal: u32) -> Step {
    Step { endpoint: "test:all".into(), ..plain(scope, ordinal) }
}

fn fail(house: &House, scope: &Scope, ordinal: u32) -> Outcome {
    let fails = async |_: &mut comity_govern::Permit| Err(Failure::Failed("no".to_owned()));
    house.wait(house.gate.run(scope, step(scope, ordinal), fails)).unwrap()
}

fn opened(house: &House, pause: Duration) -> Scope {
    let scope = Scope::root(house.open_with(policy()));
    for ordinal in 0..3 {
        assert!(matches!(fail(house, &scope, ordinal), Outcome::Failed(_)));
        house.hands.advance(pause);
    }
    scope
}

#[test]
fn opens_after_failures_however_far_apart_their_settlements_become_durable() {
    for pause in [Duration::ZERO, Duration::from_millis(1_500), Duration::from_secs(5)] {
        let house = House::new();
        let scope = opened(&house, pause);
        assert_eq!(denied(&fail(&house, &scope, 3)), Some(ReasonCode::BreakerOpen), "{pause:?}");
        // Others are not touched by it.
        settled(house.wait(house.gate.run(&scope, plain(&scope, 4), async |_| done())).unwrap());
        house.sound(scope.run().id());
    }
}

#[test]
fn half_open_lets_one_through_and_closes_after_its_success() {
    let house = House::new();
    let scope = opened(&house, Duration::ZERO);
    house.hands.advance(Duration::from_secs(31));
    let tries = (10..20).map(|ordinal| {
        house.gate.run(&scope, step(&scope, ordinal), async |permit| {
            permit.clock().sleep(Duration::from_millis(5)).await;
            done()
        })
    });
    let outcomes: Vec<Outcome> = house.wait(join_all(tries)).into_iter().map(Result::unwrap).collect();
    let through = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Settled(_))).count();
    let refused = outcomes.iter().filter(|outcome| denied(outcome) == Some(ReasonCode::BreakerOpen)).count();
    assert_eq!((through, refused), (1, 9));
    settled(house.wait(house.gate.run(&scope, step(&scope, 20), async |_| done())).unwrap());
    house.sound(scope.run().id());
}

#[test]
fn half_open_opens_again_after_a_failure() {
    let house = House::new();
    let scope = opened(&house, Duration::ZERO);
    house.hands.advance(Duration::from_secs(31));
    assert!(matches!(fail(&house, &scope, 10), Outcome::Failed(_)));
    assert_eq!(denied(&fail(&house, &scope, 11)), Some(ReasonCode::BreakerOpen));
}

/// The first try at the hold does not fit and is clamped; that must not look like somebody else's attempt.
#[test]
fn half_open_survives_a_hold_that_has_to_be_clamped() {
    let house = House::new();
    let scope = Scope::root(house.open_with(Policy { budget_seconds: Some(60), ..policy() }));
    for ordinal in 0..3 {
        fail(&house, &scope, ordinal);
    }
    house.hands.advance(Duration::from_secs(31));
    settled(house.wait(house.gate.run(&scope, step(&scope, 10), async |_| done())).unwrap());
    assert_eq!(house.sound(scope.run().id()).held, Amounts::ZERO);
}

#[test]
fn is_remembered_by_the_next_process() {
    let house = House::new();
    let scope = opened(&house, Duration::ZERO);
    house.sound(scope.run().id());
    let next = house.another();
    let scope = Scope::root(next.open_with(policy()));
    assert_eq!(denied(&fail(&next, &scope, 0)), Some(ReasonCode::BreakerOpen));
}
