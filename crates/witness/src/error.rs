//! What can keep a witness from its work.

use std::path::PathBuf;

/// A failure of a witness.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of its state cannot be used.
    #[error("cannot use `{}`: {why}", path.display())]
    State {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, as the end of a sentence.
        why: String,
    },
    /// Another witness has the folder.
    #[error("another process is the witness of `{}`", .0.display())]
    Taken(PathBuf),
    /// It cannot be reached under that address.
    #[error("cannot listen at `{address}`: {why}")]
    Listen {
        /// As it was asked for.
        address: String,
        /// The operating system's words.
        why: String,
    },
    /// A key is not one that signs checkpoints.
    #[error("`{0}` is the key of a witness, and a log signs with another kind")]
    NotALog(String),
}

impl Error {
    pub(crate) fn state(path: &std::path::Path, why: impl ToString) -> Self {
        Self::State { path: path.to_owned(), why: why.to_string() }
    }
}
