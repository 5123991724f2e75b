//! Decentralised identifiers: `did:key` of Ed25519 keys for principals, `did:web` for organisations.
//!
//! Sources: W3C DID 1.0; the did:key method v0.9 (multicodec 0xed, base58btc multibase); the did:web method.

use crate::error::Error;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use std::{fmt, str::FromStr, sync::Arc};

/// The longest DID that is read, in bytes.
pub const LONGEST: usize = 512;
/// The multicodec of an Ed25519 public key, as a varint.
const ED25519: [u8; 2] = [0xed, 0x01];

/// The public half of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Takes 32 bytes. `None` if they are no point of the curve, or one of low order: such a key verifies anything.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// Takes a multibase text, as in `publicKeyMultibase` and in `did:key`.
    pub fn from_multibase(text: &str) -> Option<Self> {
        let bytes = from_base58(text)?;
        let bytes = bytes.strip_prefix(&ED25519)?;
        Self::from_bytes(bytes.try_into().ok()?)
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// `z6Mk…`: multicodec and bytes in base58btc.
    pub fn multibase(&self) -> String {
        to_base58(&[ED25519.as_slice(), self.bytes()].concat())
    }

    /// The DID that is this key.
    pub fn did(&self) -> Did {
        Did(format!("did:key:{}", self.multibase()).into())
    }

    /// Whether the signature is this key's over exactly these bytes, by RFC 8032 with the stricter of its checks.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

/// Bytes as multibase base58btc.
pub(crate) fn to_base58(bytes: &[u8]) -> String {
    format!("z{}", bs58::encode(bytes).into_string())
}

/// Bytes from multibase base58btc; `None` for any other base.
pub(crate) fn from_base58(text: &str) -> Option<Vec<u8>> {
    // Decoding takes quadratic time: what is longer than a signature by far is none.
    let digits = text.strip_prefix('z').filter(|digits| digits.len() <= 200)?;
    bs58::decode(digits).into_vec().ok()
}

/// An identifier that was parsed: `did:key` of an Ed25519 key, or `did:web`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Did(Arc<str>);

impl Did {
    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key itself, if the DID is one.
    pub fn key(&self) -> Option<PublicKey> {
        PublicKey::from_multibase(self.0.strip_prefix("did:key:")?)
    }

    /// The name of the DID's one key: what a proof's `verificationMethod` says.
    pub fn key_id(&self) -> String {
        match self.0.strip_prefix("did:key:") {
            Some(key) => format!("{}#{key}", self.0),
            None => format!("{}#key-1", self.0),
        }
    }

    /// The DID of an organisation that has a domain: `acme.example`, `acme.example:8443`, or with a path
    /// `acme.example/agents`.
    pub fn web(place: &str) -> Result<Self, Error> {
        let mut parts = place.split('/');
        let domain = parts.next().unwrap_or_default().replace(':', "%3A");
        let path = parts.map(|part| format!(":{part}")).collect::<String>();
        format!("did:web:{domain}{path}").parse()
    }

    /// Where the document of a `did:web` is served.
    pub fn document_url(&self) -> Option<String> {
        let mut parts = self.0.strip_prefix("did:web:")?.split(':');
        let domain = parts.next()?.replace("%3A", ":");
        let path: Vec<&str> = parts.collect();
        let path = if path.is_empty() { ".well-known".to_owned() } else { path.join("/") };
        Some(format!("https://{domain}/{path}/did.json"))
    }

    /// The document that says which key speaks for the DID.
    pub fn document(&self, key: &PublicKey) -> Value {
        let id = self.key_id();
        json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": self.as_str(),
            "verificationMethod": [{
                "id": id,
                "type": "Multikey",
                "controller": self.as_str(),
                "publicKeyMultibase": key.multibase(),
            }],
            "authentication": [id],
            "assertionMethod": [id],
            "capabilityDelegation": [id],
            "capabilityInvocation": [id],
        })
    }
}

impl FromStr for Did {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadDid(text.chars().take(100).collect());
        if text.len() > LONGEST {
            return Err(bad());
        }
        if let Some(key) = text.strip_prefix("did:key:") {
            PublicKey::from_multibase(key).ok_or_else(bad)?;
            return Ok(Self(text.into()));
        }
        let place = text.strip_prefix("did:web:").ok_or_else(bad)?;
        if place.split(':').enumerate().all(|(at, part)| web_part(part, at == 0)) {
            Ok(Self(text.into()))
        } else {
            Err(bad())
        }
    }
}

/// Whether a part of a `did:web` is plain: a domain with at most a port, or a name of a folder.
fn web_part(part: &str, is_domain: bool) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let (name, port) = match part.split_once("%3A") {
        Some((name, port)) if is_domain => (name, Some(port)),
        _ => (part, None),
    };
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    !name.is_empty()
        && !dots
        && name.bytes().all(plain)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_example_of_the_did_key_method() {
        let text = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let did: Did = text.parse().unwrap();
        let key = did.key().unwrap();
        assert_eq!(key.did().as_str(), text);
        assert_eq!(did.key_id(), format!("{text}#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"));
    }

    #[test]
    fn refuses_what_is_no_did() {
        let of_low_order = format!("did:key:{}", to_base58(&[[0xed, 0x01].as_slice(), &[0; 32]].concat()));
        let long = format!("did:web:{}", "a".repeat(600));
        for bad in [
            "",
            "did:key:",
            "did:key:z6Mk",
            "did:key:f00",
            "did:example:1",
            "did:web:",
            "did:web:a b",
            "did:web:acme.example:..",
            "did:web:acme.example::x",
            "did:web:acme.example%3A99999",
            "did:web:acme.example/x",
            &of_low_order,
            &long,
        ] {
            assert!(bad.parse::<Did>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_web_did_says_where_its_document_is() {
        let place = |text: &str| Did::web(text).unwrap();
        assert_eq!(
            place("acme.example").document_url().unwrap(),
            "https://acme.example/.well-known/did.json"
        );
        let deep = place("acme.example:8443/agents/legal");
        assert_eq!(deep.as_str(), "did:web:acme.example%3A8443:agents:legal");
        assert_eq!(deep.document_url().unwrap(), "https://acme.example:8443/agents/legal/did.json");
        assert_eq!(deep.key(), None);
    }
}
