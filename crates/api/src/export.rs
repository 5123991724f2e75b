//! A run as a file that speaks for itself.

use serde::{Deserialize, Serialize};

/// What the format calls itself.
pub const EXPORT_FORMAT: &str = "comity/export/v1";

/// One run: its entries and payloads as they are stored. Written as RFC 8785 has it, so that two exports of the same
/// entries are the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Its entries, in the order of their chain.
    pub entries: Vec<ExportedEntry>,
    /// [`EXPORT_FORMAT`].
    pub format: String,
    /// A proof that the last entry that is in the tenant's log is in it, as a proof file's text; left out when no
    /// entry is, or when it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The run.
    pub run: String,
    /// Whose run it is.
    pub tenant: String,
}

/// One entry, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedEntry {
    /// What was hashed.
    pub body: String,
    /// Its hash, in lower-case hex.
    pub hash: String,
    /// The texts beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<ExportedPayload>,
    /// Its place in the chain, from 0.
    pub seq: u64,
}

/// One text beside an entry, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedPayload {
    /// The stored bytes, in base64.
    pub body: String,
    /// How they are encoded.
    pub codec: u8,
    /// The key of this payload alone, in base64, if its text was asked for and it is encrypted: it opens this one,
    /// and tells nothing about any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The salt of its commitment, in base64.
    pub salt: String,
    /// Which text of its entry it is.
    pub slot: String,
    /// Whose key it is encrypted under, in lower-case hex; left out when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text itself, in the clear, if that was asked for and can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What the verification of an export found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportReport {
    /// Whether everything in it is as it was written.
    pub valid: bool,
    /// The run, as far as the export says which.
    pub run: String,
    /// Entries recomputed.
    pub entries: u64,
    /// Payloads recomputed.
    pub payloads: u64,
    /// Hash of its last entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// How many of its entries the proof in it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<u64>,
    /// Whether the signature of the proof's checkpoint was checked.
    #[serde(default)]
    pub signed: bool,
    /// The entry of the first fault, by its place in the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_seq: Option<u64>,
    /// What is wrong there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What this verification cannot show.
    pub not_shown: String,
}
