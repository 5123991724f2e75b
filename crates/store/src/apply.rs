//! Decides, without I/O, what a batch of commits changes. Every backend runs this same function.

mod anchor;
pub mod share;
mod subject;

use crate::cells::{AccountCell, ApprovalCell, ApprovalState, BreakerCell, LogCell, RunCell, SubjectCell};
use crate::commit::{
    AccountId, Append, Commit, Expect, Fence, MAX_OPS, MAX_PAYLOADS, Op, Payload, Receipt, Refused,
};
use crate::rows::GENESIS;
use comity_core::{Amounts, ApprovalId, Digest, RunId, SubjectId, Tenant, Timestamp};
use share::Shares;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Links an entry to the one before it: `(hash before, sequence number, body) -> hash`.
pub type Link = fn(&Digest, u64, &[u8]) -> Digest;

/// Rows of one kind by tenant and id; `None` means "looked for, and not there".
pub type Rows<K, C> = HashMap<(Tenant, K), Option<C>>;

/// The rows a batch may look at: loaded before, changed by [`Cells::apply`], written back after.
#[derive(Default)]
pub struct Cells {
    /// Runs.
    pub runs: Rows<RunId, RunCell>,
    /// Accounts; of shared ones as much as is in the batch's hands.
    pub accounts: Rows<AccountId, AccountCell>,
    /// Of which accounts that is less than all. There are none where one process commits at a time.
    pub shares: Shares,
    /// Approvals.
    pub approvals: Rows<ApprovalId, ApprovalCell>,
    /// Circuit breakers, by endpoint; one that is not there is closed.
    pub breakers: HashMap<(Tenant, Arc<str>), BreakerCell>,
    /// Wrapped keys.
    pub subjects: Rows<SubjectId, SubjectCell>,
    /// Logs; one that is not there is empty.
    pub logs: HashMap<Tenant, LogCell>,
    /// Values that are set once.
    pub pins: Rows<&'static str, Arc<[u8]>>,
}

/// What has to be written, after a batch was applied.
#[derive(Default)]
pub struct Writes {
    /// New entries, in order.
    pub entries: Vec<NewEntry>,
    /// Runs that changed; `true` when the run is new.
    pub runs: Changed<RunId>,
    /// Runs that came into the queue of those that moved, or left it, in order.
    pub due: Changed<RunId>,
    /// Accounts that changed; `true` when the account is new.
    pub accounts: Changed<AccountId>,
    /// Approvals that changed; `true` when the approval is new.
    pub approvals: Changed<ApprovalId>,
    /// Breakers that changed; each stands here once.
    pub breakers: Vec<(Tenant, Arc<str>)>,
    /// Wrapped keys that changed: as they shall be, or not there any more. Each stands here once.
    pub subjects: Vec<(Tenant, SubjectId)>,
    /// New leaves, in order.
    pub leaves: Vec<PlacedLeaf>,
    /// New stored hashes: tenant, place, hash.
    pub hashes: Vec<(Tenant, u64, Digest)>,
    /// Logs that changed; each stands here once.
    pub logs: Vec<Tenant>,
    /// Checkpoints, each of which replaces one of its size.
    pub checkpoints: Vec<NewCheckpoint>,
    /// Values that were set.
    pub pins: Vec<(Tenant, &'static str)>,
}

/// Rows by tenant and id, each with a sign.
pub type Changed<K> = Vec<((Tenant, K), bool)>;

impl Writes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        // Whatever a commit changes, it changes its run's row.
        self.runs.is_empty()
    }
}

/// An entry with everything that is given inside the transaction but its row number.
pub struct NewEntry {
    /// Whose it is.
    pub tenant: Tenant,
    /// Its run.
    pub run: RunId,
    /// Place in the chain.
    pub seq: u64,
    /// Body, as hashed.
    pub body: Arc<[u8]>,
    /// Its hash.
    pub hash: Digest,
    /// Texts beside it.
    pub payloads: Vec<Payload>,
}

/// A leaf with its place in its tenant's log.
#[derive(Clone, Debug)]
pub struct PlacedLeaf {
    /// Whose log.
    pub tenant: Tenant,
    /// Its place.
    pub position: u64,
    /// What it says.
    pub leaf: crate::commit::NewLeaf,
}

/// A checkpoint to keep.
#[derive(Clone, Debug)]
pub struct NewCheckpoint {
    /// Whose log.
    pub tenant: Tenant,
    /// How many leaves it covers.
    pub size: u64,
    /// When.
    pub at: Timestamp,
    /// The signed note.
    pub note: Arc<[u8]>,
}

