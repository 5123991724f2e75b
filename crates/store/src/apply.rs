//! Decides, without I/O, what a batch of commits changes. Every backend runs this same function.

use crate::cells::{AccountCell, ApprovalCell, ApprovalState, BreakerCell, RunCell};
use crate::commit::{
    AccountId, Append, Commit, Expect, Fence, MAX_OPS, MAX_PAYLOADS, Op, Payload, Receipt, Refused,
};
use crate::rows::GENESIS;
use comity_core::{Amounts, ApprovalId, Digest, RunId, Tenant};
use std::collections::HashMap;
use std::sync::Arc;

/// Links an entry to the one before it: `(hash before, sequence number, body) -> hash`.
pub type Link = fn(&Digest, u64, &[u8]) -> Digest;

/// The rows a batch may look at: loaded before, changed by [`Cells::apply`], written back after.
#[derive(Default)]
pub struct Cells {
    /// Runs by id; `None` means "looked for, and not there".
    pub runs: HashMap<RunId, Option<RunCell>>,
    /// Accounts by id.
    pub accounts: HashMap<AccountId, Option<AccountCell>>,
    /// Approvals by id.
    pub approvals: HashMap<ApprovalId, Option<ApprovalCell>>,
    /// Number for the next new run.
    pub next_run: i64,
    /// Number for the next entry.
    pub next_entry: i64,
}

/// What has to be written, after a batch was applied.
#[derive(Default)]
pub struct Writes {
    /// New entries, in order.
    pub entries: Vec<NewEntry>,
    /// Runs that changed; `true` when the run is new.
    pub runs: Vec<(RunId, bool)>,
    /// Accounts that changed; `true` when the account is new.
    pub accounts: Vec<(AccountId, bool)>,
    /// Approvals that changed; `true` when the approval is new.
    pub approvals: Vec<(ApprovalId, bool)>,
    /// Breakers, as they shall be.
    pub breakers: Vec<(Tenant, Arc<str>, BreakerCell)>,
}

impl Writes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.runs.is_empty()
            && self.accounts.is_empty()
            && self.approvals.is_empty()
            && self.breakers.is_empty()
    }
}

/// An entry with everything that is given inside the transaction.
pub struct NewEntry {
    /// Row number.
    pub id: i64,
    /// Number of its run.
    pub run: i64,
    /// Whose it is.
    pub tenant: Tenant,
    /// Place in the chain.
    pub seq: u64,
    /// Body, as hashed.
    pub body: Vec<u8>,
    /// Its hash.
    pub hash: Digest,
    /// Texts beside it.
    pub payloads: Vec<Payload>,
}

/// The rows one commit has changed so far; dropped whole when it is refused.
#[derive(Default)]
struct Draft {
    run: Option<(RunCell, bool)>,
    accounts: Vec<(AccountId, AccountCell, bool)>,
    approvals: Vec<(ApprovalId, ApprovalCell, bool)>,
    breakers: Vec<(Tenant, Arc<str>, BreakerCell)>,
    entries: Vec<NewEntry>,
    receipt: Receipt,
}

