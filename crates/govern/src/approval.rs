//! People's decisions: recorded by anybody who may, consumed once by the act they are bound to.

use crate::admit::binding;
use crate::control;
use crate::effect::Output;
use crate::error::Error;
use crate::gate::{Gate, entry};
use crate::history::{Past, PastState};
use crate::outcome::{Approval, Ended, Outcome, Refusal, Settled};
use crate::permit::Decision;
use crate::run::{ALIVE, Run, act_bytes};
use crate::scope::Scope;
use comity_core::{Amounts, ApprovalId, Principal, ReasonCode, RunId, Step, Tenant, Timestamp};
use comity_ledger::vault::Fresh;
use comity_ledger::{EntryKind, Record, Slot, account, seal};
use comity_store::{ApprovalRow, ApprovalState, Commit, Expect, Fence, Op, RunCell};

/// A person's answer to an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// An approved act on its way to being admitted.
pub(crate) struct Approved {
    pub(crate) id: ApprovalId,
    pub(crate) attempt: u32,
    /// What is held for it on the run's accounts; `None` for a nested step, which draws on its parent.
    pub(crate) hold: Option<Amounts>,
    pub(crate) decision: Decision,
    /// The entry that has the act's text, by its place in the chain.
    pub(crate) act: u64,
}

/// What the ledger knows of a step that is asked for.
pub(crate) enum Recalled {
    /// Nothing that stands in the way.
    Fresh { attempt: u32 },
    /// It has ended, or waits.
    Ended(Outcome),
    /// A person said yes to it.
    Approved(Approved),
    /// It was suspended; whether a person had said yes to it before.
    Suspended { attempt: u32, cleared: bool },
}

/// Whether a step that failed is asked for once more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// No: that it failed is the answer.
    No,
    /// Yes.
    Failed,
}

impl Gate {
    /// Records a person's decision. Needs no ownership of the run; deciding twice is an error.
    ///
    /// A rejection gives back what was held. Returns the run, so that it can be resumed.
    pub async fn rule(
        &self,
        tenant: &Tenant,
        id: ApprovalId,
        ruling: Ruling,
        person: &Principal,
        comment: &str,
    ) -> Result<RunId, Error> {
        let store = self.inner.store();
        let row = store.approval(tenant, id).await?.ok_or(Error::NoApproval(id))?;
        let run = row.cell.run_id;
        let cell = store.run(tenant, run).await?.ok_or(Error::NoRun(run))?;
        if row.cell.state != ApprovalState::Pending {
            return Err(decided(id, row.cell.state));
        }
        let now = self.inner.world.clock.now();
        if now >= row.cell.expires {
            Box::pin(self.expire(&cell, &row)).await?;
            return Err(decided(id, ApprovalState::Expired));
        }
        let asked = self.asked(&cell, &row).await?;
        let (kind, state) = match ruling {
            Ruling::Approve => (EntryKind::Approved, ApprovalState::Approved),
            Ruling::Reject => (EntryKind::Rejected, ApprovalState::Rejected),
        };
        let reason = (ruling == Ruling::Reject).then_some(ReasonCode::ApprovalRejected);
        let fresh = self.for_writing(run, &cell).await?;
        let commit = self.decision(&cell, &asked, kind, state, person, reason, comment, &fresh);
        store.queue(commit).await.map(drop).map_err(|error| match error {
            comity_store::CommitError::Refused(comity_store::Refused::Approval(Some(now))) => {
                decided(id, now.state)
            }
            other => Error::of_commit(run, other),
        })?;
        Box::pin(self.inner.vault.catch_up(tenant, run, now, &fresh)).await?;
        Ok(run)
    }

    /// Whether a person has said yes or no to an approval of this run.
    pub async fn is_ruled(&self, run: &Run, id: ApprovalId) -> Result<bool, Error> {
        let row = self.inner.store().approval(&run.tenant, id).await?.ok_or(Error::NoApproval(id))?;
        Ok(matches!(row.cell.state, ApprovalState::Approved | ApprovalState::Rejected))
    }

