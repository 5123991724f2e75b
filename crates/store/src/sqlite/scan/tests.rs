#![expect(clippy::disallowed_methods, reason = "damages the files it made")]

use super::*;
use std::path::Path;

/// Many more rows than it has pages.
fn file(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)";
    connection
        .execute_batch(&format!(
            "CREATE TABLE entries (id INTEGER PRIMARY KEY, run INTEGER NOT NULL) STRICT;
             CREATE UNIQUE INDEX entries_by_run ON entries (run, id);
             INSERT INTO entries SELECT i, 7 FROM ({rows} SELECT i FROM n);
             CREATE TABLE small (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
             INSERT INTO small VALUES (1, 'a');"
        ))
        .unwrap();
    connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap()
}

fn sound(path: &Path) -> bool {
    is_sound(&mut Connection::open(path).unwrap()).unwrap_or(false)
}

#[test]
fn the_structure_is_looked_at_to_its_last_page() {
    let folder = tempfile::TempDir::new().unwrap();
    let (whole, copy) = (folder.path().join("whole.db"), folder.path().join("copy.db"));
    let pages = file(&whole);
    assert!(pages > 300 && sound(&whole));
    let bytes = std::fs::read(&whole).unwrap();
    for page in 1..=pages {
        // The page's sort, which stands after the file's header on the first one.
        let at = usize::try_from((page - 1) * 4_096 + if page == 1 { 100 } else { 0 }).unwrap();
        let mut bytes = bytes.clone();
        bytes[at] ^= 0xff;
        std::fs::write(&copy, bytes).unwrap();
        assert!(!sound(&copy), "page {page}");
    }
}

/// A page that no tree leads to, at the very end of what is checked.
#[test]
fn a_page_that_is_lost_is_found() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    file(&path);
    let connection = Connection::open(&path).unwrap();
    let forget = "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'entries_by_run'";
    connection.execute_batch(forget).unwrap();
    drop(connection);
    assert!(!sound(&path));
}

#[test]
fn rows_of_small_tables_are_looked_at() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    file(&path);
    let connection = Connection::open(&path).unwrap();
    let change = "PRAGMA writable_schema = ON; UPDATE sqlite_schema
         SET sql = replace(sql, 'TEXT NOT NULL', 'INTEGER NOT NULL') WHERE name = 'small'";
    connection.execute_batch(change).unwrap();
    drop(connection);
    assert!(!sound(&path));
}
