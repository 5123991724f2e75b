//! A database that somebody can write to who should not: by hand, in SQL, on either store.

use crate::postgres_server::{database, psql};
use comity_store::{Options, Store};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Which store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// One database of a test's own.
pub enum Place {
    /// A file.
    File(TempDir),
    /// A database of a server, by its address and its name.
    Server { url: String, name: String },
}

/// Names databases of this process apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

fn fresh_name() -> String {
    format!("tamper_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Place {
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::File(TempDir::new().unwrap()),
            Kind::Postgres => {
                let name = fresh_name();
                Self::Server { url: database(&name), name }
            }
        }
    }

    /// What a store is opened by.
    pub fn address(&self) -> PathBuf {
        match self {
            Self::File(folder) => folder.path().join("a.db"),
            Self::Server { url, .. } => url.into(),
        }
    }

    pub fn store(&self) -> Store {
        Store::open(Options::new(self.address(), comity_ledger::link)).unwrap()
    }

    /// The same rows, in a database of its own. Nobody may have this one open.
    pub fn copy(&self) -> Self {
        match self {
            Self::File(folder) => Self::File(copy_of(folder.path())),
            Self::Server { url, name } => {
                let fresh = fresh_name();
                self.alone(url, name);
                let (server, _) = url.rsplit_once(name.as_str()).unwrap();
                psql(&format!("{server}postgres"), &format!("CREATE DATABASE {fresh} TEMPLATE {name}"));
                Self::Server { url: format!("{server}{fresh}"), name: fresh }
            }
        }
    }

    /// Ends every connection to the database: one that is copied has to be left alone.
    fn alone(&self, url: &str, name: &str) {
        let (server, _) = url.rsplit_once(name).unwrap();
        let end = format!(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        psql(&format!("{server}postgres"), &end);
    }

    pub fn execute(&self, sql: &str) {
        match self {
            Self::File(_) => {
                self.connection().execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
            }
            Self::Server { url, .. } => drop(psql(url, sql)),
        }
    }

    /// Rows of one text column each.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        match self {
            Self::File(_) => {
                let connection = self.connection();
                let mut query = connection.prepare(sql).unwrap();
                let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
                rows.map(Result::unwrap).collect()
            }
            Self::Server { url, .. } => psql(url, sql).lines().map(str::to_owned).collect(),
        }
    }

    /// The bytes of a column as a text of hex digits.
    pub fn hex(&self, column: &str) -> String {
        match self {
            Self::File(_) => format!("coalesce(lower(hex({column})), '')"),
            Self::Server { .. } => format!("coalesce(encode({column}, 'hex'), '')"),
        }
    }

    /// Bytes as a value.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        match self {
            Self::File(_) => format!("x'{}'", to_hex(bytes)),
            Self::Server { .. } => format!("'\\x{}'::bytea", to_hex(bytes)),
        }
    }

    fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.address()).unwrap()
    }
}

fn copy_of(folder: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        // The folder beside it says which processes are alive.
        if file.is_file() {
            std::fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    copy
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}
