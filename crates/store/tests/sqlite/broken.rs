//! After a lost commit, its owner's later ones are refused until the run is taken over.

use super::*;
use comity_core::{Point, Points};
use comity_store::{Error, Refused};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

fn refused(answer: Result<Receipt, CommitError>) -> Refused {
    match answer {
        Err(CommitError::Refused(refused)) => refused,
        other => unreachable!("{other:?}"),
    }
}

/// Makes SQLite fail on the entry `poison`, whichever batch it is in.
fn poison(path: &Path) {
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON entries WHEN new.body = CAST('poison' AS BLOB)
                BEGIN SELECT RAISE(ABORT, 'poisoned'); END";
    Connection::open(path).unwrap().execute_batch(trap).unwrap();
}

#[test]
fn every_owner_of_a_lost_batch_has_to_take_over() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("broken.db");
    let store = open(&path);
    let [guilty, innocent, open_to_all, absent] = [1, 2, 3, 4].map(run_id);
    for run in [guilty, innocent, open_to_all, absent] {
        must(wait(store.queue(opening(run))));
    }
    poison(&path);
    let anyone = || commit(open_to_all, Fence::Anyone, vec![append(b"note", b"")]);
    let lost = [entry(&store, innocent, "lost"), entry(&store, guilty, "poison"), store.queue(anyone())];
    for ticket in lost {
        let answer = wait(ticket);
        assert!(matches!(&answer, Err(CommitError::Failed(Error::Database { .. }))), "{answer:?}");
    }
    for run in [guilty, innocent] {
        assert!(matches!(refused(wait(entry(&store, run, "next"))), Refused::Broken));
        assert!(matches!(refused(wait(store.queue(take_over(run, 7)))), Refused::Fenced(_)));
        let still = refused(wait(entry(&store, run, "next")));
        assert!(matches!(still, Refused::Broken), "a refused take-over mends nothing: {still:?}");
        assert_eq!(chain(&store, run).len(), 0);
        assert_eq!(must(wait(store.queue(take_over(run, 1)))).epoch, 2);
        must(wait(store.queue(commit(run, Fence::Epoch(2), vec![append(b"fresh", b"")]))));
        let old = refused(wait(entry(&store, run, "old")));
        assert!(matches!(old, Refused::Fenced(_)), "who was overtaken is told so: {old:?}");
    }
    must(wait(store.queue(anyone())));
    must(wait(entry(&store, absent, "untouched")));
}

#[test]
fn what_is_queued_behind_a_lost_commit_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("broken.db");
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    poison(&path);
    // One batch holds 256: the tail of the pipeline lies in the next ones.
    let tickets: Vec<Ticket> = std::iter::once("poison")
        .chain(std::iter::repeat_n("behind", 600))
        .map(|body| entry(&store, run_id(1), body))
        .collect();
    let answers: Vec<_> = tickets.into_iter().map(wait).collect();
    let failed = answers.iter().filter(|answer| matches!(answer, Err(CommitError::Failed(_)))).count();
    let broken = answers.iter().filter(|a| matches!(a, Err(CommitError::Refused(Refused::Broken)))).count();
    assert_eq!((failed, broken), (256, 345));
    assert_eq!(chain(&store, run_id(1)).len(), 0);
}

#[test]
fn a_refusal_is_not_a_loss() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("broken.db"));
    must(wait(store.queue(opening(run_id(1)))));
    let wrong = commit(run_id(1), Fence::Epoch(1), vec![append(b"x", b""); 65]);
    assert!(matches!(refused(wait(store.queue(wrong))), Refused::Malformed(_)));
    must(wait(entry(&store, run_id(1), "next")));
}

/// Panics at the next point, once it is armed.
#[derive(Default)]
struct Trap(AtomicBool);

impl Points for Trap {
    fn reach(&self, point: Point) {
        if point == Point::BeforeCommit && self.0.swap(false, Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("a trap"));
        }
    }
}

#[test]
fn a_panic_loses_the_batch_and_breaks_its_runs() {
    let folder = TempDir::new().unwrap();
    let trap = Arc::new(Trap::default());
    let points: Arc<dyn Points> = Arc::clone(&trap) as _;
    let store = Store::open(Options { points, ..options(&folder.path().join("panic.db")) }).unwrap();
    for run in [1, 2, 3] {
        must(wait(store.queue(opening(run_id(run)))));
    }
    trap.0.store(true, Ordering::SeqCst);
    for ticket in [1, 2].map(|run| entry(&store, run_id(run), "lost")) {
        assert!(matches!(wait(ticket), Err(CommitError::Failed(Error::Panicked))));
    }
    for run in [1, 2].map(run_id) {
        assert!(matches!(refused(wait(entry(&store, run, "next"))), Refused::Broken));
        must(wait(store.queue(take_over(run, 1))));
        must(wait(store.queue(commit(run, Fence::Epoch(2), vec![append(b"fresh", b"")]))));
        assert_eq!(chain(&store, run).len(), 1);
    }
    must(wait(entry(&store, run_id(3), "untouched")));
}

#[test]
fn a_take_over_that_is_lost_mends_nothing() {
    let folder = TempDir::new().unwrap();
    let trap = Arc::new(Trap::default());
    let points: Arc<dyn Points> = Arc::clone(&trap) as _;
    let store = Store::open(Options { points, ..options(&folder.path().join("panic.db")) }).unwrap();
    must(wait(store.queue(opening(run_id(1)))));
    for lost in [commit(run_id(1), Fence::Epoch(1), vec![append(b"lost", b"")]), take_over(run_id(1), 1)] {
        trap.0.store(true, Ordering::SeqCst);
        assert!(matches!(wait(store.queue(lost)), Err(CommitError::Failed(Error::Panicked))));
    }
    assert!(matches!(refused(wait(entry(&store, run_id(1), "next"))), Refused::Broken));
    assert_eq!(must(wait(store.queue(take_over(run_id(1), 1)))).epoch, 2);
}
