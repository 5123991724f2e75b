//! Usage above a hold: booked as it is, written down as a defect, and the end of further holds.

use crate::{House, amounts, denied, done, pays, plain, settled, usd};
use comity_core::{Amounts, Namespace, ReasonCode, RunId, Step, Tenant};
use comity_govern::{Answer, Failure, Outcome, Scope};
use comity_ledger::{Entry, EntryKind, account};
use std::cell::RefCell;

fn defect(house: &House, run: RunId) -> (Vec<EntryKind>, Entry) {
    let entries = house.entries(run);
    let found: Vec<&Entry> = entries.iter().filter(|entry| entry.kind == EntryKind::Defect).collect();
    assert_eq!(found.len(), 1);
    (entries.iter().map(|entry| entry.kind).collect(), found[0].clone())
}

#[test]
fn a_report_that_fits_is_a_charge() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let outcome = house.wait(house.gate.run(&scope, pays(&scope, 0, 100), async |permit| {
        permit.report(usd(100));
        assert!(permit.charge(usd(1)).is_err());
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage, amounts(100, 1));
    let cell = house.sound(scope.run().id());
    assert_eq!((cell.spent, cell.frozen), (amounts(100, 1), false));
}

#[test]
fn usage_above_the_hold_is_booked_and_freezes_the_run() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let run = scope.run().id();
    let outcome = house.wait(house.gate.run(&scope, pays(&scope, 0, 100), async |permit| {
        permit.charge(usd(90)).unwrap();
        permit.report(Amounts { tokens: 5, ..usd(30) });
        assert!(permit.charge(usd(1)).is_err());
        done()
    }));
    let usage = Amounts { tokens: 5, ..amounts(120, 1) };
    assert_eq!(settled(outcome.unwrap()).usage, usage);
    let cell = house.sound(run);
    assert_eq!((cell.held, cell.spent, cell.frozen), (Amounts::ZERO, usage, true));
    let (tenant, namespace) = (Tenant::local(), Namespace::default_name());
    for id in [account::of_namespace(&tenant, &namespace), account::of_tenant(&tenant)] {
        let above = house.account(id);
        assert_eq!((above.spent, above.frozen), (usage, false));
    }
    let (kinds, entry) = defect(&house, run);
    use EntryKind::{Admitted, Defect, Opened, Settled};
    assert_eq!(kinds, [Opened, Admitted, Settled, Defect]);
    assert_eq!((entry.reason, entry.usage), (Some(ReasonCode::AccountFrozen), None));
    let later = house.wait(house.gate.run(&scope, plain(&scope, 1), async |_| panic!("it ran"))).unwrap();
    let Outcome::Denied(refusal) = later else { panic!("{later:?}") };
    assert_eq!(refusal.reason, ReasonCode::AccountFrozen);
    assert_eq!(refusal.message, format!("account `{run}` is frozen: more was used on it than was held"));
    house.sound(run);
}

#[test]
fn a_frozen_run_stays_frozen_and_replays_the_true_usage() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let run = scope.run().id();
    let step = house.gate.run(&scope, pays(&scope, 0, 1), async |permit| {
        permit.report(usd(9));
        Err(Failure::Failed("no".to_owned()))
    });
    assert!(matches!(house.wait(step).unwrap(), Outcome::Failed(_)));
    house.sound(run);
    let next = house.another();
    let scope = Scope::root(next.resume(run));
    assert!(matches!(
        next.wait(next.gate.run(&scope, pays(&scope, 0, 1), async |_| done())),
        Ok(Outcome::Failed(_))
    ));
    let later = next.wait(next.gate.run(&scope, plain(&scope, 1), async |_| done())).unwrap();
    assert_eq!(denied(&later), Some(ReasonCode::AccountFrozen));
    assert_eq!(next.sound(run).spent, amounts(9, 1));
}

#[test]
fn a_step_that_waited_for_money_is_refused_once_the_account_is_frozen() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let all = house.policy.borrow().budget_usd.micros();
    let (first, second) = house.wait(futures_util::future::join(
        house.gate.run(&scope, pays(&scope, 0, all), async |permit| {
            permit.clock().sleep(std::time::Duration::from_secs(1)).await;
            permit.report(usd(all + 1));
            done()
        }),
        house.gate.run(&scope, pays(&scope, 1, 1), async |_| panic!("it ran")),
    ));
    settled(first.unwrap());
    assert_eq!(denied(&second.unwrap()), Some(ReasonCode::AccountFrozen));
    assert_eq!(house.sound(scope.run().id()).spent.micro_usd, all + 1);
}

