//! Opens the database file for writing, or says why that cannot be.

use super::{Settings, fail, migrate};
use crate::error::Error;
use crate::store::Durability;
use rusqlite::{Connection, OpenFlags, ffi};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// How long another process is given before the switch to the log is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Opens the file, making it if need be, and brings its schema up to date.
///
/// Nothing is written before the file is known to be ours or empty.
pub fn open(settings: &Settings) -> Result<Connection, Error> {
    let path = &settings.path;
    make_folder(path).map_err(|error| Error::Open { path: path.clone(), why: error.to_string() })?;
    let fail = |error| fail::explain(error, path, settings.patience);
    let mut connection = connect(path).map_err(fail)?;
    connection.busy_timeout(settings.patience).map_err(fail)?;
    // SQLite opens a file that it may not write for reading, and would tell at the first commit.
    if connection.is_readonly("main").map_err(fail)? {
        return Err(Error::ReadOnly { path: path.clone() });
    }
    migrate::refuse_foreign(&connection, settings)?;
    let mode = log_ahead(&connection, settings.patience).map_err(fail)?;
    if mode != "wal" {
        let why = format!("its file system allows no write-ahead log, only `{mode}`");
        return Err(Error::Open { path: path.clone(), why });
    }
    set_up(&connection, settings).map_err(fail)?;
    migrate::bring_up(&mut connection, settings)?;
    Ok(connection)
}

/// Opens a file that cannot be written, and says whether it is frozen: without a log, so that nobody is
/// writing to it. Makes nothing, neither the file nor anything beside it.
pub fn open_to_read(settings: &Settings) -> Result<(Connection, bool), Error> {
    let path = &settings.path;
    let frozen = !has_log(path);
    let refused = |error: rusqlite::Error| match error.sqlite_error().map(|inner| inner.extended_code & 0xff)
    {
        Some(ffi::SQLITE_CANTOPEN) if !frozen => {
            Error::Open { path: path.clone(), why: NEEDS_INDEX.to_owned() }
        }
        _ => fail::explain(error, path, settings.patience),
    };
    let connection = connect_to_read(path, frozen).map_err(refused)?;
    connection.busy_timeout(settings.patience).map_err(refused)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(refused)?;
    migrate::refuse_foreign(&connection, settings)?;
    migrate::refuse_older(&connection, settings)?;
    set_up(&connection, settings).map_err(refused)?;
    Ok((connection, frozen))
}

const NEEDS_INDEX: &str = "commits stand in its log `-wal`, which cannot be read without making a file beside it: \
    copy both into a folder that can be written";

/// Whether anything stands in the write-ahead log.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// A connection that only reads. `frozen` promises that nobody writes meanwhile: no lock is taken, and no log
/// looked for.
pub fn connect_to_read(path: &Path, frozen: bool) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    if !frozen {
        return Connection::open_with_flags(path, flags);
    }
    Connection::open_with_flags(frozen_address(path), flags | OpenFlags::SQLITE_OPEN_URI)
}

/// The file as SQLite's address of something that does not change (its page "Uniform Resource Identifiers").
fn frozen_address(path: &Path) -> String {
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                address.push(char::from(*byte))
            }
            other => address.push_str(&format!("%{other:02x}")),
        }
    }
    address + "?immutable=1"
}

/// A new folder survives a power cut only once the folder around it is synced.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let around =
        |path: &Path| path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
    let Some(folder) = around(path) else { return Ok(()) };
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::create_dir_all(&folder)?;
    for made in missing.into_iter().filter(|made| !made.as_os_str().is_empty()) {
        let outer = around(made).unwrap_or_else(|| ".".into());
        std::fs::File::open(outer)?.sync_all()?;
    }
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    Connection::open_with_flags(path, flags)
}

/// Switches to the write-ahead log and says which journal the file has then.
///
/// The switch needs the file alone for a moment, and SQLite does not wait for that by itself.
fn log_ahead(connection: &Connection, patience: Duration) -> rusqlite::Result<String> {
    connection.busy_timeout(Duration::ZERO)?;
    let mut left = patience;
    let mode = loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error) if is_busy(&error) && !left.is_zero() => {
                std::thread::sleep(PAUSE);
                left = left.saturating_sub(PAUSE);
            }
            answer => break answer?,
        }
    };
    connection.busy_timeout(patience)?;
    Ok(mode)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|inner| inner.extended_code & 0xff == ffi::SQLITE_BUSY)
}

fn set_up(connection: &Connection, settings: &Settings) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    let synchronous = match settings.durability {
        Durability::Power => "FULL",
        Durability::Process => "NORMAL",
    };
    // The log is cut to 4 MiB when it starts again, so that its length shows how much is in it.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16000;
         PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF;
         PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 4000000;"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::types::Value;

    fn pragma(connection: &Connection, name: &str) -> Value {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn durability_decides_what_is_synced() {
        for (durability, synchronous) in [(Durability::Power, 2), (Durability::Process, 1)] {
            let folder = tempfile::TempDir::new().unwrap();
            let options = crate::Options::new(folder.path().join("x.db"), crate::suite::link);
            let options = crate::Options { durability, ..options };
            let connection = open(&options.for_file(folder.path().join("x.db"))).unwrap();
            assert_eq!(pragma(&connection, "synchronous"), Value::Integer(synchronous), "{durability:?}");
            assert_eq!(pragma(&connection, "journal_mode"), Value::Text("wal".to_owned()));
            assert_eq!(pragma(&connection, "wal_autocheckpoint"), Value::Integer(0));
            assert_eq!(pragma(&connection, "cell_size_check"), Value::Integer(1));
        }
    }
}
