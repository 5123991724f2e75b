//! What opening does with whatever lies at the path.

use super::child::{Other, hold_on, say};
use super::*;
use comity_store::Error;
use rusqlite::Connection;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use tempfile::TempDir;

fn refusal(path: &Path) -> Error {
    match Store::open(options(path)) {
        Ok(_) => unreachable!("`{}` was opened", path.display()),
        Err(error) => error,
    }
}

#[test]
fn an_empty_file_and_a_missing_folder_are_new() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty.db");
    fs::write(&empty, b"").unwrap();
    for path in [empty, folder.path().join("a/b/c/new.db")] {
        must(wait(open(&path).queue(opening(run_id(1)))));
        assert_eq!(chain(&open(&path), run_id(1)).len(), 0);
    }
}

#[test]
fn another_programs_database_is_refused_and_not_touched() {
    let folder = TempDir::new().unwrap();
    let (plain, marked) = (folder.path().join("plain.db"), folder.path().join("marked.db"));
    Connection::open(&plain)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .unwrap();
    Connection::open(&marked).unwrap().execute_batch("PRAGMA application_id = 77").unwrap();
    for path in [plain, marked] {
        let before = fs::read(&path).unwrap();
        assert!(matches!(refusal(&path), Error::Foreign { .. }));
        assert_eq!(fs::read(&path).unwrap(), before, "not one byte is changed");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no log is left beside them");
}

#[test]
fn a_text_file_is_refused_and_not_touched() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "these are my notes, and they are long enough to be taken for a header\n".repeat(50);
    fs::write(&path, &text).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("not a database"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_truncated_file_is_refused_as_damaged() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cut.db");
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    must(wait(entry(&store, run_id(1), &"x".repeat(50_000))));
    drop(store);
    let whole = fs::read(&path).unwrap();
    for keep in [50, 1_000, 4_096, 20_000] {
        fs::write(&path, &whole[..keep]).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, Error::Corrupt { .. }), "cut to {keep} bytes: {error}");
    }
}

#[test]
fn a_folder_and_a_file_for_a_folder_are_refused() {
    let folder = TempDir::new().unwrap();
    let error = refusal(folder.path());
    assert!(matches!(&error, Error::Open { why, .. } if why == "it is a folder"), "{error}");
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = refusal(&file.join("new.db"));
    assert!(matches!(error, Error::Open { .. }), "{error}");
}

#[test]
fn an_address_is_not_taken_for_a_file() {
    for address in ["mysql://db/x", "sqlite://x.db", "file:x.db", ":memory:", ""] {
        let error = refusal(Path::new(address));
        assert!(matches!(error, Error::UnknownBackend(_)), "`{address}`: {error}");
    }
}

#[test]
fn a_newer_schema_and_a_changed_migration_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("schema.db");
    drop(open(&path));
    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("INSERT INTO migrations VALUES (99, 'later', '', 0)");
    assert!(matches!(refusal(&path), Error::Newer { found: 99, known: 2 }));
    change("DELETE FROM migrations WHERE version = 99; UPDATE migrations SET checksum = 'other'");
    assert!(matches!(refusal(&path), Error::Migration { version: 1, .. }));
}

/// Stops with half a schema written and nothing committed, as a kill would.
pub fn dies_in_a_migration(file: &Path) {
    let connection = Connection::open(file).unwrap();
    // A cache of one page, so that uncommitted pages do reach the disk.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA cache_size = 1; BEGIN IMMEDIATE;
             PRAGMA application_id = 1131238521;
             CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
                 checksum TEXT NOT NULL, applied_ms INTEGER NOT NULL) STRICT;
             CREATE TABLE entries (half TEXT); INSERT INTO entries VALUES (hex(zeroblob(100000)));",
        )
        .unwrap();
    say("half way");
    hold_on();
}

#[test]
fn a_migration_that_was_killed_is_done_by_the_next_open() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("half.db");
    let mut other = Other::start("die in a migration", &path);
    assert_eq!(other.hear().unwrap(), "half way");
    other.kill();
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    must(wait(entry(&store, run_id(1), "a")));
    assert_eq!(chain(&store, run_id(1)).len(), 1);
}

pub fn tries_to_open(file: &Path) {
    match Store::open(options(file)) {
        Ok(_) => say("opened"),
        Err(error) => say(&error.to_string()),
    }
}

/// Reads without writing, and says how many entries there are, and what a commit is answered.
pub fn tries_to_read(file: &Path) {
    let store = match Store::open(Options { access: Access::Read, ..options(file) }) {
        Ok(store) => store,
        Err(error) => return say(&error.to_string()),
    };
    let entries = chain(&store, run_id(1)).len();
    let snapshot = wait(store.snapshot()).unwrap();
    assert_eq!(chain(&snapshot, run_id(1)).len(), entries);
    assert_eq!(wait(store.integrity()).unwrap(), None);
    let commit = wait(entry(&store, run_id(1), "more"));
    let refused = matches!(commit, Err(CommitError::Failed(Error::ReadOnly { .. })));
    say(&format!("{entries} entries, {}", if refused { "read-only" } else { "writable" }));
}

