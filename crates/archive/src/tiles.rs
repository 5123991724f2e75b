//! A log as tiles: which there are, how they are named, and which hashes of the tree stand in them.
//!
//! Source: C2SP `tlog-tiles`. A tile of level L and number N holds up to 256 hashes of level 8·L of the tree, from
//! number 256·N on.

use std::ops::Range;

/// Hashes, or leaves, of a whole tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree in one tile.
const HEIGHT: u32 = 8;

/// One tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// Its level, from 0.
    pub level: u32,
    /// Its place in its level, from 0.
    pub number: u64,
    /// How many hashes are in it, from 1 to [`WIDTH`].
    pub width: u64,
}

impl Tile {
    /// Its name below the log: `tile/0/x001/x234/067`, and `….p/8` for one with eight hashes.
    pub fn name(&self) -> String {
        format!("tile/{}/{}", self.level, path(self.number, self.width))
    }

    /// The level of the tree that its hashes are of, and their numbers there, in order.
    pub fn hashes(&self) -> (u32, Range<u64>) {
        let first = self.number.saturating_mul(WIDTH);
        (self.level.saturating_mul(HEIGHT), first..first.saturating_add(self.width))
    }
}

/// Every tile of a log of this many leaves, the last of each level as wide as it is.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    let levels = (0..HEIGHT).map(move |level| (level, size.checked_shr(level * HEIGHT).unwrap_or_default()));
    levels
        .take_while(|(_, hashes)| *hashes > 0)
        .flat_map(|(level, hashes)| numbers(hashes).map(move |(number, width)| Tile { level, number, width }))
}

/// Number and width of each bundle of leaves of a log of this many.
pub fn bundles(size: u64) -> impl Iterator<Item = (u64, u64)> {
    numbers(size)
}

/// The name of a bundle of leaves below the log: `tile/entries/000`.
pub fn bundle_name(number: u64, width: u64) -> String {
    format!("tile/entries/{}", path(number, width))
}

/// A bundle: each leaf after its length, as two bytes, big-endian. `None` if a leaf is longer than that can say.
pub fn bundle(leaves: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for leaf in leaves {
        out.extend(u16::try_from(leaf.len()).ok()?.to_be_bytes());
        out.extend(leaf);
    }
    Some(out)
}

/// The leaves of a bundle; `None` if it is cut off.
pub fn unbundle(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        out.push(leaf.to_vec());
        bytes = rest;
    }
    bytes.is_empty().then_some(out)
}

fn numbers(count: u64) -> impl Iterator<Item = (u64, u64)> {
    let (whole, rest) = (count / WIDTH, count % WIDTH);
    (0..whole).map(|number| (number, WIDTH)).chain((rest > 0).then_some((whole, rest)))
}

/// A number in groups of three digits, each but the last after an `x`.
fn path(number: u64, width: u64) -> String {
    let mut name = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH { format!("{name}.p/{width}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        let tile = |level, number, width| Tile { level, number, width }.name();
        assert_eq!(tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(1, 0, 8), "tile/1/000.p/8");
        assert_eq!(bundle_name(273, 112), "tile/entries/273.p/112");
    }

    #[test]
    fn a_log_has_the_tiles_of_the_specification_s_example() {
        // "a tree of size 70,000": 273 whole tiles and one of 112 at level 0, one whole and one of 17 at level 1,
        // and one of 1 at level 2.
        let all: Vec<Tile> = tiles(70_000).collect();
        assert_eq!(all.len(), 274 + 2 + 1);
        assert_eq!(all.last(), Some(&Tile { level: 2, number: 0, width: 1 }));
        assert!(all.contains(&Tile { level: 0, number: 273, width: 112 }));
        assert!(all.contains(&Tile { level: 1, number: 1, width: 17 }));
        assert_eq!(tiles(0).count(), 0);
    }

    #[test]
    fn a_tile_holds_hashes_of_every_eighth_level() {
        let tile = Tile { level: 2, number: 3, width: 5 };
        assert_eq!(tile.hashes(), (16, 768..773));
    }

    #[test]
    fn bundles_come_apart_as_they_were_put_together() {
        let leaves = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
        let bytes = bundle(&leaves).unwrap();
        assert_eq!(unbundle(&bytes), Some(leaves));
        assert_eq!(unbundle(bytes.get(..bytes.len() - 1).unwrap()), None);
        assert_eq!(bundle(&[vec![0; 65_536]]), None);
    }
}
