//! A person's yes is for one exact act, once, and in time.

use crate::{House, denied, done, pays, plain, settled, usd};
use comity_core::{Amounts, ApprovalId, Digest, ReasonCode, RiskTier, Step, Tenant};
use comity_govern::{Error, Outcome, Permit, Policy, Ruling, Scope};
use comity_ledger::{EntryKind, RunStatus};
use futures_util::future::join_all;
use std::cell::Cell;
use std::time::Duration;

fn policy() -> Policy {
    Policy { human_approval_tier: Some(RiskTier::ExternalIo), ..Policy::default() }
}

fn act(scope: &Scope) -> Step {
    Step { risk: RiskTier::ExternalIo, idempotent: false, ..pays(scope, 0, 100) }
}

fn ask(house: &House, scope: &Scope) -> ApprovalId {
    match house.wait(house.gate.run(scope, act(scope), async |_| panic!("it ran"))).unwrap() {
        Outcome::Held(approval) => approval.id,
        other => panic!("{other:?}"),
    }
}

fn rule(house: &House, id: ApprovalId, ruling: Ruling) -> Result<(), Error> {
    house.wait(house.gate.rule(&Tenant::local(), id, ruling, &house.person(), "as seen")).map(drop)
}

fn held(policy: Policy) -> (House, Scope, ApprovalId) {
    let house = House::new();
    let scope = Scope::root(house.open_with(policy));
    let id = ask(&house, &scope);
    assert_eq!(house.sound(scope.run().id()).held.micro_usd, 100);
    (house, scope, id)
}

fn approved(policy: Policy) -> (House, Scope, ApprovalId) {
    let (house, scope, id) = held(policy);
    rule(&house, id, Ruling::Approve).unwrap();
    (house, scope, id)
}

fn again(house: &House, scope: &Scope, step: Step) -> Result<Outcome, Error> {
    house.wait(house.gate.run(scope, step, async |permit| {
        permit.charge(usd(40)).unwrap();
        done()
    }))
}

/// Nothing is held any more, and this much was spent.
fn over(house: &House, scope: &Scope, spent: u64) {
    let cell = house.sound(scope.run().id());
    assert_eq!((cell.held, cell.spent.micro_usd), (Amounts::ZERO, spent));
}

#[test]
fn an_approved_act_is_admitted_once_and_then_only_replayed() {
    let (house, scope, id) = approved(policy());
    let outcome = house.gate.run(&scope, act(&scope), async |permit| {
        let decision = permit.decision().unwrap().clone();
        assert_eq!((&*decision.approver, &*decision.comment), ("local:jo", "as seen"));
        permit.charge(usd(40)).unwrap();
        done()
    });
    assert!(!settled(house.wait(outcome).unwrap()).replayed);
    let replayed = house.wait(house.gate.run(&scope, act(&scope), async |_| panic!("it ran twice"))).unwrap();
    assert!(settled(replayed).replayed);
    over(&house, &scope, 40);
    let error = rule(&house, id, Ruling::Reject).unwrap_err();
    assert_eq!(error.to_string(), format!("approval `{id}` is already used"));
    let admitted = house.kinds(scope.run().id()).into_iter().filter(|kind| *kind == EntryKind::Admitted);
    assert_eq!(admitted.count(), 1);
}

#[test]
fn asking_again_before_the_decision_waits_for_the_same_approval() {
    let (house, scope, id) = held(policy());
    assert_eq!(ask(&house, &scope), id);
    let next = house.another();
    house.wait(scope.run().pause(RunStatus::Waiting)).unwrap();
    let scope = Scope::root(next.resume(scope.run().id()));
    assert_eq!(ask(&next, &scope), id);
    assert_eq!(next.sound(scope.run().id()).held.micro_usd, 100);
}

#[test]
fn a_rejected_act_is_denied_and_its_hold_given_back() {
    let (house, scope, id) = held(policy());
    rule(&house, id, Ruling::Reject).unwrap();
    over(&house, &scope, 0);
    let Outcome::Denied(refusal) = again(&house, &scope, act(&scope)).unwrap() else { panic!("not denied") };
    assert_eq!(refusal.reason, ReasonCode::ApprovalRejected);
    assert_eq!(refusal.message, "`s0` was rejected by local:jo: as seen");
    over(&house, &scope, 0);
}

#[test]
fn an_act_nobody_decided_in_time_is_denied_and_its_hold_given_back() {
    for late_ruling in [false, true] {
        let (house, scope, id) = held(Policy { approval_timeout: Duration::from_secs(60), ..policy() });
        house.hands.advance(Duration::from_secs(60));
        if late_ruling {
            let error = rule(&house, id, Ruling::Approve).unwrap_err();
            assert_eq!(error.to_string(), format!("approval `{id}` is already expired"));
        }
        let outcome = again(&house, &scope, act(&scope)).unwrap();
        assert_eq!(denied(&outcome), Some(ReasonCode::ApprovalExpired));
        assert!(rule(&house, id, Ruling::Approve).is_err());
        over(&house, &scope, 0);
        assert_eq!(house.kinds(scope.run().id()).last(), Some(&EntryKind::Expired));
    }
}

#[test]
fn a_decision_in_the_last_millisecond_counts() {
    let (house, scope, id) = held(Policy { approval_timeout: Duration::from_secs(60), ..policy() });
    house.hands.advance(Duration::from_millis(59_999));
    rule(&house, id, Ruling::Approve).unwrap();
    settled(again(&house, &scope, act(&scope)).unwrap());
}

