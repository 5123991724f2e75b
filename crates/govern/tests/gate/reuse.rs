//! What a forked run takes over from another one is not done, and the other one is read only once.

use crate::house::Counter;
use crate::{House, done, pays, plain, settled, usd};
use comity_core::{Amounts, Digest, ReasonCode, RunId, Step};
use comity_govern::{Error, Legacy, Opening, Outcome, Policy, Recorded, Run, Scope};
use comity_ledger::{Entry, EntryKind, Origin, Slot, StepRef, read_one, seal, verify};
use comity_store::{Commit, Fence, Op};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// A run whose step 0 settled with `"done"`, for 20.
fn origin(house: &House) -> RunId {
    let scope = Scope::root(house.open_with(Policy { max_steps: 10_000, ..Policy::default() }));
    let first = house.gate.run(&scope, pays(&scope, 0, 50), async |permit| {
        permit.charge(usd(20)).unwrap();
        done()
    });
    settled(house.wait(first).unwrap());
    house.wait(scope.run().flush()).unwrap();
    scope.run().id()
}

/// Where step 0 of the run is recorded.
fn recorded(house: &House, run: RunId) -> Recorded {
    let cell = house.wait(house.store.run(&house.person().tenant, run)).unwrap().unwrap();
    let end = house.wait(read_one(house.gate.vault(), &cell, 2)).unwrap().unwrap();
    assert_eq!(end.entry.kind, EntryKind::Settled);
    Recorded { act: 1, end: 2, hash: end.hash, edited: None }
}

/// A run that may take step 0 of another over.
fn fork(house: &House, from: RunId, recorded: &Recorded) -> Arc<Run> {
    let opening = Opening {
        principal: house.person(),
        owner: "one".into(),
        policy: house.policy.borrow().clone(),
        source: Vec::new(),
        setup: Vec::new(),
        origin: Some(Origin { entry: recorded.hash, run: from, seq: recorded.end }),
        about: None,
    };
    let run = house.wait(house.gate.open(opening)).unwrap();
    inherit(&run, from, recorded.clone());
    run
}

fn inherit(run: &Arc<Run>, from: RunId, recorded: Recorded) {
    let id = Scope::root(Arc::clone(run)).step_id(0, 0);
    run.inherit(Legacy { run: from, steps: HashMap::from([(id, recorded)]) });
}

fn reuse(house: &House, scope: &Scope, step: &Step) -> Result<Option<Value>, Error> {
    let outcome = house.wait(house.gate.reuse(scope, step))?;
    Ok(outcome.map(|outcome| match outcome {
        Outcome::Settled(settled) => {
            assert!(settled.replayed && settled.usage == Amounts::ZERO);
            settled.output.value
        }
        other => panic!("{other:?}"),
    }))
}

#[test]
fn a_result_is_taken_over_without_a_hold_a_cost_or_a_sync() {
    let house = House::new();
    let from = origin(&house);
    let scope = Scope::root(fork(&house, from, &recorded(&house, from)));
    let before = house.kinds(scope.run().id()).len();
    assert_eq!(reuse(&house, &scope, &pays(&scope, 0, 50)).unwrap(), Some(json!("done")));
    assert_eq!(house.kinds(scope.run().id()).len(), before, "it is queued, and nobody waited for it");
    house.wait(scope.run().flush()).unwrap();
    let account = house.sound(scope.run().id());
    assert_eq!((account.spent, account.held), (Amounts::ZERO, Amounts::ZERO));
    let entry = house.entries(scope.run().id()).pop().unwrap();
    assert_eq!((entry.kind, entry.reason, entry.usage), (EntryKind::Reused, None, None));
    assert_eq!(entry.origin, Some(Origin { entry: recorded(&house, from).hash, run: from, seq: 2 }));
    // Asked for in the ordinary way, it has an end as well.
    let again = house.gate.run(&scope, pays(&scope, 0, 50), async |_| panic!("it is not done"));
    assert_eq!(settled(house.wait(again).unwrap()).output.value, json!("done"));
}

#[test]
fn another_process_goes_on_from_what_was_taken_over_and_needs_the_other_run_no_more() {
    let house = House::new();
    let from = origin(&house);
    let scope = Scope::root(fork(&house, from, &recorded(&house, from)));
    reuse(&house, &scope, &pays(&scope, 0, 50)).unwrap();
    house.wait(scope.run().flush()).unwrap();
    let next = house.another();
    let run = next.resume(scope.run().id());
    inherit(&run, RunId::from_bytes([9; 16]), recorded(&house, from));
    let scope = Scope::root(run);
    assert_eq!(reuse(&next, &scope, &pays(&scope, 0, 50)).unwrap(), Some(json!("done")));
    let kinds = next.kinds(scope.run().id());
    assert_eq!(kinds.iter().filter(|kind| **kind == EntryKind::Reused).count(), 1, "{kinds:?}");
}

#[test]
fn what_was_queued_and_lost_is_taken_over_again() {
    let house = House::new();
    let from = origin(&house);
    let scope = Scope::root(fork(&house, from, &recorded(&house, from)));
    reuse(&house, &scope, &pays(&scope, 0, 50)).unwrap();
    // The process ends here: its queue is never heard of again.
    let next = house.another();
    let run = next.resume(scope.run().id());
    inherit(&run, from, recorded(&house, from));
    let scope = Scope::root(run);
    assert_eq!(reuse(&next, &scope, &pays(&scope, 0, 50)).unwrap(), Some(json!("done")));
    next.wait(scope.run().flush()).unwrap();
    let kinds = next.kinds(scope.run().id());
    assert_eq!(kinds, [EntryKind::Opened, EntryKind::Resumed, EntryKind::Reused]);
}

