use crate::house::{House, run, wait};
use comity_ledger::log::check::open_by;
use comity_ledger::log::merkle::stored_count;
use comity_ledger::log::sequence::{draft, key_of, root_at};
use comity_store::{CommitError, Refused};

fn leaves(house: &House) -> Vec<(u8, u64, u8)> {
    let rows = wait(house.store.leaves(&house.tenant, 0, 100)).unwrap();
    rows.iter().map(|row| (row.run.bytes()[0], row.size, row.kind)).collect()
}

#[test]
fn a_run_is_in_the_log_when_it_opens_moves_and_ends() {
    let house = House::new();
    assert!(house.draft().is_none(), "nothing moved");
    house.open(run(1));
    house.open(run(2));
    house.grow(run(1), 3);
    house.anchor();
    assert_eq!(leaves(&house), [(1, 4, 0), (2, 1, 0)]);
    house.grow(run(2), 1);
    house.anchor();
    house.close(run(1));
    house.close(run(2));
    house.open(run(3));
    house.close(run(3));
    house.anchor();
    assert_eq!(leaves(&house)[2..], [(2, 2, 1), (1, 5, 2), (2, 3, 2), (3, 2, 2)]);
    assert!(house.draft().is_none(), "everything is covered");
    let report = house.verify();
    assert_eq!(report.fault, None);
    assert_eq!((report.log.leaves, report.log.checkpoints, report.log.unprotected), (6, 3, 0));
}

#[test]
fn a_checkpoint_signs_the_root_over_all_leaves() {
    let house = House::new();
    for number in 1..=20 {
        house.open(run(number));
        house.grow(run(number), usize::from(number));
        let note = house.anchor();
        let checkpoint = open_by(&note, house.key().verifier()).unwrap();
        assert_eq!(checkpoint.origin, "comity/abababababababababababababababab/local");
        assert_eq!(checkpoint.head.size, u64::from(number));
        assert_eq!(wait(root_at(&house.store, &house.tenant, number.into())).unwrap(), checkpoint.head.root);
    }
    let log = wait(house.store.log(&house.tenant)).unwrap();
    assert_eq!((log.size, log.hashes), (20, stored_count(20)));
}

#[test]
fn of_two_who_extend_the_log_one_is_told_to_look_again() {
    let house = House::new();
    house.open(run(1));
    let (one, other) = (house.draft().unwrap(), house.draft().unwrap());
    house.put(one).unwrap();
    let refused = house.put(other).unwrap_err();
    assert!(matches!(refused, CommitError::Refused(Refused::Log { size: 1 })), "{refused:?}");
    assert!(house.draft().is_none(), "nothing is left to do");
}

#[test]
fn more_leaves_than_fit_one_commit_go_into_several() {
    let house = House::new();
    for number in 0..1_003u16 {
        let [high, low] = number.to_be_bytes();
        house.open(comity_core::RunId::from_bytes([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    }
    let first = house.draft().unwrap();
    assert_eq!((first.anchor.leaves.len(), first.more), (1_000, true));
    house.anchor();
    let report = house.verify();
    assert_eq!((report.fault, report.log.leaves, report.log.checkpoints), (None, 1_003, 2));
}

#[test]
fn what_no_checkpoint_covers_is_counted() {
    let house = House::new();
    house.open(run(1));
    house.anchor();
    house.grow(run(1), 4);
    house.open(run(2));
    assert_eq!(house.verify().log.unprotected, 5);
}

/// It would sign what somebody did to the database since.
#[test]
fn nothing_is_signed_on_top_of_a_log_that_was_changed() {
    for change in [
        "UPDATE hashes SET hash = zeroblob(32) WHERE position = 0",
        "UPDATE checkpoints SET note = x'41'",
        "DELETE FROM checkpoints",
        "DELETE FROM leaves; DELETE FROM checkpoints; UPDATE logs SET size = 1, hashes = 1",
    ] {
        let house = House::new();
        house.open(run(1));
        house.anchor();
        house.grow(run(1), 1);
        let house = house.execute(change);
        let refused = wait(draft(&house.store, &house.tenant, &house.key())).unwrap_err();
        assert!(refused.to_string().starts_with("the log of tenant `local`: "), "{refused}");
    }
}

#[test]
fn nothing_is_signed_with_another_key() {
    let house = House::new();
    house.open(run(1));
    house.anchor();
    house.grow(run(1), 1);
    let other = wait(key_of(&house.store, &house.tenant, &[8; 32])).unwrap();
    let refused = wait(draft(&house.store, &house.tenant, &other)).unwrap_err();
    assert!(refused.to_string().contains("is not one this key signed"), "{refused}");
}
