//! When an endpoint that keeps failing is left alone: a pure state machine over one stored cell.

use crate::policy::BreakerPolicy;
use comity_core::Timestamp;
use comity_store::BreakerCell;

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

/// The cell after one attempt is let through a half-open breaker: open again until that attempt ends.
pub fn probing(cell: &BreakerCell, now: Timestamp) -> BreakerCell {
    BreakerCell { opened: Some(now), ..*cell }
}

/// The cell after a failure.
pub fn failed(cell: &BreakerCell, policy: &BreakerPolicy, now: Timestamp) -> BreakerCell {
    let fresh = cell.failures == 0 || now.since(cell.window) > policy.window;
    let (failures, window) = if fresh { (1, now) } else { (cell.failures.saturating_add(1), cell.window) };
    let reopens = cell.opened.is_some() || failures >= policy.threshold;
    BreakerCell { failures, window, opened: reopens.then_some(now) }
}

/// The cell after a success; `None` when it does not change.
pub fn succeeded(cell: &BreakerCell) -> Option<BreakerCell> {
    (*cell != BreakerCell::default()).then(BreakerCell::default)
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
        times.iter().fold(BreakerCell::default(), |cell, second| failed(&cell, &POLICY, at(*second)))
    }

    #[test]
    fn opens_at_the_threshold_and_lets_one_try_later() {
        assert_eq!(look(&after_failures(&[1, 2]), &POLICY, at(2)), Breaker::Closed);
        let open = after_failures(&[1, 2, 3]);
        assert_eq!(look(&open, &POLICY, at(4)), Breaker::Open { millis_left: 29_000, failures: 3 });
        assert_eq!(look(&open, &POLICY, at(33)), Breaker::HalfOpen);
        let tried = probing(&open, at(33));
        assert!(matches!(look(&tried, &POLICY, at(34)), Breaker::Open { .. }));
        assert!(matches!(look(&failed(&tried, &POLICY, at(35)), &POLICY, at(36)), Breaker::Open { .. }));
        assert_eq!(succeeded(&tried), Some(BreakerCell::default()));
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        assert_eq!(look(&after_failures(&[1, 100, 200, 300]), &POLICY, at(300)), Breaker::Closed);
    }
}
