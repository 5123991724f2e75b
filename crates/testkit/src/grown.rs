//! A signed log in memory that grows, and that can be made to show two views of itself.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test ends where it fails")]

use comity_core::Digest;
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::merkle::{Frontier, Head, Lookup, leaf_hash, stored_count};
use comity_ledger::log::note::{Kind, Note, SecretKey, Verifier};
use std::sync::Arc;

/// A log. A clone is another view of it, by the same key.
#[derive(Clone)]
pub struct Grown {
    key: Arc<SecretKey>,
    frontier: Frontier,
    stored: Vec<Digest>,
    heads: Vec<Head>,
}

impl Grown {
    /// An empty log of that origin. The same origin has the same key each time.
    pub fn new(origin: &str) -> Self {
        let seed = Digest::of(&[origin.as_bytes()]).0;
        let key = SecretKey::new(origin, Kind::Ed25519, &seed).expect("an origin that can name a key");
        let frontier = Frontier::default();
        let heads = vec![Head { size: 0, root: frontier.root() }];
        Self { key: Arc::new(key), frontier, stored: Vec::new(), heads }
    }

    /// The same log with more leaves, which say `what`.
    pub fn grown(mut self, leaves: u64, what: &str) -> Self {
        for _ in 0..leaves {
            let at = self.frontier.size();
            let stored = &mut self.stored;
            self.frontier.push(leaf_hash(format!("{what} {at}").as_bytes()), |hash| stored.push(hash));
            self.heads.push(Head { size: at + 1, root: self.frontier.root() });
        }
        self
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Whom a witness has to trust.
    pub fn verifier(&self) -> &Verifier {
        self.key.verifier()
    }

    /// The hashes that leaves from `old` on add to a tree, in the order in which they are stored.
    pub fn stored(&self, old: u64) -> &[Digest] {
        &self.stored[stored_count(old) as usize..]
    }

    /// What it is at a size.
    pub fn head(&self, size: u64) -> Head {
        self.heads[size as usize]
    }

    /// The signed checkpoint at a size.
    pub fn note(&self, size: u64) -> Note {
        let origin = self.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, head: self.head(size) };
        let mut note = Note::new(&checkpoint.to_text()).expect("the text of a checkpoint");
        note.sign(&*self.key).expect("a key in memory");
        note
    }

    /// The proof that it only grew from `old` to `new`.
    pub fn proof(&self, old: u64, new: u64) -> Vec<Digest> {
        let lookup = Lookup::consistency(old, new).expect("two sizes of it");
        let hashes: Vec<_> = lookup.places().into_iter().map(|place| self.stored[place as usize]).collect();
        lookup.nodes(&hashes).expect("the hashes that were looked up")
    }
}
