//! Merkle trees as RFC 6962 and RFC 9162 (section 2.1) define them: roots, paths, and what proves them.
//!
//! A tree is kept as its *stored hashes*: the hash of every complete subtree, in the order in which subtrees
//! become complete. It is the order of `golang.org/x/mod/sumdb/tlog`: appending a leaf appends hashes, and
//! none is ever changed.

use comity_core::Digest;

/// The hash of a leaf: `SHA-256(0x00 ‖ data)`. Source: RFC 9162, 2.1.1.
pub fn leaf_hash(data: &[u8]) -> Digest {
    Digest::of(&[&[0], data])
}

/// The hash of two subtrees: `SHA-256(0x01 ‖ left ‖ right)`. Source: RFC 9162, 2.1.1.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], &left.0, &right.0])
}

/// The root of a tree without leaves: `SHA-256()`.
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The place of a complete subtree among a tree's stored hashes.
///
/// `number` counts the subtrees of 2^`level` leaves from the left. Source: `tlog.StoredHashIndex`.
pub const fn stored_index(level: u32, number: u64) -> u64 {
    // The subtree becomes complete with its last leaf, `level` hashes after the leaf's own.
    let last = (number << level) | ((1 << level) - 1);
    stored_leaf(last).saturating_add(level as u64)
}

/// How many hashes are stored for a tree of `size` leaves. Source: `tlog.StoredHashCount`.
pub const fn stored_count(size: u64) -> u64 {
    stored_leaf(size)
}

// Before leaf `n` there are n leaves, n/2 pairs, n/4 pairs of pairs, and so on.
const fn stored_leaf(mut number: u64) -> u64 {
    let mut place: u64 = 0;
    while number > 0 {
        // Sizes this large cannot come about; a forged one must not stop the program.
        place = place.saturating_add(number);
        number >>= 1;
    }
    place
}

/// The right edge of a tree: enough to append to it and to know its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    // Roots of the complete subtrees that make the tree up, the largest first: one for each 1 in `size`.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Puts a frontier together again from what [`Frontier::peaks`] gave; `None` if there are too many or too few.
    pub fn new(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        Self::new(size, split_hashes(bytes)?)
    }

    /// The roots of the complete subtrees, largest first, one after another.
    pub fn to_bytes(&self) -> Vec<u8> {
        join_hashes(&self.peaks)
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends a leaf by its hash, and hands out each hash that is to be stored, in order.
    pub fn push(&mut self, leaf: Digest, mut stored: impl FnMut(Digest)) {
        let mut hash = leaf;
        stored(hash);
        let mut rest = self.size;
        while rest & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            stored(hash);
            rest >>= 1;
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The tree's root.
    pub fn root(&self) -> Digest {
        fold(&self.peaks).unwrap_or_else(empty_root)
    }
}

/// The root over subtrees that lie side by side, the largest first.
fn fold(peaks: &[Digest]) -> Option<Digest> {
    peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right))
}

/// Hashes one after another.
pub fn join_hashes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Takes apart what [`join_hashes`] joined; `None` unless the length is a multiple of 32.
pub fn split_hashes(bytes: &[u8]) -> Option<Vec<Digest>> {
    bytes.chunks(32).map(Digest::from_slice).collect()
}

/// Leaves `from..to`, as a node of the tree covers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: u64,
    to: u64,
}

impl Span {
    const fn len(self) -> u64 {
        self.to - self.from
    }

    /// The two halves of RFC 9162: the left one has the largest power of two below the length. Only for two leaves
    /// and more.
    const fn halves(self) -> (Self, Self) {
        let middle = self.from + (1 << (self.len() - 1).ilog2());
        (Self { from: self.from, to: middle }, Self { from: middle, to: self.to })
    }

    const fn holds(self, leaf: u64) -> bool {
        self.from <= leaf && leaf < self.to
    }

    /// Where the complete subtrees that make it up are stored, the largest first.
    fn stored(self) -> Vec<u64> {
        let mut places = Vec::new();
        let mut from = self.from;
        while from < self.to {
            let level = (self.to - from).ilog2();
            places.push(stored_index(level, from >> level));
            from += 1 << level;
        }
        places
    }
}

/// Which stored hashes make up a list of nodes. Read them with [`Lookup::places`], then [`Lookup::nodes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup(Vec<Vec<u64>>);

impl Lookup {
    fn of(spans: Vec<Span>) -> Self {
        Self(spans.into_iter().map(Span::stored).collect())
    }

    /// The right edge of a tree of `size` leaves: its nodes are the peaks of a [`Frontier`].
    pub fn frontier(size: u64) -> Self {
        Self(Span { from: 0, to: size }.stored().into_iter().map(|place| vec![place]).collect())
    }

    /// The path of leaf `index` in a tree of `size` leaves; `None` if there is no such leaf.
    pub fn path(index: u64, size: u64) -> Option<Self> {
        path_spans(index, size).map(Self::of)
    }

