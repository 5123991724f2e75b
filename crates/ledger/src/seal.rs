//! Turns an entry and its texts into what the store appends.

use crate::entry::Entry;
use crate::error::Error;
use crate::payload::{Slot, encode};
use crate::vault::RunKeys;
use comity_core::Entropy;
use comity_store::Append;

/// Encrypts, salts and commits to the texts, and spells the entry out. Slots must differ.
///
/// Errors if the key that one of the texts goes under was destroyed.
pub fn seal(
    mut entry: Entry,
    texts: &[(Slot, &[u8])],
    keys: &RunKeys,
    entropy: &dyn Entropy,
) -> Result<Append, Error> {
    let mut payloads = Vec::with_capacity(texts.len());
    for (slot, text) in texts {
        let (payload, digest) = encode(*slot, text, keys, entropy).ok_or(Error::RunErased)?;
        entry.payloads.set(*slot, digest);
        payloads.push(payload);
    }
    Ok(Append { body: entry.to_bytes().into(), payloads })
}
