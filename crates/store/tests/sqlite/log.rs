//! The write-ahead log is moved into the file while the store is in use.

use super::*;
use comity_store::Durability;
use rusqlite::Connection;
use std::time::Duration;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

#[test]
fn the_log_stays_bounded_under_load_and_is_gone_at_the_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.db");
    let log = folder.path().join("log.db-wal");
    let options =
        Options { durability: Durability::Process, patience: Duration::from_secs(60), ..options(&path) };
    let store = Store::open(options).unwrap();
    must(wait(store.queue(opening(run_id(1)))));
    let text = vec![7; 250_000];
    let (mut longest, mut starts, mut before) = (0, 0, 0);
    for _ in 0..250 {
        // About a mebibyte a commit.
        let ops = vec![append(b"x", &text); 4];
        must(wait(store.queue(commit(run_id(1), Fence::Epoch(1), ops))));
        let length = std::fs::metadata(&log).unwrap().len();
        longest = longest.max(length);
        starts += u32::from(length < before);
        before = length;
    }
    eprintln!("the log was at most {} MiB long and began {starts} times again", longest / MIB);
    assert!(longest < 2 * 64 * MIB, "{longest} bytes");
    assert!(starts > 0, "it never began again");
    assert_eq!(chain(&store, run_id(1)).len(), 1_000);
    drop(store);
    assert!(!log.exists(), "the last to close moves the whole log into the file");
    assert_eq!(chain(&open(&path), run_id(1)).len(), 1_000);
}

#[test]
fn a_reader_that_never_ends_slows_writers_and_stops_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.db");
    let log = folder.path().join("log.db-wal");
    let (durability, patience) = (Durability::Process, Duration::from_secs(1));
    let store = Store::open(Options { durability, patience, ..options(&path) }).unwrap();
    must(wait(store.queue(opening(run_id(1)))));
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM runs").unwrap();
    let text = vec![7; 250_000];
    let write = |count: u32| {
        for _ in 0..count {
            must(wait(store.queue(commit(run_id(1), Fence::Epoch(1), vec![append(b"x", &text); 4]))));
        }
        std::fs::metadata(&log).unwrap().len()
    };
    assert!(write(140) > 128 * MIB, "the reader holds the log");
    reader.execute_batch("COMMIT").unwrap();
    assert!(write(140) < 128 * MIB, "and once it is gone the log begins again");
    assert_eq!(chain(&store, run_id(1)).len(), 1_120);
}

#[test]
fn a_ticket_that_outlives_its_store_does_not_keep_it_from_closing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("close.db");
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    let ticket = entry(&store, run_id(1), "a");
    drop(store);
    assert_eq!(must(wait(ticket)).entries.len(), 1);
    assert_eq!(chain(&open(&path), run_id(1)).len(), 1);
}
