//! Texts under keys: what is stored in place of a text, and how it is opened. Pure.
//!
//! ```text
//! payload key = HKDF-Extract(salt = the payload's salt, ikm = the subject's key)          32 bytes
//! okm         = HKDF-Expand(payload key, info = "comity/payload/v2/key", 88)
//! key ‖ nonce ‖ key commitment = okm                                                      32 ‖ 24 ‖ 32
//! stored      = key commitment ‖ XChaCha20-Poly1305(key, nonce, encoded text, aad)
//! aad         = "comity/payload/v2/aad\n" ‖ codec ‖ slot ‖ subject                        22 ‖ 1 ‖ 1 ‖ 16
//! ```
//!
//! The key commitment ties the stored bytes to one key: nobody can make a body that opens to two texts
//! under two keys. Whoever is given a payload key can open that payload and no other.
//! HKDF is RFC 5869 with SHA-256.

use crate::keys::Secret;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use comity_core::{Digest, SubjectId};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// How many bytes longer what is stored is than the encoded text: the key commitment and the tag.
pub const OVERHEAD: usize = 32 + 16;

const KEY_INFO: &[u8] = b"comity/payload/v2/key";
const AAD: &[u8] = b"comity/payload/v2/aad\n";

/// What a sealed text is tied to besides its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How the text is encoded.
    pub codec: u8,
    /// Which text of its entry it is.
    pub slot: u8,
    /// Whose key it is under.
    pub subject: SubjectId,
}

/// The key of one payload: opens that one, and tells nothing about any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadKey(Secret);

impl PayloadKey {
    /// The key of the payload with this salt, of the subject with this key.
    pub fn derive(subject: &Secret, salt: &[u8; 32]) -> Self {
        let (mut extracted, _) = Hkdf::<Sha256>::extract(Some(salt), subject.bytes());
        let key = Self(Secret::new(extracted.into()));
        extracted.as_mut_slice().zeroize();
        key
    }

    /// A key that was handed out.
    pub fn from_secret(secret: Secret) -> Self {
        Self(secret)
    }

    /// The bytes to hand out.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    fn parts(&self) -> Option<Parts> {
        let mut okm = Zeroizing::new([0u8; 88]);
        let hkdf = Hkdf::<Sha256>::from_prk(self.0.bytes()).ok()?;
        hkdf.expand(KEY_INFO, okm.as_mut_slice()).ok()?;
        let (key, rest) = okm.split_first_chunk::<32>()?;
        let (nonce, commitment) = rest.split_first_chunk::<24>()?;
        let mut key = Key::from(*key);
        let cipher = XChaCha20Poly1305::new(&key);
        key.as_mut_slice().zeroize();
        Some(Parts { cipher, nonce: XNonce::from(*nonce), commitment: commitment.try_into().ok()? })
    }

    /// Seals an encoded text. A payload key seals once: its nonce is derived, so each text needs a fresh salt.
    /// `None` for texts longer than the cipher takes (256 GiB).
    pub fn seal(&self, place: Place, encoded: &[u8]) -> Option<Vec<u8>> {
        let parts = self.parts()?;
        let aad = place.aad();
        let sealed = parts.cipher.encrypt(&parts.nonce, Payload { msg: encoded, aad: &aad }).ok()?;
        let mut out = Vec::with_capacity(OVERHEAD + encoded.len());
        out.extend_from_slice(&parts.commitment);
        out.extend_from_slice(&sealed);
        Some(out)
    }

    /// Opens what [`PayloadKey::seal`] sealed for the same place; `None` for anything else.
    pub fn open(&self, place: Place, stored: &[u8]) -> Option<Vec<u8>> {
        let (commitment, sealed) = stored.split_first_chunk::<32>()?;
        let parts = self.parts()?;
        if *commitment != parts.commitment {
            return None;
        }
        let aad = place.aad();
        parts.cipher.decrypt(&parts.nonce, Payload { msg: sealed, aad: &aad }).ok()
    }
}

struct Parts {
    cipher: XChaCha20Poly1305,
    nonce: XNonce,
    commitment: [u8; 32],
}

impl Place {
    fn aad(self) -> [u8; 40] {
        let mut out = [0; 40];
        let bytes = AAD.iter().chain([&self.codec, &self.slot]).chain(self.subject.bytes().iter());
        out.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
        out
    }
}

/// `SHA-256("comity/payload/v2\n" ‖ salt ‖ codec ‖ subject ‖ stored body)`: what an entry says of a sealed text.
///
/// Every stored column is in it, and it is checked without a key. It tells nothing about the text: what is
/// hashed is the ciphertext.
pub fn commitment(salt: &[u8; 32], codec: u8, subject: SubjectId, stored: &[u8]) -> Digest {
    Digest::of(&[b"comity/payload/v2\n", salt, &[codec], subject.bytes(), stored])
}

#[cfg(test)]
mod tests;
