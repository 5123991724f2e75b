//! Turns SQLite's result codes into errors that say what to do.

use crate::error::Error;
use rusqlite::ffi;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Says what an error of SQLite means for this file.
pub fn explain(error: rusqlite::Error, path: &Path, patience: Duration) -> Error {
    use rusqlite::Error as Sql;
    let path_buf = path.to_owned();
    if let Sql::FromSqlConversionFailure(..) | Sql::IntegralValueOutOfRange(..) | Sql::InvalidColumnType(..) =
        error
    {
        // A column that holds what this program never writes: somebody changed it.
        return Error::Corrupt { path: path_buf, why: error.to_string() };
    }
    let code = error.sqlite_error().map(|inner| inner.extended_code);
    match code.map(|code| (code, code & 0xff)) {
        Some((_, ffi::SQLITE_FULL)) => Error::Full { path: path_buf },
        Some((_, ffi::SQLITE_BUSY)) => Error::Busy { path: path_buf, waited: patience, holder: holder(path) },
        Some((_, ffi::SQLITE_READONLY)) => Error::ReadOnly { path: path_buf },
        Some((_, ffi::SQLITE_IOERR)) if is_full(path) => Error::Full { path: path_buf },
        Some((_, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)) => {
            Error::Corrupt { path: path_buf, why: error.to_string() }
        }
        Some((_, ffi::SQLITE_CANTOPEN)) => cannot_open(path, &error),
        _ => Error::Database { path: path_buf, why: error.to_string() },
    }
}

/// SQLite says only "unable to open": the file system knows more.
fn cannot_open(path: &Path, error: &rusqlite::Error) -> Error {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let why = match std::fs::metadata(&folder) {
        Err(reason) => format!("its folder `{}`: {reason}", folder.display()),
        Ok(_) if path.is_dir() => "it is a folder".to_owned(),
        Ok(_) if rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).is_err() => {
            return Error::ReadOnly { path: path.to_owned() };
        }
        Ok(_) => error.to_string(),
    };
    Error::Open { path: path.to_owned(), why }
}

fn is_full(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) < 1 << 20)
}

/// Names the process that holds the write lock, where the system tells.
///
/// SQLite's write lock is a POSIX lock on byte 120 of the `-shm` file (its "WAL-index file format" page).
/// The file is only looked at by name: opening and closing it would drop this process's own locks.
fn holder(path: &Path) -> String {
    let mut shm = path.as_os_str().to_owned();
    shm.push("-shm");
    let found = rustix::fs::stat(Path::new(&shm)).ok().and_then(|stat| {
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        locks.lines().find_map(|line| write_lock_of(line, stat.st_ino))
    });
    match found {
        Some(pid) => format!("process {pid} is writing to it"),
        None => "another process is writing to it".to_owned(),
    }
}

/// `1: POSIX  ADVISORY  WRITE 4242 fe:00:1234 120 120` names process 4242 for inode 1234.
fn write_lock_of(line: &str, inode: u64) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "POSIX", _, "WRITE", pid, file, first, _] = fields.as_slice() else { return None };
    let same_file = file.rsplit(':').next()?.parse::<u64>().ok()? == inode;
    (same_file && *first == "120").then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_holder_of_the_write_lock() {
        let line = "3: POSIX  ADVISORY  WRITE 4242 fe:00:1234 120 120";
        assert_eq!(write_lock_of(line, 1234), Some(4242));
        assert_eq!(write_lock_of(line, 1235), None);
        assert_eq!(write_lock_of(&line.replace("120 120", "124 124"), 1234), None);
        assert_eq!(write_lock_of(&line.replace("WRITE", "READ"), 1234), None);
    }
}
