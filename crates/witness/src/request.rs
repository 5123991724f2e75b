//! What a witness is asked: a checkpoint, and why it follows from an older one.

use comity_core::Digest;
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::note::Note;
use comity_ledger::log::text::{decode, encode, number};

/// Bytes in a request, at most: 63 hashes, and a checkpoint with room for signatures.
pub const MAX_BYTES: usize = 64 * 1024;
/// Hashes in a proof, at most. Source: c2sp.org/tlog-witness.
const MAX_HASHES: usize = 63;

/// The body of `POST /add-checkpoint`. Source: c2sp.org/tlog-witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The size that the proof begins at.
    pub old: u64,
    /// The consistency proof from there to the checkpoint; RFC 6962, 2.1.2.
    pub proof: Vec<Digest>,
    /// The checkpoint, signed; no signature is checked yet.
    pub note: Note,
    /// What the note says.
    pub checkpoint: Checkpoint,
}

impl Request {
    /// Reads a body. Errors say what is wrong with it, as a sentence for whoever sent it.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        if body.len() > MAX_BYTES {
            return Err(format!("the request is longer than {MAX_BYTES} bytes"));
        }
        let cut = body.windows(2).position(|pair| pair == b"\n\n").ok_or("there is no empty line")?;
        let (head, rest) = body.split_at_checked(cut).ok_or("there is no empty line")?;
        let head = str::from_utf8(head).map_err(|_| "the lines before the checkpoint are not text")?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(number);
        let old = old.ok_or("the first line is not `old` and a size")?;
        let hashes = lines.map(|line| Digest::from_slice(&decode(line)?)).collect::<Option<Vec<_>>>();
        let proof = hashes.filter(|hashes| hashes.len() <= MAX_HASHES);
        let proof = proof.ok_or("the proof is not up to 63 lines of 32 bytes in base64")?;
        let note = rest.get(2..).unwrap_or_default();
        let note = Note::parse(note).map_err(|bad| bad.to_string())?;
        let checkpoint = checkpoint_of(note.text())?;
        if old > checkpoint.head.size {
            return Err(format!("the old size {old} is above the checkpoint's {}", checkpoint.head.size));
        }
        Ok(Self { old, proof, note, checkpoint })
    }

    /// The body that asks for a cosignature on `note`.
    pub fn body(old: u64, proof: &[Digest], note: &[u8]) -> Vec<u8> {
        let proof: String = proof.iter().map(|hash| format!("{}\n", encode(&hash.0))).collect();
        [format!("old {old}\n{proof}\n").as_bytes(), note].concat()
    }
}

/// What a checkpoint says. Other logs may add lines, which mean nothing here. Source: c2sp.org/tlog-checkpoint.
pub(crate) fn checkpoint_of(text: &str) -> Result<Checkpoint, String> {
    let mut lines = text.split_inclusive('\n');
    let first: String = lines.by_ref().take(3).collect();
    if lines.any(|line| line == "\n") {
        return Err("the checkpoint has an empty line".to_owned());
    }
    Checkpoint::parse(&first).map_err(|why| format!("this is not a checkpoint: {why}"))
}

#[cfg(test)]
mod tests;
