//! Turns an entry and its texts into what the store appends.

use crate::entry::Entry;
use crate::payload::{Slot, clear, encode};
use crate::vault::Pen;
use comity_core::Entropy;
use comity_store::Append;

/// Encrypts, salts and commits to the texts, and spells the entry out. Slots must differ.
pub fn seal(mut entry: Entry, texts: &[(Slot, &[u8])], pen: &Pen, entropy: &dyn Entropy) -> Append {
    let mut payloads = Vec::with_capacity(texts.len());
    for (slot, text) in texts {
        let (payload, digest) = encode(*slot, text, pen, entropy);
        entry.payloads.set(*slot, digest);
        payloads.push(payload);
    }
    Append { body: entry.to_bytes().into(), payloads }
}

/// The same, with one more text that is not encrypted: for what everybody may read, whoever has a key.
pub fn seal_beside(
    mut entry: Entry,
    texts: &[(Slot, &[u8])],
    open: (Slot, &[u8]),
    pen: &Pen,
    entropy: &dyn Entropy,
) -> Append {
    let (payload, digest) = clear(open.0, open.1, entropy);
    entry.payloads.set(open.0, digest);
    let mut append = seal(entry, texts, pen, entropy);
    append.payloads.push(payload);
    append
}

/// An entry without texts.
pub fn bare(entry: &Entry) -> Append {
    Append { body: entry.to_bytes().into(), payloads: Vec::new() }
}