/// The rows one commit has changed so far; dropped whole when it is refused.
#[derive(Default)]
struct Draft {
    run: Option<(RunCell, bool)>,
    accounts: Vec<(AccountId, AccountCell, bool)>,
    /// Accounts that the receipt shows: those of the run, and new ones.
    own: Vec<AccountId>,
    /// Shared accounts of which there was not enough.
    short: Vec<AccountId>,
    approvals: Vec<(ApprovalId, ApprovalCell, bool)>,
    breakers: Vec<(Arc<str>, BreakerCell)>,
    subjects: Vec<(SubjectId, Option<SubjectCell>)>,
    pins: Vec<(&'static str, Arc<[u8]>)>,
    log: Option<LogCell>,
    /// Runs of new leaves, and how many of their entries these cover.
    anchored: Vec<(RunId, u64)>,
    leaves: Vec<(u64, crate::commit::NewLeaf)>,
    hashes: Vec<(u64, Digest)>,
    checkpoint: Option<(u64, Arc<[u8]>)>,
    entries: Vec<NewEntry>,
    receipt: Receipt,
}

impl Cells {
    /// How many rows there are, of every sort.
    pub fn count(&self) -> usize {
        let named = self.runs.len() + self.accounts.len() + self.approvals.len() + self.subjects.len();
        named + self.breakers.len() + self.logs.len() + self.pins.len()
    }

    /// Applies one commit, or leaves everything as it was and says why.
    ///
    /// Every row the commit names must have been loaded; one that was not counts as absent.
    pub fn apply(&mut self, commit: Commit, link: Link, writes: &mut Writes) -> Result<Receipt, Refused> {
        if commit.ops.len() > MAX_OPS {
            return Err(Refused::Malformed("a commit holds at most 64 operations"));
        }
        if commit.ops.iter().any(holds_nul) {
            return Err(Refused::Malformed("a name holds a NUL, which not every backend can store"));
        }
        let mut draft = Draft { run: self.fenced_run(&commit)?, ..Draft::default() };
        for expect in &commit.expect {
            self.expect(expect, &commit, &draft)?;
        }
        let Commit { tenant, run, at, ops, .. } = commit;
        let here = Here { tenant: &tenant, run, at, link };
        let changed = ops.into_iter().try_for_each(|op| self.change(op, here, &mut draft));
        self.shares.wanting.extend(draft.short.drain(..).map(|id| (tenant.clone(), id)));
        changed?;
        let Some((row, _)) = &mut draft.run else { return Err(Refused::NoRun) };
        row.updated = at;
        draft.receipt.epoch = row.epoch;
        Ok(self.keep(here, draft, writes))
    }

    /// Whether the run is there and the fence lets this commit pass.
    pub fn fence(&self, commit: &Commit) -> Result<(), Refused> {
        self.fenced_run(commit).map(drop)
    }

    /// The run's row if the fence lets this commit pass; `None` when the commit is to make it.
    fn fenced_run(&self, commit: &Commit) -> Result<Option<(RunCell, bool)>, Refused> {
        let stored = at(&self.runs, &commit.tenant, commit.run);
        let run = match (stored, commit.fence) {
            (Some(_), Fence::New) => return Err(Refused::RunExists),
            (None, Fence::New) => return Ok(None),
            (None, _) => return Err(Refused::NoRun),
            (Some(run), Fence::Epoch(epoch)) if run.epoch != epoch => {
                return Err(Refused::Fenced(Box::new(run.clone())));
            }
            (Some(run), _) => run,
        };
        Ok(Some((run.clone(), false)))
    }

    fn expect(&self, expect: &Expect, commit: &Commit, draft: &Draft) -> Result<(), Refused> {
        match expect {
            Expect::Approval(id, state) => match self.stored_approval(*id, &commit.tenant, commit.run) {
                Some(cell) if cell.state == *state => Ok(()),
                other => Err(Refused::Approval(other.cloned().map(Box::new))),
            },
            Expect::NotFrozen(id) => match at(&self.accounts, &commit.tenant, *id) {
                Some(cell) if cell.frozen => Err(Refused::Frozen(*id)),
                Some(_) => Ok(()),
                None => Err(Refused::NoAccount(*id)),
            },
            Expect::Status(allowed) => {
                let status = draft.run.as_ref().map_or(0, |(run, _)| run.status);
                if allowed.contains(&status) { Ok(()) } else { Err(Refused::Status(status)) }
            }
        }
    }

