//! A leaf of a tenant's log: how far one run had come.

use super::merkle::leaf_hash;
use comity_core::{Digest, RunId};

/// What a leaf says of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LeafKind {
    /// It is new in the log.
    Open = 0,
    /// It has moved on.
    Head = 1,
    /// It has ended.
    Close = 2,
}

impl LeafKind {
    /// Reads the stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Open, Self::Head, Self::Close].into_iter().find(|kind| *kind as u8 == number)
    }

    /// The word for people and files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Head => "head",
            Self::Close => "close",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Head, Self::Close].into_iter().find(|kind| kind.word() == word)
    }
}

/// A leaf: a run had this many entries, and this is the root of the tree over their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What it says of the run.
    pub kind: LeafKind,
    /// The run.
    pub run: RunId,
    /// How many of its entries are covered.
    pub size: u64,
    /// The root of the tree whose leaves are the hashes of these entries.
    pub root: Digest,
}

impl Leaf {
    /// `"comity/leaf/v1\n" ‖ run ‖ kind ‖ size as 8 bytes, big-endian ‖ root`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            b"comity/leaf/v1\n",
            self.run.bytes(),
            &[self.kind as u8],
            &self.size.to_be_bytes(),
            &self.root.0,
        ];
        parts.concat()
    }

    /// Its hash in the log.
    pub fn hash(&self) -> Digest {
        leaf_hash(&self.to_bytes())
    }
}

/// The hash of an entry as a leaf of its run's tree.
pub fn entry_leaf(entry: &Digest) -> Digest {
    leaf_hash(&entry.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let leaf =
            Leaf { kind: LeafKind::Head, run: RunId::from_bytes([7; 16]), size: 258, root: Digest([9; 32]) };
        let bytes = leaf.to_bytes();
        assert_eq!(bytes.len(), 15 + 16 + 1 + 8 + 32);
        assert_eq!(bytes[31..40], [1, 0, 0, 0, 0, 0, 0, 1, 2]);
        for other in [
            Leaf { kind: LeafKind::Close, ..leaf },
            Leaf { run: RunId::from_bytes([8; 16]), ..leaf },
            Leaf { size: 259, ..leaf },
            Leaf { root: Digest([8; 32]), ..leaf },
        ] {
            assert_ne!(other.hash(), leaf.hash());
        }
    }

    #[test]
    fn numbers_and_words_round_trip() {
        for kind in [LeafKind::Open, LeafKind::Head, LeafKind::Close] {
            assert_eq!(LeafKind::from_number(kind as u8), Some(kind));
            assert_eq!(LeafKind::from_word(kind.word()), Some(kind));
        }
        assert_eq!(LeafKind::from_number(3), None);
        assert_eq!(LeafKind::from_word("Open"), None);
    }
}
