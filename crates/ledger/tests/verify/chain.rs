//! Whole entries and payloads removed, moved, copied and made up.

use crate::fixture::{LENGTH, entry, hex, payload, wait};
use crate::{BYSTANDER, Copy, NEWEST, OLDEST, STRANGER};
use comity_core::{Digest, RunId, Tenant};
use comity_ledger::{Entry, Fault, Report, link};
use rusqlite::params;

fn fault(report: Report) -> Fault {
    report.fault.expect("it went unseen")
}

fn names(report: Report, run: RunId, seq: u64) {
    let fault = fault(report);
    assert_eq!((fault.run, fault.seq), (Some(run), Some(seq)), "{}", fault.what);
}

#[test]
fn a_removed_entry_is_missed_at_its_place() {
    for seq in [0, 1, LENGTH / 2, LENGTH - 2] {
        names(
            Copy::new().execute(&format!("DELETE FROM entries WHERE {}", entry(OLDEST, seq))).verify(),
            OLDEST,
            seq,
        );
    }
}

#[test]
fn a_removed_tail_is_missed_while_the_run_s_row_is_older() {
    for length in [LENGTH - 1, LENGTH / 2] {
        let condition = entry(OLDEST, 0).replace("seq = 0", &format!("seq >= {length}"));
        let copy = Copy::new().execute(&format!(
            "DELETE FROM payloads WHERE id / 8 IN (SELECT id FROM entries WHERE {condition});
             DELETE FROM entries WHERE {condition};"
        ));
        let fault = fault(copy.verify());
        assert_eq!((fault.run, fault.seq), (Some(OLDEST), None));
        assert_eq!(fault.what, format!("its row counts {LENGTH} entries, and {length} are there"));
    }
}

#[test]
fn two_entries_that_change_places_are_faults() {
    // Bodies and hashes change places; row numbers and payloads stay.
    let (one, other) = (entry(OLDEST, 4), entry(OLDEST, 5));
    let swap = |column: &str| {
        format!(
            "CREATE TEMP TABLE old AS SELECT seq, {column} AS v FROM entries WHERE {one} OR {other};
             UPDATE entries SET {column} = (SELECT v FROM old WHERE old.seq = 5) WHERE {one};
             UPDATE entries SET {column} = (SELECT v FROM old WHERE old.seq = 4) WHERE {other};
             DROP TABLE old;"
        )
    };
    names(Copy::new().execute(&format!("{}{}", swap("body"), swap("hash"))).verify(), OLDEST, 4);
    // The rows change places.
    let rows = format!(
        "UPDATE entries SET seq = 1000 WHERE {one}; UPDATE entries SET seq = 4 WHERE {other};
         UPDATE entries SET seq = 5 WHERE {};",
        entry(OLDEST, 1000)
    );
    names(Copy::new().execute(&rows).verify(), OLDEST, 4);
}

#[test]
fn an_entry_of_another_run_does_not_fit_in() {
    for from in [NEWEST, BYSTANDER, STRANGER] {
        let copy = Copy::new().execute(&format!(
            "UPDATE entries SET body = (SELECT body FROM entries WHERE {there}),
                 hash = (SELECT hash FROM entries WHERE {there}) WHERE {here}",
            there = entry(from, 6),
            here = entry(OLDEST, 6),
        ));
        names(copy.verify(), OLDEST, 6);
    }
}

#[test]
fn a_doubled_entry_is_a_fault() {
    // At the end, where it is nobody's next one.
    let copy = Copy::new().execute(&format!(
        "INSERT INTO entries SELECT 100000, tenant, run, {LENGTH}, body, hash FROM entries WHERE {}",
        entry(OLDEST, LENGTH - 1)
    ));
    names(copy.verify(), OLDEST, LENGTH);
    // In its own place, with the index out of the way.
    let copy = Copy::new().execute(&format!(
        "DROP INDEX entries_by_run;
         INSERT INTO entries SELECT 100000, tenant, run, seq, body, hash FROM entries WHERE {}",
        entry(OLDEST, 5)
    ));
    names(copy.verify(), OLDEST, 6);
}

/// The body of an entry with one amount changed, still canonical.
fn forged(copy: &Copy, run: RunId, seq: u64) -> Vec<u8> {
    let query = format!("SELECT body FROM entries WHERE {}", entry(run, seq));
    let body: Vec<u8> = copy.sql().query_row(&query, [], |row| row.get(0)).unwrap();
    let mut entry = Entry::from_bytes(&body).unwrap();
    entry.at += 1;
    entry.to_bytes()
}

fn hash_at(copy: &Copy, run: RunId, seq: u64) -> Digest {
    let query = format!("SELECT hash FROM entries WHERE {}", entry(run, seq));
    let hash: Vec<u8> = copy.sql().query_row(&query, [], |row| row.get(0)).unwrap();
    Digest::from_slice(&hash).unwrap()
}

#[test]
fn an_entry_rewritten_and_hashed_again_breaks_the_next_one() {
    let copy = Copy::new();
    let body = forged(&copy, OLDEST, 6);
    let hash = link(&hash_at(&copy, OLDEST, 5), 6, &body);
    let update = format!("UPDATE entries SET body = ?1, hash = ?2 WHERE {}", entry(OLDEST, 6));
    copy.sql().execute(&update, params![body, &hash.0[..]]).unwrap();
    names(copy.verify(), OLDEST, 7);
}

