use crate::house::{House, run, wait};
use comity_ledger::log::check::open_by;
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::verify::held_against;

fn house() -> House {
    let house = House::new();
    for number in 1..=3 {
        house.open(run(number));
        house.grow(run(number), 2);
        house.anchor();
    }
    house.close(run(1));
    house.anchor();
    assert_eq!(house.verify().fault, None);
    house
}

#[track_caller]
fn noticed(change: &str) -> String {
    let fault = house().execute(change).verify().fault;
    fault.unwrap_or_else(|| panic!("went unseen: {change}")).what
}

#[test]
fn every_column_of_the_log_is_covered() {
    for (table, column, change) in [
        ("leaves", "tenant", "'other'"),
        ("leaves", "position", "position + 100"),
        ("leaves", "run", "run + 100"),
        ("leaves", "size", "size + 50"),
        ("leaves", "kind", "(kind + 1) % 3"),
        ("leaves", "root", "zeroblob(32)"),
        ("leaves", "frontier", "zeroblob(length(frontier))"),
        ("hashes", "tenant", "'other'"),
        ("hashes", "position", "position + 100"),
        ("hashes", "hash", "zeroblob(32)"),
        ("checkpoints", "tenant", "'other'"),
        ("checkpoints", "size", "size + 100"),
        ("checkpoints", "note", "CAST(replace(note, '=', '') AS BLOB)"),
    ] {
        let count = if table == "hashes" { 7 } else { 4 };
        for row in 0..count {
            // Checkpoints are not numbered: the n-th by size.
            let place = if table == "checkpoints" {
                format!("size = (SELECT size FROM checkpoints ORDER BY size LIMIT 1 OFFSET {row})")
            } else {
                format!("position = {row}")
            };
            // A checkpoint that is gone is not missed while a later one signs the same leaves and more.
            if table != "checkpoints" || row + 1 == count {
                noticed(&format!("DELETE FROM {table} WHERE {place}"));
            } else if column == "tenant" {
                continue;
            }
            noticed(&format!("UPDATE {table} SET {column} = {change} WHERE {place}"));
        }
    }
    for change in ["tenant = 'other'", "size = 3", "hashes = 6", "hashes = 8"] {
        noticed(&format!("UPDATE logs SET {change}"));
    }
    noticed("DELETE FROM logs");
    for change in ["anchored = anchored - 1", "anchored = anchored + 1", "due = 1 - due"] {
        noticed(&format!("UPDATE runs SET {change} WHERE id = x'02020202020202020202020202020202'"));
    }
    noticed("UPDATE pins SET value = x'00' WHERE name = 'log-key'");
    noticed("DELETE FROM pins WHERE name = 'log-key'");
}

#[test]
fn leaves_hashes_and_checkpoints_that_belong_to_nothing_are_faults() {
    noticed("INSERT INTO hashes SELECT tenant, 7, hash FROM hashes WHERE position = 0");
    noticed(
        "INSERT INTO leaves SELECT tenant, 4, run, 1, kind, root, frontier FROM leaves WHERE position = 0",
    );
    noticed("INSERT INTO checkpoints SELECT tenant, 9, at_ms, note FROM checkpoints WHERE size = 4");
    noticed("UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 2) WHERE size = 3");
}

const RUN: &str = "(SELECT key FROM runs WHERE id = x'02020202020202020202020202020202')";

/// With all its rows, so that every view agrees.
fn removal() -> String {
    format!(
        "DELETE FROM entries WHERE run = {RUN};
         DELETE FROM accounts WHERE id = x'02020202020202020202020202020202';
         DELETE FROM leaves WHERE run = {RUN};
         DELETE FROM due WHERE run = {RUN};
         DELETE FROM runs WHERE id = x'02020202020202020202020202020202';"
    )
}

#[test]
fn a_removed_run_is_missed_in_the_log() {
    assert!(noticed(&removal()).contains("leaf 1 is missing"));
}

#[test]
fn a_cut_tail_is_missed_in_the_log() {
    let what = noticed(&format!(
        "DELETE FROM entries WHERE run = {RUN} AND seq = 2;
         UPDATE runs SET next_seq = 2, head = (SELECT hash FROM entries WHERE run = {RUN} AND seq = 1)
             WHERE key = {RUN};"
    ));
    assert!(what.contains("covers more entries than are there"), "{what}");
}

/// The last entry is made anew, with the right hash and head: only the log knows.
#[test]
fn a_rewritten_chain_does_not_fit_the_log() {
    let house = house();
    let cell = wait(house.store.run(&house.tenant, run(2))).unwrap().unwrap();
    let mut rows = Vec::new();
    wait(house.store.entries(&cell, 1, 2, |row| rows.push(row))).unwrap();
    let body = String::from_utf8(rows[1].body.clone()).unwrap().replace("local:a", "local:b");
    let before = comity_core::Digest::from_slice(&rows[0].hash).unwrap();
    let hash = comity_ledger::link(&before, 2, body.as_bytes()).hex();
    let what = house
        .execute(&format!(
            "UPDATE entries SET body = CAST('{body}' AS BLOB), hash = x'{hash}' WHERE run = {RUN} AND seq = 2;
             UPDATE runs SET head = x'{hash}' WHERE key = {RUN};"
        ))
        .verify()
        .fault
        .unwrap()
        .what;
    assert_eq!(what, "a leaf of the log has another root than its entries");
}

/// What the log's database cannot show by itself: it is an older one, or one made anew with the log's own key.
#[test]
fn a_rollback_shows_against_a_checkpoint_kept_elsewhere() {
    let house = House::new();
    house.open(run(1));
    house.anchor();
    drop(wait(house.store.copy_to(&house.path().with_extension("old"))));
    house.grow(run(1), 1);
    let kept = checkpoint(&house, &house.anchor());
    assert_eq!(wait(held_against(&house.store, &house.tenant, &kept)).unwrap(), None);
    house.grow(run(1), 3);
    house.anchor();
    assert_eq!(wait(held_against(&house.store, &house.tenant, &kept)).unwrap(), None);
    std::fs::copy(house.path().with_extension("old"), house.path().with_extension("x")).unwrap();
    let old = comity_store::Options::new(house.path().with_extension("x"), comity_ledger::link);
    let old = comity_store::Store::open(old).unwrap();
    assert_eq!(
        wait(comity_ledger::verify(&old, None)).unwrap().fault,
        None,
        "nothing in it says that it is old"
    );
    let fault = wait(held_against(&old, &house.tenant, &kept)).unwrap().unwrap();
    assert!(fault.what.contains("it was rolled back"), "{}", fault.what);
}

#[test]
fn a_history_made_anew_shows_against_a_checkpoint_kept_elsewhere() {
    let (one, other) = (House::new(), House::new());
    one.open(run(1));
    other.open(run(2));
    let kept = checkpoint(&one, &one.anchor());
    other.anchor();
    assert_eq!(other.verify().fault, None);
    let fault = wait(held_against(&other.store, &other.tenant, &kept)).unwrap().unwrap();
    assert!(fault.what.contains("another history"), "{}", fault.what);
    let foreign = Checkpoint { origin: "comity/00000000000000000000000000000000/local".to_owned(), ..kept };
    assert!(
        wait(held_against(&one.store, &one.tenant, &foreign)).unwrap().unwrap().what.contains("another log")
    );
}

fn checkpoint(house: &House, note: &[u8]) -> Checkpoint {
    open_by(note, house.key().verifier()).unwrap()
}