#[test]
fn a_nested_overrun_is_booked_and_told_by_the_step_around_it() {
    let house = House::new();
    let root = Scope::root(house.open());
    let run = root.run().id();
    let step = Step { bound: amounts(100, 9), ..plain(&root, 0) };
    let outcome = house.wait(house.gate.run(&root, step, async |permit| {
        let scope = permit.scope().unwrap();
        let child =
            house.gate.run(&scope, Step { bound: amounts(10, 2), ..plain(&scope, 0) }, async |permit| {
                let scope = permit.scope().unwrap();
                let inner = house.gate.run(&scope, pays(&scope, 0, 5), async |permit| {
                    permit.report(usd(25));
                    done()
                });
                assert_eq!(settled(inner.await.unwrap()).usage, amounts(25, 1));
                done()
            });
        assert_eq!(settled(child.await.unwrap()).usage, amounts(25, 2));
        // Nothing is frozen while the step around it is under way: its hold is there already.
        settled(house.gate.run(&scope, pays(&scope, 1, 95), async |_| done()).await.unwrap());
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage, amounts(25, 4));
    let cell = house.sound(run);
    assert_eq!((cell.held, cell.spent, cell.frozen), (Amounts::ZERO, amounts(25, 4), true));
    let (kinds, entry) = defect(&house, run);
    assert_eq!(kinds.last(), Some(&EntryKind::Defect));
    assert_eq!(entry.step.map(|step| step.id), Some(root.step_id(0, 0)));
}

#[test]
fn an_unknown_step_s_overrun_is_booked_at_once_and_its_hold_stays() {
    for (answer, spent) in [
        (Answer::Happened("yes".into()), amounts(130, 1)),
        (Answer::NotHappened, amounts(30, 0)),
        (Answer::Abandon, amounts(130, 1)),
    ] {
        let house = House::new();
        let scope = Scope::root(house.open());
        let run = scope.run().id();
        let step = Step { idempotent: false, ..pays(&scope, 0, 100) };
        let outcome = house.wait(house.gate.run(&scope, step, async |permit| {
            permit.report(usd(130));
            Err(Failure::Unknown("nobody saw".to_owned()))
        }));
        assert!(matches!(outcome.unwrap(), Outcome::Unknown(_)));
        let cell = house.sound(run);
        assert_eq!((cell.held.micro_usd, cell.spent, cell.frozen), (100, usd(30), true));
        assert_eq!(defect(&house, run).1.usage, Some(usd(30)));
        house
            .wait(house.gate.answer(scope.run(), scope.step_id(0, 0), &answer, &house.person(), ""))
            .unwrap();
        let cell = house.sound(run);
        assert_eq!((cell.held, cell.spent, cell.frozen), (Amounts::ZERO, spent, true));
    }
}

/// A child that ends after the step around it has nobody to book its overrun, and books it itself.
#[test]
fn a_child_that_outlives_its_parent_books_its_own_overrun() {
    let house = House::new();
    let root = Scope::root(house.open());
    let run = root.run().id();
    let kept = RefCell::new(None);
    let step = Step { bound: amounts(100, 9), ..plain(&root, 0) };
    let gate = house.gate.clone();
    let outcome = house.wait(house.gate.run(&root, step, async |permit| {
        let scope = permit.scope().unwrap();
        let clock = std::sync::Arc::clone(permit.clock());
        let mut child = Box::pin(async move {
            let step = pays(&scope, 0, 10);
            let effect = async |permit: &mut comity_govern::Permit| {
                permit.clock().sleep(std::time::Duration::from_secs(1)).await;
                permit.report(usd(13));
                done()
            };
            gate.run(&scope, step, effect).await
        });
        let both =
            futures_util::future::select(child.as_mut(), clock.sleep(std::time::Duration::from_millis(9)));
        drop(both.await);
        kept.replace(Some(child));
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage.micro_usd, 10);
    let child = kept.take().unwrap();
    assert_eq!(settled(house.wait(child).unwrap()).usage, Amounts { millis: 1_000, ..amounts(13, 1) });
    let cell = house.sound(run);
    assert_eq!((cell.held, cell.spent.micro_usd, cell.frozen), (Amounts::ZERO, 13, true));
}
