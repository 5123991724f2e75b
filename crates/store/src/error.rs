//! What can go wrong with storage.

use crate::commit::Refused;
use std::path::PathBuf;
use std::time::Duration;

/// A failure of storage itself. A refused commit is not one: see [`Refused`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address names a backend this build does not have.
    #[error("`{0}` names a backend that this build does not have: expected a file path")]
    UnknownBackend(String),
    /// The file or its folder cannot be used.
    #[error("cannot open the database `{}`: {why}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        why: String,
    },
    /// The file or its folder may not be written.
    #[error("the database `{}` cannot be written: the file or its folder is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space is left for the database `{}`: nothing of this commit was kept", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another process keeps the write lock.
    #[error("the database `{}` stayed busy for {waited:?}: {holder}", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
        /// Who holds it, in words.
        holder: String,
    },
    /// The file is not a database, or is damaged.
    #[error("the database `{}` is damaged: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file belongs to another program.
    #[error("`{}` is a database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer build.
    #[error("the database has schema {found}, and this build knows schemas up to {known}")]
    Newer {
        /// The schema found.
        found: u64,
        /// The newest schema known.
        known: u64,
    },
    /// A migration was applied in another form than this build has.
    #[error("migration {version} was applied with checksum {applied}, and this build has {known}")]
    Migration {
        /// Which migration.
        version: u64,
        /// The checksum recorded.
        applied: String,
        /// The checksum of this build's text.
        known: String,
    },
    /// Any other failure of the database.
    #[error("the database `{}` failed: {why}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Its words.
        why: String,
    },
    /// The address is not one of a server's database.
    #[error("`{shown}` is not the address of a database: {why}")]
    BadAddress {
        /// The address, without what may be a password.
        shown: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server cannot be reached, or the way to it was lost.
    #[error("the database `{server}` cannot be reached: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// What was tried and what came back.
        why: String,
    },
    /// The server refused or failed.
    #[error("the database `{server}` failed: {why}")]
    Server {
        /// The server.
        server: String,
        /// Its words.
        why: String,
    },
    /// A row on the server is not as this program writes it.
    #[error("the database `{server}` holds what this program never writes: {why}")]
    Odd {
        /// The server.
        server: String,
        /// What it is.
        why: String,
    },
    /// Row-level security does not bind the role, and it may not become one that is bound.
    #[error("the role `{role}` of the database `{server}` may see every tenant's rows")]
    Unguarded {
        /// The server.
        server: String,
        /// The role.
        role: String,
    },
    /// This backend has no such thing.
    #[error("{what} is not possible with the database `{server}`")]
    Unsupported {
        /// The server.
        server: String,
        /// What was asked for.
        what: &'static str,
    },
    /// A job panicked; its batch was rolled back.
    #[error("a commit was rolled back because it panicked")]
    Panicked,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a commit did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold. Nothing was changed.
    #[error("the commit was refused: {0:?}")]
    Refused(Refused),
    /// Storage failed. Nothing was acknowledged; whether it is durable is shown by the next read.
    #[error(transparent)]
    Failed(#[from] Error),
}
