//! A caller that goes away: the step ends cancelled or unknown, never silently.

use crate::{House, done, pays, settled, usd};
use comity_core::{Amounts, Point, Points, Step};
use comity_govern::{Outcome, Scope};
use comity_ledger::EntryKind;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn step(scope: &Scope, idempotent: bool) -> Step {
    Step { idempotent, ..pays(scope, 0, 100) }
}

fn again(house: &House, scope: &Scope, idempotent: bool) -> Outcome {
    house.wait(house.gate.run(scope, step(scope, idempotent), async |_| done())).unwrap()
}

#[test]
fn dropped_before_the_admission_is_answered_it_is_cancelled() {
    for idempotent in [true, false] {
        let house = House::new();
        let scope = Scope::root(house.open());
        let polled = Cell::new(0);
        let mut future =
            Box::pin(house.gate.run(&scope, step(&scope, idempotent), async |_| panic!("it ran")));
        house.until(future.as_mut(), || polled.replace(1) == 0);
        drop(future);
        let cell = house.sound(scope.run().id());
        assert_eq!((cell.held, cell.spent), (Amounts::ZERO, Amounts::ZERO));
        let kinds = house.kinds(scope.run().id());
        assert_eq!(kinds, [EntryKind::Opened, EntryKind::Admitted, EntryKind::Cancelled]);
        assert!(!settled(again(&house, &scope, idempotent)).replayed);
        assert!(house.sound(scope.run().id()).held.is_zero());
    }
}

#[test]
fn dropped_before_a_refused_admission_is_answered_nothing_is_left() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let polled = Cell::new(0);
    let large = pays(&scope, 0, Amounts::MAX);
    let mut future = Box::pin(house.gate.run(&scope, large, async |_| panic!("it ran")));
    house.until(future.as_mut(), || polled.replace(1) == 0);
    drop(future);
    assert!(house.sound(scope.run().id()).held.is_zero());
    assert_eq!(house.kinds(scope.run().id()), [EntryKind::Opened]);
    settled(again(&house, &scope, true));
}

/// Panics once, at one point.
struct Trap(Point, AtomicBool);

impl Points for Trap {
    fn reach(&self, point: Point) {
        assert!(point != self.0 || self.1.swap(true, Ordering::Relaxed), "trapped");
    }
}

/// Between the answer and the effect there is no place to wait at, so only unwinding can end it there.
#[test]
fn unwound_after_the_admission_and_before_the_effect_it_is_cancelled() {
    for idempotent in [true, false] {
        let house = House::watched(Arc::new(Trap(Point::BeforeEffect, AtomicBool::new(false))));
        let scope = Scope::root(house.open());
        let trapped = catch_unwind(AssertUnwindSafe(|| again(&house, &scope, idempotent)));
        assert!(trapped.is_err());
        let cell = house.sound(scope.run().id());
        assert_eq!((cell.held, cell.spent), (Amounts::ZERO, Amounts::ZERO));
        assert_eq!(house.kinds(scope.run().id()).last(), Some(&EntryKind::Cancelled));
        settled(again(&house, &scope, idempotent));
    }
}

#[test]
fn dropped_during_the_effect_it_is_unknown() {
    for (idempotent, held, spent) in [(true, 0, 30), (false, 100, 0)] {
        let house = House::new();
        let scope = Scope::root(house.open());
        let begun = Cell::new(false);
        let mut future = Box::pin(house.gate.run(&scope, step(&scope, idempotent), async |permit| {
            permit.charge(usd(30)).unwrap();
            begun.set(true);
            permit.clock().sleep(Duration::from_secs(100)).await;
            done()
        }));
        house.until(future.as_mut(), || begun.get());
        drop(future);
        let cell = house.sound(scope.run().id());
        assert_eq!((cell.held.micro_usd, cell.spent.micro_usd), (held, spent));
        let entries = house.entries(scope.run().id());
        assert_eq!(entries.last().map(|entry| entry.kind), Some(EntryKind::Unknown));
        match again(&house, &scope, idempotent) {
            Outcome::Settled(settled) if idempotent => assert!(!settled.replayed),
            Outcome::Unknown(ended) if !idempotent => {
                assert_eq!(ended.message, "its caller went away while it was under way");
            }
            other => panic!("{other:?}"),
        }
        house.sound(scope.run().id());
    }
}

#[test]
fn an_effect_that_panics_is_unknown() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let future = house.gate.run(&scope, step(&scope, false), async |_| panic!("it fell over"));
    assert!(catch_unwind(AssertUnwindSafe(|| house.wait(future))).is_err());
    assert_eq!(house.sound(scope.run().id()).held.micro_usd, 100);
    assert_eq!(house.kinds(scope.run().id()).last(), Some(&EntryKind::Unknown));
}

#[test]
fn dropped_with_a_child_under_way_both_are_unknown_and_the_child_s_part_is_booked() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let begun = Cell::new(false);
    let parent = Step { bound: crate::amounts(100, 3), ..step(&scope, true) };
    let mut future = Box::pin(house.gate.run(&scope, parent, async |permit| {
        let inner = permit.scope().unwrap();
        let child = Step { idempotent: false, ..pays(&inner, 0, 60) };
        let child = house.gate.run(&inner, child, async |permit| {
            permit.charge(usd(5)).unwrap();
            begun.set(true);
            permit.clock().sleep(Duration::from_secs(100)).await;
            done()
        });
        drop(child.await);
        done()
    }));
    house.until(future.as_mut(), || begun.get());
    drop(future);
    let cell = house.sound(scope.run().id());
    assert_eq!((cell.held, cell.spent.micro_usd), (Amounts::ZERO, 60));
    let kinds = house.kinds(scope.run().id());
    assert_eq!(kinds[kinds.len() - 2..], [EntryKind::Unknown, EntryKind::Unknown]);
}

#[test]
fn a_step_that_waits_for_money_may_go_away() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let all = house.policy.borrow().budget_usd.micros();
    let begun = Cell::new(false);
    let mut first = Box::pin(house.gate.run(&scope, pays(&scope, 1, all), async |permit| {
        begun.set(true);
        permit.clock().sleep(Duration::from_secs(1)).await;
        done()
    }));
    house.until(first.as_mut(), || begun.get());
    let polled = Cell::new(0);
    let mut second = Box::pin(house.gate.run(&scope, step(&scope, true), async |_| panic!("it ran")));
    house.until(second.as_mut(), || polled.replace(polled.get() + 1) == 2);
    drop(second);
    settled(house.wait(first).unwrap());
    settled(again(&house, &scope, true));
    assert!(house.sound(scope.run().id()).held.is_zero());
}

/// A flush that nobody waits for any more leaves the settlement to the next one.
#[test]
fn a_flush_that_is_dropped_loses_nothing() {
    let house = House::new();
    let scope = Scope::root(house.open());
    settled(again(&house, &scope, true));
    let polled = Cell::new(0);
    let mut flush = Box::pin(scope.run().flush());
    house.until(flush.as_mut(), || polled.replace(1) == 0);
    drop(flush);
    house.wait(scope.run().flush()).unwrap();
    assert!(settled(again(&house, &scope, true)).replayed);
}
