//! Wraps every key that stays by another tenant key.

use super::Book;
use crate::error::Error;
use comity_core::SubjectId;
use comity_ledger::keys::{KeyFault, KeyId};
use comity_store::{CommitError, Fence, Op, Refused, Rewrapped, SubjectRow};
use std::collections::BTreeSet;

/// Keys that are wrapped in one commit.
const BATCH: usize = 500;

impl Book {
    /// Wraps every key of the tenant by `to`, but for those that are to go. Returns how many it wrapped.
    ///
    /// Goes over all of them until nothing is left to do: a run may be opened meanwhile with a key wrapped by
    /// the tenant key of before.
    pub(super) async fn wrap_survivors(
        &self,
        to: KeyId,
        gone: &BTreeSet<SubjectId>,
        fence: Fence,
    ) -> Result<usize, Error> {
        let mut wrapped = 0;
        loop {
            let round = self.wrap_once(to, gone, fence).await?;
            if round == 0 {
                return Ok(wrapped);
            }
            wrapped += round;
        }
    }

    async fn wrap_once(&self, to: KeyId, gone: &BTreeSet<SubjectId>, fence: Fence) -> Result<usize, Error> {
        let mut wrapped = 0;
        let mut after = None;
        loop {
            let page = self.gate.store().subjects(&self.tenant, after, BATCH).await?;
            let Some(last) = page.last() else { return Ok(wrapped) };
            after = Some(last.id);
            let stays = |row: &&SubjectRow| row.cell.wrapped.by != to && !gone.contains(&row.id);
            let mut batch = Vec::new();
            for row in page.iter().filter(stays) {
                batch.extend(self.anew(row, to).await?);
            }
            if batch.is_empty() {
                continue;
            }
            let count = batch.len();
            match self.gate.store().queue(self.commit(fence, vec![Op::Rewrap(batch)])).await {
                Ok(_) => wrapped += count,
                // Whoever opened a run has wrapped its key anew meanwhile: the next round looks at all of them again.
                Err(CommitError::Refused(Refused::Subject(_))) => wrapped += 1,
                Err(CommitError::Refused(Refused::Fenced(cell))) => {
                    return Err(Error::Erasing { owner: cell.owner.to_string() });
                }
                Err(error) => return Err(Error::of_commit(self.id, error)),
            }
        }
    }

    /// The key, wrapped by `to`; `None` when the tenant key it is wrapped by is gone, and it with that.
    async fn anew(&self, row: &SubjectRow, to: KeyId) -> Result<Option<Rewrapped>, Error> {
        match self.gate.vault().rewrap(&self.tenant, row, to).await {
            Ok(rewrapped) => Ok(Some(rewrapped)),
            // Nothing that is done here could lose it any more.
            Err(KeyFault::Gone { .. }) => Ok(None),
            Err(fault) => Err(comity_ledger::Error::from(fault).into()),
        }
    }
}
