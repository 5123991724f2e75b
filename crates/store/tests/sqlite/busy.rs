//! Another process that writes is waited for, and named when it takes too long.

use super::child::{Other, hold_on, say};
use super::*;
use comity_store::{Error, Refused};
use rusqlite::Connection;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use tempfile::TempDir;

pub fn holds_the_lock(file: &Path) {
    let connection = Connection::open(file).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    say("held");
    hold_on();
    connection.execute_batch("ROLLBACK").unwrap();
    say("let go");
}

#[test]
fn a_writer_that_keeps_the_lock_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("busy.db");
    let patience = Duration::from_millis(300);
    let store = Store::open(Options { patience, ..options(&path) }).unwrap();
    must(wait(store.queue(opening(run_id(1)))));
    let mut other = Other::start("hold the lock", &path);
    assert_eq!(other.hear().unwrap(), "held");
    match wait(entry(&store, run_id(1), "late")) {
        Err(CommitError::Failed(error @ Error::Busy { .. })) => {
            let text = error.to_string();
            let pid = other.process.id();
            assert!(text.contains(&format!("for 300ms: process {pid} is writing to it")), "{text}");
        }
        answer => unreachable!("{answer:?}"),
    }
    assert_eq!(chain(&store, run_id(1)).len(), 0, "reading goes on meanwhile");
    other.go_on();
    assert_eq!(other.hear().unwrap(), "let go");
    let answer = wait(entry(&store, run_id(1), "after"));
    assert!(matches!(answer, Err(CommitError::Refused(Refused::Broken))), "{answer:?}");
    assert_eq!(must(wait(store.queue(take_over(run_id(1), 1)))).epoch, 2);
}

#[test]
fn a_writer_that_lets_go_in_time_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("busy.db");
    let store = Store::open(Options { patience: Duration::from_secs(30), ..options(&path) }).unwrap();
    must(wait(store.queue(opening(run_id(1)))));
    let mut other = Other::start("hold the lock", &path);
    assert_eq!(other.hear().unwrap(), "held");
    let (tell, told) = channel();
    let late = entry(&store, run_id(1), "late");
    let thread = std::thread::spawn(move || tell.send(wait(late)).unwrap());
    let early = told.recv_timeout(Duration::from_millis(100));
    assert!(matches!(early, Err(RecvTimeoutError::Timeout)), "it waits while the lock is held");
    other.go_on();
    assert_eq!(must(told.recv().unwrap()).entries.len(), 1);
    thread.join().unwrap();
}

#[test]
fn opening_waits_for_a_writer_too() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("busy.db");
    // A fresh file, so that opening has to write: the journal's kind, and the schema.
    let mut other = Other::start("hold the lock", &path);
    assert_eq!(other.hear().unwrap(), "held");
    let patience = Duration::from_millis(300);
    let error = Store::open(Options { patience, ..options(&path) }).map(drop).unwrap_err();
    assert!(matches!(error, Error::Busy { waited, .. } if waited == patience), "{error}");
    let (tell, told) = channel();
    let opener = path.clone();
    let thread = std::thread::spawn(move || tell.send(Store::open(options(&opener)).map(drop)).unwrap());
    assert!(matches!(told.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout)));
    other.go_on();
    told.recv().unwrap().unwrap();
    thread.join().unwrap();
}
