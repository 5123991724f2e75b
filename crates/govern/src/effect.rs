//! What goes into an effect and what comes out of it.

use comity_core::{ReasonCode, Taint};
use serde_json::Value;
use std::sync::Arc;

/// What an act is given: `{"context": {…}, "task": "…"}`.
#[derive(Clone, Debug)]
pub struct Input {
    /// The input as a value.
    pub value: Value,
    /// The same as compact JSON; these are the bytes that are recorded.
    pub bytes: Arc<[u8]>,
    /// The untrusted sources that went into it.
    pub taint: Taint,
}

impl Input {
    /// Takes a value that is trusted, and spells it out once.
    pub fn new(value: Value) -> Self {
        Self::tainted(value, Taint::NONE)
    }

    /// Takes a value that these sources went into. Keys are put in order: what is recorded does not depend on how
    /// somebody came to build the value.
    pub fn tainted(mut value: Value, taint: Taint) -> Self {
        value.sort_all_objects();
        let bytes = value.to_string().into_bytes().into();
        Self { value, bytes, taint }
    }
}

/// What an act produced.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The result, as later steps see it.
    pub value: Value,
}

/// How an act went wrong, as far as the one who did it can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It ended, and said that it failed. The message is for people and is recorded.
    Failed(String),
    /// It may have happened: nobody saw how it ended. The message is for people and is recorded.
    Unknown(String),
    /// It ended, and what it produced cannot be taken: the step counts as failed, for this reason.
    Refused(ReasonCode, String),
    /// A step nested in it waits for a person. It stops for now; asked for again, it goes on where it was.
    Waiting(String),
}

impl Failure {
    /// The message for people.
    pub fn message(&self) -> &str {
        match self {
            Self::Failed(message)
            | Self::Unknown(message)
            | Self::Refused(_, message)
            | Self::Waiting(message) => message,
        }
    }
}
