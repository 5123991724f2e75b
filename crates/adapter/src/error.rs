//! Why an adapter cannot be built.

use std::{io, path::PathBuf};

/// Why an adapter cannot be built from the keys it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key that the kind requires is not there.
    #[error("kind `{kind}` needs the key `{key}`")]
    Missing {
        /// The kind.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A key's value does not look as the kind says it does.
    #[error("key `{key}` of kind `{kind}` is not {expected}")]
    Shape {
        /// The kind.
        kind: &'static str,
        /// The key.
        key: &'static str,
        /// What it should have been, in words.
        expected: &'static str,
    },
    /// The first word of a command names no program.
    #[error("`command` starts with an empty word where a program was expected")]
    NoProgram,
    /// A word of a command cannot be handed to a program.
    #[error("word {position} of `command` holds a zero byte")]
    Word {
        /// Which word, counted from one.
        position: usize,
    },
    /// A name in `env` can name no environment variable.
    #[error("`{name}` in `env` names no environment variable: it is empty, or holds `=` or a zero byte")]
    Variable {
        /// The name, with unprintable characters escaped.
        name: String,
    },
    /// An address cannot be called. It is not repeated: it may hold a password.
    #[error("`url` {why}")]
    Url {
        /// What is wrong, in words.
        why: &'static str,
    },
    /// A header cannot be sent. Its value is not repeated: it may be a secret.
    #[error("header `{name}` {why}")]
    Header {
        /// The header's name, with unprintable characters escaped.
        name: String,
        /// What is wrong, in words.
        why: &'static str,
    },
    /// The workflow's folder cannot be told.
    #[error("cannot tell where the folder `{}` is", path.display())]
    Folder {
        /// The folder as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
