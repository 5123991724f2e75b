//! What one run's entries make of its views.

use crate::chain::link;
use crate::entry::{Entry, EntryKind, RunStatus};
use comity_core::{Amounts, ApprovalId, Digest, Namespace, RunId, StepId, Tenant};
use comity_store::{ApprovalState, EntryRow, RunRow, Store};
use std::collections::BTreeMap;

/// A run's views.
pub struct Derived {
    pub run: RunId,
    pub tenant: Tenant,
    pub namespace: Namespace,
    pub epoch: u64,
    pub status: RunStatus,
    pub next: u64,
    pub head: Digest,
    pub opened: u64,
    pub caps: Amounts,
    pub held: Amounts,
    pub spent: Amounts,
    pub frozen: bool,
    pub approvals: BTreeMap<ApprovalId, Asked>,
}

/// An approval's row.
pub struct Asked {
    pub state: ApprovalState,
    pub step: StepId,
    pub expires: u64,
    pub by: u64,
}

impl Derived {
    /// Folds a run's entries, following its chain. The inner error is the first entry that is not as it was written.
    pub async fn of(store: &Store, row: &RunRow) -> Result<Result<Self, String>, comity_store::Error> {
        let mut derived: Option<Self> = None;
        let mut next = 0;
        loop {
            let mut wrong = None;
            let read = store
                .entries(&row.cell, next, super::PAGE, |stored| {
                    if wrong.is_some() {
                        return;
                    }
                    match take(derived.as_mut(), next, &stored) {
                        Ok(fresh) => derived = fresh.or(derived.take()),
                        Err(why) => wrong = Some(format!("entry {next}: {why}")),
                    }
                    next += 1;
                })
                .await?;
            if let Some(why) = wrong {
                return Ok(Err(why));
            }
            if read == 0 {
                return Ok(derived.ok_or_else(|| "it has no entries".to_owned()));
            }
        }
    }

    fn opened(entry: &Entry) -> Self {
        Self {
            run: entry.run,
            tenant: entry.tenant.clone(),
            namespace: entry.namespace.clone(),
            epoch: 1,
            status: RunStatus::Running,
            next: 0,
            head: Digest::ZERO,
            opened: entry.at,
            caps: entry.caps.unwrap_or(Amounts::UNLIMITED),
            held: Amounts::ZERO,
            spent: Amounts::ZERO,
            frozen: false,
            approvals: BTreeMap::new(),
        }
    }

    fn add(&mut self, entry: &Entry, head: Digest) -> Result<(), &'static str> {
        let (seq, sum) = (self.next, |total: &Amounts, more: Option<Amounts>| {
            total.checked_add(&more.unwrap_or_default()).ok_or("its amounts leave their range")
        });
        if entry.run != self.run {
            return Err("it is another run's");
        }
        self.held = sum(&self.held, entry.hold)?
            .checked_sub(&entry.release.unwrap_or_default())
            .ok_or("it releases more than was held")?;
        self.spent = sum(&self.spent, entry.usage)?;
        self.frozen |= entry.kind == EntryKind::Defect;
        self.status = entry.status.unwrap_or(self.status);
        self.epoch += u64::from(entry.kind.takes_over());
        (self.next, self.head) = (seq + 1, head);
        let Some(approval) = entry.approval else { return Ok(()) };
        let state = match entry.kind {
            EntryKind::Held => {
                let step = entry.step.as_ref().ok_or("it asks about no step")?.id;
                let (state, expires) = (ApprovalState::Pending, entry.expires.unwrap_or_default());
                self.approvals.insert(approval, Asked { state, step, expires, by: seq });
                return Ok(());
            }
            EntryKind::Approved => ApprovalState::Approved,
            EntryKind::Rejected => ApprovalState::Rejected,
            EntryKind::Expired | EntryKind::Denied => ApprovalState::Expired,
            EntryKind::Admitted => ApprovalState::Consumed,
            _ => return Ok(()),
        };
        self.approvals.get_mut(&approval).ok_or("it is about an approval nobody asked for")?.state = state;
        Ok(())
    }
}

/// Takes the entry at `seq` in. Hands back what the first one begins.
fn take(derived: Option<&mut Derived>, seq: u64, stored: &EntryRow) -> Result<Option<Derived>, String> {
    if stored.seq != seq {
        return Err("it is missing".to_owned());
    }
    let before = derived.as_ref().map_or(Digest::ZERO, |derived| derived.head);
    let head = link(&before, seq, &stored.body);
    if stored.hash != head.0 {
        return Err("its hash is not that of its content and the entry before it".to_owned());
    }
    let entry = Entry::from_bytes(&stored.body)?;
    match derived {
        Some(derived) => derived.add(&entry, head).map(|()| None).map_err(str::to_owned),
        None => {
            let mut first = Derived::opened(&entry);
            first.add(&entry, head)?;
            Ok(Some(first))
        }
    }
}
