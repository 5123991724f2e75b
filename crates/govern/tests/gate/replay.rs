//! What the ledger says has ended is not done again.

use crate::{House, denied, done, pays, plain, settled, usd};
use comity_core::{ReasonCode, Step};
use comity_govern::{Error, Failure, Outcome, Permit, Policy, Scope};
use comity_ledger::EntryKind;
use std::cell::Cell;
use std::time::Duration;

/// Settled, failed, denied, skipped: steps 0 to 3.
fn played(house: &House) -> Scope {
    let scope = Scope::root(house.open_with(Policy { max_input_bytes: 10, ..Policy::default() }));
    let first = house.gate.run(&scope, pays(&scope, 0, 50), async |permit| {
        permit.charge(usd(20)).unwrap();
        done()
    });
    settled(house.wait(first).unwrap());
    let fails = async |_: &mut Permit| Err(Failure::Failed("as it was told".to_owned()));
    house.wait(house.gate.run(&scope, plain(&scope, 1), fails)).unwrap();
    house.wait(house.gate.run(&scope, large(&scope), async |_| done())).unwrap();
    scope.run().skip(&plain(&scope, 3), ReasonCode::Unreachable, "nothing to wait for");
    scope
}

fn large(scope: &Scope) -> Step {
    Step { input: (*b"01234567890").into(), ..plain(scope, 2) }
}

/// Asks for all four again; no effect may run, and each comes out as it did.
fn replays(house: &House, scope: &Scope) {
    let runs = Cell::new(0);
    let again = |step: Step| {
        house.wait(house.gate.run(scope, step, async |_| {
            runs.set(runs.get() + 1);
            done()
        }))
    };
    let first = settled(again(pays(scope, 0, 50)).unwrap());
    assert_eq!((first.replayed, first.usage.micro_usd, first.output.value), (true, 20, "done".into()));
    let Outcome::Failed(failed) = again(plain(scope, 1)).unwrap() else { panic!("not failed") };
    assert_eq!((failed.reason, &*failed.message), (ReasonCode::EffectFailed, "as it was told"));
    let refused = again(large(scope)).unwrap();
    assert_eq!(denied(&refused), Some(ReasonCode::InputSize));
    let Outcome::Denied(skipped) = again(plain(scope, 3)).unwrap() else { panic!("not denied") };
    assert_eq!((skipped.reason, &*skipped.message), (ReasonCode::Unreachable, "nothing to wait for"));
    assert_eq!(runs.get(), 0);
}

#[test]
fn a_resumed_run_returns_recorded_outcomes() {
    let house = House::new();
    let run = played(&house).run().id();
    let before = house.sound(run).spent;
    let next = house.another();
    let scope = Scope::root(next.resume(run));
    replays(&next, &scope);
    assert_eq!(next.sound(run).spent, before);
    assert_eq!(next.kinds(run).last(), Some(&EntryKind::Resumed));
}

#[test]
fn the_same_process_returns_them_too() {
    let house = House::new();
    let scope = played(&house);
    replays(&house, &scope);
    scope.run().skip(&plain(&scope, 3), ReasonCode::Unreachable, "again");
    house.sound(scope.run().id());
    let kinds = house.kinds(scope.run().id());
    assert_eq!(kinds.iter().filter(|kind| **kind == EntryKind::Skipped).count(), 1);
}

#[test]
fn a_settled_step_asked_for_with_other_input_is_an_error() {
    let house = House::new();
    let run = played(&house).run().id();
    house.sound(run);
    let scope = Scope::root(house.resume(run));
    let other = Step { input: (*b"[]").into(), ..pays(&scope, 0, 50) };
    let error = house.wait(house.gate.run(&scope, other, async |_| panic!("it ran"))).unwrap_err();
    assert!(matches!(error, Error::Changed { what: "other input", .. }), "{error}");
}

#[test]
fn a_step_that_is_under_way_is_not_begun_again() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let runs = Cell::new(0);
    let step = || {
        house.gate.run(&scope, Step { idempotent: false, ..plain(&scope, 0) }, async |permit| {
            runs.set(runs.get() + 1);
            permit.clock().sleep(Duration::from_millis(5)).await;
            done()
        })
    };
    let (first, second) = house.wait(futures_util::future::join(step(), step()));
    settled(first.unwrap());
    assert!(matches!(second, Err(Error::Busy(_))));
    assert!(settled(house.wait(step()).unwrap()).replayed);
    assert_eq!(runs.get(), 1);
    house.sound(scope.run().id());
}

#[test]
fn settled_children_are_replayed_inside_a_step_that_is_tried_again() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let runs = Cell::new(0);
    let step = |scope: &Scope| Step { bound: crate::amounts(100, 9), ..plain(scope, 0) };
    let effect = async |house: &House, permit: &mut Permit, hang: bool| {
        let inner = permit.scope().unwrap();
        let child = house.gate.run(&inner, pays(&inner, 0, 10), async |permit| {
            runs.set(runs.get() + 1);
            permit.charge(usd(10)).unwrap();
            done()
        });
        settled(child.await.unwrap());
        if hang {
            permit.clock().sleep(Duration::from_secs(100)).await;
        }
        done()
    };
    let mut first =
        Box::pin(house.gate.run(&scope, step(&scope), async |permit| effect(&house, permit, true).await));
    house.until(first.as_mut(), || runs.get() == 1 && house.store.pump(0) == 0);
    drop(first);
    house.sound(scope.run().id());
    let next = house.another();
    let scope = Scope::root(next.resume(scope.run().id()));
    let second = next.gate.run(&scope, step(&scope), async |permit| effect(&next, permit, false).await);
    settled(next.wait(second).unwrap());
    assert_eq!(runs.get(), 1);
    assert!(next.sound(scope.run().id()).held.is_zero());
}
