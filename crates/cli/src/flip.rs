//! Changes one byte of a file, as somebody might who has access to the disk.

#![expect(
    clippy::disallowed_methods,
    reason = "an effect module: `comity demo tamper` damages a copy it made"
)]

use crate::error::Error;
use std::fs::OpenOptions;
use std::io::{Error as IoError, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One byte, before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flipped {
    /// Where, counted from 0.
    pub offset: u64,
    /// What stood there.
    pub before: u8,
    /// What stands there now.
    pub after: u8,
}

/// Flips the lowest bit of the byte at an offset of a file.
pub fn flip(path: &Path, offset: u64) -> Result<Flipped, Error> {
    change(path, offset).map_err(|error| Error::Unwritable { path: path.to_owned(), why: error.to_string() })
}

fn change(path: &Path, offset: u64) -> Result<Flipped, IoError> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut byte)?;
    let [before] = byte;
    let after = before ^ 1;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(&[after])?;
    file.sync_all()?;
    Ok(Flipped { offset, before, after })
}

/// Removes a database that an earlier try left behind, with its log.
pub fn clear(path: &Path) -> Result<(), Error> {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let name = PathBuf::from(name);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::Unwritable { path: name, why: error.to_string() });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where in a file these bytes stand, if they stand there once.
pub fn place(file: &[u8], bytes: &[u8]) -> Option<usize> {
    let mut places = file.windows(bytes.len().max(1)).enumerate().filter(|(_, window)| *window == bytes);
    let (first, _) = places.next()?;
    places.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_flipped_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(flip(&path, 1).unwrap(), Flipped { offset: 1, before: b'b', after: b'c' });
        assert_eq!(std::fs::read(&path).unwrap(), b"acc");
        assert!(flip(&path, 3).is_err());
        assert!(flip(&folder.path().join("none"), 0).is_err());
    }

    #[test]
    fn what_stands_there_twice_has_no_place() {
        assert_eq!(place(b"abcabd", b"abd"), Some(3));
        assert_eq!(place(b"abcabd", b"ab"), None);
        assert_eq!(place(b"abc", b"x"), None);
        assert_eq!(place(b"", b""), None);
    }

    #[test]
    fn what_was_left_behind_is_cleared_and_nothing_is_fine_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        std::fs::write(folder.path().join("a.db-wal"), "").unwrap();
        clear(&path).unwrap();
        clear(&path).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
