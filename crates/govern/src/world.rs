//! What the gate is given instead of reaching for it.

use comity_core::{Clock, Entropy, Points, Spawn};
use std::sync::Arc;

/// Time, randomness, a place for work nobody waits for, and an observer.
#[derive(Clone)]
pub struct World {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// Where work goes that must end although nobody waits for it.
    pub spawn: Arc<dyn Spawn>,
    /// Told when an effect is about to begin and when it has ended.
    pub points: Arc<dyn Points>,
}