impl Cells {
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
            self.expect(expect, commit.run, &draft)?;
        }
        let Commit { tenant, run, at, ops, .. } = commit;
        for op in ops {
            self.change(op, &tenant, run, at, link, &mut draft)?;
        }
        let Some((row, _)) = &mut draft.run else { return Err(Refused::NoRun) };
        row.updated = at;
        draft.receipt.epoch = row.epoch;
        Ok(self.keep(run, draft, writes))
    }

    /// Whether the run is there and the fence lets this commit pass.
    pub fn fence(&self, commit: &Commit) -> Result<(), Refused> {
        self.fenced_run(commit).map(drop)
    }

    /// The run's row if the fence lets this commit pass; `None` when the commit is to make it.
    fn fenced_run(&self, commit: &Commit) -> Result<Option<(RunCell, bool)>, Refused> {
        let stored = self.runs.get(&commit.run).and_then(Option::as_ref);
        let run = match (stored, commit.fence) {
            (Some(_), Fence::New) => return Err(Refused::RunExists),
            (None, Fence::New) => return Ok(None),
            (None, _) => return Err(Refused::NoRun),
            (Some(run), _) if run.tenant != commit.tenant => return Err(Refused::NoRun),
            (Some(run), Fence::Epoch(epoch)) if run.epoch != epoch => {
                return Err(Refused::Fenced(Box::new(run.clone())));
            }
            (Some(run), _) => run,
        };
        Ok(Some((run.clone(), false)))
    }

    fn expect(&self, expect: &Expect, run: RunId, draft: &Draft) -> Result<(), Refused> {
        match expect {
            Expect::Approval(id, state) => match self.stored_approval(*id, run) {
                Some(cell) if cell.state == *state => Ok(()),
                other => Err(Refused::Approval(other.cloned().map(Box::new))),
            },
            Expect::NotFrozen(id) => match self.accounts.get(id).and_then(Option::as_ref) {
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

    fn change(
        &self,
        op: Op,
        tenant: &Tenant,
        run: RunId,
        at: comity_core::Timestamp,
        link: Link,
        draft: &mut Draft,
    ) -> Result<(), Refused> {
        match op {
            Op::OpenRun { namespace, owner } => {
                if draft.run.is_some() {
                    return Err(Refused::RunExists);
                }
                let fresh = RunCell {
                    key: self.next_run,
                    tenant: tenant.clone(),
                    namespace,
                    epoch: 1,
                    owner,
                    status: 0,
                    next_seq: 0,
                    head: GENESIS,
                    opened: at,
                    updated: at,
                };
                draft.run = Some((fresh, true));
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
            Op::Append(append) => self.append(append, tenant, link, draft)?,
            Op::EnsureAccount { account, label, caps } => {
                self.ensure_account(account, label, caps, tenant, draft)?
            }
            Op::Hold { accounts, amounts } => {
                for id in accounts.iter() {
                    hold(self.account(*id, tenant, draft)?, *id, &amounts)?;
                }
            }
            Op::Settle { accounts, held, spent } => {
                for id in accounts.iter() {
                    settle(self.account(*id, tenant, draft)?, &held, &spent)?;
                }
            }
            Op::Freeze(id) => self.account(id, tenant, draft)?.frozen = true,
            Op::AskApproval { approval, step, binding, expires } => {
                let row = &draft.run.as_ref().ok_or(Refused::NoRun)?.0;
                let (key, asked) = (row.key, row.next_seq.saturating_sub(1));
                if self.is_asked(approval, draft) {
                    let known = self.stored_approval(approval, run).cloned();
                    return Err(Refused::Approval(known.map(Box::new)));
                }
                let state = ApprovalState::Pending;
                let cell = ApprovalCell { run: key, run_id: run, step, binding, state, expires, asked };
                draft.approvals.push((approval, cell, true));
            }
            Op::SetApproval(id, state) => {
                self.approval(id, run, draft)?.state = state;
            }
            Op::SetBreaker { endpoint, breaker } => draft.breakers.push((tenant.clone(), endpoint, breaker)),
        }
        Ok(())
    }

    fn append(&self, append: Append, tenant: &Tenant, link: Link, draft: &mut Draft) -> Result<(), Refused> {
        if append.payloads.len() > MAX_PAYLOADS {
            return Err(Refused::Malformed("an entry carries at most 8 payloads"));
        }
        if !slots_are_distinct(&append.payloads) {
            return Err(Refused::Malformed("payloads have distinct slots below 8"));
        }
        let (row, _) = draft.run.as_mut().ok_or(Refused::NoRun)?;
        let offset = i64::try_from(draft.entries.len()).unwrap_or(i64::MAX);
        // Its payloads' row numbers have to fit as well.
        let id = self.next_entry.checked_add(offset).filter(|id| *id < i64::MAX / MAX_PAYLOADS as i64);
        let id = id.ok_or(Refused::Malformed("row number out of range"))?;
        let seq = row.next_seq;
        row.head = link(&row.head, seq, &append.body);
        row.next_seq = seq.checked_add(1).ok_or(Refused::Malformed("sequence out of range"))?;
        draft.receipt.entries.push((seq, row.head));
        draft.entries.push(NewEntry {
            id,
            run: row.key,
            tenant: tenant.clone(),
            seq,
            body: append.body,
            hash: row.head,
            payloads: append.payloads,
        });
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
        match self.accounts.get(&id).and_then(Option::as_ref) {
            Some(known) if known.tenant == *tenant => Ok(()),
            Some(_) => Err(Refused::NoAccount(id)),
            None => {
                let (held, spent) = (Amounts::ZERO, Amounts::ZERO);
                let fresh = AccountCell { label, tenant: tenant.clone(), caps, held, spent, frozen: false };
                draft.accounts.push((id, fresh, true));
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
        let at = match draft.accounts.iter().position(|(other, ..)| *other == id) {
            Some(at) => at,
            None => {
                let stored = self.accounts.get(&id).and_then(Option::as_ref);
                let stored = stored.filter(|cell| cell.tenant == *tenant).ok_or(Refused::NoAccount(id))?;
                draft.accounts.push((id, stored.clone(), false));
                draft.accounts.len() - 1
            }
        };
        draft.accounts.get_mut(at).map(|(_, cell, _)| cell).ok_or(Refused::NoAccount(id))
    }

    /// The approval as the commits before this one left it. Another run's approval does not exist.
    fn stored_approval(&self, id: ApprovalId, run: RunId) -> Option<&ApprovalCell> {
        self.approvals.get(&id).and_then(Option::as_ref).filter(|cell| cell.run_id == run)
    }

    /// Whether the id is taken, by whatever run.
    fn is_asked(&self, id: ApprovalId, draft: &Draft) -> bool {
        self.approvals.get(&id).is_some_and(Option::is_some)
            || draft.approvals.iter().any(|(other, ..)| *other == id)
    }

    /// The approval as this commit has left it so far, ready to be changed.
    fn approval<'d>(
        &self,
        id: ApprovalId,
        run: RunId,
        draft: &'d mut Draft,
    ) -> Result<&'d mut ApprovalCell, Refused> {
        let at = match draft.approvals.iter().position(|(other, ..)| *other == id) {
            Some(at) => at,
            None => {
                let stored = self.stored_approval(id, run).ok_or(Refused::Approval(None))?;
                draft.approvals.push((id, stored.clone(), false));
                draft.approvals.len() - 1
            }
        };
        draft.approvals.get_mut(at).map(|(_, cell, _)| cell).ok_or(Refused::Approval(None))
    }

    /// Makes the draft the truth of this batch.
    fn keep(&mut self, run: RunId, draft: Draft, writes: &mut Writes) -> Receipt {
        let mut receipt = draft.receipt;
        if let Some((row, new)) = draft.run {
            self.next_run += i64::from(new);
            self.runs.insert(run, Some(row));
            mark(&mut writes.runs, run, new);
        }
        for (id, cell, new) in draft.accounts {
            receipt.accounts.push((id, cell.clone()));
            self.accounts.insert(id, Some(cell));
            mark(&mut writes.accounts, id, new);
        }
        for (id, cell, new) in draft.approvals {
            self.approvals.insert(id, Some(cell));
            mark(&mut writes.approvals, id, new);
        }
        self.next_entry += i64::try_from(draft.entries.len()).unwrap_or(i64::MAX);
        writes.entries.extend(draft.entries);
        for (tenant, endpoint, breaker) in draft.breakers {
            // The last word counts, and each breaker is written once.
            writes.breakers.retain(|(whose, which, _)| (whose, which) != (&tenant, &endpoint));
            writes.breakers.push((tenant, endpoint, breaker));
        }
        receipt
    }
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
        Op::SetBreaker { endpoint, .. } => endpoint.contains('\0'),
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
