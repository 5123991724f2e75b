//! What a run was made of, as a CycloneDX bill of materials.
//!
//! Only what a run needs of the format is here. Source: CycloneDX 1.6, JSON (ECMA-424).

use serde::{Deserialize, Serialize};

/// The version of the format.
pub const SPEC_VERSION: &str = "1.6";

/// A bill of materials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bom {
    /// `CycloneDX`.
    pub bom_format: String,
    /// [`SPEC_VERSION`].
    pub spec_version: String,
    /// `urn:uuid:` and a UUID of its own; the same for the same entries of the same run.
    pub serial_number: String,
    /// Which edition of it this is, from 1.
    pub version: u32,
    /// What it is about.
    pub metadata: Metadata,
    /// Models, tools and files, by kind and name.
    pub components: Vec<Component>,
    /// What was called over the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// What the run is made of, by reference.
    pub dependencies: Vec<Dependency>,
}

/// What a bill is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// When the run's last entry was written, as RFC 3339 in UTC.
    pub timestamp: String,
    /// In which part of a product's life it was taken.
    pub lifecycles: Vec<Lifecycle>,
    /// What made it.
    pub tools: Tools,
    /// The run.
    pub component: Component,
}

/// A part of a product's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// `operations`: while it is used.
    pub phase: String,
}

/// What made a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// Programs.
    pub components: Vec<Component>,
}

/// One part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Component {
    /// `application`, `data` or `machine-learning-model`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How the rest of the bill refers to it.
    #[serde(rename = "bom-ref", default, skip_serializing_if = "Option::is_none")]
    pub bom_ref: Option<String>,
    /// The media type of its bytes.
    #[serde(rename = "mime-type", default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// What people call it.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Digests of its bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// What else is to be known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// One part that is called over the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// How the rest of the bill refers to it.
    #[serde(rename = "bom-ref")]
    pub bom_ref: String,
    /// What people call it.
    pub name: String,
    /// Where it is, without path and query.
    pub endpoints: Vec<String>,
    /// What else is to be known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hash {
    /// `SHA-256`.
    pub alg: String,
    /// Lower-case hex.
    pub content: String,
}

/// One fact of a part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// `comity:` and what it is.
    pub name: String,
    /// What it comes to.
    pub value: String,
}

/// What one part is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependency {
    /// The part.
    #[serde(rename = "ref")]
    pub of: String,
    /// What it needs.
    pub depends_on: Vec<String>,
}
