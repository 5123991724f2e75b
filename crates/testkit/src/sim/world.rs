//! The world as a seed makes it.

use crate::sim::executor::{Inbox, Timers};
use comity_core::{BoxFuture, Clock, Entropy, Timestamp, Unwatched};
use comity_govern::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct SimClock(Arc<Timers>);

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_640_000_000).plus(self.0.now())
    }

    fn monotonic(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(span)
    }
}

/// Bytes that a counter decides: unequal, and the same for the same seed.
struct SimEntropy(AtomicU64);

impl Entropy for SimEntropy {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let random = crate::random::Random::new(self.0.fetch_add(1, Ordering::Relaxed));
            chunk.iter_mut().zip(random.next().to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
        }
    }
}

/// A world for one process. `stream` keeps its random bytes apart from other processes'.
pub fn world(timers: &Arc<Timers>, inbox: &Inbox, stream: u64) -> World {
    World {
        clock: Arc::new(SimClock(Arc::clone(timers))),
        entropy: Arc::new(SimEntropy(AtomicU64::new(stream << 32))),
        spawn: Arc::new(inbox.clone()),
        points: Arc::new(Unwatched),
    }
}
