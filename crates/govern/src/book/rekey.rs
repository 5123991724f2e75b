//! Wraps every key that stays by another tenant key.

use super::Book;
use crate::error::Error;
use comity_core::SubjectId;
use comity_ledger::keys::{KeyFault, KeyId, Survivor};
use comity_ledger::vault::bound_in;
use comity_store::{CommitError, Fence, Op, Refused, Rewrapped, SubjectRow};
use std::collections::{BTreeMap, BTreeSet};

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

    /// Wraps the book's own keys by `to`.
    pub(super) async fn wrap_own(&self, to: KeyId, fence: Fence) -> Result<(), Error> {
        let Some(cell) = self.gate.store().run(&self.tenant, self.id).await? else { return Ok(()) };
        let mut batch = Vec::new();
        for row in self.gate.store().subjects_of(&cell).await?.iter().filter(|row| row.cell.wrapped.by != to)
        {
            batch.extend(self.anew(row, to).await?);
        }
        if batch.is_empty() { Ok(()) } else { self.do_now(fence, vec![Op::Rewrap(batch)]).await }
    }

    /// Keeps every key that stays beside the tenant keys, wrapped by `to`: a copy of the store from before has them
    /// wrapped by a key that is about to be destroyed. Those that only such a copy has are kept on, unless everything
    /// of the tenant goes.
    pub(super) async fn keep_survivors(
        &self,
        to: KeyId,
        gone: &BTreeSet<SubjectId>,
        everything: bool,
    ) -> Result<(), Error> {
        let keys = self.gate.vault().keys();
        let fault = |fault: KeyFault| Error::from(comity_ledger::Error::from(fault));
        let mut kept: BTreeMap<SubjectId, Survivor> = BTreeMap::new();
        if !everything {
            let before = keys.survivors(&self.tenant).await.map_err(fault)?;
            for old in before.values().filter(|old| !gone.contains(&old.id)) {
                let Survivor { id, bound, by, wrapped } = old;
                let wrapped = match keys.unwrap(&self.tenant, *by, bound, wrapped).await {
                    Ok(_) if *by == to => wrapped.clone(),
                    Ok(secret) => keys.wrap(&self.tenant, to, bound, &secret).await.map_err(fault)?,
                    // Nothing opens it any more.
                    Err(KeyFault::Destroyed { .. } | KeyFault::Gone { .. }) => continue,
                    Err(other) => return Err(fault(other)),
                };
                kept.insert(*id, Survivor { id: *id, bound: *bound, by: to, wrapped });
            }
        }
        let mut after = None;
        loop {
            let page = self.gate.store().subjects(&self.tenant, after, BATCH).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for row in page.into_iter().filter(|row| row.cell.wrapped.by == to && !gone.contains(&row.id)) {
                let (id, bound, by) = (row.id, bound_in(&row), row.cell.wrapped.by);
                kept.insert(id, Survivor { id, bound, by, wrapped: row.cell.wrapped.bytes });
            }
        }
        keys.keep_survivors(&self.tenant, kept.into_values().collect()).await.map_err(fault)
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
            Err(KeyFault::Destroyed { .. }) => Ok(None),
            // Its tenant key is kept elsewhere, if anywhere: it stays as it is.
            Err(KeyFault::Gone { .. }) => Ok(None),
            Err(fault) => Err(comity_ledger::Error::from(fault).into()),
        }
    }
}
