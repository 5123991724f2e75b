//! Settlement: whatever becomes of an admitted step, exactly one entry says so.

use crate::approval::Approved;
use crate::breaker;
use crate::control;
use crate::effect::Output;
use crate::error::Error;
use crate::history::{Past, PastState};
use crate::outcome::{Ended, Outcome, Settled};
use crate::permit::{Decision, Permit, Taints};
use crate::planted::{Defect, is as planted};
use crate::purse::{Purse, Used};
use crate::run::{Run, Turn, millis};
use crate::scope::{Parent, Rules, Scope};
use comity_core::{Amounts, ApprovalId, ReasonCode, Step, StepKind, Taint, Timestamp, Unit};
use comity_ledger::{EntryKind, Slot, StepRef};
use comity_rules::Actor;
use comity_store::{BreakerCell, BreakerChange, Op, Ticket};
use std::sync::Arc;
use std::time::Duration;

/// What is said of a step whose caller went away.
const LOST: &str = "its caller went away while it was under way";

/// How an admitted step ended.
pub(crate) enum End {
    Output(Output),
    Failed(ReasonCode, String),
    Unknown(ReasonCode, String),
    /// A step nested in it waits for a person.
    Suspended(String),
    /// The caller went away while it was under way: a resume may find out, or try again.
    Lost,
    Cancelled,
}

/// Where an admitted step stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody has asked for its admission.
    Fresh,
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
    rules: Arc<Rules>,
    actor: Arc<Actor>,
    target: Arc<str>,
    purse: Arc<Purse>,
    taints: Arc<Taints>,
    time: Duration,
    decision: Option<Decision>,
    approval: Option<ApprovalId>,
    began: Duration,
    /// The entry that has the act's text, by its place in the chain.
    act: Option<u64>,
    /// Whether it was admitted on a person's yes.
    cleared: bool,
    /// When it ended.
    at: Timestamp,
    stage: Stage,
    /// Kept until it is settled.
    turn: Arc<Turn>,
}

/// What a settlement has to tell the accounts.
struct Bill {
    used: Used,
    /// Whether the hold stays until a person has found out how the step ended.
    stays: bool,
    /// Used beyond the hold, and not for a step around this one to book.
    over: Amounts,
}

impl Settlement {
    pub(crate) fn new(
        scope: &Scope,
        step: &Step,
        attempt: u32,
        hold: Amounts,
        time: Duration,
        approved: Option<&Approved>,
        turn: Arc<Turn>,
    ) -> Self {
        let fee = Amounts { steps: 1, ..Amounts::ZERO };
        // What a person says is the person's own, whatever they were shown.
        let trusted = step.kind == StepKind::HumanDecision || control::is_off("taint_propagation");
        let taint = if trusted { Taint::NONE } else { step.taint };
        Self {
            run: Arc::clone(&scope.run),
            step: StepRef::of(step, attempt),
            endpoint: Arc::clone(&step.endpoint),
            hold,
            parent: scope.parent.clone(),
            depth: scope.depth,
            rules: Arc::clone(&scope.rules),
            actor: Arc::clone(&scope.actor),
            target: Arc::clone(&step.target),
            purse: Arc::new(Purse::new(hold, fee)),
            taints: Taints::of(taint),
            time,
            decision: approved.map(|approved| approved.decision.clone()),
            approval: approved.map(|approved| approved.id),
            began: Duration::ZERO,
            act: approved.map(|approved| approved.act),
            cleared: approved.is_some(),
            at: Timestamp::default(),
            stage: Stage::Fresh,
            turn,
        }
    }

