//! Puts what moved under a signed checkpoint: the commit, tried again while others are faster.

use crate::error::Error;
use crate::gate::Gate;
use comity_core::Tenant;
use comity_ledger::log::check::open_by;
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::note::SecretKey;
use comity_ledger::log::sequence::{Draft, KEY_PIN, draft};
use comity_store::{CheckpointRow, Commit, CommitError, Fence, Op, Refused};

/// How often in a row others may have been faster before it is given up for now.
const PATIENCE: u32 = 64;

/// A tenant's newest checkpoint, and what it added.
#[derive(Clone, Debug)]
pub struct Anchored {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub row: CheckpointRow,
    /// How many leaves this call added.
    pub added: u64,
    /// How often somebody else was faster, and it was decided anew.
    pub overtaken: u32,
}

/// What became of one try.
enum Tried {
    Added(u64, bool),
    Overtaken,
}

impl Gate {
    /// Brings everything of the tenant that is durable under a checkpoint signed with `key`, and returns the newest
    /// one: `None` if there is nothing to cover, and never was.
    ///
    /// Errors if the log is not the one that this key signed so far.
    pub async fn anchor(&self, tenant: &Tenant, key: &SecretKey) -> Result<Option<Anchored>, Error> {
        let (mut added, mut overtaken, mut in_a_row) = (0, 0, 0);
        while let Some(draft) = draft(self.store(), tenant, key).await? {
            match self.put(tenant, key, draft).await? {
                Tried::Added(count, more) => {
                    (added, in_a_row) = (added + count, 0);
                    if !more {
                        break;
                    }
                }
                Tried::Overtaken if in_a_row == PATIENCE => return Err(Error::Overtaken(tenant.clone())),
                Tried::Overtaken => (overtaken, in_a_row) = (overtaken + 1, in_a_row + 1),
            }
        }
        let Some(row) = self.store().checkpoint(tenant, None).await? else { return Ok(None) };
        let wrong = |why| comity_ledger::Error::Log {
            tenant: tenant.clone(),
            why: format!("the last checkpoint is not one this key signed: {why}"),
        };
        let checkpoint = open_by(&row.note, key.verifier()).map_err(wrong)?;
        Ok(Some(Anchored { checkpoint, row, added, overtaken }))
    }

    async fn put(&self, tenant: &Tenant, key: &SecretKey, draft: Draft) -> Result<Tried, Error> {
        let Draft { anchor, run, more, .. } = draft;
        let (count, world) = (anchor.leaves.len() as u64, &self.inner.world);
        let pin = Op::Pin { name: KEY_PIN, value: key.verifier().to_string().into_bytes().into() };
        let ops = vec![pin, Op::Anchor(Box::new(anchor))];
        let (tenant, at) = (tenant.clone(), world.clock.now());
        let commit =
            Commit { tenant: tenant.clone(), run, fence: Fence::Anyone, at, expect: Vec::new(), ops };
        match self.inner.store().queue(commit).await {
            Ok(_) => Ok(Tried::Added(count, more)),
            // Decided anew on what is there now. A leaf that covers no more than the last is one that was overtaken.
            Err(CommitError::Refused(Refused::Log { .. } | Refused::Malformed(_))) => Ok(Tried::Overtaken),
            Err(CommitError::Refused(Refused::Pinned(known))) => {
                let known = String::from_utf8_lossy(&known).into_owned();
                Err(Error::OtherKey { tenant, known, found: key.verifier().to_string() })
            }
            Err(error) => Err(Error::of_commit(run, error)),
        }
    }
}