    /// The commit that moves a pending approval on; if that ends it, what was held is given back.
    #[expect(
        clippy::too_many_arguments,
        reason = "one commit, and every part of it differs between its callers"
    )]
    fn decision(
        &self,
        cell: &RunCell,
        asked: &Record,
        kind: EntryKind,
        state: ApprovalState,
        person: &Principal,
        reason: Option<ReasonCode>,
        comment: &str,
        fresh: &Fresh,
    ) -> Commit {
        let world = &self.inner.world;
        let now = world.clock.now();
        let run = asked.entry.run;
        let person =
            Principal { tenant: cell.tenant.clone(), namespace: cell.namespace.clone(), ..person.clone() };
        let mut entry = entry(kind, run, &person, now);
        entry.approval = asked.entry.approval;
        entry.step = asked.entry.step.clone();
        entry.reason = reason;
        let ends = state != ApprovalState::Approved;
        let mut ops = Vec::new();
        if let (true, Some(held)) = (ends, asked.entry.hold) {
            entry.release = Some(held);
            let accounts = account::path(run, &cell.tenant, &cell.namespace);
            ops.push(Op::Settle { accounts, held, spent: Amounts::ZERO });
        }
        let note = [(Slot::Note, comment.as_bytes())];
        ops.insert(0, Op::Append(seal(entry, &note, &fresh.pen, &*world.entropy)));
        ops.extend(fresh.ops());
        let mut expect = vec![Expect::Status(ALIVE)];
        if let Some(id) = asked.entry.approval {
            expect.push(Expect::Approval(id, ApprovalState::Pending));
            ops.push(Op::SetApproval(id, state));
        }
        Commit { tenant: cell.tenant.clone(), run, fence: Fence::Anyone, at: now, expect, ops }
    }

    async fn asked(&self, cell: &RunCell, row: &ApprovalRow) -> Result<Record, Error> {
        let record = Box::pin(comity_ledger::read_one(&self.inner.vault, cell, row.cell.asked)).await?;
        let record = record.filter(|record| record.entry.approval == Some(row.id));
        let why = format!("it does not ask for approval {}", row.id);
        record.ok_or_else(|| comity_ledger::Error::BadEntry { seq: row.cell.asked, why }.into())
    }

    /// Writes down that nobody decided in time.
    async fn expire(&self, cell: &RunCell, row: &ApprovalRow) -> Result<(), Error> {
        let asked = self.asked(cell, row).await?;
        let nobody = Principal {
            id: asked.entry.principal.as_ref().into(),
            kind: comity_core::PrincipalKind::Service,
            tenant: cell.tenant.clone(),
            namespace: cell.namespace.clone(),
            trust: comity_core::TrustTier::InternalTrusted,
        };
        let (kind, state) = (EntryKind::Expired, ApprovalState::Expired);
        let reason = Some(ReasonCode::ApprovalExpired);
        let fresh = self.for_writing(row.cell.run_id, cell).await?;
        let commit = self.decision(cell, &asked, kind, state, &nobody, reason, EXPIRED, &fresh);
        match self.inner.store().queue(commit).await {
            // Somebody else was first; what they decided is read again.
            Ok(_) | Err(comity_store::CommitError::Refused(comity_store::Refused::Approval(_))) => Ok(()),
            Err(error) => Err(Error::of_commit(row.cell.run_id, error)),
        }
    }

    /// What the ledger knows of this step. One that ended is not done again.
    ///
    /// With [`Again::Failed`] a step that failed is asked for once more.
    pub(crate) async fn recall(&self, scope: &Scope, step: &Step, again: Again) -> Result<Recalled, Error> {
        let run = &*scope.run;
        if run.recall(step.id).is_none() {
            return Ok(Recalled::Fresh { attempt: 1 });
        }
        // An end that is not durable yet has no place in the chain to be read from.
        run.flush().await?;
        let Some(past) = run.recall(step.id) else { return Ok(Recalled::Fresh { attempt: 1 }) };
        let outcome = match past.state {
            PastState::Open => return Err(Error::Busy(step.id)),
            PastState::Held(id) => return self.recall_held(scope, step, &past, id).await,
            PastState::Suspended => {
                self.same_act(run, step, &past).await?;
                return Ok(Recalled::Suspended { attempt: past.attempt, cleared: past.cleared });
            }
            PastState::Failed(..) if again == Again::Failed => {
                self.same_act(run, step, &past).await?;
                return Ok(Recalled::Fresh { attempt: past.attempt + 1 });
            }
            // It has only waited so far: there is nothing that it could differ from.
            PastState::Scheduled => return Ok(Recalled::Fresh { attempt: past.attempt + 1 }),
            PastState::Retry => {
                self.same_act(run, step, &past).await?;
                return Ok(Recalled::Fresh { attempt: past.attempt + 1 });
            }
            PastState::Settled(seq) => {
                self.same_act(run, step, &past).await?;
                self.recorded_output(run, seq).await?
            }
            PastState::Failed(reason, seq) => Outcome::Failed(self.ended(run, reason, seq).await?),
            PastState::Denied(reason @ ReasonCode::ApprovalRejected, seq) => {
                let record = self.entry_at(run, seq).await?;
                let (approver, comment) = (record.entry.principal.to_string(), record.words(Slot::Note)?);
                refusal(reason, rejected(step, &Decision { approver, comment }))
            }
            PastState::Denied(reason, seq) | PastState::Skipped(reason, seq) => {
                Outcome::Denied(Refusal { reason, message: self.note(run, seq).await? })
            }
            PastState::Unknown(reason, seq) => Outcome::Unknown(self.ended(run, reason, seq).await?),
        };
        Ok(Recalled::Ended(outcome))
    }

    async fn ended(&self, run: &Run, reason: ReasonCode, seq: u64) -> Result<Ended, Error> {
        let record = self.entry_at(run, seq).await?;
        let attempt = record.entry.step.as_ref().map_or(0, |step| step.attempt);
        let at = Timestamp::from_millis(record.entry.at);
        Ok(Ended { reason, message: record.words(Slot::Note)?, attempt, at })
    }

    async fn note(&self, run: &Run, seq: u64) -> Result<String, Error> {
        Ok(self.entry_at(run, seq).await?.words(Slot::Note)?)
    }

    pub(crate) async fn recorded_output(&self, run: &Run, seq: u64) -> Result<Outcome, Error> {
        let record = self.entry_at(run, seq).await?;
        let text = record.text(Slot::Output)?.unwrap_or_default();
        let bad = |error: serde_json::Error| comity_ledger::Error::BadEntry { seq, why: error.to_string() };
        let value = serde_json::from_slice(&text).map_err(bad)?;
        let usage = record.entry.usage.or(record.entry.used).unwrap_or_default();
        let at = Timestamp::from_millis(record.entry.at);
        let taint = record.entry.taint;
        Ok(Outcome::Settled(Settled { output: Output { value }, taint, usage, replayed: true, at }))
    }

    /// Errors unless the step is asked for with the very input, and done in the very way, of before.
    pub(crate) async fn same_act(&self, run: &Run, step: &Step, past: &Past) -> Result<(), Error> {
        if past.contract != step.contract {
            return Err(Error::Changed { step: step.id, what: "another contract" });
        }
        let record = self.entry_at(run, past.act).await?;
        match record.text(Slot::Act)? {
            Some(act) if act == act_bytes(step) => Ok(()),
            _ => Err(Error::Changed { step: step.id, what: "other input" }),
        }
    }

    async fn recall_held(
        &self,
        scope: &Scope,
        step: &Step,
        past: &Past,
        id: ApprovalId,
    ) -> Result<Recalled, Error> {
        let run = &*scope.run;
        let store = self.inner.store();
        let mut row = store.approval(&run.tenant, id).await?.ok_or(Error::NoApproval(id))?;
        if row.cell.state == ApprovalState::Pending && run.now() >= row.cell.expires {
            let cell = store.run(&run.tenant, run.id()).await?.ok_or(Error::NoRun(run.id()))?;
            self.expire(&cell, &row).await?;
            row = store.approval(&run.tenant, id).await?.ok_or(Error::NoApproval(id))?;
        }
        match row.cell.state {
            ApprovalState::Pending => {
                let message = self.note(run, row.cell.asked).await?;
                let expires = row.cell.expires;
                let approval = Approval { id, step: step.id, expires, message };
                run.note_asked(step, &approval);
                Ok(Recalled::Ended(Outcome::Held(approval)))
            }
            ApprovalState::Approved => {
                self.same_act(run, step, past).await?;
                let asked = self.entry_at(run, row.cell.asked).await?;
                let act = asked.entry.payloads.get(Slot::Act).unwrap_or(comity_core::Digest::ZERO);
                if binding(step, act, scope.rules.digest) != row.cell.binding
                    && !control::is_off("approval_binding")
                {
                    return Err(Error::Changed { step: step.id, what: "something other than was approved" });
                }
                let decision = self.decision_on(run, &row).await?;
                let hold = asked.entry.hold;
                Ok(Recalled::Approved(Approved { id, attempt: past.attempt, hold, decision, act: past.act }))
            }
            ApprovalState::Rejected => {
                let message = rejected(step, &self.decision_on(run, &row).await?);
                Ok(Recalled::Ended(refusal(ReasonCode::ApprovalRejected, message)))
            }
            ApprovalState::Expired => {
                Ok(Recalled::Ended(refusal(ReasonCode::ApprovalExpired, EXPIRED.to_owned())))
            }
            ApprovalState::Consumed => Err(self.consumed(run, id).await?),
        }
    }

    /// Why an approval can be used up although this process did not use it: its owner is another one now.
    async fn consumed(&self, run: &Run, id: ApprovalId) -> Result<Error, Error> {
        let cell = self.inner.store().run(&run.tenant, run.id()).await?.ok_or(Error::NoRun(run.id()))?;
        if run.owns(&cell) {
            return Ok(decided(id, ApprovalState::Consumed));
        }
        Ok(Error::TakenOver { run: run.id(), owner: cell.owner.to_string() })
    }

    /// Who decided an approval, and what they said.
    async fn decision_on(&self, run: &Run, row: &ApprovalRow) -> Result<Decision, Error> {
        let store = self.inner.store();
        let cell = store.run(&run.tenant, run.id()).await?.ok_or(Error::NoRun(run.id()))?;
        let mut from = row.cell.asked.saturating_add(1);
        loop {
            let page = comity_ledger::read_page_with(store, &cell, run.pen.keys(), from).await?;
            let Some(last) = page.last() else { return Err(Error::NoApproval(row.id)) };
            from = last.seq + 1;
            let found = page.iter().find(|record| {
                record.entry.approval == Some(row.id)
                    && matches!(record.entry.kind, EntryKind::Approved | EntryKind::Rejected)
            });
            if let Some(record) = found {
                let comment = record.words(Slot::Note)?;
                return Ok(Decision { approver: record.entry.principal.to_string(), comment });
            }
        }
    }
}

/// A person's no in words: the same when it is given and when it is read back, because later steps are told.
fn rejected(step: &Step, decision: &Decision) -> String {
    let Decision { approver, comment } = decision;
    let said = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    format!("`{}` was rejected by {approver}{said}", step.name)
}

const EXPIRED: &str = "nobody decided in time";

fn refusal(reason: ReasonCode, message: String) -> Outcome {
    Outcome::Denied(Refusal { reason, message })
}

pub(crate) fn decided(id: ApprovalId, state: ApprovalState) -> Error {
    let state = match state {
        ApprovalState::Pending => "waiting",
        ApprovalState::Approved => "approved",
        ApprovalState::Rejected => "rejected",
        ApprovalState::Consumed => "used",
        ApprovalState::Expired => "expired",
    };
    Error::Decided { id, state }
}
