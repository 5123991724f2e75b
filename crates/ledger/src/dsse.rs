//! Signed envelopes for statements: DSSE, protocol version 1.
//!
//! They are signed by the keys that sign checkpoints. Neither can be taken for the other: what is signed here begins with
//! `DSSEv1 `, and a checkpoint with the name of its log on a line of its own.
//!
//! What is signed is the pre-authentication encoding of the payload and its type, never the JSON around them. Reading
//! fails closed: unknown fields, a signature by another key and base64 that is not canonical are errors, so that no
//! byte of an envelope can be changed and go unnoticed.

use crate::log::note::{KeyId, NoteSigner, SignError, Verifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The longest envelope that is read: 16 MiB.
pub const LONGEST: usize = 16 << 20;

/// A payload with its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The signed bytes, in base64.
    payload: String,
    /// What they are, as a media type.
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Why an envelope is not taken for what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is no envelope.
    #[error("it is not a DSSE envelope: {0}")]
    Malformed(String),
    /// It holds something else.
    #[error("it holds `{found}`, and `{wanted}` was looked for")]
    Type {
        /// What it says it holds.
        found: String,
        /// What was looked for.
        wanted: &'static str,
    },
    /// No signature on it is by this key.
    #[error("it is signed by {found}, and not by `{wanted}`")]
    Stranger {
        /// Who signed it.
        found: String,
        /// Whose signature was looked for.
        wanted: String,
    },
    /// The signature is not one of these bytes.
    #[error("the signature of `{0}` is not one of these bytes")]
    Signature(String),
}

/// The bytes that are signed: `DSSEv1 <length of type> <type> <length of payload> <payload>`, lengths in bytes and
/// decimal. Source: the DSSE protocol, "Signature Definition".
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    /// Signs a payload.
    pub fn sign(payload_type: &str, payload: &[u8], signer: &dyn NoteSigner) -> Result<Self, SignError> {
        let sig = STANDARD.encode(signer.sign(&pae(payload_type, payload))?);
        let signatures = vec![Signature { keyid: keyid(signer.name(), signer.key_id()), sig }];
        Ok(Self { payload: STANDARD.encode(payload), payload_type: payload_type.to_owned(), signatures })
    }

    /// The envelope as it is kept: JSON on one line, with its newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing plain data into memory cannot fail; nothing at all is no envelope.
        let mut out = serde_json::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        out
    }

    /// Reads an envelope. Nothing in it is to be believed before [`Envelope::open`] has handed it out.
    pub fn read(text: &[u8]) -> Result<Self, Untrusted> {
        if text.len() > LONGEST {
            return Err(Untrusted::Malformed(format!("it is longer than {LONGEST} bytes")));
        }
        serde_json::from_slice(text).map_err(|error| Untrusted::Malformed(error.to_string()))
    }

    /// The key ids it says it is signed with.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.keyid.as_str())
    }

    /// The payload, if this key signed it as `wanted`.
    pub fn open(&self, wanted: &'static str, key: &Verifier) -> Result<Vec<u8>, Untrusted> {
        let keyid = keyid(key.name(), key.key_id());
        if self.payload_type != wanted {
            return Err(Untrusted::Type { found: self.payload_type.clone(), wanted });
        }
        let stranger = || {
            let signers: Vec<String> = self.signers().map(|name| format!("`{name}`")).collect();
            let found = if signers.is_empty() { "nobody".to_owned() } else { signers.join(", ") };
            Untrusted::Stranger { found, wanted: keyid.clone() }
        };
        let signature = self.signatures.iter().find(|one| one.keyid == keyid).ok_or_else(stranger)?;
        let payload = decoded("payload", &self.payload)?;
        let sig = decoded("sig", &signature.sig)?;
        if key.signed(&pae(&self.payload_type, &payload), &sig) {
            Ok(payload)
        } else {
            Err(Untrusted::Signature(keyid))
        }
    }
}

/// How an envelope names a key: `name+id`, as a verifier key begins.
fn keyid(name: &str, id: KeyId) -> String {
    format!("{name}+{:08x}", u32::from_be_bytes(id))
}

fn decoded(field: &str, text: &str) -> Result<Vec<u8>, Untrusted> {
    STANDARD.decode(text).map_err(|error| Untrusted::Malformed(format!("its `{field}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::note::{Kind, SecretKey};

    fn key(name: &str) -> SecretKey {
        SecretKey::new(name, Kind::Ed25519, &[7; 32]).unwrap()
    }

    fn signed() -> Envelope {
        Envelope::sign(IN_TOTO, b"{\"a\":1}", &key("k")).unwrap()
    }

    fn open(envelope: &Envelope) -> Result<Vec<u8>, Untrusted> {
        envelope.open(IN_TOTO, key("k").verifier())
    }

    /// The example of the protocol's own page.
    #[test]
    fn encodes_as_the_protocol_s_example() {
        let encoded = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn comes_back_as_it_was_signed() {
        let envelope = Envelope::read(&signed().to_bytes()).unwrap();
        assert_eq!(open(&envelope).unwrap(), b"{\"a\":1}");
    }

    #[test]
    fn no_bit_of_it_can_be_changed() {
        let text = signed().to_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut other = text.clone();
                other[at] ^= 1 << bit;
                let opened = Envelope::read(&other).and_then(|envelope| open(&envelope));
                assert!(opened.is_err(), "bit {bit} of byte {at} went unseen");
            }
        }
    }

    #[test]
    fn says_what_is_in_the_way() {
        let envelope = signed();
        let ours = keyid("k", key("k").key_id());
        let other = envelope.open(IN_TOTO, key("j").verifier()).unwrap_err();
        let theirs = keyid("j", key("j").key_id());
        assert_eq!(other.to_string(), format!("it is signed by `{ours}`, and not by `{theirs}`"));
        let other = Envelope { payload_type: "text/plain".into(), ..envelope.clone() };
        assert_eq!(
            open(&other).unwrap_err().to_string(),
            "it holds `text/plain`, and `application/vnd.in-toto+json` was looked for"
        );
        let none = Envelope { signatures: Vec::new(), ..envelope };
        assert_eq!(
            open(&none).unwrap_err().to_string(),
            format!("it is signed by nobody, and not by `{ours}`")
        );
        assert!(matches!(Envelope::read(&vec![b' '; LONGEST + 1]), Err(Untrusted::Malformed(_))));
    }

    #[test]
    fn a_witness_s_key_signs_no_statement() {
        let witness = SecretKey::new("k", Kind::Cosignature, &[7; 32]).unwrap();
        assert!(Envelope::sign(IN_TOTO, b"{}", &witness).is_err());
        assert!(!witness.verifier().signed(b"", &[0; 64]));
    }
}
