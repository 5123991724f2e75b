//! The witness's folder: its key, the last checkpoint of each log, and the evidence.
//!
//! ```text
//! key              the secret key, readable for its owner only
//! lock             held by the one process that is the witness
//! logs/HASH        the last checkpoint that was cosigned, for the log whose origin has that SHA-256
//! evidence/…json   two views of one log, as it signed them
//! ```
//!
//! A file gets its name when it is whole and on the disk: after a crash it is the old one or the new one.

#![expect(
    clippy::disallowed_methods,
    reason = "an effect module: here a witness keeps what it must not forget"
)]

use crate::error::Error;
use comity_core::Digest;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes in a file that is read back, at most.
const LONGEST: u64 = 256 * 1024;
/// Logs that are read back, at most.
const MOST_LOGS: usize = 100_000;
/// Pieces of evidence kept for one log: a log that signs more views has proved its point.
const MOST_EVIDENCE: usize = 64;

/// The folder, held by this process until it is dropped.
pub struct State {
    logs: PathBuf,
    evidence: PathBuf,
    key: PathBuf,
    _lock: File,
}

/// What became of a piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It is in this file.
    Kept(PathBuf),
    /// So much is kept of that log that this was not.
    Enough,
}

impl State {
    /// Makes the folder where it is not there, and takes it for this process.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let (logs, evidence) = (folder.join("logs"), folder.join("evidence"));
        for path in [folder, &logs, &evidence] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|error| Error::state(path, error))?;
            deny(path, 0o022, "others may write to it (`chmod go-w` mends that)")?;
        }
        let lock = folder.join("lock");
        let held = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
        let held = held.map_err(|error| Error::state(&lock, error))?;
        held.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::Taken(folder.to_owned()),
            TryLockError::Error(error) => Error::state(&lock, error),
        })?;
        sync(folder).map_err(|error| Error::state(folder, error))?;
        Ok(Self { logs, evidence, key: folder.join("key"), _lock: held })
    }

    /// The secret key as it was kept, if there is one.
    pub fn key(&self) -> Result<Option<String>, Error> {
        let Some(bytes) = read(&self.key)? else { return Ok(None) };
        deny(&self.key, 0o077, "others may read it (`chmod 600` mends that)")?;
        let text = String::from_utf8(bytes).map_err(|_| Error::state(&self.key, "it is not a key"))?;
        Ok(Some(text.trim_end().to_owned()))
    }

    /// Keeps the secret key.
    pub fn keep_key(&self, secret: &str) -> Result<(), Error> {
        write(&self.key, format!("{secret}\n").as_bytes()).map_err(|error| Error::state(&self.key, error))
    }

    /// What was cosigned, each with the file that says so.
    pub fn logs(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let fail = |error| Error::state(&self.logs, error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.logs).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if is_unfinished(&path) {
                // A write that a crash cut short: nobody was answered.
                std::fs::remove_file(&path).map_err(|error| Error::state(&path, error))?;
            } else if found.len() >= MOST_LOGS {
                return Err(Error::state(&self.logs, "it has more logs than a witness takes"));
            } else if let Some(bytes) = read(&path)? {
                found.push((path, bytes));
            }
        }
        Ok(found)
    }

    /// The file of a log.
    pub fn file(&self, origin: &str) -> PathBuf {
        self.logs.join(Digest::of(&[origin.as_bytes()]).hex())
    }

    /// Keeps a log's last checkpoint. When this returns, a power cut does not undo it.
    pub fn keep(&self, origin: &str, note: &[u8]) -> io::Result<()> {
        write(&self.file(origin), note)
    }

    /// Keeps a piece of evidence about a log under a name of its content. The same content is kept once.
    pub fn keep_evidence(&self, origin: &str, about: &Digest, bytes: &[u8]) -> io::Result<Evidence> {
        let short = |digest: &Digest| digest.hex().chars().take(16).collect::<String>();
        let log = short(&Digest::of(&[origin.as_bytes()]));
        let path = self.evidence.join(format!("{log}-{}.json", short(about)));
        if path.exists() {
            return Ok(Evidence::Kept(path));
        }
        let of_this = |name: io::Result<std::fs::DirEntry>| {
            name.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(&log))
        };
        if std::fs::read_dir(&self.evidence)?.filter_map(|entry| of_this(entry).then_some(())).count()
            >= MOST_EVIDENCE
        {
            return Ok(Evidence::Enough);
        }
        write(&path, bytes)?;
        Ok(Evidence::Kept(path))
    }
}

fn deny(path: &Path, bits: u32, why: &str) -> Result<(), Error> {
    let found = std::fs::metadata(path).map_err(|error| Error::state(path, error))?;
    if found.permissions().mode() & bits == 0 { Ok(()) } else { Err(Error::state(path, why)) }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let fail = |error| Error::state(path, error);
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fail)?,
    };
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(fail)?;
    let whole = u64::try_from(bytes.len()).is_ok_and(|len| len <= LONGEST);
    if whole { Ok(Some(bytes)) } else { Err(Error::state(path, "it is longer than a checkpoint")) }
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "new")
}

/// Writes the file beside its place, makes it durable, and puts it there.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), sync)
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
