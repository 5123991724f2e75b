//! Defects that can be planted, to prove that the simulator would find them.
//!
//! Compiled only with the feature `planted`; without it every question is answered "no" at compile time.

/// A defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Defect {
    /// The settlement is recorded before the effect runs.
    SettleBeforeEffect = 1,
    /// A settlement gives nothing of its hold back.
    LostRelease = 2,
    /// Commits are not fenced by the owner's epoch.
    DoubleResume = 3,
    /// A nested step holds on the accounts although its parent's hold covers it.
    ChildHoldsTwice = 4,
    /// Events leave before their entry is durable.
    EarlyEvent = 5,
    /// A suspended step is not billed for what steps nested in it spent.
    ForgottenChildren = 6,
    /// What is nested in a step that failed is taken for that of its next try.
    ReusedChildren = 7,
    /// A moment that was set is forgotten with its process.
    ForgottenMoment = 8,
}

impl Defect {
    /// Every defect.
    pub const ALL: [Self; 8] = [
        Self::SettleBeforeEffect,
        Self::LostRelease,
        Self::DoubleResume,
        Self::ChildHoldsTwice,
        Self::EarlyEvent,
        Self::ForgottenChildren,
        Self::ReusedChildren,
        Self::ForgottenMoment,
    ];
}

#[cfg(feature = "planted")]
mod active {
    use super::Defect;
    use std::cell::Cell;

    thread_local! {
        static ACTIVE: Cell<Option<Defect>> = const { Cell::new(None) };
    }

    /// Plants a defect on this thread, or takes it out.
    pub fn plant(defect: Option<Defect>) {
        ACTIVE.with(|active| active.set(defect));
    }

    /// Whether the defect is planted on this thread.
    pub fn is(defect: Defect) -> bool {
        ACTIVE.with(Cell::get) == Some(defect)
    }
}

#[cfg(feature = "planted")]
pub use active::{is, plant};

/// Whether the defect is planted: never, in this build.
#[cfg(not(feature = "planted"))]
pub const fn is(_: Defect) -> bool {
    false
}
