//! Recomputes a log from its leaves: every tile, and the root of every checkpoint.

use super::{Check, Shelf, Stop, of_this_log};
use comity_archive::Key;
use comity_archive::tiles::{self, Tile};
use comity_core::{Digest, RunId};
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::leaf::Leaf;
use comity_ledger::log::merkle::{Frontier, Head, join_hashes, leaf_hash};
use comity_ledger::log::note::Note;
use std::collections::{BTreeMap, BTreeSet};

/// What a log says of each run: the root over so many of its entries.
pub type Leaves = BTreeMap<RunId, BTreeMap<u64, Digest>>;

/// Domain of a leaf's bytes.
const DOMAIN: &[u8] = b"comity/leaf/v1\n";

impl Check<'_> {
    /// Checks the log up to its largest checkpoint. What lies beyond it was cut off before its checkpoint was kept,
    /// and is not looked at.
    pub async fn log(&mut self, shelf: &Shelf, parts: &BTreeSet<String>) -> Result<Leaves, Stop> {
        let mut heads = BTreeMap::new();
        for part in parts.iter().filter(|part| part.starts_with("checkpoints/")) {
            let (key, bytes) = self.part(shelf, part).await?;
            let head = self.checkpoint(shelf, part, &bytes).map_err(|what| Stop::Fault(key.clone(), what))?;
            heads.insert(head.size, (head.root, key));
            self.report.checkpoints += 1;
        }
        let mut leaves = Leaves::new();
        let Some(size) = heads.keys().next_back().copied() else { return Ok(leaves) };
        let hashes = self.leaves(shelf, size, &heads, &mut leaves).await?;
        self.tiles(shelf, size, hashes).await?;
        self.report.leaves += size;
        Ok(leaves)
    }

    async fn part(&self, shelf: &Shelf, part: &str) -> Result<(Key, Vec<u8>), Stop> {
        let key = shelf.log(part)?;
        let bytes = self.place.read(&key).await?;
        let bytes = bytes.ok_or_else(|| Stop::Fault(key.clone(), "it is not there".to_owned()))?;
        Ok((key, bytes))
    }

    fn checkpoint(&self, shelf: &Shelf, part: &str, bytes: &[u8]) -> Result<Head, String> {
        let note = Note::parse(bytes).map_err(|bad| bad.to_string())?;
        let text = note.text().to_owned();
        if !self.known.is_empty() {
            // Another key may sign as well; what counts is that of this very log.
            let own = of_this_log(shelf, self.known);
            if own.is_empty() {
                return Err(format!("none of the keys that were named is that of `{}`", shelf.origin()));
            }
            note.verify(&own).map_err(|bad| bad.to_string())?;
        }
        let checkpoint = Checkpoint::parse(&text)?;
        if checkpoint.origin != shelf.origin() {
            return Err(format!("it is of another log: `{}`", checkpoint.origin));
        }
        if part != format!("checkpoints/{}", checkpoint.head.size) {
            return Err("it is of another size than its name says".to_owned());
        }
        Ok(checkpoint.head)
    }

    /// Reads every leaf, and compares the root at the size of every checkpoint. Returns the leaves' hashes.
    async fn leaves(
        &self,
        shelf: &Shelf,
        size: u64,
        heads: &BTreeMap<u64, (Digest, Key)>,
        out: &mut Leaves,
    ) -> Result<Vec<Digest>, Stop> {
        let mut tree = Frontier::default();
        let mut hashes = Vec::new();
        let differs = |key: &Key| Stop::Fault(key.clone(), "its root is not that of the leaves".to_owned());
        if let Some((_, key)) = heads.get(&0).filter(|(root, _)| *root != tree.root()) {
            return Err(differs(key));
        }
        for (number, width) in tiles::bundles(size) {
            let (key, bytes) = self.part(shelf, &tiles::bundle_name(number, width)).await?;
            let fault = |what: &str| Stop::Fault(key.clone(), what.to_owned());
            let leaves = tiles::unbundle(&bytes).filter(|leaves| leaves.len() as u64 == width);
            for bytes in leaves.ok_or_else(|| fault("it does not hold as many leaves as its name says"))? {
                let (run, covers, root) = read(&bytes).ok_or_else(|| fault("a leaf in it cannot be read"))?;
                out.entry(run).or_default().insert(covers, root);
                let hash = leaf_hash(&bytes);
                hashes.push(hash);
                tree.push(hash, |_| ());
                if let Some((_, key)) = heads.get(&tree.size()).filter(|(root, _)| *root != tree.root()) {
                    return Err(differs(key));
                }
            }
        }
        Ok(hashes)
    }

    /// Compares every tile with the hashes that the leaves give it.
    async fn tiles(&self, shelf: &Shelf, size: u64, leaves: Vec<Digest>) -> Result<(), Stop> {
        let (mut level, mut hashes) = (0, leaves);
        for tile in tiles::tiles(size) {
            while level < tile.level {
                hashes = hashes.chunks_exact(256).map(root).collect();
                level += 1;
            }
            let (key, bytes) = self.part(shelf, &tile.name()).await?;
            if join_hashes(slice(&hashes, tile)) != bytes {
                return Err(Stop::Fault(key, "its hashes are not those of the leaves".to_owned()));
            }
        }
        Ok(())
    }
}

/// The hashes of a tile among those of its level.
fn slice(hashes: &[Digest], tile: Tile) -> &[Digest] {
    let (_, numbers) = tile.hashes();
    let range = usize::try_from(numbers.start).ok().zip(usize::try_from(numbers.end).ok());
    range.and_then(|(from, to)| hashes.get(from..to)).unwrap_or_default()
}

fn root(hashes: &[Digest]) -> Digest {
    let mut tree = Frontier::default();
    hashes.iter().for_each(|hash| tree.push(*hash, |_| ()));
    tree.root()
}

/// Run, entries and root of a leaf, from the bytes that [`Leaf::to_bytes`] makes.
fn read(bytes: &[u8]) -> Option<(RunId, u64, Digest)> {
    let (run, rest) = bytes.strip_prefix(DOMAIN)?.split_first_chunk::<16>()?;
    let (kind, rest) = rest.split_first()?;
    let (size, root) = rest.split_first_chunk::<8>()?;
    let kind = comity_ledger::log::leaf::LeafKind::from_number(*kind)?;
    let leaf = Leaf {
        kind,
        run: RunId::from_bytes(*run),
        size: u64::from_be_bytes(*size),
        root: Digest::from_slice(root)?,
    };
    (leaf.to_bytes() == bytes).then_some((leaf.run, leaf.size, leaf.root))
}
