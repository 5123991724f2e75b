//! Which process owns a run, and whether it is still alive.
//!
//! Beside a database that is a file, every process keeps one locked file. The system drops the lock when the process
//! ends, however it ends, so that a number used again by another process fools nobody. On a server, the store shows
//! the sign and renews it while the process lives. The epoch in the database is what protects the ledger; this only
//! keeps two processes from starting the same effects.

#![expect(clippy::disallowed_methods, reason = "an effect module: makes and locks files beside the database")]

use crate::error::Error;
use comity_store::Store;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// This process's sign of life. Dropping it takes the sign away.
pub struct Owner {
    name: Arc<str>,
    /// The locked file; none where the store shows the sign, and takes it away when it is closed.
    _file: Option<Locked>,
}

struct Locked {
    path: PathBuf,
    _lock: File,
}

fn folder(database: &Path) -> PathBuf {
    // One file has one folder of owners, by whichever link it is named.
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push("-owners");
    name.into()
}

impl Owner {
    /// Leaves the sign where other processes on this store look for it. `nonce` keeps apart processes with the same
    /// number, on whatever machine.
    pub fn claim(store: &Store, nonce: [u8; 8]) -> Result<Self, Error> {
        let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        let name: Arc<str> = format!("{}-{nonce}", std::process::id()).into();
        let file = match store.path() {
            Some(database) => Some(lock(database, &name)?),
            None => {
                store.claim(Arc::clone(&name));
                None
            }
        };
        Ok(Self { name, _file: file })
    }

    /// Of a process that only reads, and leaves no sign.
    pub fn reader() -> Self {
        Self { name: "reader".into(), _file: None }
    }

    /// The name it owns runs by.
    pub fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // A file left behind is swept by the next process.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Leaves a locked file beside the database.
fn lock(database: &Path, name: &str) -> Result<Locked, Error> {
    let folder = folder(database);
    let fail = |why: String| Error::Owner { folder: folder.display().to_string(), why };
    std::fs::create_dir_all(&folder).map_err(|error| fail(error.to_string()))?;
    // Locked before it has the name that others look at: nobody ever sees it unlocked.
    let (unborn, path) = (folder.join(format!(".{name}")), folder.join(name));
    let lock = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&unborn)
        .map_err(|error| fail(error.to_string()))?;
    lock.try_lock().map_err(|error| fail(error.to_string()))?;
    std::fs::rename(&unborn, &path).map_err(|error| fail(error.to_string()))?;
    sweep(&folder, &path);
    Ok(Locked { path, _lock: lock })
}

/// The process number of `owner`, if that process is alive.
pub async fn alive(store: &Store, owner: &str) -> Result<Option<u32>, Error> {
    let alive = match store.path() {
        Some(database) => plain(owner).is_some_and(|name| is_locked(&folder(database).join(name))),
        None => store.lives(owner).await?,
    };
    Ok(alive.then(|| owner.split('-').next()?.parse().ok()).flatten())
}

/// An owner's name as a file name; `None` for a name this program never gives.
fn plain(owner: &str) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!owner.is_empty() && owner.bytes().all(fits)).then_some(owner)
}

/// Whether somebody holds the file. What cannot be looked at counts as held: only a file that is not there,
/// or whose lock was had, is nobody's.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => file.try_lock_shared().is_err(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// How many processes have left their sign beside a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Of processes that are alive.
    pub alive: usize,
    /// Of processes that are gone; the next one takes these away.
    pub gone: usize,
}

/// Counts the signs of life beside a database. Changes nothing.
pub fn signs(database: &Path) -> Signs {
    let mut signs = Signs::default();
    for entry in std::fs::read_dir(folder(database)).into_iter().flatten().flatten().take(1_000) {
        if is_locked(&entry.path()) {
            signs.alive += 1;
        } else {
            signs.gone += 1;
        }
    }
    signs
}

/// Takes away the signs of processes that are gone.
fn sweep(folder: &Path, own: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().take(1_000) {
        let path = entry.path();
        let unborn = entry.file_name().as_encoded_bytes().starts_with(b".");
        if path != own && !unborn && !is_locked(&path) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_alive_while_it_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let store = Store::open(comity_store::Options::new(&database, comity_ledger::link)).unwrap();
        let alive = |name: &str| {
            let threads = tokio::runtime::Builder::new_current_thread().build().unwrap();
            threads.block_on(alive(&store, name)).unwrap()
        };
        let owner = Owner::claim(&store, [7; 8]).unwrap();
        let name = owner.name();
        assert_eq!(alive(&name), Some(std::process::id()));
        let other = Owner::claim(&store, [8; 8]).unwrap();
        assert_eq!(alive(&name), Some(std::process::id()), "a second process swept the first");
        assert_eq!(signs(&database), Signs { alive: 2, gone: 0 });
        std::fs::write(super::folder(&database).join("1-2"), "").unwrap();
        assert_eq!(signs(&database), Signs { alive: 2, gone: 1 });
        drop(owner);
        assert_eq!(alive(&name), None);
        assert_eq!(alive("../../etc/passwd"), None);
        drop(other);
    }
}