    /// The step had a person's yes before it was suspended.
    pub(crate) fn keeping(mut self, cleared: bool) -> Self {
        self.cleared |= cleared;
        self
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
            rules: Arc::clone(&self.rules),
            actor: Arc::clone(&self.actor),
            target: Arc::clone(&self.target),
            purse: Arc::clone(&self.purse),
            taints: Arc::clone(&self.taints),
            time: self.time,
            decision: self.decision.clone(),
            approval: self.approval,
            began: self.began,
            act: self.act,
            cleared: self.cleared,
            at: self.at,
            stage,
            turn: Arc::clone(&self.turn),
        }
    }

    /// The admission is queued: others may count on the hold coming back.
    pub(crate) fn asked(&mut self) {
        self.stage = Stage::Asked;
        if self.parent.is_none() {
            self.run.begin();
        }
    }

    /// The admission is durable: from here on there is something to settle.
    pub(crate) fn admitted(&mut self, receipt: &comity_store::Receipt) {
        self.stage = Stage::Admitted;
        self.run.note_act(&self.target, |acts| acts.times += 1);
        if self.approval.is_some() {
            self.run.note_act(&self.target, |acts| acts.approved = true);
        }
        self.act = self.act.or(receipt.entries.first().map(|(seq, _)| *seq));
    }

    /// The admission was refused: there is nothing to settle.
    pub(crate) fn refused(&mut self) {
        self.stage = Stage::Done;
        match &self.parent {
            Some(parent) => parent.purse.restore(&self.part(), &Amounts::ZERO),
            None => self.run.refused(),
        }
    }

    /// What is set aside for it out of its parent's hold.
    fn part(&self) -> Amounts {
        Amounts { millis: 0, ..self.hold }
    }

    /// The permit, from which on the step counts as begun.
    pub(crate) fn permit(&mut self) -> Permit {
        let clock = Arc::clone(&self.run.world().clock);
        self.began = clock.monotonic();
        if self.stage == Stage::Admitted {
            self.stage = Stage::Begun;
            // Steps nested in it will want to tell it what they came to.
            self.run.note_begun(&self.step, self.act.unwrap_or_default());
        }
        let deadline = self.began.saturating_add(self.time);
        let failures = self.run.recall(self.step.id).map_or(0, |past| past.failures);
        let parent = Parent { step: self.step.id, failures, purse: Arc::clone(&self.purse), deadline };
        let (rules, actor) = (Arc::clone(&self.rules), Arc::clone(&self.actor));
        let (run, depth) = (Arc::clone(&self.run), self.depth + 1);
        let scope = Scope { run, parent: Some(parent), depth, rules, actor };
        Permit {
            step: self.step.id,
            run: self.run.id(),
            deadline,
            clock,
            decision: self.decision.clone(),
            purse: Arc::clone(&self.purse),
            scope: Some(scope),
            taints: Arc::clone(&self.taints),
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
                let receipt = answer.map_err(|refused| Error::of_refusal(run.id(), &refused))?;
                run.recorded(self.step.id, &receipt);
            } else {
                self.run.owe(self.step.id, ticket);
            }
        }
        let (at, attempt, taint) = (self.at, self.step.attempt, self.taints.sum());
        let ended = |reason, message| Ended { reason, message, attempt, at };
        Ok(match end {
            End::Output(output) => Outcome::Settled(Settled { output, taint, usage, replayed: false, at }),
            End::Unknown(reason, message) if !self.step.idempotent => {
                Outcome::Unknown(ended(reason, message))
            }
            End::Failed(reason, message) | End::Unknown(reason, message) => {
                Outcome::Failed(ended(reason, message))
            }
            End::Suspended(message) => Outcome::Suspended(ended(ReasonCode::NestedWaiting, message)),
            End::Lost | End::Cancelled => {
                Outcome::Failed(ended(ReasonCode::Cancelled, "cancelled".to_owned()))
            }
        })
    }

    /// Queues the settlement. Returns its ticket, and what the step cost.
    fn settle(&mut self, end: &End) -> (Option<Ticket>, Amounts) {
        if !matches!(self.stage, Stage::Admitted | Stage::Begun) {
            return (None, Amounts::ZERO);
        }
        let begun = self.stage == Stage::Begun;
        self.stage = Stage::Done;
        let used = if begun { self.measure() } else { Used::default() };
        let stays = matches!(end, End::Unknown(..) | End::Lost) && !self.step.idempotent;
        let over = self.give_back(&used, stays);
        let cost = used.total();
        self.at = self.run.now();
        let ops = self.ops(end, &Bill { used, stays, over });
        let ticket = self.run.inner.store().queue(self.run.build(Vec::new(), ops));
        if matches!(end, End::Output(_)) {
            self.run.note_act(&self.target, |acts| acts.settled = true);
        }
        self.note(end, stays, if stays { &Amounts::ZERO } else { &cost });
        if self.parent.is_none() {
            self.run.done();
        }
        (Some(ticket), used.total())
    }

    /// Tells the step around this one what it used. Returns what is left to be booked beyond the hold.
    fn give_back(&self, used: &Used, stays: bool) -> Amounts {
        let Some(parent) = &self.parent else { return used.over };
        let over = if parent.purse.overrun(&used.over) { Amounts::ZERO } else { used.over };
        if !stays {
            // The parent's own time runs on meanwhile: a nested step's is not counted again.
            parent.purse.restore(&self.part(), &Amounts { millis: 0, ..used.within });
        }
        over
    }

    /// What the step used: what was charged, what nested steps used, and the time it took, as far as it
    /// was held. Time past the hold is what stopping took; it is not billed.
    fn measure(&self) -> Used {
        let time = millis(self.elapsed()).min(self.purse.left().millis);
        self.purse.spend(&Amounts { millis: time, ..Amounts::ZERO });
        self.purse.close()
    }

    fn ops(&self, end: &End, bill: &Bill) -> Vec<Op> {
        let (kind, reason, slot, text) = match end {
            End::Output(output) => (EntryKind::Settled, None, Slot::Output, output.value.to_string()),
            End::Failed(reason, message) => (EntryKind::Failed, Some(*reason), Slot::Note, message.clone()),
            // An idempotent step whose end nobody saw has failed: a new try does no harm.
            End::Unknown(reason, message) if self.step.idempotent => {
                (EntryKind::Failed, Some(*reason), Slot::Note, message.clone())
            }
            End::Unknown(reason, message) => (EntryKind::Unknown, Some(*reason), Slot::Note, message.clone()),
            End::Suspended(message) => {
                (EntryKind::Suspended, Some(ReasonCode::NestedWaiting), Slot::Note, message.clone())
            }
            End::Lost => (EntryKind::Unknown, Some(ReasonCode::EffectUnknown), Slot::Note, LOST.to_owned()),
            End::Cancelled => (EntryKind::Cancelled, Some(ReasonCode::Cancelled), Slot::Note, String::new()),
        };
        let mut entry = self.run.entry(kind);
        entry.at = self.at.millis();
        entry.step = Some(self.step.clone());
        entry.reason = reason;
        entry.taint = if kind == EntryKind::Settled { self.taints.sum() } else { Taint::NONE };
        let forgets = planted(Defect::ForgottenChildren) && matches!(end, End::Suspended(_));
        let usage = if forgets { Amounts::ZERO } else { bill.used.total() };
        let books = self.parent.is_none() && !bill.stays;
        if books {
            (entry.release, entry.usage) = (Some(self.hold), Some(usage));
        } else if !bill.stays {
            entry.used = Some(usage);
        }
        let mut ops = vec![self.run.append(entry, &[(slot, text.as_bytes())])];
        if books && !planted(Defect::LostRelease) {
            let accounts = Arc::clone(&self.run.accounts);
            ops.push(Op::Settle { accounts, held: self.hold, spent: usage });
        }
        if !bill.over.is_zero() {
            ops.extend(self.defect(&bill.over, books));
        }
        ops.extend(self.breaker(end));
        ops
    }

    /// More was used than was held: says so, and freezes the run's account. What the settlement before it
    /// did not book is booked here.
    fn defect(&self, over: &Amounts, booked: bool) -> Vec<Op> {
        let run = &self.run;
        let accounts = &run.accounts;
        let mut entry = run.entry(EntryKind::Defect);
        entry.step = Some(self.step.clone());
        entry.reason = Some(ReasonCode::AccountFrozen);
        let mut ops = Vec::new();
        if !booked {
            entry.usage = Some(*over);
            ops.push(Op::Settle { accounts: Arc::clone(accounts), held: Amounts::ZERO, spent: *over });
        }
        let units = Unit::ALL.into_iter().filter(|unit| over.get(*unit) > 0);
        let more: Vec<String> = units.map(|unit| unit.show(over.get(unit))).collect();
        let note = format!("{} more was used than was held", more.join(" and "));
        ops.insert(0, run.append(entry, &[(Slot::Note, note.as_bytes())]));
        ops.extend(accounts.first().map(|account| Op::Freeze(*account)));
        ops
    }

    /// What the endpoint's breaker learns from this end.
    fn breaker(&self, end: &End) -> Option<Op> {
        let (run, endpoint) = (&self.run, &self.endpoint);
        let cell = run.inner.known_breaker(&run.tenant, endpoint);
        let change = match end {
            End::Output(_) if cell == BreakerCell::default() => return None,
            End::Output(_) => BreakerChange::Succeeded,
            End::Failed(ReasonCode::EffectFailed | ReasonCode::OutputSchema, _) | End::Unknown(..) => {
                breaker::failure(&self.rules.policy.breaker, run.now())
            }
            // The workflow refused a result; whoever was called did what it does.
            End::Failed(..) | End::Suspended(_) | End::Lost | End::Cancelled => return None,
        };
        run.inner.note_breaker(&run.tenant, endpoint, cell.after(change));
        Some(Op::Breaker { endpoint: Arc::clone(endpoint), change })
    }

    /// Remembers what this process needs to know if it meets the step again.
    fn note(&self, end: &End, stays: bool, cost: &Amounts) {
        // Where it is recorded is known once it is durable.
        let state = match end {
            End::Output(_) => PastState::Settled(0),
            End::Unknown(reason, _) if stays => PastState::Unknown(*reason, 0),
            End::Failed(reason, _) | End::Unknown(reason, _) => PastState::Failed(*reason, 0),
            End::Lost if stays => PastState::Unknown(ReasonCode::EffectUnknown, 0),
            End::Suspended(_) => PastState::Suspended,
            End::Lost | End::Cancelled => PastState::Retry,
        };
        // What a nested step may have spent is still set aside in its parent's hold.
        let holds = stays && self.parent.is_none();
        let fresh = Past::new(&self.step, self.act.unwrap_or_default());
        let before = self.run.recall(self.step.id).unwrap_or_else(|| fresh.clone());
        let failed = matches!(state, PastState::Failed(..));
        let failures = before.failures + u32::from(failed);
        if failed && self.step.kind.is_container() {
            self.run.end_waits_in(self.step.id);
        }
        if failed || matches!(state, PastState::Settled(_)) {
            let own = before.own(self.step.kind.is_container(), cost);
            self.run.count_done(self.step.parent, &own);
        }
        let spent =
            if failed { Amounts::ZERO } else { before.spent.checked_add(cost).unwrap_or(Amounts::UNLIMITED) };
        let past = Past {
            attempt: self.step.attempt,
            state,
            hold: if holds { self.hold } else { Amounts::ZERO },
            nested: if holds { self.purse.nested() } else { Amounts::ZERO },
            part: if stays && self.parent.is_some() { self.part() } else { Amounts::ZERO },
            spent,
            done: if failed { Amounts::ZERO } else { before.done },
            cleared: self.cleared,
            failures,
            ..fresh
        };
        self.run.remember(self.step.id, past);
    }

    /// A planted defect: records a result before there is one.
    pub(crate) fn pretend(&mut self) {
        let end = End::Output(Output { value: serde_json::Value::Null });
        if let (Some(ticket), _) = self.settle(&end) {
            self.run.owe(self.step.id, ticket);
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        let end = match self.stage {
            Stage::Done | Stage::Fresh => return,
            Stage::Asked if self.parent.is_none() => return self.run.refused(),
            Stage::Asked => return,
            Stage::Admitted => End::Cancelled,
            Stage::Begun => End::Lost,
        };
        if let (Some(ticket), _) = self.settle(&end) {
            self.run.owe(self.step.id, ticket);
        }
    }
}
