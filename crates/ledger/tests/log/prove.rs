use crate::house::{House, run, wait};
use comity_ledger::Error;
use comity_ledger::log::check::{NotShown, Shown, check, open_by, origin_of};
use comity_ledger::log::prove::{prove, prove_consistency};

/// A log with several leaves a run.
fn grown() -> (House, Vec<Vec<u8>>) {
    let house = House::new();
    let mut notes = Vec::new();
    for number in 1..=9 {
        house.open(run(number));
        for other in 1..=number {
            house.grow(run(other), usize::from(number % 4));
        }
        notes.push(house.anchor());
    }
    (house, notes)
}

#[test]
fn every_entry_is_proved_by_a_file_and_a_key() {
    let (house, _) = grown();
    let mut count = 0;
    for number in 1..=9 {
        let cell = wait(house.store.run(&house.tenant, run(number))).unwrap().unwrap();
        let hashes = wait(house.store.entry_hashes(&cell, 0, 1_000)).unwrap();
        for (seq, hash) in (0..).zip(hashes) {
            let file = wait(prove(&house.store, &house.tenant, run(number), seq)).unwrap().to_bytes();
            let Shown::Entry(proved) = check(&file, &house.trust()).unwrap() else { unreachable!() };
            assert_eq!((proved.entry.run, proved.seq, proved.hash), (run(number), seq, hash));
            assert_eq!(origin_of(&file).as_deref(), Some(house.key().verifier().name()));
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn what_is_under_no_checkpoint_cannot_be_proved() {
    let house = House::new();
    house.open(run(1));
    let uncovered = |run, seq| {
        let refused = wait(prove(&house.store, &house.tenant, run, seq)).unwrap_err();
        assert!(matches!(refused, Error::Uncovered { .. }), "{refused}");
    };
    uncovered(run(1), 0);
    house.anchor();
    house.grow(run(1), 1);
    uncovered(run(1), 1);
    uncovered(run(2), 0);
    assert!(wait(prove(&house.store, &"acme".parse().unwrap(), run(1), 0)).is_err());
}

#[test]
fn each_checkpoint_is_shown_to_begin_every_later_one() {
    let (house, notes) = grown();
    for (new, later) in notes.iter().enumerate() {
        for earlier in &notes[..=new] {
            let proof = prove_consistency(&house.store, &house.tenant, earlier.clone(), later.clone());
            let file = wait(proof).unwrap().to_bytes();
            let shown = check(&file, &house.trust()).unwrap();
            let key = house.key();
            let heads = [earlier, later].map(|note| open_by(note, key.verifier()).unwrap());
            assert_eq!(shown, Shown::Consistent { old: heads[0].clone(), new: heads[1].clone() });
            assert_eq!(shown.leads_to(&heads[0]), Ok(()));
        }
    }
    let (first, last) = (notes[0].clone(), notes[8].clone());
    assert!(wait(prove_consistency(&house.store, &house.tenant, last, first)).is_err());
}

/// The log as it was before, grown in another way.
#[test]
fn a_forked_log_is_not_shown_to_be_one() {
    let (house, other) = (House::new(), House::new());
    let fork = |house: &House, steps| {
        house.open(run(1));
        let common = house.anchor();
        house.grow(run(1), steps);
        (common, house.anchor())
    };
    let ((common, one), (same, two)) = (fork(&house, 1), fork(&other, 2));
    assert_eq!(common, same);
    house.grow(run(1), 1);
    let three = house.anchor();
    let proof = |old: &Vec<u8>, new: &Vec<u8>| {
        let proof = wait(prove_consistency(&house.store, &house.tenant, old.clone(), new.clone())).unwrap();
        check(&proof.to_bytes(), &house.trust())
    };
    assert!(proof(&one, &three).is_ok());
    let refused = proof(&two, &three).unwrap_err();
    assert!(matches!(refused, NotShown::Wrong(_)), "{refused}");
    let refused = proof(&one, &two).unwrap_err();
    assert!(matches!(refused, NotShown::Wrong(_)), "{refused}");
}

#[test]
fn another_key_shows_nothing() {
    let (house, notes) = grown();
    let mut trust = house.trust();
    trust.key = comity_ledger::log::note::SecretKey::new(
        trust.key.name(),
        comity_ledger::log::note::Kind::Ed25519,
        &[9; 32],
    )
    .unwrap()
    .verifier()
    .clone();
    assert!(matches!(check(&notes[3], &trust), Err(NotShown::Note(_))));
    let elsewhere: Shown = check(&notes[3], &house.trust()).unwrap();
    let kept = open_by(&notes[4], house.key().verifier()).unwrap();
    assert_eq!(elsewhere.leads_to(&kept), Err(NotShown::Elsewhere { size: kept.head.size }));
}
