//! What is attested of a run: an in-toto statement, version 1, with a predicate of our own.
//!
//! Keys are spelled as in-toto spells its own, in lowerCamelCase. Source: in-toto Attestation Framework v1,
//! "Statement" and "ResourceDescriptor".

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The type of every in-toto statement, version 1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What kind of predicate [`RunPredicate`] is.
pub const RUN_PREDICATE: &str = "https://comity.dev/attestation/run/v1";

/// What is said, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is said of: the run by the hash of its last entry, and its output by the digest of its bytes.
    pub subject: Vec<Resource>,
    /// [`RUN_PREDICATE`].
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: RunPredicate,
}

/// Something that a digest or a URI names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// What people call it.
    pub name: String,
    /// Where it can be asked for, of what no digest names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests in lower-case hex, by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// The media type of what was digested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What else is to be known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Resource {
    /// Something named by its SHA-256.
    pub fn sha256(name: impl Into<String>, digest: &comity_core::Digest) -> Self {
        let digest = BTreeMap::from([("sha256".to_owned(), digest.hex())]);
        Self { name: name.into(), digest, ..Self::default() }
    }
}

/// How a run came about and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunPredicate {
    /// What reads the ledger and says this.
    pub builder: Builder,
    /// What was started, by whom and under which limits.
    pub invocation: Invocation,
    /// What the run was made of: workflow files, input, models and tools.
    pub materials: Vec<Resource>,
    /// How it stands, and what it used.
    pub result: RunResult,
    /// Where all of this is written down.
    pub ledger: LedgerRef,
}

/// What says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Builder {
    /// Who it is, as a URI.
    pub id: String,
    /// Its version.
    pub version: String,
}

/// What was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invocation {
    /// The run.
    pub run: String,
    /// Whose it is.
    pub tenant: String,
    /// Division of the tenant.
    pub namespace: String,
    /// When it was opened, as RFC 3339 in UTC.
    pub opened_on: String,
    /// The workflow's name, if its file gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The limits it was decided under.
    pub policy: Policy,
    /// Who acted in it, with how many entries each, by id.
    pub principals: BTreeMap<String, u64>,
}

/// The limits of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The version of its format.
    pub version: u32,
    /// Its digest, as it stands in every decision: `SHA-256("comity/policy/v1\n" ‖ canonical JSON)`.
    pub sha256: String,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunResult {
    /// completed, failed, denied, exhausted, waiting, interrupted or running.
    pub status: String,
    /// When its last entry was written, as RFC 3339 in UTC.
    pub changed_on: String,
    /// How often each verdict was given: `pass`, `hold`, `deny`.
    pub verdicts: BTreeMap<String, u64>,
    /// How many entries of each kind it has.
    pub entries: BTreeMap<String, u64>,
    /// What it used.
    pub usage: Usage,
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Usage {
    /// Money, in millionths of a US dollar.
    pub micro_usd: u64,
    /// Time of effects, in milliseconds.
    pub millis: u64,
    /// Steps.
    pub steps: u64,
    /// Tokens.
    pub tokens: u64,
}

/// Where a run is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerRef {
    /// Entries in the run's chain.
    pub entries: u64,
    /// Hash of the last of them.
    pub head: String,
    /// The newest checkpoint that covers the run whole, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointRef>,
}

/// A checkpoint of the tenant's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckpointRef {
    /// Leaves in the log.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// What the verification of a signed statement found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestationReport {
    /// Whether this key signed it, and it is a statement about a run.
    pub valid: bool,
    /// The key it was held against, as `name+id`.
    pub key: String,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How it says that the run stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What it is said of, each with its SHA-256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<String, String>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What this verification cannot show.
    pub not_shown: String,
}
