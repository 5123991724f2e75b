//! Texts beside the chain: compressed when that helps, encrypted, salted, committed to by digest.

use crate::vault::cipher::{self, PayloadKey, Place};
use crate::vault::{Pen, RunKeys};
use comity_core::{Digest, Entropy, SubjectId};
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

/// `SHA-256("comity/payload/v1\n" ‖ salt ‖ codec ‖ encoded text)`: of texts in the clear, which are those from before there was a
/// vault, and the keys that an erasure names.
///
/// The salt keeps short texts from being guessed from their digests; the codec and the encoded bytes are
/// what is stored, so that every stored byte is covered.
pub fn commitment(salt: &[u8; 32], codec: u8, body: &[u8]) -> Digest {
    Digest::of(&[b"comity/payload/v1\n", salt, &[codec], body])
}

/// Encodes, salts and encrypts a text for storage.
pub fn encode(slot: Slot, text: &[u8], pen: &Pen, entropy: &dyn Entropy) -> (Payload, Digest) {
    let mut salt = [0u8; 32];
    entropy.fill(&mut salt);
    let (codec, encoded) = compress(text);
    let (key, place) = pen.for_payload(slot, &salt, codec);
    // The cipher refuses only what no memory holds; an empty body would open to nothing.
    let body = key.seal(place, &encoded).unwrap_or_default();
    let digest = cipher::commitment(&salt, codec, place.subject, &body);
    let subject = Some(place.subject);
    (Payload { slot: slot as u8, codec, subject, salt, body: body.into() }, digest)
}

/// Encodes and salts a text for storage, in the clear.
pub fn clear(slot: Slot, text: &[u8], entropy: &dyn Entropy) -> (Payload, Digest) {
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

/// The commitment to a payload that is about to be stored.
pub fn committed(payload: &Payload) -> Digest {
    let Payload { codec, subject, salt, body, .. } = payload;
    match subject {
        None => commitment(salt, *codec, body),
        Some(subject) => cipher::commitment(salt, *codec, *subject, body),
    }
}

/// Whether a stored payload is what the commitment says; if not, why not. Takes no key.
pub fn check<'r>(row: impl Into<PayloadRef<'r>>, committed: Digest) -> Result<(), &'static str> {
    let row = row.into();
    let Ok(salt) = <[u8; 32]>::try_from(row.salt) else { return Err("its salt is not 32 bytes") };
    let Ok(codec) = u8::try_from(row.codec) else { return Err("its codec is unknown") };
    let found = match row.subject {
        None => commitment(&salt, codec, row.body),
        Some(subject) => {
            let subject = SubjectId::from_slice(subject).ok_or("its subject is not 16 bytes")?;
            cipher::commitment(&salt, codec, subject, row.body)
        }
    };
    if found == committed { Ok(()) } else { Err("it does not match its commitment") }
}

/// The text of a stored payload; `None` when its key was destroyed. Check it first.
pub fn decode(row: PayloadRow, keys: &RunKeys) -> Result<Option<Vec<u8>>, &'static str> {
    if row.subject.is_none() {
        return disclosed(&row, None).map(Some);
    }
    let Some(key) = key_of(&row, keys)? else { return Ok(None) };
    disclosed(&row, Some(&key)).map(Some)
}

/// The key of this payload alone, to be handed out with it; `None` when it is not encrypted, or its subject's key was
/// destroyed.
pub fn key_of(row: &PayloadRow, keys: &RunKeys) -> Result<Option<PayloadKey>, &'static str> {
    let Some(subject) = &row.subject else { return Ok(None) };
    let subject = SubjectId::from_slice(subject).ok_or("its subject is not 16 bytes")?;
    let Some(secret) = keys.of(subject) else { return Ok(None) };
    let salt = <[u8; 32]>::try_from(row.salt.as_slice()).map_err(|_| "its salt is not 32 bytes")?;
    Ok(Some(PayloadKey::derive(secret, &salt)))
}

/// The text of a stored payload, by the key that was handed out with it. Check it first.
pub fn disclosed(row: &PayloadRow, key: Option<&PayloadKey>) -> Result<Vec<u8>, &'static str> {
    let codec = u8::try_from(row.codec).map_err(|_| "its codec is unknown")?;
    let encoded = match (&row.subject, key) {
        (None, None) => row.body.clone(),
        (None, Some(_)) => return Err("it has a key, and is not encrypted"),
        (Some(_), None) => return Err("it is encrypted, and there is no key to open it with"),
        (Some(subject), Some(key)) => {
            let subject = SubjectId::from_slice(subject).ok_or("its subject is not 16 bytes")?;
            let place = Place { codec, slot: row.slot, subject };
            key.open(place, &row.body).ok_or("its key does not open it")?
        }
    };
    match codec {
        RAW => Ok(encoded),
        ZSTD => unpack(&encoded),
        _ => Err("its codec is unknown"),
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, &'static str> {
    let size = zstd::bulk::Decompressor::upper_bound(packed).filter(|size| *size <= LONGEST);
    let size = size.ok_or("it does not say its length, or is too long")?;
    zstd::bulk::decompress(packed, size).map_err(|_| "it cannot be decompressed")
}

#[cfg(test)]
mod tests;
