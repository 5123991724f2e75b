//! A proof that one entry is in a tenant's log, in one file, for somebody who has only the log's public key.
//!
//! ```text
//! comity/proof/v2
//! entry SEQ HASH-BEFORE
//! PACKED BODY
//! run KIND SIZE PATH
//! log INDEX PATH
//!
//! the signed checkpoint
//! ```
//!
//! Hashes are in base64, and a path is its hashes one after another, from the leaf up (`-` when there is none). So is
//! the body, once it is [packed](super::pack). In files that begin with `comity/proof/v1` it stands as it was hashed.

use super::checkpoint::{Checkpoint, parts_of_origin};
use super::leaf::{Leaf, LeafKind, entry_leaf};
use super::merkle::root_of_path;
use super::pack::{pack, unpack};
use super::text::{decode, decode_hashes, encode, encode_hashes, number};
use crate::chain::link;
use crate::entry::Entry;
use comity_core::Digest;

/// The first line of a proof.
pub const PROOF: &str = "comity/proof/v2";
/// The first line of a proof whose body is not packed: that is read, and written only of bodies that no entry has.
pub const PLAIN: &str = "comity/proof/v1";
/// The longest file that is read as a proof, in bytes.
pub const LONGEST: usize = 64 << 10;
/// The most hashes a path may have: a tree of 2⁶⁴ leaves is not deeper.
const DEEPEST: usize = 64;

/// What leads from one entry to a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The entry's place in its run's chain, from 0.
    pub seq: u64,
    /// The hash of the entry before it, or zero bytes.
    pub before: Digest,
    /// The entry's body, as it was hashed.
    pub body: String,
    /// What the leaf says of the run.
    pub kind: LeafKind,
    /// How many entries of the run the leaf covers.
    pub size: u64,
    /// From the entry up to the root of the run's tree.
    pub run_path: Vec<Digest>,
    /// The leaf's place in the log, from 0.
    pub index: u64,
    /// From the leaf up to the root of the log.
    pub log_path: Vec<Digest>,
    /// The signed checkpoint, as bytes.
    pub note: Vec<u8>,
}

impl Proof {
    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (first, body) = match pack(&self.body) {
            Some(packed) => (PROOF, encode(&packed)),
            None => (PLAIN, self.body.clone()),
        };
        let head = format!(
            "{first}\nentry {} {}\n{body}\nrun {} {} {}\nlog {} {}\n\n",
            self.seq,
            encode(&self.before.0),
            self.kind.word(),
            self.size,
            encode_hashes(&self.run_path),
            self.index,
            encode_hashes(&self.log_path),
        );
        [head.as_bytes(), &self.note].concat()
    }

    /// Reads what [`Proof::to_bytes`] writes, and nothing else. Nothing is proved by that.
    pub fn parse(file: &[u8]) -> Result<Self, &'static str> {
        if file.len() > LONGEST {
            return Err("it is longer than 64 KiB");
        }
        let file = str::from_utf8(file).map_err(|_| "it is not UTF-8")?;
        let (head, note) = file.split_once("\n\n").ok_or("it has no checkpoint")?;
        let mut lines = head.split('\n');
        let mut line = || lines.next().ok_or("a line is missing");
        let first = line()?;
        if first != PROOF && first != PLAIN {
            return Err("it is not a proof of this format");
        }
        let (seq, before) = entry_line(line()?).ok_or("its entry line cannot be read")?;
        let body = body_of(line()?, first == PLAIN).ok_or("its entry is not packed as it has to be")?;
        let (kind, size, run_path) = run_line(line()?).ok_or("its run line cannot be read")?;
        let (index, log_path) = log_line(line()?).ok_or("its log line cannot be read")?;
        if lines.next().is_some() {
            return Err("it has a line too many");
        }
        let note = note.as_bytes().to_vec();
        Ok(Self { seq, before, body, kind, size, run_path, index, log_path, note })
    }

    /// Whether the entry is in the tree that the checkpoint names; the entry, and its hash. Whether the checkpoint is
    /// signed is not looked at.
    pub fn entry_under(&self, checkpoint: &Checkpoint) -> Result<(Entry, Digest), String> {
        if (self.seq == 0) != (self.before == Digest::ZERO) {
            return Err("the hash before its entry is not one that place can have".to_owned());
        }
        let hash = link(&self.before, self.seq, self.body.as_bytes());
        let entry = Entry::from_bytes(self.body.as_bytes())
            .map_err(|why| format!("its entry cannot be read: {why}"))?;
        let root = root_of_path(entry_leaf(&hash), self.seq, self.size, &self.run_path);
        let root = root.ok_or("its path in the run does not fit the place of the entry")?;
        let leaf = Leaf { kind: self.kind, run: entry.run, size: self.size, root };
        let top = root_of_path(leaf.hash(), self.index, checkpoint.head.size, &self.log_path);
        let top = top.ok_or("its path in the log does not fit the place of the leaf")?;
        if top != checkpoint.head.root {
            return Err("its entry is not in the log that was signed".to_owned());
        }
        match parts_of_origin(&checkpoint.origin) {
            Some((_, tenant)) if tenant == entry.tenant => Ok((entry, hash)),
            _ => Err("its entry is another tenant's than its log".to_owned()),
        }
    }
}

fn body_of(line: &str, is_plain: bool) -> Option<String> {
    if is_plain { Some(line.to_owned()) } else { unpack(&decode(line)?) }
}

fn entry_line(line: &str) -> Option<(u64, Digest)> {
    let (seq, before) = line.strip_prefix("entry ")?.split_once(' ')?;
    let before = <[Digest; 1]>::try_from(decode_hashes(before)?).ok()?;
    let [before] = before;
    Some((number(seq)?, before))
}

fn run_line(line: &str) -> Option<(LeafKind, u64, Vec<Digest>)> {
    let (kind, rest) = line.strip_prefix("run ")?.split_once(' ')?;
    let (size, path) = rest.split_once(' ')?;
    Some((LeafKind::from_word(kind)?, number(size)?, path_of(path)?))
}

fn log_line(line: &str) -> Option<(u64, Vec<Digest>)> {
    let (index, path) = line.strip_prefix("log ")?.split_once(' ')?;
    Some((number(index)?, path_of(path)?))
}

/// A path, as it stands in a file.
pub fn path_of(text: &str) -> Option<Vec<Digest>> {
    decode_hashes(text).filter(|path| path.len() <= DEEPEST)
}