#[test]
fn another_input_or_another_way_of_doing_it_is_done_anew() {
    let house = House::new();
    let from = origin(&house);
    for other in [0, 1, 2] {
        let scope = Scope::root(fork(&house, from, &recorded(&house, from)));
        let step = pays(&scope, 0, 50);
        let step = match other {
            0 => Step { input: (*b"[]").into(), ..step },
            1 => Step { contract: Digest::of(&[b"another way"]), ..step },
            _ => Step { name: "renamed".into(), ..step },
        };
        assert_eq!(reuse(&house, &scope, &step).unwrap(), None, "{other}");
        let ran = house.wait(house.gate.run(&scope, step.clone(), async |_| done())).unwrap();
        assert!(!settled(ran).replayed);
        // It is this run's own now, and not taken over any more.
        assert_eq!(reuse(&house, &scope, &step).unwrap(), None);
    }
    let scope = Scope::root(house.open());
    assert_eq!(reuse(&house, &scope, &plain(&scope, 0)).unwrap(), None, "it inherits nothing");
}

#[test]
fn what_a_person_put_in_its_place_is_recorded_as_theirs() {
    let house = House::new();
    let from = origin(&house);
    let edited = Recorded { edited: Some(json!({"mine": 1})), ..recorded(&house, from) };
    let scope = Scope::root(fork(&house, from, &edited));
    assert_eq!(reuse(&house, &scope, &pays(&scope, 0, 50)).unwrap(), Some(json!({"mine": 1})));
    house.wait(scope.run().flush()).unwrap();
    house.sound(scope.run().id());
    let entry = house.entries(scope.run().id()).pop().unwrap();
    assert_eq!((entry.kind, entry.reason), (EntryKind::Reused, Some(ReasonCode::Edited)));
    assert_eq!(entry.principal, "local:jo");
}

#[test]
fn a_run_that_is_gone_or_another_one_is_an_error() {
    let house = House::new();
    let from = origin(&house);
    let good = recorded(&house, from);
    let gone = RunId::from_bytes([9; 16]);
    for (run, recorded, why) in [
        (gone, good.clone(), "is not there any more"),
        (
            from,
            Recorded { hash: Digest::ZERO, ..good.clone() },
            "has another entry 2 than when it was forked",
        ),
        (from, Recorded { end: 70, ..good.clone() }, "has no entry 70 any more"),
        (from, Recorded { act: 70, ..good.clone() }, "has no entry 70 any more"),
    ] {
        let scope = Scope::root(fork(&house, from, &good));
        let other = house.another();
        let resumed = other.resume(scope.run().id());
        inherit(&resumed, run, recorded);
        let scope = Scope::root(resumed);
        match reuse(&other, &scope, &pays(&scope, 0, 50)) {
            Err(Error::Origin { run: named, what }) => assert_eq!((named, &*what), (run, why)),
            other => panic!("{other:?}"),
        }
    }
}

/// Appends an entry behind the gate's back, and names what verification makes of it.
fn forged(house: &House, run: &Run, forge: impl FnOnce(&mut Entry)) -> String {
    let who = house.person();
    let scope = Scope::root(house.resume(run.id()));
    let (step, at) = (plain(&scope, 0), comity_core::Timestamp::from_millis(1));
    let mut entry =
        Entry::new(EntryKind::Reused, run.id(), who.tenant.clone(), who.namespace, "local:jo".into(), at);
    entry.step = Some(StepRef::of(&step, 0));
    forge(&mut entry);
    let cell = house.wait(house.store.run(&who.tenant, run.id())).unwrap().unwrap();
    let pen = house.wait(house.gate.vault().open(&cell)).unwrap().pen().unwrap();
    let append = seal(entry, &[(Slot::Act, b"{}"), (Slot::Output, b"1")], &pen, &Counter(7.into()));
    let (fence, expect) = (Fence::Anyone, Vec::new());
    let commit =
        Commit { tenant: who.tenant, run: run.id(), fence, at, expect, ops: vec![Op::Append(append)] };
    house.wait(house.store.queue(commit)).unwrap();
    house.wait(verify(&house.store, None)).unwrap().fault.expect("it went unseen").what
}

#[test]
fn a_forged_descent_is_a_fault() {
    type Forge = fn(&mut Entry, Origin);
    let forgeries: [(Forge, &str); 6] = [
        (|_, _| {}, "does not say which entry it was taken over from"),
        (|entry, origin| entry.origin = Some(Origin { seq: 1, ..origin }), "is not the one it goes back to"),
        (|entry, origin| entry.origin = Some(Origin { seq: 99, ..origin }), "is not the one it goes back to"),
        (
            |entry, origin| entry.origin = Some(Origin { run: entry.run, ..origin }),
            "it goes back to its own run",
        ),
        (
            |entry, origin| (entry.origin, entry.usage) = (Some(origin), Some(Amounts::ZERO)),
            "it takes a result over, and moves amounts",
        ),
        (
            |entry, origin| (entry.origin, entry.kind) = (Some(origin), EntryKind::Settled),
            "its kind never does",
        ),
    ];
    for (forge, expected) in forgeries {
        let house = House::new();
        let from = origin(&house);
        let good = recorded(&house, from);
        let run = fork(&house, from, &good);
        let origin = Origin { entry: good.hash, run: from, seq: good.end };
        let what = forged(&house, &run, |entry| forge(entry, origin));
        assert!(what.contains(expected), "{what}");
    }
}
