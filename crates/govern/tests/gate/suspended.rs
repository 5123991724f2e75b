//! Steps that stop because one nested in them waits, that are tried again, or that wait for a moment.

use crate::{House, amounts, denied, done, pays, plain, settled, usd};
use comity_core::{Amounts, ReasonCode, RiskTier, Step, StepKind, Timestamp};
use comity_govern::{Failure, Outcome, PastState, Permit, Policy, Ruling, Scope};
use comity_ledger::EntryKind;
use std::cell::Cell;
use std::time::Duration;

/// A step that others are nested in, and that costs what they cost.
fn container(scope: &Scope, most: u64) -> Step {
    Step { kind: StepKind::Workflow, bound: amounts(most, 9), ..plain(scope, 0) }
}

fn asks(scope: &Scope, ordinal: u32) -> Step {
    Step { kind: StepKind::HumanDecision, ..plain(scope, ordinal) }
}

/// One nested step that pays, and one that a person is asked about.
async fn two(house: &House, permit: &mut Permit, paid: &Cell<u32>) -> Result<comity_govern::Output, Failure> {
    let scope = permit.scope().unwrap();
    let first = house.gate.run(&scope, pays(&scope, 0, 30), async |permit| {
        paid.set(paid.get() + 1);
        permit.charge(usd(20)).unwrap();
        done()
    });
    settled(first.await.unwrap());
    match house.gate.run(&scope, asks(&scope, 1), async |_| done()).await.unwrap() {
        Outcome::Held(_) => Err(Failure::Waiting("a person is asked".to_owned())),
        other => Ok(settled(other).output),
    }
}

#[test]
fn a_suspended_step_goes_on_where_it_was() {
    let house = House::new();
    let root = Scope::root(house.open());
    let (run, paid) = (root.run().id(), Cell::new(0));
    let ask =
        || house.gate.run(&root, container(&root, 100), async |permit| two(&house, permit, &paid).await);
    let outcome = house.wait(ask()).unwrap();
    assert!(matches!(outcome, Outcome::Suspended(_)), "{outcome:?}");
    // What it used is booked, and nothing is kept.
    let account = house.sound(run);
    assert_eq!((account.held, account.spent), (Amounts::ZERO, amounts(20, 2)));
    assert_eq!(root.run().spent_on(root.step_id(0, 0)), amounts(20, 2));
    let asked = root.run().asked_under(root.step_id(0, 0));
    assert_eq!(asked.len(), 1);
    // Asked for again before anybody answered, it waits again.
    assert!(matches!(house.wait(ask()).unwrap(), Outcome::Suspended(_)));
    let (tenant, person) = (comity_core::Tenant::local(), house.person());
    let rule = house.gate.rule(&tenant, asked[0].approval.id, Ruling::Approve, &person, "");
    assert_eq!(house.wait(rule).unwrap(), run);
    settled(house.wait(ask()).unwrap());
    assert_eq!(paid.get(), 1, "what had settled was done again");
    assert_eq!(house.sound(run).spent, amounts(20, 5));
    let attempts = house.entries(run).into_iter().filter(|entry| entry.kind == EntryKind::Admitted);
    assert!(attempts.filter_map(|entry| entry.step).all(|step| step.attempt == 1));
}

#[test]
fn a_persons_yes_to_a_suspended_step_holds_when_it_goes_on() {
    let house = House::new();
    let tier = Some(RiskTier::Irreversible);
    let root = Scope::root(house.open_with(Policy {
        human_approval_tier: tier,
        max_steps: 99,
        ..Policy::default()
    }));
    let step = || Step { risk: RiskTier::Irreversible, ..container(&root, 100) };
    let paid = Cell::new(0);
    let ask = |house: &House| {
        let outcome =
            house.wait(house.gate.run(&root, step(), async |permit| two(house, permit, &paid).await));
        outcome.unwrap()
    };
    let Outcome::Held(approval) = ask(&house) else { panic!("nobody was asked") };
    let yes = |id| {
        let person = house.person();
        let tenant = comity_core::Tenant::local();
        house.wait(house.gate.rule(&tenant, id, Ruling::Approve, &person, "")).unwrap();
    };
    yes(approval.id);
    assert!(matches!(ask(&house), Outcome::Suspended(_)));
    yes(root.run().asked_under(root.step_id(0, 0))[0].approval.id);
    settled(ask(&house));
    let held = house.kinds(root.run().id()).into_iter().filter(|kind| *kind == EntryKind::Held).count();
    assert_eq!(held, 2, "the step itself was asked about twice");
}

#[test]
fn another_process_goes_on_with_a_suspended_step() {
    let house = House::new();
    let root = Scope::root(house.open());
    let (run, paid) = (root.run().id(), Cell::new(0));
    let first = house.gate.run(&root, container(&root, 100), async |permit| two(&house, permit, &paid).await);
    assert!(matches!(house.wait(first).unwrap(), Outcome::Suspended(_)));
    house.settle();
    let other = house.another();
    let root = Scope::root(other.resume(run));
    assert_eq!(root.run().stands(root.step_id(0, 0)), Some(PastState::Suspended));
    assert_eq!(root.run().spent_on(root.step_id(0, 0)), amounts(20, 2));
    let again = other.gate.run(&root, container(&root, 100), async |permit| two(&other, permit, &paid).await);
    assert!(matches!(other.wait(again).unwrap(), Outcome::Suspended(_)));
    assert_eq!(paid.get(), 1);
    assert_eq!(root.run().asked_under(root.step_id(0, 0)).len(), 1);
    assert_eq!(other.sound(run).held, Amounts::ZERO);
}

