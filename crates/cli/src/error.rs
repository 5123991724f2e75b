//! What can keep a command from doing what it was asked.

use comity_runtime::{Invalid, StoreError};
use std::path::PathBuf;

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] comity_runtime::Error),
    /// The workflow file is wrong.
    #[error("{invalid}")]
    Flow {
        /// Its mistakes.
        invalid: Invalid,
        /// The file.
        file: String,
        /// Its text.
        text: String,
    },
    /// A file is not there.
    #[error("there is no file `{}`", .0.display())]
    NoFile(PathBuf),
    /// A file cannot be read.
    #[error("cannot read `{}`: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        why: String,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`: {why}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        why: String,
    },
    /// A file is larger than is read.
    #[error("`{}` has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A file is not text.
    #[error("`{}` is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// The task is larger than is taken.
    #[error("the task has {bytes} bytes, and at most {limit} are taken")]
    TaskTooLarge {
        /// Its length.
        bytes: usize,
        /// The most that is taken.
        limit: u64,
    },
    /// There is no database yet.
    #[error("there is no database at `{}`", .0.display())]
    NoDatabase(PathBuf),
    /// What the command found out cannot be written.
    #[error("cannot write the output: {0}")]
    Output(String),
    /// The operating system refuses what every command needs.
    #[error("cannot start: {0}")]
    Machine(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Runtime(error.into())
    }
}
