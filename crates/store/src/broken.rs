//! Runs whose owner lost a commit, and must not go on as if it were there.

use crate::commit::{Commit, Fence, Op};
use comity_core::{RunId, Tenant};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Remembers which owners lost a commit to a failure, by run and epoch.
///
/// Their later commits were decided in the belief that the lost one would be there, so they are refused
/// until somebody takes the run over: that raises the epoch, and reads the run afresh.
#[derive(Default)]
pub struct Broken {
    lost: Arc<Mutex<HashSet<Owner>>>,
    /// The owners of the batch that is being committed.
    under_way: Vec<Owner>,
}

impl Broken {
    /// Of another writer of the same store: what one loses, the other stops.
    pub fn beside(&self) -> Self {
        Self { lost: Arc::clone(&self.lost), under_way: Vec::new() }
    }

    /// Notes whose commits stand or fall with this batch.
    pub fn begin(&mut self, jobs: &[Commit]) {
        self.under_way.clear();
        self.under_way.extend(jobs.iter().filter_map(owner));
    }

    /// Marks every owner of the batch under way.
    pub fn lose(&mut self) {
        let owners = std::mem::take(&mut self.under_way);
        self.lost().extend(owners);
    }

    /// Whether this commit was decided on top of a lost one. A commit that takes the run over was not.
    pub fn stops(&self, job: &Commit) -> bool {
        owner(job).is_some_and(|owner| self.lost().contains(&owner))
            && !job.ops.iter().any(|op| matches!(op, Op::TakeOver { .. }))
    }

    fn lost(&self) -> MutexGuard<'_, HashSet<Owner>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run of a tenant, at an epoch.
type Owner = (Tenant, RunId, u64);

fn owner(job: &Commit) -> Option<Owner> {
    match job.fence {
        Fence::Epoch(epoch) => Some((job.tenant.clone(), job.run, epoch)),
        Fence::New | Fence::Anyone => None,
    }
}
