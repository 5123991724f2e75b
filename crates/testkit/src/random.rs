//! A small seeded generator (SplitMix64, Steele et al. 2014): good enough to choose what happens next.

use std::cell::Cell;

/// Numbers that a seed decides.
pub struct Random(Cell<u64>);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero when the bound is zero.
    pub fn below(&self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    /// True once in `n` times, on average.
    pub fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }
}
