//! What can keep a copy from being made or read.

/// A failure of a place.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the place cannot be used.
    #[error("`{text}` is no place for an archive: {why}")]
    Address {
        /// The address.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// The name of an object cannot be used.
    #[error("`{0}` cannot be the name of an object")]
    Key(String),
    /// There is nothing to sign requests with.
    #[error("no credentials for `{place}` are in the environment")]
    NoCredentials {
        /// The place.
        place: String,
    },
    /// The place does not let these credentials do this.
    #[error("`{place}` refuses these credentials: {why}")]
    Refused {
        /// The place.
        place: String,
        /// Its words.
        why: String,
    },
    /// The bucket is not there.
    #[error("there is no bucket for `{place}`")]
    NoBucket {
        /// The place.
        place: String,
    },
    /// The place does not answer, or not to the end.
    #[error("`{place}` cannot be reached: {why}")]
    Unreachable {
        /// The place.
        place: String,
        /// What happened.
        why: String,
    },
    /// The place writes over what it was told to leave alone.
    #[error("`{place}` writes over objects it is asked to leave alone: it ignores `If-None-Match`")]
    WritesOver {
        /// The place.
        place: String,
    },
    /// There is another object of this name.
    #[error("`{key}` is in `{place}` already, with other bytes")]
    Conflict {
        /// The place.
        place: String,
        /// The name.
        key: String,
    },
    /// An object is larger than is kept or read.
    #[error("`{key}` has {bytes} bytes, and at most {limit} are taken")]
    TooLarge {
        /// The name.
        key: String,
        /// Its length.
        bytes: u64,
        /// The most.
        limit: u64,
    },
    /// The place failed in another way.
    #[error("`{place}` failed at `{key}`: {why}")]
    Failed {
        /// The place.
        place: String,
        /// The name.
        key: String,
        /// What happened.
        why: String,
    },
}
