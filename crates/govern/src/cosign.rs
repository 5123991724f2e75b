//! Puts what witnesses signed under the stored checkpoint.

use crate::error::Error;
use crate::gate::Gate;
use comity_core::Tenant;
use comity_ledger::log::note::{BadNote, Note, Signature};
use comity_store::{Anchor, Commit, CommitError, Fence, Op, Refused};

/// What became of signatures of witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cosigned {
    /// They are stored.
    Kept,
    /// The log has grown since: the checkpoint they are under is no longer the newest one.
    Outgrown,
    /// The stored checkpoint is not a note that takes them: somebody changed it.
    Unreadable,
}

fn with(note: &[u8], by: &[Signature]) -> Result<Note, BadNote> {
    let mut note = Note::parse(note)?;
    by.iter().try_for_each(|signature| note.add(signature.clone()))?;
    Ok(note)
}

impl Gate {
    /// Puts signatures under the tenant's checkpoint of `size` leaves, beside those that are there, if it is still the
    /// newest one. Whether they fit is for whoever got them to check.
    pub async fn cosign(&self, tenant: &Tenant, size: u64, by: &[Signature]) -> Result<Cosigned, Error> {
        let store = self.store();
        let row = store.checkpoint(tenant, None).await?.filter(|row| row.size == size);
        let leaf = store.leaves(tenant, size.saturating_sub(1), 1).await?.pop();
        let (Some(row), Some(leaf)) = (row, leaf) else { return Ok(Cosigned::Outgrown) };
        let Ok(note) = with(&row.note, by) else { return Ok(Cosigned::Unreadable) };
        let (leaves, hashes) = (Vec::new(), Vec::new());
        let anchor = Anchor { from: size, leaves, hashes, note: note.to_bytes().into() };
        // No entry says so: a signature proves itself.
        let (tenant, run, ops) = (tenant.clone(), leaf.run, vec![Op::Anchor(Box::new(anchor))]);
        let at = self.inner.world.clock.now();
        let commit = Commit { tenant, run, fence: Fence::Anyone, at, expect: Vec::new(), ops };
        match store.queue(commit).await {
            Ok(_) => Ok(Cosigned::Kept),
            Err(CommitError::Refused(Refused::Log { .. })) => Ok(Cosigned::Outgrown),
            Err(error) => Err(Error::of_commit(run, error)),
        }
    }
}
