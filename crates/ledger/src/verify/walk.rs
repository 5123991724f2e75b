//! Follows one run's chain, and compares the run's views with what its entries say.

use super::balance::RunBalance;
use super::keys::Sealed;
use super::log::RunTree;
use super::{Stop, fault};
use crate::account;
use crate::chain::link;
use crate::entry::{Entry, EntryKind, Glance, Origin, RunStatus};
use crate::payload::{self, Commitments, Slot};
use comity_core::{ApprovalId, Digest, StepId};
use comity_store::{ApprovalCell, ApprovalState, EntryRef, EntryRow, RunCell, RunRow, Store};
use std::collections::HashMap;

/// What one run's chain says so far.
pub struct Walk {
    /// The run's row.
    pub row: RunRow,
    /// How many of its entries were looked at.
    pub next: u64,
    /// Hash of the last of them.
    pub head: Digest,
    /// The tree over their hashes.
    pub tree: RunTree,
    /// The keys that their texts are under.
    pub sealed: Sealed,
    /// What they add up to.
    pub balance: RunBalance,
    /// The last row number, where row numbers rise.
    last_id: Option<i64>,
    epoch: u64,
    status: RunStatus,
    approvals: HashMap<ApprovalId, Asked>,
    /// Entries that go back to another run and were not compared with it yet, by their place.
    pub origins: Vec<(u64, Origin)>,
}

/// What a run's entries say of one approval.
struct Asked {
    state: ApprovalState,
    step: Option<StepId>,
    expires: u64,
    by: u64,
}

impl Asked {
    /// How an approval's row differs from what its entries say.
    fn differs(&self, cell: &ApprovalCell) -> Option<&'static str> {
        match () {
            () if cell.state != self.state => Some("is not in the state its entries say"),
            () if Some(cell.step) != self.step => Some("is about another step than its entries say"),
            () if cell.expires.millis() != self.expires => {
                Some("expires at another time than its entries say")
            }
            () if cell.asked != self.by => Some("names another entry than the one that asks for it"),
            () => None,
        }
    }
}

impl Walk {
    /// Before the first entry of the run. `counted` says that its entries have rising row numbers.
    pub fn new(row: RunRow, counted: bool) -> Self {
        Self {
            tree: RunTree::new(row.id),
            row,
            next: 0,
            head: Digest::ZERO,
            sealed: Sealed::default(),
            balance: RunBalance::default(),
            last_id: counted.then_some(0),
            epoch: 1,
            status: RunStatus::Running,
            approvals: HashMap::new(),
            origins: Vec::new(),
        }
    }

    fn wrong(&self, seq: u64, what: impl Into<String>) -> Stop {
        fault(Some(self.row.id), Some(seq), what)
    }

    /// The next entry, with its payloads.
    pub fn step(&mut self, stored: &EntryRow) -> Result<(), Stop> {
        let row = EntryRef::from(stored);
        self.link(row)?;
        let slow;
        let entry = match Glance::read(row.body) {
            Some(entry) => entry,
            None => {
                slow = Entry::from_bytes(row.body).map_err(|why| self.wrong(row.seq, why))?;
                Glance::of(&slow)
            }
        };
        self.columns(row, &entry)?;
        self.payloads(stored, &entry)?;
        self.meaning(&entry)?;
        self.descent(&entry)?;
        self.tree.push(&self.head)?;
        self.advance(row);
        Ok(())
    }

    /// The next entry, without its payloads: what it commits to, or `None` if anything is odd about it.
    pub fn glance(&mut self, row: EntryRef<'_>) -> Option<Commitments> {
        self.link(row).ok()?;
        let entry = Glance::read(row.body)?;
        self.columns(row, &entry).ok()?;
        self.meaning(&entry).ok()?;
        self.descent(&entry).ok()?;
        self.tree.push(&self.head).ok()?;
        self.advance(row);
        Some(entry.payloads)
    }