    fn change(&self, op: Op, here: Here<'_>, draft: &mut Draft) -> Result<(), Refused> {
        let Here { tenant, run, .. } = here;
        match op {
            Op::OpenRun { namespace, owner } => {
                if draft.run.is_some() {
                    return Err(Refused::RunExists);
                }
                draft.run = Some((fresh_run(here, namespace, owner), true));
            }
            Op::TakeOver { from, owner } => {
                let (row, _) = draft.run.as_mut().ok_or(Refused::NoRun)?;
                if row.epoch != from {
                    return Err(Refused::Fenced(Box::new(row.clone())));
                }
                row.epoch = row.epoch.checked_add(1).ok_or(Refused::Malformed("epoch out of range"))?;
                row.owner = owner;
            }
            Op::SetStatus(status) => draft.run.as_mut().ok_or(Refused::NoRun)?.0.status = status,
            Op::Append(append) => append_to(append, here, draft)?,
            Op::EnsureAccount { account, label, caps } => {
                self.ensure_account(account, label, caps, tenant, draft)?
            }
            Op::Hold { accounts, amounts } => {
                draft.own.extend(accounts.first());
                for id in accounts.iter() {
                    self.spend(*id, tenant, draft, |cell| hold(cell, *id, &amounts))?;
                }
            }
            Op::Settle { accounts, held, spent } => {
                draft.own.extend(accounts.first());
                for id in accounts.iter() {
                    self.spend(*id, tenant, draft, |cell| settle(cell, &held, &spent))?;
                }
            }
            Op::Freeze(id) => {
                draft.own.push(id);
                self.spend(id, tenant, draft, |cell| {
                    cell.frozen = true;
                    Ok(())
                })?;
            }
            Op::AskApproval { approval, step, binding, expires } => {
                let row = &draft.run.as_ref().ok_or(Refused::NoRun)?.0;
                let asked = row.next_seq.saturating_sub(1);
                if self.is_asked(approval, tenant, draft) {
                    let known = self.stored_approval(approval, tenant, run).cloned();
                    return Err(Refused::Approval(known.map(Box::new)));
                }
                let state = ApprovalState::Pending;
                let cell = ApprovalCell { run_id: run, step, binding, state, expires, asked };
                draft.approvals.push((approval, cell, true));
            }
            Op::SetApproval(id, state) => {
                self.approval(id, here, draft)?.state = state;
            }
            Op::Breaker { endpoint, change } => {
                let cell = self.breaker(&endpoint, tenant, draft);
                draft.breakers.push((endpoint, cell.after(change)));
            }
            Op::AddSubject(new) => self.add_subject(*new, here, draft)?,
            Op::Rewrap(keys) => self.rewrap(keys, tenant, draft)?,
            Op::EraseSubjects(ids) => erase_subjects(ids, draft)?,
            Op::Anchor(anchor) => self.anchor(*anchor, tenant, run, draft)?,
            Op::Pin { name, value } => self.pin(name, value, tenant, draft)?,
        }
        Ok(())
    }

    fn ensure_account(
        &self,
        id: AccountId,
        label: Arc<str>,
        caps: Amounts,
        tenant: &Tenant,
        draft: &mut Draft,
    ) -> Result<(), Refused> {
        if draft.accounts.iter().any(|(other, ..)| *other == id) {
            return Ok(());
        }
        match at(&self.accounts, tenant, id) {
            Some(_) => Ok(()),
            None => {
                if self.is_part(id, tenant) {
                    draft.short.push(id);
                }
                let (held, spent) = (Amounts::ZERO, Amounts::ZERO);
                let fresh = AccountCell { label, tenant: tenant.clone(), caps, held, spent, frozen: false };
                draft.accounts.push((id, fresh, true));
                draft.own.push(id);
                Ok(())
            }
        }
    }