#[test]
fn a_failed_step_is_tried_again_only_when_that_is_asked_for() {
    let house = House::new();
    let root = Scope::root(house.open());
    let fails = async |_: &mut Permit| Err(Failure::Failed("no".to_owned()));
    for _ in 0..2 {
        let outcome = house.wait(house.gate.run(&root, plain(&root, 0), fails)).unwrap();
        let Outcome::Failed(ended) = outcome else { panic!("{outcome:?}") };
        assert_eq!((ended.reason, ended.attempt), (ReasonCode::EffectFailed, 1));
    }
    let again = house.gate.run_again(&root, plain(&root, 0), async |_| done());
    settled(house.wait(again).unwrap());
    // Once it has settled, it is not done again, whatever is asked for.
    let again = house.gate.run_again(&root, plain(&root, 0), async |_| panic!("it ran"));
    assert!(settled(house.wait(again).unwrap()).replayed);
    let tries: Vec<u32> = house
        .entries(root.run().id())
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Admitted)
        .filter_map(|entry| entry.step.map(|step| step.attempt))
        .collect();
    assert_eq!(tries, [1, 2]);
}

#[test]
fn what_a_failed_try_did_is_not_taken_for_the_next_ones() {
    let house = House::new();
    let root = Scope::root(house.open());
    let did = Cell::new(0);
    let inner = async |permit: &mut Permit| {
        let scope = permit.scope().unwrap();
        let child = house.gate.run(&scope, plain(&scope, 0), async |_| {
            did.set(did.get() + 1);
            done()
        });
        settled(child.await.unwrap());
        if did.get() == 1 { Err(Failure::Failed("no".to_owned())) } else { done() }
    };
    let outcome = house.wait(house.gate.run(&root, container(&root, 0), inner)).unwrap();
    assert!(matches!(outcome, Outcome::Failed(_)));
    settled(house.wait(house.gate.run_again(&root, container(&root, 0), inner)).unwrap());
    assert_eq!(did.get(), 2);
}

#[test]
fn a_moment_is_recorded_once_and_found_again() {
    let house = House::new();
    let root = Scope::root(house.open());
    let (run, step) = (root.run().id(), plain(&root, 0));
    let due = Timestamp::from_millis(1_763_640_600_000);
    for later in [0, 5] {
        let due = due.plus(Duration::from_secs(later));
        root.run().schedule(&step, 0, due, ReasonCode::Timer, "it waits");
    }
    house.wait(root.run().flush()).unwrap();
    assert_eq!(root.run().due(step.id), Some(due));
    let other = house.another();
    let resumed = Scope::root(other.resume(run));
    assert_eq!(resumed.run().due(step.id), Some(due));
    assert_eq!(resumed.run().stands(step.id), Some(PastState::Scheduled));
    settled(other.wait(other.gate.run(&resumed, step.clone(), async |_| done())).unwrap());
    assert_eq!(resumed.run().due(step.id), None);
    let scheduled = other.kinds(run).into_iter().filter(|kind| *kind == EntryKind::Scheduled).count();
    assert_eq!(scheduled, 1);
}

#[test]
fn a_container_that_was_cut_off_cost_what_is_known_of_its_steps() {
    let house = House::new();
    let root = Scope::root(house.open());
    let (run, there) = (root.run().id(), Cell::new(false));
    {
        let mut cut = Box::pin(house.gate.run(&root, container(&root, 100), async |permit| {
            let scope = permit.scope().unwrap();
            let child = house.gate.run(&scope, pays(&scope, 0, 30), async |permit| {
                permit.charge(usd(20)).unwrap();
                done()
            });
            settled(child.await.unwrap());
            there.set(true);
            std::future::pending().await
        }));
        let cut_off = house.until(cut.as_mut(), || there.get());
        assert!(cut_off.is_none());
        std::mem::forget(cut);
    }
    let other = house.another();
    other.resume(run);
    assert_eq!(other.sound(run).spent, amounts(20, 1));
    assert_eq!(other.sound(run).held, Amounts::ZERO);
}

#[test]
fn inside_the_stricter_limit_holds() {
    let house = House::new();
    let root = Scope::root(house.open());
    let strict = Policy { max_risk_tier: RiskTier::Internal, ..Policy::default() };
    let outcome = house.wait(house.gate.run(&root, container(&root, 0), async |permit| {
        let scope = permit.scope().unwrap().under(&strict).unwrap();
        let risky = |scope: &Scope| Step { risk: RiskTier::ExternalIo, ..plain(scope, 0) };
        let refused = house.gate.run(&scope, risky(&scope), async |_| done()).await.unwrap();
        assert_eq!(denied(&refused), Some(ReasonCode::RiskTier));
        // And in what is nested in that.
        let inner = house.gate.run(&scope, plain(&scope, 1), async |permit| {
            let scope = permit.scope().unwrap();
            let refused = house.gate.run(&scope, risky(&scope), async |_| done()).await.unwrap();
            assert_eq!(denied(&refused), Some(ReasonCode::RiskTier));
            done()
        });
        settled(inner.await.unwrap());
        done()
    }));
    settled(outcome.unwrap());
}
