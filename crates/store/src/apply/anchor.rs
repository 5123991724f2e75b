//! New leaves of a tenant's log.

use super::{Cells, Draft, Here, NewCheckpoint, PlacedLeaf, Writes, at, mark, mark_once};
use crate::cells::{LogCell, RunCell};
use crate::commit::{Anchor, MAX_LISTED, MAX_TEXT, NewLeaf, Refused};
use comity_core::{Digest, RunId, Tenant};
use std::sync::Arc;

/// What one commit does to its tenant's log.
pub(super) struct Anchored {
    pub log: Option<LogCell>,
    pub runs: Vec<(RunId, u64)>,
    pub leaves: Vec<(u64, NewLeaf)>,
    pub hashes: Vec<(u64, Digest)>,
    pub checkpoint: Option<(u64, Arc<[u8]>)>,
}

impl Cells {
    pub(super) fn anchor(
        &self,
        anchor: Anchor,
        tenant: &Tenant,
        run: RunId,
        draft: &mut Draft,
    ) -> Result<(), Refused> {
        if draft.log.is_some() {
            return Err(Refused::Malformed("a commit anchors once"));
        }
        if anchor.leaves.len() > MAX_LISTED || anchor.hashes.len() > 2 * MAX_LISTED + 64 {
            return Err(Refused::Malformed("an anchor holds at most 1,000 leaves"));
        }
        let long = anchor.leaves.iter().any(|leaf| leaf.frontier.len() > MAX_TEXT);
        if anchor.note.len() > MAX_TEXT || long {
            return Err(Refused::Malformed("a note or a frontier is longer than 64 KiB"));
        }
        let log = self.logs.get(tenant).copied().unwrap_or_default();
        if anchor.from != log.size {
            return Err(Refused::Log { size: log.size });
        }
        let count = anchor.leaves.len() as u64;
        let size = log.size.checked_add(count).ok_or(Refused::Malformed("log out of range"))?;
        if size == 0 {
            return Err(Refused::Malformed("an empty log has no checkpoint"));
        }
        for (place, leaf) in (log.size..).zip(anchor.leaves) {
            let known = draft.run.as_ref().filter(|_| leaf.run == run).map(|(cell, _)| cell);
            let cell = known.or_else(|| at(&self.runs, tenant, leaf.run)).ok_or(Refused::NoRun)?;
            let drafted = draft.anchored.iter().rev().find(|(other, _)| *other == leaf.run);
            let covered = drafted.map_or(cell.anchored, |(_, size)| *size);
            if leaf.size <= covered || leaf.size > cell.next_seq {
                return Err(Refused::Malformed(
                    "a leaf covers more than the one before, and no more than there is",
                ));
            }
            draft.anchored.push((leaf.run, leaf.size));
            draft.leaves.push((place, leaf));
        }
        let hashes = (log.hashes..).zip(anchor.hashes);
        draft.hashes.extend(hashes);
        let stored = log.hashes.checked_add(draft.hashes.len() as u64);
        let hashes = stored.ok_or(Refused::Malformed("log out of range"))?;
        draft.log = Some(LogCell { size, hashes });
        draft.checkpoint = Some((size, anchor.note));
        Ok(())
    }

    pub(super) fn keep_anchor(&mut self, done: Anchored, here: Here<'_>, writes: &mut Writes) {
        let tenant = here.tenant;
        let Some(log) = done.log else { return };
        self.logs.insert(tenant.clone(), log);
        mark_once(&mut writes.logs, tenant.clone());
        for (run, size) in done.runs {
            let key = (tenant.clone(), run);
            let Some(Some(cell)) = self.runs.get_mut(&key) else { continue };
            if cover(cell, size) {
                writes.due.push((key.clone(), false));
            }
            mark(&mut writes.runs, key, false);
        }
        let leaves = done.leaves.into_iter();
        writes.leaves.extend(leaves.map(|(position, leaf)| PlacedLeaf {
            tenant: tenant.clone(),
            position,
            leaf,
        }));
        writes.hashes.extend(done.hashes.into_iter().map(|(place, hash)| (tenant.clone(), place, hash)));
        if let Some((size, note)) = done.checkpoint {
            writes.checkpoints.retain(|kept| (&kept.tenant, kept.size) != (tenant, size));
            writes.checkpoints.push(NewCheckpoint { tenant: tenant.clone(), size, at: here.at, note });
        }
    }
}

/// Takes note of a leaf over the run's first `size` entries; says whether the run leaves the queue.
fn cover(cell: &mut RunCell, size: u64) -> bool {
    cell.anchored = size;
    let leaves = cell.due && size == cell.next_seq;
    cell.due &= !leaves;
    leaves
}