    fn advance(&mut self, row: EntryRef<'_>) {
        self.next = row.seq + 1;
        self.last_id = self.last_id.map(|_| row.id);
    }

    fn link(&mut self, row: EntryRef<'_>) -> Result<(), Stop> {
        let seq = self.next;
        if row.seq != seq {
            return Err(
                self.wrong(seq, format!("entry {seq} is missing: the next one stored is {}", row.seq))
            );
        }
        self.head = link(&self.head, seq, row.body);
        if row.hash != self.head.0 {
            return Err(self.wrong(seq, "its hash is not that of its content and the entry before it"));
        }
        Ok(())
    }

    fn columns(&self, stored: EntryRef<'_>, entry: &Glance<'_>) -> Result<(), Stop> {
        let cell = &self.row.cell;
        let wrong = |what: &str| Err(self.wrong(stored.seq, what));
        match () {
            () if stored.tenant != entry.tenant => wrong("its tenant column differs from its content"),
            () if entry.tenant != cell.tenant.as_str() => wrong("it names another tenant than its run"),
            () if entry.namespace != cell.namespace.as_str() => {
                wrong("it names another namespace than its run")
            }
            () if entry.run != self.row.id => wrong("it names another run than the one it stands in"),
            () if self.last_id.is_some_and(|last| stored.id <= last) => {
                wrong("its row number is not after that of the entry before it")
            }
            () if (entry.kind == EntryKind::Opened) != (stored.seq == 0) => {
                wrong("a run opens with its first entry, once")
            }
            () => Ok(()),
        }
    }

    fn payloads(&mut self, stored: &EntryRow, entry: &Glance<'_>) -> Result<(), Stop> {
        if stored.payloads.len() != entry.payloads.count() {
            let (there, said) = (stored.payloads.len(), entry.payloads.count());
            return Err(
                self.wrong(stored.seq, format!("it commits to {said} payloads, and {there} are stored"))
            );
        }
        for slot in Slot::ALL {
            let Some(committed) = entry.payloads.get(slot) else { continue };
            let wrong = |why: &str| self.wrong(stored.seq, format!("its payload `{}`: {why}", slot.name()));
            let row = stored.payloads.iter().find(|row| row.slot == slot as u8);
            let row = row.ok_or_else(|| wrong("it is missing"))?;
            payload::check(row, committed).map_err(&wrong)?;
            if row.tenant != stored.tenant {
                return Err(wrong("its tenant column differs from its entry's"));
            }
            let sealed = self.sealed.add(row.subject.as_deref(), slot);
            sealed.map_err(|why| self.wrong(stored.seq, format!("its payload `{}`: {why}", slot.name())))?;
        }
        Ok(())
    }

    /// Folds what the entry says into what the views must say.
    fn meaning(&mut self, entry: &Glance<'_>) -> Result<(), Stop> {
        self.balance.add(entry).map_err(|what| self.wrong(self.next, what))?;
        self.status = entry.status.unwrap_or(self.status);
        self.epoch += u64::from(entry.kind.takes_over());
        if entry.kind.is_of_book() && self.row.id != crate::book::of_tenant(&self.row.cell.tenant) {
            return Err(self.wrong(self.next, "only a tenant's book says such a thing"));
        }
        let state = match entry.kind {
            EntryKind::Held => ApprovalState::Pending,
            EntryKind::Approved => ApprovalState::Approved,
            EntryKind::Rejected => ApprovalState::Rejected,
            EntryKind::Expired | EntryKind::Denied => ApprovalState::Expired,
            EntryKind::Admitted => ApprovalState::Consumed,
            _ => return Ok(()),
        };
        let Some(approval) = entry.approval else { return Ok(()) };
        if entry.kind == EntryKind::Held {
            let step = entry.step.as_ref().map(|step| step.id);
            let asked = Asked { state, step, expires: entry.expires.unwrap_or_default(), by: self.next };
            self.approvals.insert(approval, asked);
            return Ok(());
        }
        match self.approvals.get_mut(&approval) {
            Some(asked) => asked.state = state,
            None => return Err(self.wrong(self.next, "it is about an approval that was never asked for")),
        }
        Ok(())
    }

