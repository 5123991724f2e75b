//! What a step may not be, and how long it may take.

use crate::{House, denied, done, plain, settled};
use comity_core::{Amounts, ReasonCode, RiskTier, RunId, Step, StepId};
use comity_govern::{Error, Failure, Outcome, Output, Permit, Policy, Scope};
use comity_ledger::EntryKind;
use std::pin::Pin;
use std::time::Duration;

fn run(house: &House, scope: &Scope, step: Step) -> Outcome {
    house.wait(house.gate.run(scope, step, async |_| done())).unwrap()
}

#[test]
fn a_forged_or_misplaced_id_is_refused_and_leaves_no_entry() {
    let house = House::new();
    let (scope, other) = (Scope::root(house.open()), Scope::root(house.open()));
    let base = || plain(&scope, 0);
    let forged = [
        Step { id: StepId::from_bytes([7; 16]), ..base() },
        Step { id: plain(&other, 0).id, ..base() },
        Step { ordinal: 1, ..base() },
        Step { iteration: 1, ..base() },
        Step { parent: Some(scope.step_id(1, 0)), ..base() },
        Step { id: StepId::derive(RunId::from_bytes([1; 16]), None, 0, 0), ..base() },
    ];
    for step in forged {
        let error = house.wait(house.gate.run(&scope, step, async |_| panic!("it ran"))).unwrap_err();
        assert!(matches!(error, Error::Misplaced(_)), "{error}");
    }
    house.sound(scope.run().id());
    assert_eq!(house.kinds(scope.run().id()), [EntryKind::Opened]);
}

/// Nests until it is refused; says how deep that was.
fn deepen<'a>(
    house: &'a House,
    permit: &'a mut Permit,
    depth: u32,
) -> Pin<Box<dyn Future<Output = Result<Output, Failure>> + 'a>> {
    Box::pin(async move {
        let scope = permit.scope().unwrap();
        let step =
            Step { bound: Amounts { steps: 20 - u64::from(depth), ..Amounts::ZERO }, ..plain(&scope, 0) };
        let outcome = house.gate.run(&scope, step, async |permit| deepen(house, permit, depth + 1).await);
        match outcome.await.unwrap() {
            Outcome::Denied(refusal) => {
                assert_eq!((refusal.reason, depth), (ReasonCode::Depth, 8));
                done()
            }
            other => Ok(settled(other).output),
        }
    })
}

#[test]
fn steps_nest_eight_deep_and_no_deeper() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let step = Step { bound: Amounts { steps: 30, ..Amounts::ZERO }, ..plain(&scope, 0) };
    let outcome = house.wait(house.gate.run(&scope, step, async |permit| deepen(&house, permit, 0).await));
    assert_eq!(settled(outcome.unwrap()).usage.steps, 9);
    house.sound(scope.run().id());
}

#[test]
fn steps_inputs_and_tiers_past_the_policy_are_refused() {
    let house = House::new();
    let policy =
        Policy { max_steps: 2, max_input_bytes: 4, max_risk_tier: RiskTier::Internal, ..Policy::default() };
    let scope = Scope::root(house.open_with(policy));
    let large = Step { input: (*b"12345").into(), ..plain(&scope, 0) };
    assert_eq!(denied(&run(&house, &scope, large)), Some(ReasonCode::InputSize));
    let harmful = Step { risk: RiskTier::Irreversible, ..plain(&scope, 1) };
    assert_eq!(denied(&run(&house, &scope, harmful)), Some(ReasonCode::RiskTier));
    let exact = Step { input: (*b"1234").into(), risk: RiskTier::Internal, ..plain(&scope, 2) };
    settled(run(&house, &scope, exact));
    settled(run(&house, &scope, plain(&scope, 3)));
    assert_eq!(denied(&run(&house, &scope, plain(&scope, 4))), Some(ReasonCode::StepLimit));
    assert_eq!(house.sound(scope.run().id()).spent.steps, 2);
}

