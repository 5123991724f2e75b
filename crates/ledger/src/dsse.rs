//! Signed envelopes for statements: DSSE, protocol version 1.
//!
//! What is signed is the pre-authentication encoding of the payload and its type, never the JSON around them. Reading
//! fails closed: unknown fields, a signature by another key and base64 that is not canonical are errors, so that no
//! byte of an envelope can be changed and go unnoticed.

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
    /// Signs a payload. `sign` is handed what is to be signed; `keyid` names its key.
    pub fn sign<E>(
        payload_type: &str,
        payload: &[u8],
        keyid: &str,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let sig = sign(&pae(payload_type, payload))?;
        Ok(Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature { keyid: keyid.to_owned(), sig: STANDARD.encode(sig) }],
        })
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

    /// The payload, if the key named `keyid` signed it as `wanted`. `verify` is handed the signed bytes and the
    /// signature.
    pub fn open(
        &self,
        wanted: &'static str,
        keyid: &str,
        verify: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<Vec<u8>, Untrusted> {
        if self.payload_type != wanted {
            return Err(Untrusted::Type { found: self.payload_type.clone(), wanted });
        }
        let stranger = || {
            let signers: Vec<String> = self.signers().map(|name| format!("`{name}`")).collect();
            let found = if signers.is_empty() { "nobody".to_owned() } else { signers.join(", ") };
            Untrusted::Stranger { found, wanted: keyid.to_owned() }
        };
        let signature = self.signatures.iter().find(|one| one.keyid == keyid).ok_or_else(stranger)?;
        let payload = decoded("payload", &self.payload)?;
        let sig = decoded("sig", &signature.sig)?;
        if verify(&pae(&self.payload_type, &payload), &sig) {
            Ok(payload)
        } else {
            Err(Untrusted::Signature(keyid.to_owned()))
        }
    }
}

fn decoded(field: &str, text: &str) -> Result<Vec<u8>, Untrusted> {
    STANDARD.decode(text).map_err(|error| Untrusted::Malformed(format!("its `{field}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use comity_core::Digest;
    use std::convert::Infallible;

    /// A stand-in for a signature: enough to see which bytes are handed over.
    fn keyed(bytes: &[u8]) -> Vec<u8> {
        Digest::of(&[b"key", bytes]).0.to_vec()
    }

    fn signed() -> Envelope {
        Envelope::sign(IN_TOTO, b"{\"a\":1}", "k+1", |bytes| Ok::<_, Infallible>(keyed(bytes))).unwrap()
    }

    fn open(envelope: &Envelope) -> Result<Vec<u8>, Untrusted> {
        envelope.open(IN_TOTO, "k+1", |bytes, sig| keyed(bytes) == sig)
    }

    /// The example of the protocol's own page.
    #[test]
    fn encodes_as_the_protocol_s_example() {
        assert_eq!(pae("http://example.com/HelloWorld", b"hello world"), {
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        });
    }

    #[test]
    fn comes_back_as_it_was_signed() {
        let text = serde_json::to_vec(&signed()).unwrap();
        assert_eq!(open(&Envelope::read(&text).unwrap()).unwrap(), b"{\"a\":1}");
    }

    #[test]
    fn no_bit_of_it_can_be_changed() {
        let text = [serde_json::to_vec(&signed()).unwrap(), b"\n".to_vec()].concat();
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
        let other = envelope.open(IN_TOTO, "j+2", |_, _| true).unwrap_err();
        assert_eq!(other.to_string(), "it is signed by `k+1`, and not by `j+2`");
        let other = Envelope { payload_type: "text/plain".into(), ..envelope.clone() };
        assert_eq!(
            open(&other).unwrap_err().to_string(),
            "it holds `text/plain`, and `application/vnd.in-toto+json` was looked for"
        );
        let none = Envelope { signatures: Vec::new(), ..envelope };
        assert_eq!(open(&none).unwrap_err().to_string(), "it is signed by nobody, and not by `k+1`");
        assert!(matches!(Envelope::read(&vec![b' '; LONGEST + 1]), Err(Untrusted::Malformed(_))));
    }
}
