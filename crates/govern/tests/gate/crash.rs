//! A process that is gone: what it had queued is lost, and a later one finds out.

use crate::house::text;
use crate::{House, amounts, done, pays, settled, usd};
use comity_core::{Amounts, Step};
use comity_govern::{Answer, Error, Outcome, Scope};
use comity_ledger::{EntryKind, RunStatus};
use std::cell::Cell;
use std::time::Duration;

fn step(scope: &Scope, idempotent: bool) -> Step {
    Step { idempotent, bound: Amounts { tokens: 7, ..usd(100) }, ..pays(scope, 0, 0) }
}

/// A process that dies while its one step is under way; the next one, which has taken the run over.
fn crashed(idempotent: bool) -> (House, Scope) {
    let house = House::new();
    let scope = Scope::root(house.open());
    let begun = Cell::new(false);
    let mut future = Box::pin(house.gate.run(&scope, step(&scope, idempotent), async |permit| {
        permit.charge(usd(30)).unwrap();
        begun.set(true);
        permit.clock().sleep(Duration::from_secs(100)).await;
        done()
    }));
    assert!(house.until(future.as_mut(), || begun.get()).is_none());
    house.store.discard();
    let next = house.another();
    let run = next.resume(scope.run().id());
    // Only now, so that nothing of what dropping it queues can become durable first.
    drop(future);
    (next, Scope::root(run))
}

#[test]
fn an_idempotent_step_s_hold_is_given_back_and_its_money_booked() {
    let (house, scope) = crashed(true);
    let run = scope.run().id();
    let cell = house.sound(run);
    let booked = Amounts { tokens: 7, ..usd(100) };
    assert_eq!((cell.held, cell.spent), (Amounts::ZERO, booked));
    let outcome = house.gate.run(&scope, step(&scope, true), async |permit| {
        permit.charge(usd(1)).unwrap();
        done()
    });
    assert!(!settled(house.wait(outcome).unwrap()).replayed);
    assert_eq!(house.sound(run).spent, Amounts { tokens: 7, ..amounts(101, 1) });
    let attempts: Vec<u32> =
        house.entries(run).into_iter().filter_map(|entry| Some(entry.step?.attempt)).collect();
    assert_eq!(attempts, [1, 1, 2, 2]);
}

#[test]
fn another_step_s_hold_stays_until_a_person_answers() {
    let most = Amounts { tokens: 7, ..amounts(100, 1) };
    let cases = [
        (Answer::Happened("found out".into()), EntryKind::Happened, most),
        (Answer::NotHappened, EntryKind::NotHappened, Amounts::ZERO),
        (Answer::Abandon, EntryKind::Abandoned, most),
    ];
    for (answer, kind, spent) in cases {
        let (house, scope) = crashed(false);
        let run = scope.run().id();
        let cell = house.sound(run);
        assert_eq!((Amounts { millis: 0, ..cell.held }, cell.spent), (most, Amounts::ZERO));
        let again = || house.wait(house.gate.run(&scope, step(&scope, false), async |_| done())).unwrap();
        assert!(matches!(again(), Outcome::Unknown(_)));
        let id = scope.step_id(0, 0);
        house.wait(house.gate.answer(scope.run(), id, &answer, &house.person(), "looked")).unwrap();
        let cell = house.sound(run);
        assert_eq!((cell.held, cell.spent), (Amounts::ZERO, spent));
        assert_eq!(house.kinds(run).last(), Some(&kind));
        let second = house.wait(house.gate.answer(scope.run(), id, &answer, &house.person(), ""));
        assert!(matches!(second, Err(Error::NotUnknown(_))));
        match (answer, again()) {
            (Answer::Happened(value), outcome) => assert_eq!(text(outcome), value),
            (Answer::NotHappened, outcome) => assert!(!settled(outcome).replayed),
            (Answer::Abandon, outcome) => assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}"),
        }
        assert!(house.sound(run).held.is_zero());
    }
}

#[test]
fn an_unknown_step_is_answered_for_once() {
    let (house, scope) = crashed(false);
    let id = scope.step_id(0, 0);
    let person = house.person();
    let both = [0; 8].map(|_| house.gate.answer(scope.run(), id, &Answer::Abandon, &person, ""));
    let answers = house.wait(futures_util::future::join_all(both));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert!(house.sound(scope.run().id()).held.is_zero());
}

#[test]
fn an_admission_that_was_never_committed_leaves_nothing() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let polled = Cell::new(0);
    let mut future = Box::pin(house.gate.run(&scope, step(&scope, false), async |_| panic!("it ran")));
    house.until(future.as_mut(), || polled.replace(1) == 0);
    house.store.discard();
    let next = house.another();
    let scope = Scope::root(next.resume(scope.run().id()));
    drop(future);
    assert!(next.sound(scope.run().id()).held.is_zero());
    settled(next.wait(next.gate.run(&scope, step(&scope, false), async |_| done())).unwrap());
}

#[test]
fn a_settlement_that_was_never_committed_makes_the_step_unknown() {
    let house = House::new();
    let scope = Scope::root(house.open());
    settled(house.wait(house.gate.run(&scope, step(&scope, false), async |_| done())).unwrap());
    house.store.discard();
    let next = house.another();
    let scope = Scope::root(next.resume(scope.run().id()));
    let again = next.wait(next.gate.run(&scope, step(&scope, false), async |_| panic!("it ran twice")));
    assert!(matches!(again.unwrap(), Outcome::Unknown(_)));
    assert_eq!(next.sound(scope.run().id()).held.micro_usd, 100);
}

#[test]
fn a_process_that_was_overtaken_can_do_nothing_more() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let next = house.another();
    next.resume(scope.run().id());
    let error =
        house.wait(house.gate.run(&scope, step(&scope, true), async |_| panic!("it ran"))).unwrap_err();
    assert!(matches!(error, Error::TakenOver { .. }), "{error}");
    assert!(house.wait(scope.run().close(RunStatus::Completed)).is_err());
    assert!(next.sound(scope.run().id()).held.is_zero());
}

#[test]
fn a_run_that_has_ended_is_not_resumed() {
    let house = House::new();
    let run = house.open();
    house.wait(run.close(RunStatus::Completed)).unwrap();
    let error = house.wait(house.gate.resume(run.id(), &house.person(), "two".into())).err().unwrap();
    assert_eq!(error.to_string(), format!("run `{}` has ended: it is completed", run.id()));
}
