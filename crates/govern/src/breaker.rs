//! When an endpoint that keeps failing is left alone: a pure state machine over one stored cell.

use crate::policy::BreakerPolicy;
use comity_core::Timestamp;
use comity_store::{BreakerCell, BreakerChange};

/// What the breaker says about one more attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Go ahead.
    Closed,
    /// One may try.
    HalfOpen,
    /// Leave it alone.
    Open {
        /// For this many milliseconds more.
        millis_left: u64,
        /// After this many failures.
        failures: u32,
    },
}

/// What the stored cell means now.
pub fn look(cell: &BreakerCell, policy: &BreakerPolicy, now: Timestamp) -> Breaker {
    let Some(opened) = cell.opened else { return Breaker::Closed };
    let until = opened.plus(policy.open);
    if now >= until {
        return Breaker::HalfOpen;
    }
    let millis_left = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
    Breaker::Open { millis_left, failures: cell.failures }
}

/// A failure, as the stored cell takes it.
pub fn failure(policy: &BreakerPolicy, now: Timestamp) -> BreakerChange {
    BreakerChange::Failed { at: now, threshold: policy.threshold, window: policy.window }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const POLICY: BreakerPolicy =
        BreakerPolicy { threshold: 3, window: Duration::from_secs(60), open: Duration::from_secs(30) };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn after_failures(times: &[u64]) -> BreakerCell {
        times.iter().fold(BreakerCell::default(), |cell, second| cell.after(failure(&POLICY, at(*second))))
    }

    #[test]
    fn opens_at_the_threshold_and_lets_one_try_later() {
        assert_eq!(look(&after_failures(&[1, 2]), &POLICY, at(2)), Breaker::Closed);
        let open = after_failures(&[1, 2, 3]);
        assert_eq!(look(&open, &POLICY, at(4)), Breaker::Open { millis_left: 29_000, failures: 3 });
        assert_eq!(look(&open, &POLICY, at(33)), Breaker::HalfOpen);
        let tried = open.after(BreakerChange::Probing { at: at(33) });
        assert!(matches!(look(&tried, &POLICY, at(34)), Breaker::Open { .. }));
        assert!(matches!(
            look(&tried.after(failure(&POLICY, at(35))), &POLICY, at(36)),
            Breaker::Open { .. }
        ));
        assert_eq!(tried.after(BreakerChange::Succeeded), BreakerCell::default());
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        assert_eq!(look(&after_failures(&[1, 100, 200, 300]), &POLICY, at(300)), Breaker::Closed);
    }
}
