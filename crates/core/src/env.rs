//! Time and randomness, as things that are handed in.

use std::{future::Future, pin::Pin, time::Duration};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Milliseconds since 1970-01-01T00:00:00Z, at most 2^53 - 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Takes milliseconds since the epoch; larger values than 2^53 - 1 become it.
    pub const fn from_millis(millis: u64) -> Self {
        let max = (1 << 53) - 1;
        Self(if millis > max { max } else { millis })
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// This moment plus `span`, stopping at the largest.
    pub fn plus(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Where time comes from: the machine, or a simulator.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Time that never runs backwards, from an arbitrary start.
    fn monotonic(&self) -> Duration;
    /// Ends after `span`.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// Where randomness comes from: the operating system, or a seed.
pub trait Entropy: Send + Sync {
    /// Fills `out`. A source that fails must end the process rather than return predictable bytes.
    fn fill(&self, out: &mut [u8]);
}

/// Where work goes that must end although nobody waits for it.
pub trait Spawn: Send + Sync {
    /// Runs `task` to its end. The implementation owns the task and joins it.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}
