//! Settlement: whatever becomes of an admitted step, exactly one entry says so.

use crate::approval::Approved;
use crate::breaker;
use crate::effect::Output;
use crate::error::Error;
use crate::history::{Past, PastState};
use crate::outcome::{Ended, Outcome, Settled};
use crate::permit::{Decision, Permit};
use crate::planted::{Defect, is as planted};
use crate::purse::Purse;
use crate::run::{Run, millis};
use crate::scope::{Parent, Scope};
use comity_core::{Amounts, ApprovalId, ReasonCode, Step};
use comity_ledger::{EntryKind, Slot, StepRef};
use comity_store::{Op, Ticket};
use std::sync::Arc;
use std::time::Duration;

/// What is said of a step whose caller went away.
const LOST: &str = "its caller went away while it was under way";

/// How an admitted step ended.
pub(crate) enum End {
    Output(Output),
    Failed(ReasonCode, String),
    Unknown(ReasonCode, String),
    /// The caller went away while it was under way: a resume may find out, or try again.
    Lost,
    Cancelled,
}

/// Where an admitted step stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its admission is not known to be durable: there is nothing to settle.
    Asked,
    /// Admitted, and not begun.
    Admitted,
    /// Begun.
    Begun,
    /// Its settlement is queued.
    Done,
}

/// The duty to settle one admitted step. Dropping it settles too: cancelled before the step has begun,
/// unknown after.
pub(crate) struct Settlement {
    run: Arc<Run>,
    step: StepRef,
    endpoint: Arc<str>,
    hold: Amounts,
    parent: Option<Parent>,
    depth: u32,
    purse: Arc<Purse>,
    time: Duration,
    decision: Option<Decision>,
    approval: Option<ApprovalId>,
    began: Duration,
    /// The entry that has the act's text, by its place in the chain.
    act: Option<u64>,
    stage: Stage,
}

