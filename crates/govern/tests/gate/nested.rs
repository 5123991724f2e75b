//! Steps inside steps draw on the hold around them, and on nothing else.

use crate::house::text;
use crate::{House, amounts, denied, done, pays, plain, settled, usd};
use comity_core::{Amounts, ReasonCode, Step, StepKind};
use comity_govern::{Answer, Failure, Outcome, Ruling, Scope};
use comity_ledger::EntryKind;
use futures_util::future::join_all;
use std::cell::RefCell;
use std::time::Duration;

fn parent(scope: &Scope, most: u64, steps: u64) -> Step {
    Step { bound: amounts(most, steps), ..plain(scope, 0) }
}

#[test]
fn a_part_past_the_parent_s_hold_is_refused() {
    let house = House::new();
    let root = Scope::root(house.open());
    let outcome = house.wait(house.gate.run(&root, parent(&root, 100, 9), async |permit| {
        permit.charge(usd(30)).unwrap();
        let scope = permit.scope().unwrap();
        let child = |ordinal, most| house.gate.run(&scope, pays(&scope, ordinal, most), async |_| done());
        assert_eq!(denied(&child(0, 71).await.unwrap()), Some(ReasonCode::BudgetUsd));
        settled(child(1, 70).await.unwrap());
        // Given back whole: it spent nothing.
        permit.charge(usd(70)).unwrap();
        assert_eq!(denied(&child(2, 1).await.unwrap()), Some(ReasonCode::BudgetUsd));
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage, amounts(100, 2));
    assert_eq!(house.sound(root.run().id()).spent, amounts(100, 2));
}

#[test]
fn steps_of_children_count_against_the_parent_s_hold() {
    let house = House::new();
    let root = Scope::root(house.open());
    let outcome = house.wait(house.gate.run(&root, parent(&root, 0, 2), async |permit| {
        let scope = permit.scope().unwrap();
        settled(house.gate.run(&scope, plain(&scope, 0), async |_| done()).await.unwrap());
        let second = house.gate.run(&scope, plain(&scope, 1), async |_| done()).await.unwrap();
        assert_eq!(denied(&second), Some(ReasonCode::StepLimit));
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage.steps, 2);
}

#[test]
fn nothing_is_nested_in_a_step_that_has_ended() {
    let house = House::new();
    let root = Scope::root(house.open());
    let kept = RefCell::new(None);
    let outcome = house.wait(house.gate.run(&root, parent(&root, 100, 9), async |permit| {
        kept.replace(permit.scope());
        done()
    }));
    settled(outcome.unwrap());
    let scope = kept.take().unwrap();
    for ordinal in 0..2 {
        let late = house.gate.run(&scope, pays(&scope, ordinal, 1), async |_| panic!("it ran"));
        assert!(matches!(
            denied(&house.wait(late).unwrap()),
            Some(ReasonCode::BudgetUsd | ReasonCode::StepLimit)
        ));
    }
    assert_eq!(house.sound(root.run().id()).spent, amounts(0, 1));
}

#[test]
fn children_side_by_side_share_their_parent_s_time() {
    let house = House::new();
    let root = Scope::root(house.open());
    let step = Step { timeout: Some(Duration::from_secs(10)), ..parent(&root, 0, 9) };
    let outcome = house.wait(house.gate.run(&root, step, async |permit| {
        permit.clock().sleep(Duration::from_secs(4)).await;
        let scope = permit.scope().unwrap();
        let children = (0..8).map(|ordinal| {
            house.gate.run(&scope, plain(&scope, ordinal), async |permit| {
                assert_eq!(permit.time_left(), Duration::from_secs(6));
                permit.clock().sleep(Duration::from_secs(1)).await;
                done()
            })
        });
        for child in join_all(children).await {
            settled(child.unwrap());
        }
        permit.clock().sleep(Duration::from_secs(5)).await;
        let late = house.gate.run(&scope, plain(&scope, 8), async |_| panic!("no time is left")).await;
        assert_eq!(denied(&late.unwrap()), Some(ReasonCode::BudgetSeconds));
        done()
    }));
    // The clock ran for ten seconds, and ten are billed.
    let usage = settled(outcome.unwrap()).usage;
    assert_eq!(usage, Amounts { millis: 10_000, steps: 9, ..Amounts::ZERO });
    assert_eq!(house.sound(root.run().id()).spent, usage);
}

/// A child for which a person is asked draws on its parent's hold like any other.
#[test]
fn an_approved_child_cannot_make_its_parent_s_hold_grow() {
    let house = House::new();
    let root = Scope::root(house.open());
    let outcome = house.wait(house.gate.run(&root, parent(&root, 100, 9), async |permit| {
        let scope = permit.scope().unwrap();
        let child = |ordinal| Step { kind: StepKind::HumanDecision, ..pays(&scope, ordinal, 60) };
        for ordinal in 0..2 {
            let held = house.gate.run(&scope, child(ordinal), async |_| done()).await.unwrap();
            let Outcome::Held(approval) = held else { panic!("{held:?}") };
            let person = house.person();
            house
                .gate
                .rule(&comity_core::Tenant::local(), approval.id, Ruling::Approve, &person, "")
                .await
                .unwrap();
        }
        let first = house.gate.run(&scope, child(0), async |permit| {
            permit.charge(usd(60)).unwrap();
            done()
        });
        assert_eq!(settled(first.await.unwrap()).usage, amounts(60, 1));
        // Forty are left.
        let second = house.gate.run(&scope, child(1), async |_| panic!("it ran")).await.unwrap();
        assert_eq!(denied(&second), Some(ReasonCode::BudgetUsd));
        assert!(permit.charge(usd(41)).is_err());
        permit.charge(usd(40)).unwrap();
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage, amounts(100, 2));
    assert_eq!(house.sound(root.run().id()).spent, amounts(100, 2));
}

#[test]
fn what_an_unknown_child_may_have_spent_stays_set_aside_and_is_booked() {
    let house = House::new();
    let root = Scope::root(house.open());
    let run = root.run().id();
    let outcome = house.wait(house.gate.run(&root, parent(&root, 100, 9), async |permit| {
        let scope = permit.scope().unwrap();
        let step = Step { idempotent: false, ..pays(&scope, 0, 70) };
        let child = house.gate.run(&scope, step, async |permit| {
            permit.charge(usd(10)).unwrap();
            Err(Failure::Unknown("nobody saw".to_owned()))
        });
        assert!(matches!(child.await.unwrap(), Outcome::Unknown(_)));
        assert!(permit.charge(usd(31)).is_err());
        // A person may find out while the step around it goes on; no account changes by it.
        let answer = Answer::Happened("found".into());
        house.gate.answer(scope.run(), scope.step_id(0, 0), &answer, &house.person(), "").await.unwrap();
        let again =
            house.gate.run(&scope, Step { idempotent: false, ..pays(&scope, 0, 70) }, async |_| done());
        assert_eq!(text(again.await.unwrap()), "found");
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage, amounts(70, 2));
    let cell = house.sound(run);
    assert_eq!((cell.held, cell.spent), (Amounts::ZERO, amounts(70, 2)));
    let unknown = house.entries(run).into_iter().find(|entry| entry.kind == EntryKind::Unknown).unwrap();
    assert_eq!((unknown.used, unknown.release), (None, None));
}

/// What children have spent is spent, whatever becomes of the step around them.
#[test]
fn what_children_spent_is_booked_although_their_parent_did_not_happen() {
    for crash in [false, true] {
        let house = House::new();
        let root = Scope::root(house.open());
        let step = Step { idempotent: false, ..parent(&root, 100, 9) };
        let outcome = house.wait(house.gate.run(&root, step, async |permit| {
            permit.charge(usd(7)).unwrap();
            let scope = permit.scope().unwrap();
            let child = house.gate.run(&scope, pays(&scope, 0, 50), async |permit| {
                permit.charge(usd(20)).unwrap();
                done()
            });
            settled(child.await.unwrap());
            Err(Failure::Unknown("nobody saw".to_owned()))
        }));
        assert!(matches!(outcome.unwrap(), Outcome::Unknown(_)));
        let run = root.run().id();
        assert_eq!(house.sound(run).held.micro_usd, 100);
        let root = if crash { Scope::root(house.resume(run)) } else { root };
        let id = root.step_id(0, 0);
        house.wait(house.gate.answer(root.run(), id, &Answer::NotHappened, &house.person(), "")).unwrap();
        let cell = house.sound(run);
        assert_eq!((cell.held, cell.spent), (Amounts::ZERO, usd(20)));
    }
}
