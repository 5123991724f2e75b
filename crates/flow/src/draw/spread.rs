//! Places on a line that are as close as can be to where they are wanted, in order, and far enough apart.

/// Something that wants to be at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Where it wants to be.
    pub at: i64,
    /// How much that counts; at least 1.
    pub weight: i64,
    /// How far it has to be from the one before it; not looked at for the first.
    pub gap: i64,
}

/// A run of neighbours that touch, and so move together.
struct Block {
    sum: i64,
    weight: i64,
    members: usize,
}

impl Block {
    fn mean(&self) -> i64 {
        self.sum.div_euclid(self.weight.max(1))
    }
}

/// The places with the least sum of weighted squared distances from the wishes.
///
/// Source: pooling of adjacent violators (Ayer et al. 1955), on places less the gaps before them.
pub(super) fn spread(wishes: &[Wish]) -> Vec<i64> {
    let mut before = 0;
    let mut offsets = Vec::with_capacity(wishes.len());
    let mut blocks: Vec<Block> = Vec::new();
    for (index, wish) in wishes.iter().enumerate() {
        before += if index == 0 { 0 } else { wish.gap };
        offsets.push(before);
        let mut last = Block { sum: (wish.at - before) * wish.weight, weight: wish.weight, members: 1 };
        while blocks.last().is_some_and(|block| block.mean() >= last.mean()) {
            if let Some(block) = blocks.pop() {
                last = Block {
                    sum: last.sum + block.sum,
                    weight: last.weight + block.weight,
                    members: last.members + block.members,
                };
            }
        }
        blocks.push(last);
    }
    let means = blocks.iter().flat_map(|block| std::iter::repeat_n(block.mean(), block.members));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(wishes: &[(i64, i64)]) -> Vec<i64> {
        let wishes: Vec<Wish> =
            wishes.iter().map(|(at, gap)| Wish { at: *at, weight: 1, gap: *gap }).collect();
        spread(&wishes)
    }

    #[test]
    fn wishes_that_fit_are_granted_and_others_shared() {
        assert_eq!(places(&[(0, 0), (10, 5), (20, 5)]), [0, 10, 20]);
        assert_eq!(places(&[(10, 0), (10, 4), (10, 4)]), [6, 10, 14]);
        assert_eq!(places(&[(0, 0), (10, 4), (10, 4)]), [0, 8, 12]);
        assert_eq!(places(&[]), [0_i64; 0]);
    }
}
