//! The one file that holds the newest checkpoint, where copies go to a file.

#![expect(
    clippy::disallowed_methods,
    reason = "an effect module: the copy that a setting names is read and replaced"
)]

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::path::Path;

/// The most bytes of a checkpoint that are read.
const LIMIT: u64 = 64 << 10;

/// What is in the file; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Puts a checkpoint in the file's place, whole or not at all, and waits until it is on disk.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unborn = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&unborn)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&unborn, path))
        .and_then(|()| match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => File::open(".")?.sync_all(),
        });
    if written.is_err() {
        // What was there before is still there; the rest is of no use to anybody.
        let _ = std::fs::remove_file(&unborn);
    }
    written
}
