//! Rows that belong to nothing are found.

use super::*;
use rusqlite::Connection;
use tempfile::TempDir;

#[test]
fn stray_entries_and_payloads_are_found() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("stray.db");
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    must(wait(entry(&store, run_id(1), "a")));
    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let strays = || {
        let totals = wait(store.totals()).unwrap();
        (totals.stray_entry, totals.stray_payload)
    };
    assert_eq!(strays(), (None, None));
    change("INSERT INTO payloads VALUES (16, 'local', 0, NULL, x'', x'')");
    assert_eq!(strays(), (None, Some(16)), "payload 16 would be slot 0 of an entry 2");
    change("INSERT INTO entries VALUES (2, 'local', 99, 5, x'', x'')");
    assert_eq!(strays(), (Some((2, 5)), None));
    change("DELETE FROM entries WHERE id = 1; INSERT INTO payloads VALUES (-3, 'local', 0, NULL, x'', x'')");
    assert_eq!(strays().1, Some(-3), "a negative row number belongs to nothing");
    assert_eq!(wait(store.totals()).unwrap().payloads, 3);
}