    /// The account as this commit has left it so far, ready to be changed.
    fn account<'d>(
        &self,
        id: AccountId,
        tenant: &Tenant,
        draft: &'d mut Draft,
    ) -> Result<&'d mut AccountCell, Refused> {
        let place = match draft.accounts.iter().position(|(other, ..)| *other == id) {
            Some(place) => place,
            None => {
                let stored = at(&self.accounts, tenant, id).ok_or(Refused::NoAccount(id))?;
                draft.accounts.push((id, stored.clone(), false));
                draft.accounts.len() - 1
            }
        };
        draft.accounts.get_mut(place).map(|(_, cell, _)| cell).ok_or(Refused::NoAccount(id))
    }

    /// The approval as the commits before this one left it. Another run's approval does not exist.
    fn stored_approval(&self, id: ApprovalId, tenant: &Tenant, run: RunId) -> Option<&ApprovalCell> {
        at(&self.approvals, tenant, id).filter(|cell| cell.run_id == run)
    }

    /// Whether the tenant uses the id, for whatever run.
    fn is_asked(&self, id: ApprovalId, tenant: &Tenant, draft: &Draft) -> bool {
        at(&self.approvals, tenant, id).is_some() || draft.approvals.iter().any(|(other, ..)| *other == id)
    }

    /// The approval as this commit has left it so far, ready to be changed.
    fn approval<'d>(
        &self,
        id: ApprovalId,
        here: Here<'_>,
        draft: &'d mut Draft,
    ) -> Result<&'d mut ApprovalCell, Refused> {
        let place = match draft.approvals.iter().position(|(other, ..)| *other == id) {
            Some(place) => place,
            None => {
                let stored =
                    self.stored_approval(id, here.tenant, here.run).ok_or(Refused::Approval(None))?;
                draft.approvals.push((id, stored.clone(), false));
                draft.approvals.len() - 1
            }
        };
        draft.approvals.get_mut(place).map(|(_, cell, _)| cell).ok_or(Refused::Approval(None))
    }

    /// The breaker as this commit has left it so far.
    fn breaker(&self, endpoint: &Arc<str>, tenant: &Tenant, draft: &Draft) -> BreakerCell {
        let drafted = draft.breakers.iter().rev().find(|(other, _)| other == endpoint).map(|(_, cell)| *cell);
        drafted
            .or_else(|| self.breakers.get(&(tenant.clone(), Arc::clone(endpoint))).copied())
            .unwrap_or_default()
    }

    fn pin(
        &self,
        name: &'static str,
        value: Arc<[u8]>,
        tenant: &Tenant,
        draft: &mut Draft,
    ) -> Result<(), Refused> {
        if value.len() > crate::commit::MAX_TEXT {
            return Err(Refused::Malformed("a pinned value is longer than 64 KiB"));
        }
        let drafted = draft.pins.iter().find(|(other, _)| *other == name).map(|(_, value)| value);
        match drafted.or_else(|| at(&self.pins, tenant, name)) {
            Some(known) if *known == value => Ok(()),
            Some(known) => Err(Refused::Pinned(Arc::clone(known))),
            None => {
                draft.pins.push((name, value));
                Ok(())
            }
        }
    }

    /// Makes the draft the truth of this batch.
    fn keep(&mut self, here: Here<'_>, draft: Draft, writes: &mut Writes) -> Receipt {
        let tenant = here.tenant;
        let mut receipt = draft.receipt;
        if let Some((mut row, new)) = draft.run {
            let came = !draft.entries.is_empty() && !row.due;
            row.due |= came;
            let key = (tenant.clone(), here.run);
            if came {
                writes.due.push((key.clone(), true));
            }
            self.runs.insert(key.clone(), Some(row));
            mark(&mut writes.runs, key, new);
        }
        for (id, cell, new) in draft.accounts {
            if draft.own.contains(&id) {
                receipt.accounts.push((id, cell.clone()));
            }
            self.accounts.insert((tenant.clone(), id), Some(cell));
            mark(&mut writes.accounts, (tenant.clone(), id), new);
        }
        for (id, cell, new) in draft.approvals {
            self.approvals.insert((tenant.clone(), id), Some(cell));
            mark(&mut writes.approvals, (tenant.clone(), id), new);
        }
        for (endpoint, cell) in draft.breakers {
            let key = (tenant.clone(), endpoint);
            self.breakers.insert(key.clone(), cell);
            mark_once(&mut writes.breakers, key);
        }
        for (id, cell) in draft.subjects {
            self.subjects.insert((tenant.clone(), id), cell);
            mark_once(&mut writes.subjects, (tenant.clone(), id));
        }
        for (name, value) in draft.pins {
            self.pins.insert((tenant.clone(), name), Some(value));
            mark_once(&mut writes.pins, (tenant.clone(), name));
        }
        let anchored = anchor::Anchored {
            log: draft.log,
            runs: draft.anchored,
            leaves: draft.leaves,
            hashes: draft.hashes,
            checkpoint: draft.checkpoint,
        };
        self.keep_anchor(anchored, here, writes);
        writes.entries.extend(draft.entries);
        receipt
    }
}

/// Where an operation stands: the commit around it.
#[derive(Clone, Copy)]
struct Here<'c> {
    tenant: &'c Tenant,
    run: RunId,
    at: Timestamp,
    link: Link,
}

/// The row of a tenant, if it is there.
fn at<'r, K: Hash + Eq, C>(rows: &'r Rows<K, C>, tenant: &Tenant, id: K) -> Option<&'r C> {
    rows.get(&(tenant.clone(), id)).and_then(Option::as_ref)
}

