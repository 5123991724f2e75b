//! The small rows that commits compare and change.

use crate::commit::WrappedKey;
use comity_core::{Amounts, Digest, Namespace, RunId, StepId, Tenant, Timestamp, Unit};
use std::sync::Arc;
use std::time::Duration;

/// One run's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCell {
    /// The number that the backend refers to it by; 0 until it is written.
    pub key: i64,
    /// Whose it is.
    pub tenant: Tenant,
    /// Division of the tenant.
    pub namespace: Namespace,
    /// Raised at every change of owner.
    pub epoch: u64,
    /// Which process owns it.
    pub owner: Arc<str>,
    /// Where it stands, as the rooms above number it.
    pub status: u8,
    /// Entries appended so far; the next one gets this number.
    pub next_seq: u64,
    /// Hash of the last entry.
    pub head: Digest,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// How many of its entries its last leaf covers.
    pub anchored: u64,
    /// Whether it stands in the queue of runs that moved since their last leaf.
    pub due: bool,
}

/// One account's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCell {
    /// What people call it.
    pub label: Arc<str>,
    /// Whose it is.
    pub tenant: Tenant,
    /// The most that `held + spent` may be.
    pub caps: Amounts,
    /// Reserved.
    pub held: Amounts,
    /// Booked.
    pub spent: Amounts,
    /// Whether further holds are refused.
    pub frozen: bool,
}

impl AccountCell {
    /// What a further hold may take.
    pub fn left(&self) -> Amounts {
        self.caps.saturating_sub(&self.held).saturating_sub(&self.spent)
    }

    /// The unit in which `amounts` does not fit, if there is one.
    pub fn lacks(&self, amounts: &Amounts) -> Option<Unit> {
        amounts.exceeds(&self.left())
    }
}

/// One approval's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalCell {
    /// The run it belongs to.
    pub run_id: RunId,
    /// The step it is about.
    pub step: StepId,
    /// What exactly was asked for.
    pub binding: Digest,
    /// Where it stands.
    pub state: ApprovalState,
    /// When it stops counting.
    pub expires: Timestamp,
    /// The entry that asked for it, by its place in the chain.
    pub asked: u64,
}

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ApprovalState {
    /// Nobody has decided.
    Pending = 0,
    /// A person said yes, and the act has not been admitted on it.
    Approved = 1,
    /// A person said no.
    Rejected = 2,
    /// An act was admitted on it; it is spent.
    Consumed = 3,
    /// It ran out of time.
    Expired = 4,
}

impl ApprovalState {
    /// Reads the stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Rejected, Self::Consumed, Self::Expired]
            .into_iter()
            .find(|state| i64::from(*state as u8) == number)
    }
}

/// One endpoint's circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerCell {
    /// Failures in the window.
    pub failures: u32,
    /// When the window began.
    pub window: Timestamp,
    /// When it opened, if it is open.
    pub opened: Option<Timestamp>,
}

/// What happened at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerChange {
    /// One attempt is let through while it is open: it is open anew until that attempt ends.
    Probing {
        /// When.
        at: Timestamp,
    },
    /// An attempt failed.
    Failed {
        /// When.
        at: Timestamp,
        /// After how many failures it opens.
        threshold: u32,
        /// How long failures are added up.
        window: Duration,
    },
    /// An attempt succeeded.
    Succeeded,
}

impl BreakerCell {
    /// The breaker after this: a pure function, so that the same is decided wherever it is applied.
    pub fn after(&self, change: BreakerChange) -> Self {
        match change {
            BreakerChange::Probing { at } => Self { opened: Some(at), ..*self },
            BreakerChange::Succeeded => Self::default(),
            BreakerChange::Failed { at, threshold, window } => {
                let fresh = self.failures == 0 || at.since(self.window) > window;
                let (failures, since) =
                    if fresh { (1, at) } else { (self.failures.saturating_add(1), self.window) };
                let reopens = self.opened.is_some() || failures >= threshold;
                Self { failures, window: since, opened: reopens.then_some(at) }
            }
        }
    }
}

/// One wrapped key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectCell {
    /// The run it belongs to, if it belongs to one.
    pub run: Option<RunId>,
    /// What sort of subject, as the rooms above number them.
    pub class: u8,
    /// The key.
    pub wrapped: WrappedKey,
    /// What it is called, sealed; or nothing.
    pub label: Vec<u8>,
}

/// How far a tenant's log has grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCell {
    /// Leaves.
    pub size: u64,
    /// Stored hashes.
    pub hashes: u64,
}