impl Settlement {
    pub(crate) fn new(
        scope: &Scope,
        step: &Step,
        attempt: u32,
        hold: Amounts,
        time: Duration,
        approved: Option<&Approved>,
    ) -> Self {
        let fee = Amounts { steps: 1, ..Amounts::ZERO };
        Self {
            run: Arc::clone(&scope.run),
            step: StepRef::of(step, attempt),
            endpoint: Arc::clone(&step.endpoint),
            hold,
            parent: scope.parent.clone(),
            depth: scope.depth,
            purse: Arc::new(Purse::new(hold, fee)),
            time,
            decision: approved.map(|approved| approved.decision.clone()),
            approval: approved.map(|approved| approved.id),
            began: Duration::ZERO,
            act: approved.map(|approved| approved.act),
            stage: Stage::Asked,
        }
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Leaves the duty to somebody else.
    pub(crate) fn hand_over(&mut self) -> Self {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        Self {
            run: Arc::clone(&self.run),
            step: self.step.clone(),
            endpoint: Arc::clone(&self.endpoint),
            hold: self.hold,
            parent: self.parent.clone(),
            depth: self.depth,
            purse: Arc::clone(&self.purse),
            time: self.time,
            decision: self.decision.clone(),
            approval: self.approval,
            began: self.began,
            act: self.act,
            stage,
        }
    }

    /// The admission is durable: from here on there is something to settle.
    pub(crate) fn admitted(&mut self, receipt: &comity_store::Receipt) {
        self.stage = Stage::Admitted;
        self.act = self.act.or(receipt.entries.first().map(|(seq, _)| *seq));
        if self.parent.is_none() {
            self.run.begin();
        }
    }

    /// The admission was refused: there is nothing to settle.
    pub(crate) fn refused(&mut self) {
        self.stage = Stage::Done;
        if let (Some(parent), None) = (&self.parent, self.approval) {
            parent.purse.restore(&self.hold, &Amounts::ZERO);
        }
    }

    /// The permit, from which on the step counts as begun.
    pub(crate) fn permit(&mut self) -> Permit {
        let clock = Arc::clone(&self.run.world().clock);
        self.began = clock.monotonic();
        if self.stage == Stage::Admitted {
            self.stage = Stage::Begun;
        }
        let parent = Parent { step: self.step.id, purse: Arc::clone(&self.purse) };
        let scope = Scope { run: Arc::clone(&self.run), parent: Some(parent), depth: self.depth + 1 };
        Permit {
            step: self.step.id,
            run: self.run.id(),
            deadline: self.began.saturating_add(self.time),
            clock,
            decision: self.decision.clone(),
            purse: Arc::clone(&self.purse),
            scope: Some(scope),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.run.world().clock.monotonic().saturating_sub(self.began)
    }

    /// Settles, and says how it came out. A nested step waits until its settlement is durable, because
    /// the step around it may act on the outcome.
    pub(crate) async fn finish(mut self, end: End) -> Result<Outcome, Error> {
        let (ticket, usage) = self.settle(&end);
        if let Some(ticket) = ticket {
            if self.parent.is_some() {
                let run = Arc::clone(&self.run);
                let answer = run.answered(ticket.await)?;
                answer.map_err(|refused| Error::of_refusal(run.id(), &refused))?;
            } else {
                self.run.owe(ticket);
            }
        }
        Ok(match end {
            End::Output(output) => Outcome::Settled(Settled { output, usage, replayed: false }),
            End::Unknown(reason, message) if !self.step.idempotent => {
                Outcome::Unknown(Ended { reason, message })
            }
            End::Failed(reason, message) | End::Unknown(reason, message) => {
                Outcome::Failed(Ended { reason, message })
            }
            End::Lost | End::Cancelled => {
                Outcome::Failed(Ended { reason: ReasonCode::Cancelled, message: "cancelled".to_owned() })
            }
        })
    }

    /// Queues the settlement. Returns its ticket, and what the step cost.
    fn settle(&mut self, end: &End) -> (Option<Ticket>, Amounts) {
        if self.stage == Stage::Done || self.stage == Stage::Asked {
            return (None, Amounts::ZERO);
        }
        let begun = self.stage == Stage::Begun;
        self.stage = Stage::Done;
        let usage = if begun { self.measure() } else { Amounts::ZERO };
        let stays = matches!(end, End::Unknown(..) | End::Lost) && !self.step.idempotent;
        let ops = self.ops(end, usage, stays);
        let ticket = self.run.inner.store.queue(self.run.build(Vec::new(), ops));
        self.note(end, stays);
        match &self.parent {
            // The parent's own time runs on meanwhile: a nested step's is not counted again.
            Some(parent) if !stays => parent.purse.restore(&self.hold, &Amounts { millis: 0, ..usage }),
            Some(_) => {}
            None => self.run.done(),
        }
        (Some(ticket), usage)
    }

    /// What the step used: what was charged, what nested steps used, and the time it took, as far as it
    /// was held. Time past the hold is what stopping took; it is not billed.
    fn measure(&self) -> Amounts {
        let time = millis(self.elapsed()).min(self.purse.left().millis);
        self.purse.spend(&Amounts { millis: time, ..Amounts::ZERO });
        self.purse.close()
    }

    fn ops(&self, end: &End, usage: Amounts, stays: bool) -> Vec<Op> {
        let (kind, reason, slot, text) = match end {
            End::Output(output) => (EntryKind::Settled, None, Slot::Output, output.value.to_string()),
            End::Failed(reason, message) => (EntryKind::Failed, Some(*reason), Slot::Note, message.clone()),
            // An idempotent step whose end nobody saw has failed: a new try does no harm.
            End::Unknown(reason, message) if self.step.idempotent => {
                (EntryKind::Failed, Some(*reason), Slot::Note, message.clone())
            }
            End::Unknown(reason, message) => (EntryKind::Unknown, Some(*reason), Slot::Note, message.clone()),
            End::Lost => (EntryKind::Unknown, Some(ReasonCode::EffectUnknown), Slot::Note, LOST.to_owned()),
            End::Cancelled => (EntryKind::Cancelled, Some(ReasonCode::Cancelled), Slot::Note, String::new()),
        };
        let mut entry = self.run.entry(kind);
        entry.step = Some(self.step.clone());
        entry.reason = reason;
        let top = self.parent.is_none();
        if top && !stays {
            (entry.release, entry.usage) = (Some(self.hold), Some(usage));
        } else if !top {
            entry.used = Some(usage);
        }
        let mut ops = vec![self.run.append(entry, &[(slot, text.as_bytes())])];
        if top && !stays && !planted(Defect::LostRelease) {
            let accounts = Arc::clone(&self.run.accounts);
            ops.push(Op::Settle { accounts, held: self.hold, spent: usage });
        }
        ops.extend(self.breaker(end));
        ops
    }

    /// What the endpoint's breaker learns from this end.
    fn breaker(&self, end: &End) -> Option<Op> {
        let (run, endpoint) = (&self.run, &self.endpoint);
        let cell = run.inner.known_breaker(&run.tenant, endpoint);
        let next = match end {
            End::Output(_) => breaker::succeeded(&cell)?,
            End::Failed(..) | End::Unknown(..) => breaker::failed(&cell, &run.policy.breaker, run.now()),
            End::Lost | End::Cancelled => return None,
        };
        run.inner.note_breaker(&run.tenant, endpoint, next);
        Some(Op::SetBreaker { endpoint: Arc::clone(endpoint), breaker: next })
    }

    /// Remembers what this process needs to know if it meets the step again.
    fn note(&self, end: &End, stays: bool) {
        let state = match end {
            End::Unknown(reason, _) if stays => PastState::Unknown(*reason, 0),
            End::Lost if stays => PastState::Unknown(ReasonCode::EffectUnknown, 0),
            End::Lost | End::Cancelled => PastState::Retry,
            _ => return self.run.forget(self.step.id),
        };
        let past = Past {
            ordinal: self.step.ordinal,
            parent: self.step.parent,
            attempt: self.step.attempt,
            state,
            act: self.act.unwrap_or_default(),
            contract: self.step.contract,
            hold: if stays { self.hold } else { Amounts::ZERO },
            idempotent: self.step.idempotent,
            part: Amounts::ZERO,
            nested: Amounts::ZERO,
        };
        self.run.remember(self.step.id, past);
    }

    /// A planted defect: records a result before there is one.
    pub(crate) fn pretend(&mut self) {
        let end = End::Output(Output { value: serde_json::Value::Null });
        if let (Some(ticket), _) = self.settle(&end) {
            self.run.owe(ticket);
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        let end = match self.stage {
            Stage::Done | Stage::Asked => return,
            Stage::Admitted => End::Cancelled,
            Stage::Begun => End::Lost,
        };
        if let (Some(ticket), _) = self.settle(&end) {
            self.run.owe(ticket);
        }
    }
}
