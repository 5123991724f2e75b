//! Why a model cannot be asked.

/// Why a model cannot be asked, or a script for the sandbox not be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What cannot be priced cannot be reserved, and is not asked.
    #[error("model `{0}` has no list price")]
    Unpriced(String),
    /// A key that scripts do not have.
    #[error("`{at}` has the unknown key `{key}`")]
    UnknownKey {
        /// The place in the script.
        at: String,
        /// The key.
        key: String,
    },
    /// A part of a script that looks otherwise than it must.
    #[error("`{at}` is not {expected}")]
    Shape {
        /// The place in the script.
        at: String,
        /// What it should have been, in words.
        expected: &'static str,
    },
}
