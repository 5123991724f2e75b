//! A SHA-256 value, printed as lower-case hex.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// Thirty-two bytes of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The value before the first link of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// Hashes `parts` one after another. Callers put a domain first, so that no two uses collide.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// Lower-case hex, 64 characters.
    pub fn hex(&self) -> String {
        String::from_utf8_lossy(&self.hex_bytes()).into_owned()
    }

    fn hex_bytes(&self) -> [u8; 64] {
        let mut text = [0; 64];
        let (pairs, _) = text.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(self.0) {
            *pair = [nibble(byte >> 4), nibble(byte & 15)];
        }
        text
    }

    /// Reads exactly 64 lower-case hex characters; anything else is `None`.
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_hex_bytes(text.as_bytes())
    }

    /// The same, from bytes that may not even be text.
    pub fn from_hex_bytes(text: &[u8]) -> Option<Self> {
        let text: &[u8; 64] = text.try_into().ok()?;
        let (mut out, mut wrong) = ([0u8; 32], 0);
        let (pairs, _) = text.as_chunks::<2>();
        for (slot, [high, low]) in out.iter_mut().zip(pairs) {
            let (high, low) = (value(*high), value(*low));
            // One look at the end: a branch for each character takes longer than reading them all.
            wrong |= high | low;
            *slot = high << 4 | low & 15;
        }
        (wrong < 16).then_some(Self(out))
    }

    /// Reads 32 bytes; any other length is `None`.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

fn nibble(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// What a hex digit stands for; more than 15 for anything else.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses what is out of range")]
const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let (mut digit, digits) = (0, b"0123456789abcdef");
    while digit < digits.len() {
        values[digits[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

fn value(character: u8) -> u8 {
    VALUES.get(usize::from(character)).copied().unwrap_or(u8::MAX)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&String::from_utf8_lossy(&self.hex_bytes()))
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        Self::from_hex(&text)
            .ok_or_else(|| serde::de::Error::custom("a digest is 64 lower-case hex characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips() {
        let digest = Digest::of(&[b"a", b"b"]);
        assert_eq!(Digest::from_hex(&digest.hex()), Some(digest));
        assert_eq!(digest, Digest::of(&[b"ab"]));
    }

    #[test]
    fn refuses_upper_case_and_short_hex() {
        let hex = Digest::of(&[b"x"]).hex();
        assert_eq!(Digest::from_hex(&hex.to_uppercase()), None);
        assert_eq!(Digest::from_hex(hex.strip_prefix(|_: char| true).unwrap()), None);
    }
}
