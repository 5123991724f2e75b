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
    /// Steps would be done again that may do harm, and nobody said that they may.
    #[error("the fork does again what may do harm when it is done twice: {}", .0.join(", "))]
    DoneAgain(Vec<String>),
    /// The key of a log is not known here, and none was named.
    #[error("the key of the log `{0}` is not known here")]
    UnknownLog(String),
    /// There is no run in the database.
    #[error("there is no run yet")]
    NoRuns,
    /// There is no run whose ledger could be tampered with.
    #[error("there is no run yet whose ledger could be changed")]
    NothingToTamper,
    /// A key is set for a provider that this build does not have.
    #[error("{0} is set, and this build has no provider but the sandbox: agents would not use the key")]
    NoProvider(&'static str),
    /// A configuration file is wrong.
    #[error("{file}:{line}:{column}: {what}")]
    Config {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// A variable of the environment has a value that is not one of its values.
    #[error("environment variable {name}: {what}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A setting that was well formed names what cannot be used.
    #[error("`{name}` cannot be used: {what}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Why.
        what: String,
    },
    /// A file that would be made is there.
    #[error("`{}` is already there, and nothing is overwritten", .0.display())]
    Exists(PathBuf),
    /// A file or folder cannot be made.
    #[error("cannot make `{}`: {why}", path.display())]
    NotMade {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        why: String,
    },
    /// A witness cannot do its work.
    #[error(transparent)]
    Witness(#[from] comity_witness::Error),
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