fn fresh_run(here: Here<'_>, namespace: comity_core::Namespace, owner: Arc<str>) -> RunCell {
    RunCell {
        key: 0,
        tenant: here.tenant.clone(),
        namespace,
        epoch: 1,
        owner,
        status: 0,
        next_seq: 0,
        head: GENESIS,
        opened: here.at,
        updated: here.at,
        anchored: 0,
        due: false,
    }
}

fn append_to(append: Append, here: Here<'_>, draft: &mut Draft) -> Result<(), Refused> {
    if append.payloads.len() > MAX_PAYLOADS {
        return Err(Refused::Malformed("an entry carries at most 8 payloads"));
    }
    if !slots_are_distinct(&append.payloads) {
        return Err(Refused::Malformed("payloads have distinct slots below 8"));
    }
    let (row, _) = draft.run.as_mut().ok_or(Refused::NoRun)?;
    let seq = row.next_seq;
    row.head = (here.link)(&row.head, seq, &append.body);
    row.next_seq = seq.checked_add(1).ok_or(Refused::Malformed("sequence out of range"))?;
    draft.receipt.entries.push((seq, row.head));
    draft.entries.push(NewEntry {
        tenant: here.tenant.clone(),
        run: here.run,
        seq,
        body: append.body,
        hash: row.head,
        payloads: append.payloads,
    });
    Ok(())
}

fn erase_subjects(ids: Vec<SubjectId>, draft: &mut Draft) -> Result<(), Refused> {
    if ids.len() > crate::commit::MAX_LISTED {
        return Err(Refused::Malformed("at most 1,000 keys are erased at once"));
    }
    for id in ids {
        draft.subjects.retain(|(other, _)| *other != id);
        draft.subjects.push((id, None));
    }
    Ok(())
}

/// A slot out of range would be a row of the next entry, and a doubled one would fail the whole batch.
fn slots_are_distinct(payloads: &[Payload]) -> bool {
    let mut seen = 0u16;
    payloads.iter().all(|payload| {
        let bit = 1u16.checked_shl(u32::from(payload.slot)).unwrap_or(0);
        let fresh = usize::from(payload.slot) < MAX_PAYLOADS && seen & bit == 0;
        seen |= bit;
        fresh
    })
}

/// Remembers that a row has to be written.
fn mark_once<K: PartialEq>(list: &mut Vec<K>, key: K) {
    if !list.contains(&key) {
        list.push(key);
    }
}

/// Remembers that a row has to be written; a row that is new stays new however often it changes.
fn mark<K: PartialEq>(list: &mut Vec<(K, bool)>, key: K, new: bool) {
    if !list.iter().any(|(known, _)| *known == key) {
        list.push((key, new));
    }
}

/// Whether a text of this operation holds a NUL: one backend would fail the whole batch over it.
fn holds_nul(op: &Op) -> bool {
    match op {
        Op::OpenRun { owner, .. } | Op::TakeOver { owner, .. } => owner.contains('\0'),
        Op::EnsureAccount { label, .. } => label.contains('\0'),
        Op::Breaker { endpoint, .. } => endpoint.contains('\0'),
        _ => false,
    }
}

fn hold(account: &mut AccountCell, id: AccountId, amounts: &Amounts) -> Result<(), Refused> {
    if account.frozen {
        return Err(Refused::Frozen(id));
    }
    if let Some(unit) = account.lacks(amounts) {
        return Err(Refused::Insufficient { account: Box::new(account.clone()), id, unit });
    }
    account.held = account.held.checked_add(amounts).ok_or(Refused::Malformed("hold out of range"))?;
    Ok(())
}

fn settle(account: &mut AccountCell, held: &Amounts, spent: &Amounts) -> Result<(), Refused> {
    account.held =
        account.held.checked_sub(held).ok_or(Refused::Malformed("more is given back than is held"))?;
    account.spent = account.spent.checked_add(spent).ok_or(Refused::Malformed("spending out of range"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use comity_core::{Namespace, Timestamp};

    #[test]
    fn a_name_with_a_nul_is_refused_before_any_backend_sees_it() {
        let open = |owner: &str| Commit {
            tenant: Tenant::local(),
            run: RunId::from_bytes([1; 16]),
            fence: Fence::New,
            at: Timestamp::default(),
            expect: Vec::new(),
            ops: vec![Op::OpenRun { namespace: Namespace::default_name(), owner: owner.into() }],
        };
        let apply = |commit| Cells::default().apply(commit, |_, _, _| Digest::ZERO, &mut Writes::default());
        assert!(apply(open("7-a")).is_ok());
        assert!(matches!(apply(open("7\0a")), Err(Refused::Malformed(_))));
    }
}
