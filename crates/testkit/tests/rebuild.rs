//! Every column of every view is damaged in turn, and `comity ledger rebuild` says which, and what should stand there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "it damages databases")]

use comity_ledger::rebuild::{Difference, Rebuilt, rebuild};
use comity_store::{Durability, Options, Store};
use comity_testkit::fixture;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A database with a run that has a bit of everything, copied for each damage.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fixture::review(&folder.path().join("whole.db")).unwrap();
        Self { folder }
    }

    /// What is found in a copy after this was done to it.
    fn after(&self, sql: &str) -> Rebuilt {
        let path = self.folder.path().join("copy.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&path, suffix));
        }
        let whole = Connection::open(self.folder.path().join("whole.db")).unwrap();
        whole.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
        let copy = Connection::open(&path).unwrap();
        copy.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        drop(copy);
        let options = Options { durability: Durability::Process, ..Options::new(path, comity_ledger::link) };
        let store = Store::open(options).unwrap();
        block(rebuild(&store)).unwrap()
    }

    /// The one difference that a damage makes.
    fn one(&self, sql: &str) -> Difference {
        let found = self.after(sql);
        assert!(found.broken.is_empty(), "{sql}: {:?}", found.broken);
        assert_eq!(found.differences.len(), 1, "{sql}: {:?}", found.differences);
        found.differences.into_iter().next().unwrap()
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

#[test]
fn a_whole_database_is_what_its_entries_make() {
    let found = Bench::new().after("");
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.runs, found.accounts), (1, 3));
    assert!(found.entries > 20 && found.approvals >= 3, "{found:?}");
}

#[test]
fn every_column_of_a_run_s_row_is_found() {
    let bench = Bench::new();
    for (column, sql) in [
        ("namespace", "namespace = 'other'"),
        ("epoch", "epoch = epoch + 1"),
        ("status", "status = (status + 1) % 7"),
        ("next_seq", "next_seq = next_seq + 1"),
        ("head", "head = zeroblob(32)"),
        ("opened", "opened_ms = opened_ms + 1"),
        ("anchored", "anchored = anchored + 1"),
        ("due", "due = 1 - due"),
    ] {
        let found = bench.one(&format!("UPDATE runs SET {sql}"));
        assert_eq!((found.view, found.column), ("runs", column));
        assert_ne!(found.stored, found.derived, "{column}");
    }
    let gone = bench.one("DELETE FROM due");
    assert_eq!((gone.view, &*gone.stored, &*gone.derived), ("due", "not there", "there"));
    for sql in ["UPDATE runs SET id = randomblob(16)", "UPDATE runs SET tenant = 'other'"] {
        let found = bench.after(sql);
        let column = if sql.contains("tenant") { "tenant" } else { "id" };
        assert!(found.differences.iter().any(|one| (one.view, one.column) == ("runs", column)), "{found:?}");
    }
}

#[test]
fn every_column_of_the_accounts_is_found() {
    let bench = Bench::new();
    let labels = [
        "SELECT id FROM accounts WHERE label LIKE 'run_%'",
        "SELECT id FROM accounts WHERE label NOT LIKE 'run_%'",
    ];
    for (which, count) in labels.into_iter().zip([1, 2]) {
        for unit in ["micro_usd", "millis", "steps", "tokens"] {
            for column in ["held", "spent"] {
                let set = format!(
                    "UPDATE accounts SET {column}_{unit} = {column}_{unit} + 1 WHERE id IN ({which})"
                );
                let found = bench.after(&set).differences;
                assert_eq!(found.len(), count, "{set}: {found:?}");
                assert!(found.iter().all(|one| (one.view, one.column) == ("accounts", column)), "{found:?}");
            }
        }
        let frozen = bench.after(&format!("UPDATE accounts SET frozen = 1 - frozen WHERE id IN ({which})"));
        assert_eq!(frozen.differences.len(), count, "{frozen:?}");
        let gone = bench.after(&format!("DELETE FROM accounts WHERE id IN ({which})")).differences;
        assert_eq!(gone.len(), count, "{gone:?}");
        assert!(gone.iter().all(|one| one.column == "row" && one.stored == "missing"), "{gone:?}");
    }
    for unit in ["micro_usd", "millis", "steps", "tokens"] {
        let found =
            bench.one(&format!("UPDATE accounts SET cap_{unit} = cap_{unit} - 1 WHERE label LIKE 'run_%'"));
        assert_eq!((found.view, found.column), ("accounts", "caps"));
    }
    let more = bench.one(
        "INSERT INTO accounts SELECT tenant, randomblob(16), 'stray', 0,0,0,0, 0,0,0,0, 0,0,0,0, 0 FROM runs",
    );
    assert_eq!((&*more.row, &*more.derived), ("stray", "of no run"));
}

#[test]
fn every_column_of_the_approvals_is_found() {
    let bench = Bench::new();
    let one = "id = (SELECT id FROM approvals LIMIT 1)";
    for (column, set) in [
        ("state", "state = (state + 1) % 5"),
        ("step", "step = randomblob(16)"),
        ("expires", "expires_ms = expires_ms + 1"),
        ("asked", "asked_seq = asked_seq + 1"),
    ] {
        let found = bench.one(&format!("UPDATE approvals SET {set} WHERE {one}"));
        assert_eq!((found.view, found.column), ("approvals", column));
    }
    let gone = bench.one(&format!("DELETE FROM approvals WHERE {one}"));
    assert_eq!((gone.view, &*gone.stored), ("approvals", "missing"));
    let renamed = bench.after(&format!("UPDATE approvals SET id = randomblob(16) WHERE {one}")).differences;
    assert_eq!(renamed.len(), 2, "one too many and one missing: {renamed:?}");
}

#[test]
fn views_are_not_made_from_entries_that_were_changed() {
    let bench = Bench::new();
    let found =
        bench.after("UPDATE entries SET hash = zeroblob(32) WHERE seq = 3; UPDATE runs SET epoch = 9");
    assert!(found.differences.is_empty(), "{:?}", found.differences);
    assert_eq!(found.broken.len(), 1);
    let gap = bench.after("DELETE FROM entries WHERE seq = 5");
    assert!(gap.broken.iter().any(|(_, why)| why == "entry 5: it is missing"), "{:?}", gap.broken);
}
