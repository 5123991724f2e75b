//! A folder as a place.
//!
//! An object is written beside where it goes, under a name that no object has, synced, and then linked to its own
//! name: a link is never made over another. What a crash leaves half-written is never read.

#![expect(
    clippy::disallowed_methods,
    reason = "an effect module: makes new files in the folder that a person names"
)]

use crate::error::Error;
use crate::key::Key;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Folders inside each other that are looked through.
const DEPTH: usize = 32;

/// Numbers the files that this process is writing.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Whether an object was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was.
    Made,
    /// There is one of this name.
    Taken,
}

/// A folder of this machine.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn is_there(&self) -> bool {
        self.0.is_dir()
    }

    fn failed(&self, key: &str, error: &std::io::Error) -> Error {
        let (place, why) = (self.0.display().to_string(), error.to_string());
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::Refused { place, why },
            _ => Error::Failed { place, key: key.to_owned(), why },
        }
    }

    /// Makes an object; it is on the disk, name and all, when this returns.
    pub fn put(&self, key: &Key, bytes: &[u8]) -> Result<Put, Error> {
        let failed = |error| self.failed(key.as_str(), &error);
        let path = self.0.join(key.as_str());
        let folder = path.parent().unwrap_or(&self.0);
        let made = missing(folder);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let beside = folder.join(format!(".{}-{number}.part", std::process::id()));
        let put = write(&beside, bytes).and_then(|()| link(&beside, &path));
        // What stays behind has a name that no object has.
        let _ = std::fs::remove_file(&beside);
        let put = put.map_err(failed)?;
        for folder in std::iter::once(folder).chain(made.iter().map(PathBuf::as_path)) {
            sync(folder).map_err(failed)?;
        }
        Ok(put)
    }

    /// An object's bytes; `None` if there is none. Errors if there are more than `limit`.
    pub fn get(&self, key: &Key, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let failed = |error| self.failed(key.as_str(), &error);
        let file = match File::open(self.0.join(key.as_str())) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        match u64::try_from(bytes.len()) {
            Ok(length) if length <= limit => Ok(Some(bytes)),
            _ => Err(Error::TooLarge { key: key.to_string(), bytes: limit.saturating_add(1), limit }),
        }
    }

    /// Takes an object away.
    pub fn delete(&self, key: &Key) -> Result<(), Error> {
        std::fs::remove_file(self.0.join(key.as_str())).map_err(|error| self.failed(key.as_str(), &error))
    }

    /// The objects below a prefix and their lengths, in the order of their names; more than `limit` are an error.
    pub fn list(&self, prefix: Option<&Key>, limit: usize) -> Result<Vec<(Key, u64)>, Error> {
        let start = prefix.map(Key::as_str).unwrap_or_default();
        let mut out = Vec::new();
        let mut open = vec![(start.to_owned(), 0)];
        while let Some((name, depth)) = open.pop() {
            let failed = |error: std::io::Error| self.failed(&name, &error);
            let entries = match std::fs::read_dir(self.0.join(&name)) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let kind = entry.file_type().map_err(failed)?;
                let part = entry.file_name().to_string_lossy().into_owned();
                let below = if name.is_empty() { part } else { format!("{name}/{part}") };
                // Whatever cannot be the name of an object is none of ours.
                let Ok(key) = below.parse::<Key>() else { continue };
                if kind.is_dir() && depth < DEPTH {
                    open.push((below, depth + 1));
                } else if kind.is_file() {
                    out.push((key, entry.metadata().map_err(failed)?.len()));
                }
                if out.len() > limit {
                    let key = start.to_owned();
                    return Err(Error::TooLarge { key, bytes: out.len() as u64, limit: limit as u64 });
                }
            }
        }
        out.sort();
        Ok(out)
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn link(from: &Path, to: &Path) -> std::io::Result<Put> {
    match std::fs::hard_link(from, to) {
        Ok(()) => Ok(Put::Made),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Put::Taken),
        Err(error) => Err(error),
    }
}

/// The folders that gain a name when this one is made.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    missing
        .filter_map(Path::parent)
        .map(|path| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() })
        .collect()
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        name.parse().unwrap()
    }

    #[test]
    fn an_object_is_made_once_and_read_back() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(home.path().join("new/place"));
        assert_eq!(folder.put(&key("a/b"), b"one").unwrap(), Put::Made);
        assert_eq!(folder.put(&key("a/b"), b"two").unwrap(), Put::Taken);
        assert_eq!(folder.get(&key("a/b"), 3).unwrap().as_deref(), Some(&b"one"[..]));
        assert!(matches!(folder.get(&key("a/b"), 2), Err(Error::TooLarge { limit: 2, .. })));
        assert_eq!(folder.get(&key("a/c"), 3).unwrap(), None);
        assert_eq!(folder.get(&key("a/b/c"), 3).unwrap(), None);
    }

    #[test]
    fn what_was_left_half_written_is_no_object() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(home.path().to_owned());
        folder.put(&key("b/2"), b"x").unwrap();
        folder.put(&key("b/1"), b"xy").unwrap();
        std::fs::write(home.path().join("b/.7-0.part"), "half").unwrap();
        std::os::unix::fs::symlink("/etc", home.path().join("b/etc")).unwrap();
        assert_eq!(folder.list(None, 9).unwrap(), [(key("b/1"), 2), (key("b/2"), 1)]);
        assert_eq!(folder.list(Some(&key("c")), 9).unwrap(), []);
        assert!(matches!(folder.list(None, 1), Err(Error::TooLarge { .. })));
    }
}
