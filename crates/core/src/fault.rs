//! Named moments at which a test may stop the world.

/// A moment between two things that a crash could separate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// A batch is written and not yet committed.
    BeforeCommit,
    /// A batch is durable and nobody has been told.
    AfterCommit,
    /// An act is admitted and has not begun.
    BeforeEffect,
    /// An effect has ended and its settlement is not yet queued.
    AfterEffect,
}

/// Told of every [`Point`] that is reached. The product's own does nothing; tests kill the process or count.
pub trait Points: Send + Sync {
    /// Called on the thread that reached the point; returning lets it go on.
    fn reach(&self, point: Point);
}

/// Lets everything pass.
pub struct Unwatched;

impl Points for Unwatched {
    fn reach(&self, _: Point) {}
}
