//! What one admitted step may spend, shared with the steps nested in it.

use comity_core::Amounts;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A step's hold while it runs. Invariant: `left + spent + carved = hold`, in every unit.
pub struct Purse(Mutex<State>);

/// What was used out of a purse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// At most the hold.
    pub within: Amounts,
    /// Beyond it.
    pub over: Amounts,
}

impl Used {
    /// Both together.
    pub fn total(&self) -> Amounts {
        add(&self.within, &self.over)
    }
}

#[derive(Clone, Copy)]
struct State {
    left: Amounts,
    spent: Amounts,
    carved: Amounts,
    /// Of what is spent, what nested steps spent.
    nested: Amounts,
    /// Used beyond the hold.
    over: Amounts,
    closed: bool,
}

impl Purse {
    /// Fills a purse with a hold, of which the step's own `fee` is spent at once.
    pub fn new(hold: Amounts, fee: Amounts) -> Self {
        let left = hold.saturating_sub(&fee);
        let none = Amounts::ZERO;
        Self(Mutex::new(State { left, spent: fee, carved: none, nested: none, over: none, closed: false }))
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

    /// Books what has been used already: what fits is spent, the rest is used beyond the hold.
    pub fn report(&self, usage: &Amounts) {
        let mut state = self.state();
        let fits = usage.min(&state.left);
        state.left = state.left.saturating_sub(&fits);
        state.spent = add(&state.spent, &fits);
        state.over = add(&state.over, &usage.saturating_sub(&fits));
    }

    /// Takes note of what a nested step used beyond its part. False when the purse is closed: then nobody
    /// will book it.
    pub fn overrun(&self, over: &Amounts) -> bool {
        let mut state = self.state();
        if !state.closed {
            state.over = add(&state.over, over);
        }
        !state.closed
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
        state.spent = add(&state.spent, &used);
        state.nested = add(&state.nested, &used);
    }

    /// Empties the purse and says what was used. What nested steps still have set aside counts as used:
    /// nobody knows yet what they will spend.
    pub fn close(&self) -> Used {
        let mut state = self.state();
        state.closed = true;
        state.left = Amounts::ZERO;
        Used { within: add(&state.spent, &state.carved), over: state.over }
    }

    /// What nested steps have spent, or still have set aside.
    pub fn nested(&self) -> Amounts {
        let state = self.state();
        add(&state.nested, &state.carved)
    }
}

/// Adds; a sum that leaves the range becomes the largest, which no account can book.
fn add(one: &Amounts, other: &Amounts) -> Amounts {
    one.checked_add(other).unwrap_or(Amounts::UNLIMITED)
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
        assert_eq!(purse.close(), Used { within: usd(10), over: usd(0) });
    }

    #[test]
    fn what_was_used_already_is_booked_whether_it_fits_or_not() {
        let purse = Purse::new(usd(10), usd(1));
        purse.report(&usd(4));
        purse.report(&usd(7));
        assert!(!purse.spend(&usd(1)));
        assert!(purse.overrun(&usd(3)));
        let used = purse.close();
        assert_eq!(used, Used { within: usd(10), over: usd(5) });
        assert_eq!(used.total(), usd(15));
        assert!(!purse.overrun(&usd(1)));
    }

    #[test]
    fn what_is_still_set_aside_counts_as_used() {
        let purse = Purse::new(usd(10), usd(0));
        assert_eq!(purse.carve(&usd(7)), Ok(()));
        assert_eq!(purse.nested(), usd(7));
        assert_eq!(purse.close().within, usd(7));
        assert!(!purse.spend(&usd(1)));
        assert_eq!(purse.carve(&usd(1)), Err(usd(0)));
    }
}