    /// The proof that a tree of `new` leaves begins with the tree of its first `old`; `None` if `old` is larger.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        consistency_spans(old, new).map(Self::of)
    }

    /// The places of the stored hashes that are needed, in the order [`Lookup::nodes`] takes them.
    pub fn places(&self) -> Vec<u64> {
        self.0.iter().flatten().copied().collect()
    }

    /// The nodes, from the hashes at [`Lookup::places`]; `None` if it is another number of hashes.
    pub fn nodes(&self, hashes: &[Digest]) -> Option<Vec<Digest>> {
        let mut rest = hashes;
        let mut nodes = Vec::with_capacity(self.0.len());
        for places in &self.0 {
            let (own, after) = rest.split_at_checked(places.len())?;
            rest = after;
            nodes.push(fold(own)?);
        }
        rest.is_empty().then_some(nodes)
    }
}

/// The nodes beside the way from a leaf to the root, from the leaf up. Source: RFC 9162, 2.1.3.1.
fn path_spans(index: u64, size: u64) -> Option<Vec<Span>> {
    let mut here = Span { from: 0, to: size };
    if !here.holds(index) {
        return None;
    }
    let mut spans = Vec::new();
    while here.len() > 1 {
        let (left, right) = here.halves();
        let (next, beside) = if left.holds(index) { (left, right) } else { (right, left) };
        spans.push(beside);
        here = next;
    }
    spans.reverse();
    Some(spans)
}

/// Source: RFC 9162, 2.1.4.1. Nothing has to be proved of an empty tree, nor of a tree and itself.
fn consistency_spans(old: u64, new: u64) -> Option<Vec<Span>> {
    if old > new {
        return None;
    }
    let mut here = Span { from: 0, to: new };
    let mut spans = Vec::new();
    if old == 0 || old == new {
        return Some(spans);
    }
    // `old` ends inside `here`, or with it.
    while here.to != old {
        let (left, right) = here.halves();
        let (next, beside) = if old <= left.to { (left, right) } else { (right, left) };
        spans.push(beside);
        here = next;
    }
    // The verifier has the old root: only a subtree that is not the old tree itself has to be told.
    if here.from != 0 {
        spans.push(here);
    }
    spans.reverse();
    Some(spans)
}

/// Builds a leaf's path while all leaves of the tree go by, in memory that does not grow with their number.
#[derive(Clone, Debug)]
pub struct PathBuilder {
    beside: Vec<(Span, Frontier)>,
    next: u64,
    size: u64,
}

impl PathBuilder {
    /// For leaf `index` of a tree of `size` leaves; `None` if there is no such leaf.
    pub fn new(index: u64, size: u64) -> Option<Self> {
        let beside = path_spans(index, size)?.into_iter().map(|span| (span, Frontier::default())).collect();
        Some(Self { beside, next: 0, size })
    }

    /// Takes the next leaf's hash. Leaves after the last are not looked at.
    pub fn push(&mut self, leaf: Digest) {
        if let Some((_, node)) = self.beside.iter_mut().find(|(span, _)| span.holds(self.next)) {
            node.push(leaf, |_| ());
        }
        self.next += 1;
    }

    /// The path from the leaf up; `None` when leaves are missing.
    pub fn finish(self) -> Option<Vec<Digest>> {
        (self.next >= self.size).then(|| self.beside.iter().map(|(_, node)| node.root()).collect())
    }
}

/// The root that a leaf's path leads to; `None` when the path does not fit the place and the size.
///
/// Source: RFC 9162, 2.1.3.2.
pub fn root_of_path(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(beside, &hash);
            // A subtree at the right edge may stand alone for some levels. `place` is not 0 here.
            let lone = if place & 1 == 1 { 0 } else { place.trailing_zeros() };
            (place, last) = (place >> lone, last >> lone);
        } else {
            hash = node_hash(&hash, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// A tree's size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// Whether the proof shows that the tree `new` begins with the tree `old`. Source: RFC 9162, 2.1.4.2.
pub fn is_consistent(old: Head, new: Head, proof: &[Digest]) -> bool {
    if old.size == 0 {
        return proof.is_empty() && old.root == empty_root();
    }
    if old.size == new.size {
        return proof.is_empty() && old.root == new.root;
    }
    roots_of_consistency(old, new.size, proof) == Some((old.root, new.root))
}

/// The old and the new root that a proof leads to; `None` when it fits no such sizes, or `old.size` is 0 or not below
/// `new_size`. Of `old`, the root counts only where the size is a power of two: there the proof does not repeat it.
pub fn roots_of_consistency(old: Head, new_size: u64, proof: &[Digest]) -> Option<(Digest, Digest)> {
    if old.size == 0 || old.size >= new_size {
        return None;
    }
    let (mut place, mut last) = (old.size - 1, new_size - 1);
    let whole = place.trailing_ones();
    (place, last) = (place >> whole, last >> whole);
    // An old tree that is one complete subtree begins the proof itself.
    let (first, rest) = if old.size.is_power_of_two() {
        (old.root, proof)
    } else {
        proof.split_first().map(|(a, b)| (*a, b))?
    };
    let (mut old_hash, mut new_hash) = (first, first);
    for beside in rest {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            old_hash = node_hash(beside, &old_hash);
            new_hash = node_hash(beside, &new_hash);
            let lone = if place & 1 == 1 { 0 } else { place.trailing_zeros() };
            (place, last) = (place >> lone, last >> lone);
        } else {
            new_hash = node_hash(&new_hash, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some((old_hash, new_hash))
}

#[cfg(test)]
mod tests;