#[test]
fn no_step_begins_after_the_run_s_time() {
    let house = House::new();
    let scope =
        Scope::root(house.open_with(Policy { timeout: Duration::from_secs(10), ..Policy::default() }));
    house.hands.advance(Duration::from_millis(9_999));
    let outcome = house.gate.run(&scope, plain(&scope, 0), async |permit| {
        assert_eq!(permit.time_left(), Duration::from_millis(1));
        done()
    });
    settled(house.wait(outcome).unwrap());
    house.hands.advance(Duration::from_millis(1));
    assert_eq!(denied(&run(&house, &scope, plain(&scope, 1))), Some(ReasonCode::Deadline));
    house.sound(scope.run().id());
}

#[test]
fn time_in_which_only_people_are_waited_for_does_not_count() {
    let house = House::new();
    let scope =
        Scope::root(house.open_with(Policy { timeout: Duration::from_secs(10), ..Policy::default() }));
    house.hands.advance(Duration::from_secs(4));
    let rest = scope.run().rest();
    house.hands.advance(Duration::from_secs(86_400));
    drop(rest);
    let outcome = house.gate.run(&scope, plain(&scope, 0), async |permit| {
        assert_eq!(permit.time_left(), Duration::from_secs(6));
        done()
    });
    settled(house.wait(outcome).unwrap());
    house.sound(scope.run().id());
}

#[test]
fn time_between_pause_and_resume_does_not_count() {
    let house = House::new();
    let first = house.open_with(Policy { timeout: Duration::from_secs(10), ..Policy::default() });
    house.hands.advance(Duration::from_secs(4));
    house.wait(first.pause(comity_ledger::RunStatus::Waiting)).unwrap();
    house.hands.advance(Duration::from_secs(86_400));
    let scope = Scope::root(house.resume(first.id()));
    let outcome = house.gate.run(&scope, plain(&scope, 0), async |permit| {
        assert_eq!(permit.time_left(), Duration::from_secs(6));
        done()
    });
    settled(house.wait(outcome).unwrap());
}

fn timed(scope: &Scope, ordinal: u32, idempotent: bool) -> Step {
    Step { timeout: Some(Duration::from_secs(5)), idempotent, ..plain(scope, ordinal) }
}

#[test]
fn a_timeout_is_unknown_unless_a_second_try_does_no_harm() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let outcomes = [true, false].map(|idempotent| {
        let step = timed(&scope, u32::from(idempotent), idempotent);
        let outcome = house.gate.run(&scope, step, async |permit| {
            permit.clock().sleep(permit.time_left()).await;
            Err(Failure::Unknown("it took too long".to_owned()))
        });
        house.wait(outcome).unwrap()
    });
    let [Outcome::Failed(failed), Outcome::Unknown(unknown)] = outcomes else { panic!("{outcomes:?}") };
    assert_eq!((failed.reason, unknown.reason), (ReasonCode::EffectTimeout, ReasonCode::EffectTimeout));
    let cell = house.sound(scope.run().id());
    assert_eq!((cell.held.millis, cell.spent.millis), (5_000, 5_000));
}

#[test]
fn an_effect_that_ignores_its_time_is_cut_after_the_grace() {
    let house = House::new();
    let scope = Scope::root(house.open());
    for (ordinal, idempotent) in [(0, true), (1, false)] {
        let before = house.gate.run(&scope, timed(&scope, ordinal, idempotent), async |permit| {
            permit.clock().sleep(Duration::from_secs(3_600)).await;
            panic!("it was not cut")
        });
        let from = house.now();
        let outcome = house.wait(before).unwrap();
        assert_eq!(house.now() - from, Duration::from_secs(7));
        match outcome {
            Outcome::Failed(ended) if idempotent => assert_eq!(ended.reason, ReasonCode::EffectTimeout),
            Outcome::Unknown(ended) if !idempotent => assert_eq!(ended.reason, ReasonCode::EffectTimeout),
            other => panic!("{other:?}"),
        }
    }
    // Time past the hold is not billed.
    assert_eq!(house.sound(scope.run().id()).spent.millis, 5_000);
}

#[test]
fn an_effect_that_ends_within_the_grace_counts() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let outcome = house.gate.run(&scope, timed(&scope, 0, false), async |permit| {
        permit.clock().sleep(Duration::from_millis(6_999)).await;
        assert_eq!(permit.time_left(), Duration::ZERO);
        done()
    });
    assert_eq!(settled(house.wait(outcome).unwrap()).usage.millis, 5_000);
}
