//! What was put into an archive, and what was found there.

use serde::{Deserialize, Serialize};

/// What was put into an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveReport {
    /// Where it is.
    pub place: String,
    /// Runs that are there now.
    pub runs: u64,
    /// Objects that were made.
    pub made: u64,
    /// Objects that were there, with the same bytes.
    pub there: u64,
    /// Bytes of the objects that were made.
    pub bytes: u64,
    /// How many leaves of the tenant's log are there; zero when there is no log.
    pub leaves: u64,
}

/// What was found when an archive was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveCheck {
    /// Where it is.
    pub place: String,
    /// Whether everything there is as it was written.
    pub valid: bool,
    /// Runs that were verified.
    pub runs: u64,
    /// Their entries.
    pub entries: u64,
    /// Their payloads.
    pub payloads: u64,
    /// Objects that belong to no run and no log, by name; they were not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strange: Vec<String>,
    /// Leaves of logs that were recomputed.
    pub leaves: u64,
    /// Checkpoints whose logs were recomputed.
    pub checkpoints: u64,
    /// Whether the checkpoints' signatures were checked.
    #[serde(default)]
    pub signed: bool,
    /// The object of the first fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}