    /// Only a run's first entry and results that were taken over go back to another run; the latter move nothing.
    fn descent(&mut self, entry: &Glance<'_>) -> Result<(), Stop> {
        let seq = self.next;
        let wrong = |what: &str| Err(self.wrong(seq, what));
        let moved = [entry.hold, entry.release, entry.usage, entry.used, entry.part];
        match (entry.kind, entry.origin) {
            (EntryKind::Reused, None) => wrong("it does not say which entry it was taken over from"),
            (EntryKind::Reused, _) if moved.iter().any(Option::is_some) => {
                wrong("it takes a result over, and moves amounts")
            }
            (EntryKind::Reused | EntryKind::Opened, Some(origin)) if origin.run == entry.run => {
                wrong("it goes back to its own run")
            }
            (EntryKind::Reused | EntryKind::Opened, Some(origin)) => {
                self.origins.push((seq, origin));
                Ok(())
            }
            (_, Some(_)) => wrong("it goes back to another run, and its kind never does"),
            (_, None) => Ok(()),
        }
    }

    /// Compares the entries of other runs with what is said of them here. Of a run that is not there any more,
    /// what is said here stays all there is.
    pub async fn follow_origins(&mut self, store: &Store) -> Result<(), Stop> {
        for (seq, origin) in std::mem::take(&mut self.origins) {
            let Some(cell) = store.run(&self.row.cell.tenant, origin.run).await? else { continue };
            let mut found = None;
            store.entries(&cell, origin.seq, 1, |row| found = Some((row.seq, row.hash))).await?;
            let same = |(there, hash): (u64, Vec<u8>)| there == origin.seq && hash == origin.entry.0;
            if !found.is_some_and(same) {
                let what = format!("entry {} of `{}` is not the one it goes back to", origin.seq, origin.run);
                return Err(self.wrong(seq, what));
            }
        }
        Ok(())
    }

    /// After the last entry: whether the run's views say what its entries say.
    pub async fn finish(&self, store: &Store) -> Result<(), Stop> {
        self.view(&self.row.cell)?;
        let run = self.row.id;
        let stored = store.approvals(&self.row.cell).await?;
        if stored.len() != self.approvals.len() {
            let said = self.approvals.len();
            return Err(fault(
                Some(run),
                None,
                format!("its entries ask for {said} approvals, and {} are stored", stored.len()),
            ));
        }
        for row in stored {
            let what = match self.approvals.get(&row.id) {
                Some(asked) => asked.differs(&row.cell),
                None => Some("is not one its entries ask for"),
            };
            if let Some(what) = what {
                return Err(fault(Some(run), None, format!("approval {} {what}", row.id)));
            }
        }
        let account = account::of_run(run);
        let row = store.account(&self.row.cell.tenant, account).await?;
        self.balance.compare(row.as_ref()).map_err(|what| fault(Some(run), None, what))
    }

    fn view(&self, cell: &RunCell) -> Result<(), Stop> {
        let wrong = |what: String| Err(fault(Some(self.row.id), None, what));
        if cell.next_seq != self.next {
            return wrong(format!("its row counts {} entries, and {} are there", cell.next_seq, self.next));
        }
        match () {
            () if self.next == 0 => wrong("it has no entries".to_owned()),
            () if cell.head != self.head => {
                wrong("its row names another head than its last entry".to_owned())
            }
            () if cell.epoch != self.epoch => {
                wrong("its row has another epoch than its entries say".to_owned())
            }
            () if cell.status != self.status as u8 => {
                wrong("its row has another status than its entries say".to_owned())
            }
            () => Ok(()),
        }
    }
}
