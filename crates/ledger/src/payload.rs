//! Texts beside the chain: salted, committed to by digest, compressed when that helps.

use comity_core::{Digest, Entropy};
use comity_store::{Payload, PayloadRef, PayloadRow};
use serde::{Deserialize, Serialize};

/// Texts from this length on are compressed if that makes them shorter.
pub const COMPRESS_FROM: usize = 1024;
/// The longest text that is read back, after decompression: 64 MiB.
pub const LONGEST: usize = 64 << 20;

const RAW: u8 = 0;
const ZSTD: u8 = 1;

/// Which text of an entry a payload is. The number is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Slot {
    /// The act: its name and its input.
    Act = 0,
    /// What the act produced.
    Output = 1,
    /// Words for people: why, or what an approver said.
    Note = 2,
    /// The workflow file.
    Source = 3,
    /// The policy.
    Policy = 4,
    /// What else the run was started with.
    Setup = 5,
}

impl Slot {
    /// Every slot, in the order of its number.
    pub const ALL: [Self; 6] = [Self::Act, Self::Output, Self::Note, Self::Source, Self::Policy, Self::Setup];

    /// The slot's key in an entry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Output => "output",
            Self::Note => "note",
            Self::Source => "source",
            Self::Policy => "policy",
            Self::Setup => "setup",
        }
    }
}

/// An entry's commitments to its payloads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitments {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    setup: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Digest>,
}

impl Commitments {
    /// The commitment in this slot.
    pub fn get(&self, slot: Slot) -> Option<Digest> {
        match slot {
            Slot::Act => self.act,
            Slot::Output => self.output,
            Slot::Note => self.note,
            Slot::Source => self.source,
            Slot::Policy => self.policy,
            Slot::Setup => self.setup,
        }
    }

    /// Puts a commitment into a slot.
    pub fn set(&mut self, slot: Slot, digest: Digest) {
        let place = match slot {
            Slot::Act => &mut self.act,
            Slot::Output => &mut self.output,
            Slot::Note => &mut self.note,
            Slot::Source => &mut self.source,
            Slot::Policy => &mut self.policy,
            Slot::Setup => &mut self.setup,
        };
        *place = Some(digest);
    }

    /// Whether nothing is committed to.
    pub fn is_empty(&self) -> bool {
        Slot::ALL.into_iter().all(|slot| self.get(slot).is_none())
    }

    /// How many payloads are committed to.
    pub fn count(&self) -> usize {
        Slot::ALL.into_iter().filter(|slot| self.get(*slot).is_some()).count()
    }
}

/// `SHA-256("comity/payload/v1\n" ‖ salt ‖ codec ‖ encoded text)`.
///
/// The salt keeps short texts from being guessed from their digests; the codec and the encoded bytes are
/// what is stored, so that every stored byte is covered.
pub fn commitment(salt: &[u8; 32], codec: u8, body: &[u8]) -> Digest {
    Digest::of(&[b"comity/payload/v1\n", salt, &[codec], body])
}

/// Encodes and salts a text for storage.
pub fn encode(slot: Slot, text: &[u8], entropy: &dyn Entropy) -> (Payload, Digest) {
    let mut salt = [0u8; 32];
    entropy.fill(&mut salt);
    let (codec, body) = compress(text);
    let digest = commitment(&salt, codec, &body);
    (Payload { slot: slot as u8, codec, subject: None, salt, body: body.into() }, digest)
}

fn compress(text: &[u8]) -> (u8, Vec<u8>) {
    if text.len() >= COMPRESS_FROM
        && let Ok(packed) = zstd::bulk::compress(text, 1)
        && packed.len() < text.len()
    {
        return (ZSTD, packed);
    }
    (RAW, text.to_vec())
}

/// Whether a stored payload is what the commitment says; if not, why not.
pub fn check<'r>(row: impl Into<PayloadRef<'r>>, committed: Digest) -> Result<(), &'static str> {
    let row = row.into();
    if row.subject.is_some() {
        return Err("it names an encryption key, which this version of the format does not have");
    }
    let Ok(salt) = <[u8; 32]>::try_from(row.salt) else { return Err("its salt is not 32 bytes") };
    let Ok(codec) = u8::try_from(row.codec) else { return Err("its codec is unknown") };
    if commitment(&salt, codec, row.body) == committed {
        Ok(())
    } else {
        Err("it does not match its commitment")
    }
}

/// The text of a stored payload. Check it first.
pub fn decode(row: PayloadRow) -> Result<Vec<u8>, &'static str> {
    match u8::try_from(row.codec) {
        Ok(RAW) => Ok(row.body),
        Ok(ZSTD) => unpack(&row.body),
        _ => Err("its codec is unknown"),
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, &'static str> {
    let size = zstd::bulk::Decompressor::upper_bound(packed).filter(|size| *size <= LONGEST);
    let size = size.ok_or("it does not say its length, or is too long")?;
    zstd::bulk::decompress(packed, size).map_err(|_| "it cannot be decompressed")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn stored(text: &[u8]) -> (PayloadRow, Digest) {
        let (payload, digest) = encode(Slot::Act, text, &Counting(7.into()));
        let row = PayloadRow {
            slot: payload.slot,
            tenant: "local".to_owned(),
            codec: payload.codec.into(),
            subject: None,
            salt: payload.salt.to_vec(),
            body: payload.body.to_vec(),
        };
        (row, digest)
    }

    #[test]
    fn texts_short_and_long_round_trip() {
        for text in [&b""[..], b"short", &[b'x'; 5000], &(0..=255u8).cycle().take(3000).collect::<Vec<_>>()] {
            let (row, digest) = stored(text);
            assert_eq!(check(&row, digest), Ok(()));
            assert_eq!(decode(row).unwrap(), text);
        }
        assert_eq!(stored(&[b'x'; 5000]).0.codec, 1);
    }

    #[test]
    fn every_stored_byte_is_covered() {
        let (row, digest) = stored(&[b'x'; 2000]);
        for at in 0..row.body.len() {
            let mut bad = row.clone();
            bad.body[at] ^= 1;
            assert!(check(&bad, digest).is_err());
        }
        for at in 0..32 {
            let mut bad = row.clone();
            bad.salt[at] ^= 128;
            assert!(check(&bad, digest).is_err());
        }
        assert!(check(&PayloadRow { codec: 0, ..row.clone() }, digest).is_err());
        assert!(check(&PayloadRow { codec: 256, ..row.clone() }, digest).is_err());
        assert!(check(&PayloadRow { subject: Some(vec![1]), ..row }, digest).is_err());
    }

    #[test]
    fn equal_texts_have_unequal_commitments() {
        let entropy = Counting(1.into());
        assert_ne!(encode(Slot::Note, b"yes", &entropy).1, encode(Slot::Note, b"yes", &entropy).1);
    }
}