#[test]
fn deciding_twice_is_an_error() {
    for (first, second) in [(Ruling::Approve, Ruling::Approve), (Ruling::Approve, Ruling::Reject)] {
        let (house, scope, id) = held(policy());
        rule(&house, id, first).unwrap();
        assert!(matches!(rule(&house, id, second), Err(Error::Decided { state: "approved", .. })));
        settled(again(&house, &scope, act(&scope)).unwrap());
    }
    let (house, _, id) = held(policy());
    let (tenant, person) = (Tenant::local(), house.person());
    let all = (0..64).map(|_| house.gate.rule(&tenant, id, Ruling::Reject, &person, ""));
    let all = house.wait(join_all(all)).into_iter().map(|ruled| ruled.is_ok());
    assert_eq!(all.filter(|won| *won).count(), 1);
}

#[test]
fn sixty_four_consumers_of_one_approval_admit_it_once() {
    let (house, scope, _) = approved(policy());
    let runs = Cell::new(0);
    let effect = async |_: &mut Permit| {
        runs.set(runs.get() + 1);
        done()
    };
    let all = (0..64).map(|_| house.gate.run(&scope, act(&scope), effect));
    for outcome in house.wait(join_all(all)) {
        assert!(matches!(outcome, Ok(Outcome::Settled(_)) | Err(Error::Busy(_))), "{outcome:?}");
    }
    assert_eq!(runs.get(), 1);
    over(&house, &scope, 0);
}

#[test]
fn sixty_four_processes_with_one_approval_admit_it_once() {
    let (house, scope, _) = approved(policy());
    let id = scope.run().id();
    let mut scopes = vec![scope.clone()];
    scopes.extend((0..63).map(|_| Scope::root(house.resume(id))));
    let runs = Cell::new(0);
    let all = scopes.iter().map(|scope| {
        house.gate.run(scope, act(scope), async |_: &mut Permit| {
            runs.set(runs.get() + 1);
            done()
        })
    });
    let outcomes = house.wait(join_all(all));
    for outcome in &outcomes[..63] {
        assert!(matches!(outcome, Err(Error::TakenOver { .. })), "{outcome:?}");
    }
    assert!(matches!(outcomes[63], Ok(Outcome::Settled(_))));
    assert_eq!(runs.get(), 1);
    over(&house, &scopes[63], 0);
}

#[test]
fn another_act_than_the_approved_one_is_an_error() {
    let (house, scope, _) = approved(policy());
    for changed in [
        Step { input: (*b"{ }").into(), ..act(&scope) },
        Step { name: "other".into(), ..act(&scope) },
        Step { contract: Digest::of(&[b"another"]), ..act(&scope) },
    ] {
        assert!(matches!(again(&house, &scope, changed), Err(Error::Changed { .. })));
    }
    assert_eq!(house.sound(scope.run().id()).held.micro_usd, 100);
    settled(again(&house, &scope, act(&scope)).unwrap());
    over(&house, &scope, 40);
}

#[test]
fn a_yes_under_another_policy_is_no_yes() {
    let (house, scope, id) = approved(policy());
    let other = Scope::root(house.open_with(Policy { max_steps: 7, ..policy() }));
    let binding = house.wait(house.store.approval(&Tenant::local(), id)).unwrap().unwrap().cell.binding;
    let theirs = ask(&house, &other);
    let theirs = house.wait(house.store.approval(&Tenant::local(), theirs)).unwrap().unwrap().cell.binding;
    assert_ne!(binding, theirs);
    // A row that was bound under another policy, put in the place of this one's.
    house.tamper(&format!("UPDATE approvals SET binding = x'{}' WHERE run = 1", theirs.hex()));
    assert!(matches!(again(&house, &scope, act(&scope)), Err(Error::Changed { .. })));
}

#[test]
fn deny_wins_after_a_yes_and_the_hold_is_given_back() {
    let (house, scope, id) = approved(Policy { timeout: Duration::from_secs(10), ..policy() });
    house.hands.advance(Duration::from_secs(10));
    assert_eq!(denied(&again(&house, &scope, act(&scope)).unwrap()), Some(ReasonCode::Deadline));
    over(&house, &scope, 0);
    assert!(matches!(rule(&house, id, Ruling::Approve), Err(Error::Decided { state: "expired", .. })));
}

#[test]
fn an_approved_act_may_take_no_longer_than_was_held() {
    let house = House::new();
    let scope = Scope::root(house.open_with(Policy { budget_seconds: Some(3), ..policy() }));
    let id = ask(&house, &scope);
    rule(&house, id, Ruling::Approve).unwrap();
    let outcome = house.gate.run(&scope, act(&scope), async |permit| {
        assert_eq!(permit.time_left(), Duration::from_secs(3));
        done()
    });
    settled(house.wait(outcome).unwrap());
}

#[test]
fn what_is_held_for_a_person_is_not_there_for_others() {
    let house = House::new();
    let budget_usd = comity_core::MicroUsd::new(150);
    let scope = Scope::root(house.open_with(Policy { budget_usd, ..policy() }));
    let id = ask(&house, &scope);
    // Nobody who is under way will give it back: a person has to decide first.
    let other = house.wait(house.gate.run(&scope, pays(&scope, 1, 60), async |_| done())).unwrap();
    assert_eq!(denied(&other), Some(ReasonCode::BudgetUsd));
    rule(&house, id, Ruling::Reject).unwrap();
    settled(house.wait(house.gate.run(&scope, pays(&scope, 2, 60), async |_| done())).unwrap());
    settled(house.wait(house.gate.run(&scope, plain(&scope, 3), async |_| done())).unwrap());
    over(&house, &scope, 0);
}
