//! Why an agent cannot be built.

/// Why an agent cannot be built from the keys it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key that the kind does not have.
    #[error("kind `native` has no key `{0}`")]
    UnknownKey(String),
    /// A key's value does not look as the kind says it does.
    #[error("key `{key}` of kind `native` is not {expected}")]
    Shape {
        /// The key.
        key: &'static str,
        /// What it should have been, in words.
        expected: &'static str,
    },
    /// A model that has no price, or a script that cannot be followed.
    #[error(transparent)]
    Model(#[from] comity_model::Error),
}
