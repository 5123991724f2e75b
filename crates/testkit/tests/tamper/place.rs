//! A database that somebody can write to who should not: by hand, in SQL, on either store.

use comity_store::{Options, Store};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Which store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
}

/// One database of a test's own.
pub struct Place {
    folder: TempDir,
}

/// Names databases apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Place {
    pub fn new(kind: Kind) -> Self {
        NUMBER.fetch_add(1, Ordering::Relaxed);
        match kind {
            Kind::Sqlite => Self { folder: TempDir::new().unwrap() },
        }
    }

    /// What a store is opened by.
    pub fn address(&self) -> PathBuf {
        self.folder.path().join("a.db")
    }

    pub fn store(&self) -> Store {
        Store::open(Options::new(self.address(), comity_ledger::link)).unwrap()
    }

    /// The same rows, in a database of its own. Nobody may have this one open.
    pub fn copy(&self) -> Self {
        let folder = TempDir::new().unwrap();
        let to = |from: &Path| folder.path().join(from.file_name().unwrap());
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let file = file.unwrap().path();
            // The folder beside it says which processes are alive.
            if file.is_file() {
                std::fs::copy(&file, to(&file)).unwrap();
            }
        }
        Self { folder }
    }

    pub fn execute(&self, sql: &str) {
        self.connection().execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Rows of one text column each.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let connection = self.connection();
        let mut query = connection.prepare(sql).unwrap();
        let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The bytes of a column as a text of hex digits.
    pub fn hex(&self, column: &str) -> String {
        format!("coalesce(lower(hex({column})), '')")
    }

    /// Bytes as a value.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        format!("x'{}'", to_hex(bytes))
    }

    fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.address()).unwrap()
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}