#[test]
fn the_last_entry_rewritten_and_hashed_again_is_not_the_run_s_head() {
    let copy = Copy::new();
    let last = LENGTH - 1;
    let body = forged(&copy, OLDEST, last);
    let hash = link(&hash_at(&copy, OLDEST, last - 1), last, &body);
    let update = format!("UPDATE entries SET body = ?1, hash = ?2 WHERE {}", entry(OLDEST, last));
    copy.sql().execute(&update, params![body, &hash.0[..]]).unwrap();
    let fault = fault(copy.verify());
    assert_eq!((fault.run, &*fault.what), (Some(OLDEST), "its row names another head than its last entry"));
}

/// What only a head kept elsewhere can show: everything after the forged entry is written anew.
#[test]
fn a_chain_written_anew_with_its_views_verifies_and_has_another_head() {
    let copy = Copy::new();
    let before = copy.one(&Tenant::local(), OLDEST).head;
    let body = forged(&copy, OLDEST, 6);
    let sql = copy.sql();
    let write = format!("UPDATE entries SET body = ?1 WHERE {}", entry(OLDEST, 6));
    sql.execute(&write, params![body]).unwrap();
    let mut head = hash_at(&copy, OLDEST, 5);
    for seq in 6..LENGTH {
        let read = format!("SELECT body FROM entries WHERE {}", entry(OLDEST, seq));
        let body: Vec<u8> = sql.query_row(&read, [], |row| row.get(0)).unwrap();
        head = link(&head, seq, &body);
        let write = format!("UPDATE entries SET hash = ?1 WHERE {}", entry(OLDEST, seq));
        sql.execute(&write, params![&head.0[..]]).unwrap();
    }
    let write = format!("UPDATE runs SET head = ?1 WHERE id = x'{}'", hex(OLDEST));
    sql.execute(&write, params![&head.0[..]]).unwrap();
    drop(sql);
    let report = copy.one(&Tenant::local(), OLDEST);
    assert_eq!((report.fault, report.head), (None, Some(head)));
    assert_ne!(Some(head), before);
    assert_eq!(copy.verify().fault, None);
}

#[test]
fn a_removed_payload_is_missed_by_its_entry() {
    for seq in [0, 4, LENGTH - 1] {
        let copy = Copy::new().execute(&format!("DELETE FROM payloads WHERE {}", payload(OLDEST, seq)));
        names(copy.verify(), OLDEST, seq);
    }
}

#[test]
fn two_payloads_that_change_places_are_faults() {
    // The act and the note of one entry have the same size.
    for columns in [&["body"][..], &["salt"], &["body", "salt"]] {
        let copy = Copy::new();
        let first = copy.number(&format!("SELECT id FROM payloads WHERE {}", payload(OLDEST, 4)));
        for column in columns {
            copy.sql()
                .execute_batch(&format!(
                    "CREATE TEMP TABLE old AS SELECT id, {column} AS v FROM payloads WHERE id / 8 = {first} / 8;
                     UPDATE payloads SET {column} = (SELECT v FROM old WHERE old.id <> payloads.id)
                         WHERE id / 8 = {first} / 8;"
                ))
                .unwrap();
        }
        names(copy.verify(), OLDEST, 4);
    }
}

#[test]
fn a_payload_too_many_is_a_fault() {
    let insert = |id: &str| {
        format!("INSERT INTO payloads SELECT {id}, tenant, codec, subject, salt, body FROM payloads LIMIT 1")
    };
    // In an unused place of an entry.
    let beside = format!("(SELECT id * 8 + 7 FROM entries WHERE {})", entry(OLDEST, 6));
    names(Copy::new().execute(&insert(&beside)).verify(), OLDEST, 6);
    for id in ["800000", "3", "-3", "-900"] {
        let fault = fault(Copy::new().execute(&insert(id)).verify());
        assert_eq!(fault.what, format!("payload row {id} belongs to no entry"));
    }
}

#[test]
fn a_run_without_its_row_leaves_strays() {
    let copy = Copy::new().execute(&format!("DELETE FROM runs WHERE id = x'{}'", hex(BYSTANDER)));
    let found = fault(copy.verify());
    assert!(found.what.contains("belongs to no run") || found.what.contains("account"), "{}", found.what);
    let tenant = "acme".parse::<Tenant>().unwrap();
    let copy = Copy::new().execute(&format!("DELETE FROM runs WHERE id = x'{}'", hex(STRANGER)));
    assert_eq!(fault(copy.one(&tenant, STRANGER)).what, "there is no such run");
    let found = fault(copy.verify());
    assert_eq!(found.seq, Some(0));
    assert!(found.what.ends_with("belongs to no run"), "{}", found.what);
}

#[test]
fn another_tenant_s_run_does_not_exist() {
    let copy = Copy::new();
    let store = copy.store();
    let acme = "acme".parse::<Tenant>().unwrap();
    let report = wait(comity_ledger::verify(&store, Some((&acme, OLDEST)))).unwrap();
    assert_eq!(fault(report).what, "there is no such run");
}
