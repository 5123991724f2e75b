//! A commit that fails stops its run: nothing may follow what is not there.

use crate::{House, done, pays, plain, settled};
use comity_core::{Point, Points};
use comity_govern::{Error, Outcome, Scope};
use comity_ledger::{EntryKind, RunStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fails commits while it is armed.
#[derive(Default)]
struct Fault(AtomicBool);

impl Points for Fault {
    fn reach(&self, point: Point) {
        assert!(point != Point::BeforeCommit || !self.0.load(Ordering::Relaxed), "the disk is gone");
    }
}

impl Fault {
    fn arm(&self, armed: bool) {
        self.0.store(armed, Ordering::Relaxed);
    }
}

fn stopped(house: &House, scope: &Scope, ordinal: u32) {
    let outcome = house.wait(house.gate.run(scope, plain(scope, ordinal), async |_| panic!("it ran")));
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Store(comity_store::Error::Panicked)), "{error}");
}

#[test]
fn a_lost_admission_stops_the_run() {
    let fault = Arc::new(Fault::default());
    let house = House::watched(Arc::clone(&fault) as Arc<dyn Points>);
    let scope = Scope::root(house.open());
    fault.arm(true);
    stopped(&house, &scope, 0);
    fault.arm(false);
    stopped(&house, &scope, 1);
    scope.run().skip(&plain(&scope, 2), comity_core::ReasonCode::Unreachable, "");
    assert!(house.wait(scope.run().flush()).is_err());
    assert!(house.wait(scope.run().close(RunStatus::Failed)).is_err());
    assert!(house.sound(scope.run().id()).held.is_zero());
    assert_eq!(house.kinds(scope.run().id()), [EntryKind::Opened]);
    // Whoever takes it over goes on.
    let scope = Scope::root(house.resume(scope.run().id()));
    settled(house.wait(house.gate.run(&scope, plain(&scope, 0), async |_| done())).unwrap());
}

#[test]
fn a_lost_settlement_stops_the_run_and_its_hold_is_kept_for_whoever_finds_out() {
    let fault = Arc::new(Fault::default());
    let house = House::watched(Arc::clone(&fault) as Arc<dyn Points>);
    let scope = Scope::root(house.open());
    let step = || comity_core::Step { idempotent: false, ..pays(&scope, 0, 100) };
    settled(house.wait(house.gate.run(&scope, step(), async |_| done())).unwrap());
    fault.arm(true);
    assert!(house.wait(scope.run().flush()).is_err());
    fault.arm(false);
    stopped(&house, &scope, 1);
    assert_eq!(house.sound(scope.run().id()).held.micro_usd, 100);
    assert_eq!(house.kinds(scope.run().id()), [EntryKind::Opened, EntryKind::Admitted]);
    let next = Scope::root(house.resume(scope.run().id()));
    let again = house.wait(house.gate.run(&next, step(), async |_| panic!("it ran twice"))).unwrap();
    assert!(matches!(again, Outcome::Unknown(_)));
}

#[test]
fn a_lost_settlement_is_noticed_by_the_next_admission() {
    let fault = Arc::new(Fault::default());
    let house = House::watched(Arc::clone(&fault) as Arc<dyn Points>);
    let scope = Scope::root(house.open());
    settled(house.wait(house.gate.run(&scope, plain(&scope, 0), async |_| done())).unwrap());
    fault.arm(true);
    stopped(&house, &scope, 1);
    fault.arm(false);
    stopped(&house, &scope, 2);
    house.sound(scope.run().id());
}
