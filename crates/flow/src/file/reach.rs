//! Which steps can be reached from which, and sets of steps.

/// A set of steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    words: Vec<u64>,
}

impl Steps {
    /// No step, of so many.
    pub(super) fn none(of: usize) -> Self {
        Self { words: vec![0; of.div_ceil(64)] }
    }

    /// Adds a step; whether it was not there.
    pub(super) fn insert(&mut self, step: usize) -> bool {
        let Some(word) = self.words.get_mut(step / 64) else { return false };
        let bit = 1 << (step % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(super) fn contains(&self, step: usize) -> bool {
        self.words.get(step / 64).is_some_and(|word| word & (1 << (step % 64)) != 0)
    }

    /// Adds all of another set.
    pub(super) fn take_in(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Keeps what is in another set too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(word, other)| word & other == 0)
    }

    fn is_inside(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(word, other)| word & !other == 0)
    }

    /// Whether one is inside the other, or they share nothing.
    pub(super) fn nests_with(&self, other: &Self) -> bool {
        self.is_disjoint(other) || self.is_inside(other) || other.is_inside(self)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| usize::try_from(word.count_ones()).unwrap_or(0)).sum()
    }

    /// The steps, ascending.
    pub(super) fn list(&self) -> Vec<usize> {
        let bits = |(place, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| place * 64 + bit)
        };
        self.words.iter().enumerate().flat_map(bits).collect()
    }
}

/// `start`, and everything that can be reached from it along `next`.
pub(super) fn from(start: usize, next: &[Vec<usize>]) -> Steps {
    let mut reached = Steps::none(next.len());
    let mut open = vec![start];
    reached.insert(start);
    while let Some(step) = open.pop() {
        for other in next.get(step).into_iter().flatten() {
            if reached.insert(*other) {
                open.push(*other);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_nest_or_do_not() {
        let set = |steps: &[usize]| {
            let mut set = Steps::none(200);
            steps.iter().for_each(|step| assert!(set.insert(*step)));
            set
        };
        let (small, large) = (set(&[1, 70]), set(&[1, 70, 199]));
        assert!(small.nests_with(&large) && large.nests_with(&small) && small.nests_with(&small.clone()));
        assert!(small.nests_with(&set(&[2, 71])) && !small.nests_with(&set(&[70, 71])));
        assert_eq!((large.list(), large.count()), (vec![1, 70, 199], 3));
    }

    #[test]
    fn everything_along_the_way_is_reached() {
        let next = [vec![1], vec![2], vec![0], vec![0]];
        assert_eq!(from(1, &next).list(), [0, 1, 2]);
    }
}
