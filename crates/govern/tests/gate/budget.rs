//! No cap is ever passed, and what is given back can be used again.

use crate::{House, Spent, amounts, denied, done, pays, plain, settled, usd};
use comity_core::{Amounts, MicroUsd, Namespace, ReasonCode, Tenant};
use comity_govern::{BreakerPolicy, Failure, Outcome, Output, Permit, Policy, Scope};
use comity_ledger::account;
use futures_util::future::join_all;
use std::cell::Cell;
use std::time::Duration;

/// A seed's numbers.
struct Dice(Cell<u64>);

impl Dice {
    fn below(&self, end: u64) -> u64 {
        let mut state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (state ^ (state >> 31)) % end
    }
}

fn policy(cap: u64) -> Policy {
    // Children that want too much fail, and that is not what these tests are about.
    let breaker = BreakerPolicy { threshold: u32::MAX, ..BreakerPolicy::default() };
    Policy { budget_usd: MicroUsd::new(cap), max_steps: 10_000, breaker, ..Policy::default() }
}

/// One round: 64 steps with children, each of which asks for more than it may now and then.
struct Round<'h> {
    house: &'h House,
    scope: Scope,
    dice: Dice,
    spent: Spent,
    caps: [u64; 3],
}

impl Round<'_> {
    fn no_cap_is_passed(&self) {
        let (tenant, namespace) = (Tenant::local(), Namespace::default_name());
        let run = account::of_run(self.scope.run().id());
        let ids = [run, account::of_namespace(&tenant, &namespace), account::of_tenant(&tenant)];
        for (id, cap) in ids.into_iter().zip(self.caps) {
            let cell = self.house.account(id);
            assert!(cell.held.micro_usd + cell.spent.micro_usd <= cap, "{cell:?}");
        }
    }

    async fn effect(&self, permit: &mut Permit, bound: u64) -> Result<Output, Failure> {
        self.no_cap_is_passed();
        let mut left = bound;
        let scope = permit.scope().unwrap();
        for child in 0..self.dice.below(3) as u32 {
            let (part, want) = (self.dice.below(bound + 1), self.dice.below(bound + 1));
            let before = self.spent.get();
            let step = pays(&scope, child, part);
            let outcome = self.house.gate.run(&scope, step, async |permit| {
                permit.clock().sleep(Duration::from_millis(self.dice.below(20))).await;
                self.spent.charge(permit, want)?;
                done()
            });
            // Others spend meanwhile: only what this child says it used is subtracted.
            let used = match outcome.await.unwrap() {
                Outcome::Settled(settled) => settled.usage.micro_usd,
                other => {
                    assert!(part > left || want > part, "{part} of {left}, {want} wanted: {other:?}");
                    0
                }
            };
            assert!(used <= part && self.spent.get() >= before);
            left -= used;
        }
        permit.clock().sleep(Duration::from_millis(self.dice.below(50))).await;
        let want = self.dice.below(bound + bound / 4 + 1);
        assert_eq!(self.spent.charge(permit, want).is_ok(), want <= left, "{want} of {left}");
        self.no_cap_is_passed();
        done()
    }

    fn play(&self) {
        let steps = (0..64).map(async |ordinal| {
            let bound = self.dice.below(self.caps.into_iter().min().unwrap() / 3 + 1);
            let step = comity_core::Step { bound: amounts(bound, 4), ..pays(&self.scope, ordinal, 0) };
            let run = self.house.gate.run(&self.scope, step, async |permit| self.effect(permit, bound).await);
            (bound, run.await.unwrap())
        });
        let outcomes = self.house.wait(join_all(steps));
        let cell = self.house.sound(self.scope.run().id());
        assert!(cell.held.is_zero());
        assert_eq!(cell.spent.micro_usd, self.spent.get());
        for (bound, outcome) in outcomes {
            match outcome {
                Outcome::Settled(_) => {}
                Outcome::Denied(refusal) => {
                    assert_eq!(refusal.reason, ReasonCode::BudgetUsd);
                    // Nothing was ever going to come back.
                    let left = self.caps.into_iter().map(|cap| cap - self.spent.get()).min().unwrap();
                    assert!(bound > left, "{bound} was refused, and {left} is left");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn sixty_four_steps_and_their_children_never_pass_a_cap() {
    for seed in 0..40 {
        let house = House::new();
        let dice = Dice(Cell::new(seed));
        let mut caps = [0; 3].map(|_| 1 + dice.below(1_000));
        if seed % 2 == 0 {
            house.cap(
                Amounts { micro_usd: caps[1], ..Amounts::UNLIMITED },
                Amounts { micro_usd: caps[2], ..Amounts::UNLIMITED },
            );
        } else {
            caps[1..].fill(Amounts::MAX);
        }
        let run = house.open_with(policy(caps[0]));
        Round { house: &house, scope: Scope::root(run), dice, spent: Spent::default(), caps }.play();
    }
}

#[test]
fn a_hold_given_back_is_waited_for() {
    let house = House::new();
    let scope = Scope::root(house.open_with(policy(100)));
    // Each needs the whole budget while it runs.
    let steps = (0..10).map(|ordinal| {
        house.gate.run(&scope, pays(&scope, ordinal, 100), async |permit| {
            permit.clock().sleep(Duration::from_millis(5)).await;
            done()
        })
    });
    let outcomes = house.wait(join_all(steps));
    outcomes.into_iter().for_each(|outcome| drop(settled(outcome.unwrap())));
    let cell = house.sound(scope.run().id());
    assert_eq!((cell.held, cell.spent.millis), (Amounts::ZERO, 50));
}

/// The admission that fits and the one that does not are answered by one batch, and the refused one hears
/// of it first.
#[test]
fn a_hold_that_has_only_just_been_taken_is_waited_for() {
    let house = House::new();
    let scope = Scope::root(house.open_with(policy(100)));
    let run = |ordinal| {
        Box::pin(house.gate.run(&scope, pays(&scope, ordinal, 100), async |permit| {
            permit.clock().sleep(Duration::from_millis(5)).await;
            done()
        }))
    };
    let (mut first, mut second) = (run(0), run(1));
    let polled = Cell::new(0);
    house.until(first.as_mut(), || polled.replace(1) == 0);
    polled.set(0);
    house.until(second.as_mut(), || polled.replace(1) == 0);
    assert_eq!(house.store.pump(256), 2);
    let both = house.wait(futures_util::future::join(second, first));
    settled(both.0.unwrap());
    settled(both.1.unwrap());
}

#[test]
fn what_nobody_will_give_back_is_refused_at_once() {
    let house = House::new();
    let scope = Scope::root(house.open_with(policy(100)));
    let outcome = house.wait(house.gate.run(&scope, pays(&scope, 0, 101), async |_| done())).unwrap();
    let Outcome::Denied(refusal) = outcome else { panic!("{outcome:?}") };
    let account = scope.run().id();
    assert_eq!(refusal.reason, ReasonCode::BudgetUsd);
    assert_eq!(
        refusal.message,
        format!("step `s0` needs $0.000101 but `{account}` has $0.0001 left of $0.0001")
    );
    assert!(house.sound(account).spent.is_zero());
}

#[test]
fn two_that_can_never_fit_do_not_wait_for_each_other() {
    let house = House::new();
    let scope = Scope::root(house.open_with(policy(100)));
    let steps = (0..2).map(|ordinal| house.gate.run(&scope, pays(&scope, ordinal, 200), async |_| done()));
    for outcome in house.wait(join_all(steps)) {
        assert_eq!(denied(&outcome.unwrap()), Some(ReasonCode::BudgetUsd));
    }
}

#[test]
fn a_charge_past_the_hold_is_refused_and_draws_nothing() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let outcome = house.wait(house.gate.run(&scope, pays(&scope, 0, 100), async |permit| {
        let short = permit.charge(usd(101)).unwrap_err();
        assert_eq!(short.to_string(), "spending $0.000101 would pass the $0.0001 left of what was reserved");
        permit.charge(usd(60)).unwrap();
        assert!(permit.charge(usd(41)).is_err());
        assert!(permit.charge(amounts(0, 1)).is_err());
        permit.charge(usd(40)).unwrap();
        done()
    }));
    assert_eq!(settled(outcome.unwrap()).usage, amounts(100, 1));
    let cell = house.sound(scope.run().id());
    assert_eq!((cell.held, cell.spent), (Amounts::ZERO, amounts(100, 1)));
}

#[test]
fn seconds_are_shared_out_and_given_back() {
    let house = House::new();
    let policy = Policy { budget_seconds: Some(10), ..Policy::default() };
    let scope = Scope::root(house.open_with(policy));
    let steps = (0..4).map(|ordinal| {
        house.gate.run(&scope, plain(&scope, ordinal), async |permit| {
            assert!(permit.time_left() <= Duration::from_secs(10));
            permit.clock().sleep(Duration::from_secs(3)).await;
            done()
        })
    });
    let outcomes: Vec<Outcome> = house.wait(join_all(steps)).into_iter().map(Result::unwrap).collect();
    // Three take three seconds each; the last has one, does not end in it, and is billed for that one.
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Settled(_))), "{outcomes:?}");
    assert_eq!(house.sound(scope.run().id()).spent, Amounts { millis: 10_000, steps: 4, ..Amounts::ZERO });
    let late = house.wait(house.gate.run(&scope, plain(&scope, 9), async |_| done())).unwrap();
    assert_eq!(denied(&late), Some(ReasonCode::BudgetSeconds));
}