/// Tries to open as somebody whom permissions bind: root, who reads this, is not.
fn as_nobody(folder: &Path, role: &str, file: &Path) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if rustix::process::geteuid().is_root() {
        let copy = folder.join("binary");
        fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
        command = Command::new(copy);
        command.uid(65_534).gid(65_534).current_dir("/");
    }
    Other::start_with(command, role, file).hear().unwrap()
}

#[test]
fn a_read_only_file_or_folder_is_named_at_opening() {
    let folder = TempDir::new().unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set(folder.path(), 0o755);
    let inner = folder.path().join("inner");
    let path = inner.join("old.db");
    must(wait(open(&path).queue(opening(run_id(1)))));
    for (folder_mode, file_mode) in [(0o777, 0o444), (0o555, 0o666), (0o555, 0o444)] {
        for left in ["old.db-wal", "old.db-shm"] {
            assert!(!inner.join(left).exists(), "a refused opening leaves no `{left}`");
        }
        set(&path, file_mode);
        set(&inner, folder_mode);
        let said = as_nobody(folder.path(), "open", &path);
        assert!(said.contains("read-only"), "folder {folder_mode:o}, file {file_mode:o}: {said}");
    }
    let said = as_nobody(folder.path(), "open", &inner.join("new.db"));
    assert!(said.contains("read-only"), "a new file in a read-only folder: {said}");
    set(&inner, 0o777);
    set(&path, 0o666);
    assert_eq!(as_nobody(folder.path(), "open", &path), "opened");
}

#[test]
fn what_may_not_be_written_is_read_and_nothing_is_made_beside_it() {
    let folder = TempDir::new().unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set(folder.path(), 0o755);
    // A name that means something in an address.
    let inner = folder.path().join("a b?c#d%41");
    let path = inner.join("old.db");
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    for body in ["a", "b", "c"] {
        must(wait(entry(&store, run_id(1), body)));
    }
    // Copied while it is open: the entries are in the log still.
    let live = folder.path().join("live");
    fs::create_dir(&live).unwrap();
    let copy = live.join("old.db");
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("old.db{suffix}");
        fs::copy(inner.join(&name), live.join(&name)).unwrap();
        set(&live.join(&name), 0o444);
    }
    drop(store);
    set(&path, 0o444);
    for closed in [&inner, &live] {
        set(closed, 0o555);
    }
    let listing = |folder: &Path| fs::read_dir(folder).unwrap().count();
    let before = (listing(&inner), listing(&live));
    assert_eq!(as_nobody(folder.path(), "read", &path), "3 entries, read-only");
    assert_eq!(as_nobody(folder.path(), "read", &copy), "3 entries, read-only", "with its log");
    assert_eq!((listing(&inner), listing(&live)), before, "nothing is made");
    set(&live, 0o755);
    fs::remove_file(live.join("old.db-shm")).unwrap();
    set(&live, 0o555);
    let said = as_nobody(folder.path(), "read", &copy);
    assert!(said.contains("copy both"), "a log without its index is not passed over: {said}");
    let said = as_nobody(folder.path(), "read", &inner.join("none.db"));
    assert!(said.contains("none.db"), "{said}");
    assert_eq!((listing(&inner), listing(&live)), (before.0, before.1 - 1), "nothing is made");
    set(&live, 0o755);
    set(&inner, 0o755);
}

#[test]
fn a_database_of_the_first_build_is_not_only_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("first.db");
    drop(open(&path));
    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("DELETE FROM migrations WHERE version > 1");
    let error = Store::open(Options { access: Access::Read, ..options(&path) }).err().unwrap();
    assert!(error.to_string().contains("version 1 of"), "{error}");
}

pub fn opens_on_the_word(file: &Path) {
    say("ready");
    hold_on();
    let store = open(file);
    let _ = wait(store.queue(opening(run_id(1))));
    for turn in 0..5u8 {
        must(wait(store.queue(commit(run_id(1), Fence::Anyone, vec![append(&[turn], b"text")]))));
    }
    say("done");
}

#[test]
fn eight_processes_open_a_fresh_database_at_once() {
    for _ in 0..4 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("race.db");
        let mut others: Vec<Other> = (0..8).map(|_| Other::start("race", &path)).collect();
        others.iter_mut().for_each(|other| assert_eq!(other.hear().unwrap(), "ready"));
        others.iter_mut().for_each(Other::go_on);
        others.iter_mut().for_each(|other| assert_eq!(other.hear().as_deref(), Some("done")));
        drop(others);
        assert_eq!(chain(&open(&path), run_id(1)).len(), 40);
    }
}

#[test]
fn a_copy_holds_what_was_committed_and_overwrites_nothing() {
    let folder = TempDir::new().unwrap();
    let (path, copy) = (folder.path().join("a.db"), folder.path().join("b.db"));
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    wait(store.copy_to(&copy)).unwrap();
    assert_eq!(
        wait(open(&copy).run(&Tenant::local(), run_id(1))).unwrap(),
        wait(store.run(&Tenant::local(), run_id(1))).unwrap()
    );
    assert!(wait(store.run(&Tenant::local(), run_id(1))).unwrap().is_some());
    let before = fs::read(&copy).unwrap();
    assert!(matches!(wait(store.copy_to(&copy)), Err(Error::Database { .. })));
    assert_eq!(fs::read(&copy).unwrap(), before);
}
