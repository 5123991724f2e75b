//! Shares a booking out among the steps that used it.

use comity_core::{Amounts, StepId};
use std::collections::HashMap;

/// What nested steps of one run used and no step of the run itself has booked yet.
#[derive(Debug, Default)]
pub struct Shares {
    /// Of each step: what those directly inside it used since it last reported.
    inside: HashMap<StepId, Amounts>,
    /// Of each of the run's own steps: what every step inside it used by itself, in the order they ended.
    open: HashMap<StepId, Vec<(StepId, Amounts)>>,
}

/// A nested step that ended.
#[derive(Clone, Copy, Debug)]
pub struct Nested {
    /// The step.
    pub step: StepId,
    /// The step it is directly inside.
    pub parent: StepId,
    /// The run's own step that it is inside, however deep.
    pub root: StepId,
    /// What it used, steps inside it included.
    pub used: Amounts,
}

impl Shares {
    /// Notes what a nested step used.
    pub fn nested(&mut self, nested: &Nested) {
        let inside = self.inside.remove(&nested.step).unwrap_or_default();
        let own = nested.used.saturating_sub(&inside);
        self.open.entry(nested.root).or_default().push((nested.step, own));
        let sum = self.inside.entry(nested.parent).or_default();
        *sum = sum.checked_add(&nested.used).unwrap_or(Amounts::UNLIMITED);
    }

    /// Shares out what one of the run's own steps booked. The shares add up to it in every unit: what nested steps
    /// used beyond it was never booked, and what they did not use is the step's own.
    pub fn booked(&mut self, root: StepId, usage: Amounts) -> Vec<(StepId, Amounts)> {
        self.inside.remove(&root);
        let mut left = usage;
        let mut out = Vec::new();
        for (step, own) in self.open.remove(&root).unwrap_or_default() {
            let share = own.min(&left);
            left = left.saturating_sub(&share);
            out.push((step, share));
        }
        out.push((root, left));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> StepId {
        StepId::from_bytes([number; 16])
    }

    fn cost(micro_usd: u64, millis: u64) -> Amounts {
        Amounts { micro_usd, millis, steps: 1, tokens: 0 }
    }

    fn nested(step: u8, parent: u8, used: Amounts) -> Nested {
        Nested { step: id(step), parent: id(parent), root: id(1), used }
    }

    #[test]
    fn each_step_gets_what_those_inside_it_did_not_use() {
        let mut shares = Shares::default();
        shares.nested(&nested(3, 2, cost(5, 40)));
        shares.nested(&nested(2, 1, cost(7, 30)));
        let shared = shares.booked(id(1), cost(10, 90));
        let money: Vec<(StepId, u64)> = shared.iter().map(|(step, share)| (*step, share.micro_usd)).collect();
        assert_eq!(money, [(id(3), 5), (id(2), 2), (id(1), 3)]);
        // Time inside runs while the step around it runs: it is not counted again.
        let time: Vec<u64> = shared.iter().map(|(_, share)| share.millis).collect();
        assert_eq!(time, [40, 0, 50]);
        assert_eq!(
            shares.booked(id(1), cost(1, 1)),
            [(id(1), cost(1, 1))],
            "the next try begins with nothing"
        );
    }

    #[test]
    fn shares_never_exceed_what_was_booked() {
        let mut shares = Shares::default();
        shares.nested(&nested(2, 1, cost(7, 0)));
        shares.nested(&nested(3, 1, cost(7, 0)));
        let shared = shares.booked(id(1), cost(9, 0));
        let money: Vec<u64> = shared.iter().map(|(_, share)| share.micro_usd).collect();
        assert_eq!(money, [7, 2, 0]);
    }
}
