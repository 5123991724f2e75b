//! What one admitted step may spend, shared with the steps nested in it.

use comity_core::Amounts;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A step's hold while it runs. Invariant: `left + spent + carved = hold`, in every unit.
pub struct Purse(Mutex<State>);

#[derive(Clone, Copy)]
struct State {
    left: Amounts,
    spent: Amounts,
    carved: Amounts,
    closed: bool,
}

impl Purse {
    /// Fills a purse with a hold, of which the step's own `fee` is spent at once.
    pub fn new(hold: Amounts, fee: Amounts) -> Self {
        let left = hold.saturating_sub(&fee);
        Self(Mutex::new(State { left, spent: fee, carved: Amounts::ZERO, closed: false }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is neither spent nor set aside.
    pub fn left(&self) -> Amounts {
        self.state().left
    }

    /// Spends; false, and nothing is spent, when it does not fit.
    pub fn spend(&self, amounts: &Amounts) -> bool {
        let mut state = self.state();
        match (state.left.checked_sub(amounts), state.spent.checked_add(amounts)) {
            (Some(left), Some(spent)) if !state.closed => {
                (state.left, state.spent) = (left, spent);
                true
            }
            _ => false,
        }
    }

    /// Sets an amount aside for a nested step; the rest that is left, if it does not fit.
    pub fn carve(&self, amounts: &Amounts) -> Result<(), Amounts> {
        let mut state = self.state();
        if state.closed {
            return Err(Amounts::ZERO);
        }
        let (Some(left), Some(carved)) = (state.left.checked_sub(amounts), state.carved.checked_add(amounts))
        else {
            return Err(state.left);
        };
        (state.left, state.carved) = (left, carved);
        Ok(())
    }

    /// Ends what [`Purse::carve`] began: `used` of `carved` was spent, the rest is free again.
    pub fn restore(&self, carved: &Amounts, used: &Amounts) {
        let mut state = self.state();
        let used = used.min(carved);
        if state.closed {
            return;
        }
        let rest = carved.saturating_sub(&used);
        state.carved = state.carved.saturating_sub(carved);
        state.left = state.left.checked_add(&rest).unwrap_or(state.left);
        state.spent = state.spent.checked_add(&used).unwrap_or(state.spent);
    }

    /// Empties the purse and says what was used. What nested steps still have set aside counts as used:
    /// nobody knows yet what they will spend.
    pub fn close(&self) -> Amounts {
        let mut state = self.state();
        state.closed = true;
        state.left = Amounts::ZERO;
        state.spent.checked_add(&state.carved).unwrap_or(state.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(micro_usd: u64) -> Amounts {
        Amounts { micro_usd, ..Amounts::ZERO }
    }

    #[test]
    fn never_spends_past_the_hold() {
        let purse = Purse::new(usd(10), usd(1));
        assert!(purse.spend(&usd(4)));
        assert_eq!(purse.carve(&usd(6)), Err(usd(5)));
        assert_eq!(purse.carve(&usd(5)), Ok(()));
        assert!(!purse.spend(&usd(1)));
        purse.restore(&usd(5), &usd(2));
        assert!(purse.spend(&usd(3)));
        assert!(!purse.spend(&usd(1)));
        assert_eq!(purse.close(), usd(10));
    }

    #[test]
    fn what_is_still_set_aside_counts_as_used() {
        let purse = Purse::new(usd(10), usd(0));
        assert_eq!(purse.carve(&usd(7)), Ok(()));
        assert_eq!(purse.close(), usd(7));
        assert!(!purse.spend(&usd(1)));
        assert_eq!(purse.carve(&usd(1)), Err(usd(0)));
    }
}
