//! What somebody checks who has a file and the log's public key, and nothing else.

use super::checkpoint::Checkpoint;
use super::consistency::{CONSISTENCY, Consistency};
use super::note::{BadNote, Note, Verifier};
use super::proof::{LONGEST, PLAIN, PROOF, Proof};
use crate::entry::Entry;
use comity_core::Digest;

/// Whose signatures a checkpoint must have.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The log's own key. Its name is the log's.
    pub key: Verifier,
    /// Witnesses, each of which must have signed as well.
    pub witnesses: Vec<Verifier>,
}

/// What a file shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// An entry is in the log.
    Entry(Box<Proved>),
    /// The log only grew from one checkpoint to the other.
    Consistent {
        /// The older one.
        old: Checkpoint,
        /// The newer one.
        new: Checkpoint,
    },
    /// The log signed this. What is in it is not shown.
    Checkpoint(Checkpoint),
}

/// An entry that is in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Proved {
    /// What it says.
    pub entry: Entry,
    /// Its place in its run's chain.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
    /// The place in the log of the leaf that covers it.
    pub index: u64,
    /// The checkpoint it leads to.
    pub checkpoint: Checkpoint,
}

/// Why a file shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// It is not spelled as such a file is.
    #[error("{0}")]
    Malformed(&'static str),
    /// A checkpoint in it is not signed as it has to be.
    #[error("its checkpoint: {0}")]
    Note(#[from] BadNote),
    /// A key that has to have signed has not.
    #[error("`{0}` has not signed its checkpoint")]
    Unsigned(String),
    /// The signed checkpoint is another log's.
    #[error("its checkpoint is of the log `{found}`, and the key is that of `{wanted}`")]
    OtherLog {
        /// Whose checkpoint it is.
        found: String,
        /// Whose key is trusted.
        wanted: String,
    },
    /// The hashes lead elsewhere.
    #[error("{0}")]
    Wrong(String),
    /// It does not lead to the checkpoint that was kept elsewhere.
    #[error("it leads to other checkpoints than the one of {size} leaves that was kept elsewhere")]
    Elsewhere {
        /// The size of the one that was kept.
        size: u64,
    },
}

impl Shown {
    /// The checkpoints it leads to.
    pub fn checkpoints(&self) -> Vec<&Checkpoint> {
        match self {
            Self::Entry(proved) => vec![&proved.checkpoint],
            Self::Consistent { old, new } => vec![old, new],
            Self::Checkpoint(checkpoint) => vec![checkpoint],
        }
    }

    /// Errors unless it leads to this very checkpoint, by origin, size and root.
    pub fn leads_to(&self, kept: &Checkpoint) -> Result<(), NotShown> {
        let found = self.checkpoints().contains(&kept);
        if found { Ok(()) } else { Err(NotShown::Elsewhere { size: kept.head.size }) }
    }
}

/// Which log a file is about, as it says itself: to find the key by. Nothing is checked.
pub fn origin_of(file: &[u8]) -> Option<String> {
    let text = str::from_utf8(file).ok().filter(|text| text.len() <= LONGEST)?;
    let text = match text.split_once('\n')?.0 {
        PROOF | PLAIN | CONSISTENCY => text.split_once("\n\n")?.1,
        _ => text,
    };
    Some(text.split_once('\n')?.0.to_owned())
}

/// Checks a proof of an entry, a proof of consistency, or a checkpoint.
pub fn check(file: &[u8], trust: &Trust) -> Result<Shown, NotShown> {
    if file.len() > LONGEST {
        return Err(NotShown::Malformed("it is longer than 64 KiB"));
    }
    match file.split(|byte| *byte == b'\n').next() {
        Some(first) if [PROOF, PLAIN].map(str::as_bytes).contains(&first) => {
            let proof = Proof::parse(file).map_err(NotShown::Malformed)?;
            let checkpoint = open(&proof.note, trust)?;
            let (entry, hash) = proof.entry_under(&checkpoint).map_err(NotShown::Wrong)?;
            let (seq, index) = (proof.seq, proof.index);
            Ok(Shown::Entry(Box::new(Proved { entry, seq, hash, index, checkpoint })))
        }
        Some(first) if first == CONSISTENCY.as_bytes() => {
            let proof = Consistency::parse(file).map_err(NotShown::Malformed)?;
            // Of the older one the log's own signature is enough: what it leads to is witnessed.
            let (old, new) = (open_by(&proof.old, &trust.key)?, open(&proof.new, trust)?);
            proof.leads(&old, &new).map_err(|why| NotShown::Wrong(why.to_owned()))?;
            Ok(Shown::Consistent { old, new })
        }
        _ => open(file, trust).map(Shown::Checkpoint),
    }
}

/// Reads a checkpoint that the log's key and every witness signed.
pub fn open(note: &[u8], trust: &Trust) -> Result<Checkpoint, NotShown> {
    let mut known = trust.witnesses.clone();
    known.push(trust.key.clone());
    let signed = Note::open(note, &known)?;
    if let Some(silent) = known.iter().find(|key| signed.of(key).is_none()) {
        return Err(NotShown::Unsigned(silent.name().to_owned()));
    }
    let checkpoint = Checkpoint::parse(signed.note.text()).map_err(NotShown::Malformed)?;
    if checkpoint.origin != trust.key.name() {
        return Err(NotShown::OtherLog { found: checkpoint.origin, wanted: trust.key.name().to_owned() });
    }
    Ok(checkpoint)
}

/// Reads a checkpoint that the log's key signed.
pub fn open_by(note: &[u8], key: &Verifier) -> Result<Checkpoint, NotShown> {
    open(note, &Trust { key: key.clone(), witnesses: Vec::new() })
}
