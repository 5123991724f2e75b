//! Checkpoints and proofs, as commands tell of them.

use serde::{Deserialize, Serialize};

/// A signed checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointReport {
    /// The log's name.
    pub log: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them, in hex.
    pub root: String,
    /// How many of them are new with it.
    pub added: u64,
    /// The public key that it is checked by.
    pub key: String,
    /// The signed note, to be kept elsewhere.
    pub note: String,
    /// Where copies of it are.
    pub copies: Vec<String>,
    /// What the witnesses said that were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<WitnessReport>,
}

/// What came of asking one witness.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessReport {
    /// The name of its key.
    pub witness: String,
    /// Whether its signature is under the newest checkpoint.
    pub signed: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a proof, or a checkpoint, was found to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofReport {
    /// Whether it shows what it says.
    pub valid: bool,
    /// The log it says it is about.
    pub log: String,
    /// The public key it was checked by.
    pub key: String,
    /// How many leaves the log has at the newest checkpoint it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// And at the older one, if it is a proof of consistency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// The run, if it is a proof of an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The entry's place in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The entry's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The entry, as it was hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Why it shows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}
