//! Admission: decide, reserve, and write both down in one commit.

use crate::approval::{Approved, decided};
use crate::breaker::{self, Breaker};
use crate::check::{ActsByTarget, Evidence, Finding, Judgement, Shortfall, judge};
use crate::classify::{self, Act, Assessment};
use crate::control;
use crate::error::Error;
use crate::gate::Gate;
use crate::history::{Past, PastState};
use crate::outcome::{Approval, Outcome, Refusal};
use crate::planted::{Defect, is as planted};
use crate::run::{Run, Turn, act_bytes, millis};
use crate::scope::Scope;
use crate::settle::Settlement;
use comity_core::{Amounts, ApprovalId, Digest, ReasonCode, Step, StepKind, Unit};
use comity_ledger::{CheckMark, Entry, EntryKind, Slot, StepRef};
use comity_store::{ApprovalState, BreakerCell, BreakerChange, Expect, Op, Refused, Ticket};
use std::sync::Arc;
use std::time::Duration;

/// What comes of asking.
pub(crate) enum Admission {
    /// Go ahead; this settles it.
    Go(Box<Settlement>),
    /// Not now, or not at all.
    Stop(Outcome),
}

/// What a step brings along from before.
pub(crate) enum Pass {
    /// Nothing.
    None,
    /// A person's yes, not used yet.
    Approved(Box<Approved>),
    /// A person's yes, used when it was first admitted; it was suspended since.
    Cleared,
}

/// More failures in a row than this make an endpoint no less trustworthy.
const RECENT: u32 = 20;

/// What came of one try at committing an admission.
enum Tried {
    Done,
    Short(Shortfall),
}

/// One step on its way through the gate.
struct Asking<'a> {
    scope: &'a Scope,
    step: Step,
    attempt: u32,
    approved: Option<Approved>,
    /// Whether a person said yes to it before it was suspended.
    cleared: bool,
    time: Duration,
    act: Vec<u8>,
    turn: Arc<Turn>,
}

/// One attempt let through a half-open breaker, which was like this before.
struct Probe {
    before: BreakerCell,
    change: BreakerChange,
}

impl Gate {
    /// Decides about a step, as often as the values it was decided on change under it.
    pub(crate) async fn admit(
        &self,
        scope: &Scope,
        step: Step,
        attempt: u32,
        ticket: Pass,
        turn: Arc<Turn>,
    ) -> Result<Admission, Error> {
        let run = &*scope.run;
        let act = act_bytes(&step);
        let (approved, cleared) = match ticket {
            Pass::None => (None, false),
            Pass::Approved(approved) => (Some(*approved), false),
            Pass::Cleared => (None, true),
        };
        let mut asking = Asking { scope, step, attempt, approved, cleared, time: Duration::ZERO, act, turn };
        let mut short: Option<Shortfall> = None;
        let mut most = asking.held_before().map_or(Amounts::MAX, |held| held.millis);
        loop {
            let given_back = run.given_back();
            let cell = self.breaker(run, &asking.step.endpoint).await?;
            let state = breaker::look(&cell, &scope.rules.policy.breaker, run.now());
            asking.bound(most);
            let evidence = asking.evidence(&cell, state, short.take());
            let judgement = judge(&asking.step, &evidence);
            let probe = (state == Breaker::HalfOpen)
                .then(|| Probe { before: cell, change: BreakerChange::Probing { at: run.now() } });
            match judgement.finding {
                Finding::Deny(reason, message) => return asking.deny(judgement.marks, reason, message).await,
                Finding::Hold(reason, ref message) => {
                    let message = message.clone();
                    match asking.hold(judgement.marks, reason, &message).await? {
                        Ok(outcome) => return Ok(Admission::Stop(outcome)),
                        Err(lack) => short = Some(lack),
                    }
                }
                Finding::Pass => {
                    let mut settlement = asking.settlement();
                    match asking.go(&judgement, probe, &mut settlement).await? {
                        Tried::Done => return Ok(Admission::Go(Box::new(settlement))),
                        Tried::Short(lack) => short = Some(lack),
                    }
                }
            }
            // Time is clamped so that it fits; for the rest, holds of steps under way will come back.
            match &short {
                Some(lack) if lack.unit == Unit::Millis && lack.left.millis > 0 && !lack.frozen => {
                    most = lack.left.millis;
                    short = None;
                }
                Some(lack)
                    if !lack.frozen && scope.parent.is_none() && run.waits_for_more(given_back).await? =>
                {
                    short = None;
                }
                _ => {}
            }
        }
    }
}

impl Asking<'_> {
    fn run(&self) -> &Run {
        &self.scope.run
    }

    /// Everything that is known of the act at this moment.
    fn evidence(&self, cell: &BreakerCell, breaker: Breaker, shortfall: Option<Shortfall>) -> Evidence<'_> {
        let (run, rules) = (self.run(), &self.scope.rules);
        // Nobody looks at them where there are no rules.
        let acts = if rules.books.is_empty() { ActsByTarget::default() } else { run.acts() };
        Evidence {
            policy: &rules.policy,
            elapsed: run.elapsed(),
            depth: self.scope.depth,
            attempt: self.attempt,
            assessment: seen_as(&self.step, cell),
            breaker,
            approved: self.approved.is_some() || self.cleared,
            books: &rules.books,
            actor: &self.scope.actor,
            acts,
            now: run.now(),
            shortfall,
        }
    }

    /// Sets what the step can cost at most: its own step, and the time it may take.
    fn bound(&mut self, most_millis: u64) {
        let mut time = self.run().time_for(&self.step, &self.scope.rules.policy);
        if let Some(parent) = &self.scope.parent {
            time = time.min(parent.deadline.saturating_sub(self.run().world().clock.monotonic()));
        }
        let time = millis(time).min(most_millis);
        self.time = Duration::from_millis(time);
        self.step.bound.millis = time;
        self.step.bound.steps = self.step.bound.steps.max(1);
    }

    fn entry(&self, kind: EntryKind, marks: Vec<CheckMark>) -> Entry {
        let mut entry = self.run().entry(kind);
        entry.step = Some(StepRef::of(&self.step, self.attempt));
        entry.policy = Some(self.scope.rules.digest);
        entry.checks = marks;
        entry.taint = self.step.taint;
        entry
    }

    /// What is already held for the step, because a person was asked before.
    fn held_before(&self) -> Option<Amounts> {
        self.approved.as_ref().and_then(|approved| approved.hold)
    }

    fn settlement(&self) -> Settlement {
        let hold = self.held_before().unwrap_or(self.step.bound);
        let (approved, turn) = (self.approved.as_ref(), Arc::clone(&self.turn));
        Settlement::new(self.scope, &self.step, self.attempt, hold, self.time, approved, turn)
            .keeping(self.cleared)
    }

    /// What is set aside for a nested step. Its time runs within its parent's, and is not set aside.
    fn part(&self) -> Amounts {
        Amounts { millis: 0, ..self.step.bound }
    }

    /// Sets a nested step's part aside out of its parent's hold.
    fn carve(&self) -> Result<(), Shortfall> {
        let Some(parent) = &self.scope.parent else { return Ok(()) };
        let short = |unit, left| Shortfall {
            account: parent.step.to_string(),
            unit,
            left,
            caps: left,
            frozen: false,
        };
        if self.time.is_zero() {
            return Err(short(Unit::Millis, Amounts::ZERO));
        }
        let part = self.part();
        parent.purse.carve(&part).map_err(|left| short(part.exceeds(&left).unwrap_or(Unit::Steps), left))
    }

    /// Writes the refusal down. What was held while a person was asked is given back.
    async fn deny(
        &self,
        marks: Vec<CheckMark>,
        reason: ReasonCode,
        message: String,
    ) -> Result<Admission, Error> {
        let run = self.run();
        let mut entry = self.entry(EntryKind::Denied, marks);
        entry.reason = Some(reason);
        let mut ops = Vec::new();
        let mut expect = Vec::new();
        if let Some(approved) = &self.approved {
            entry.approval = Some(approved.id);
            expect.push(Expect::Approval(approved.id, ApprovalState::Approved));
            ops.push(Op::SetApproval(approved.id, ApprovalState::Expired));
            if let Some(held) = approved.hold {
                let spent = Amounts::ZERO;
                entry.release = Some(held);
                ops.push(Op::Settle { accounts: Arc::clone(&run.accounts), held, spent });
            }
        }
        ops.insert(0, run.append(entry, &[(Slot::Act, &self.act), (Slot::Note, message.as_bytes())]));
        let receipt = run.commit(expect, ops).await?.map_err(|refused| self.overtaken(&refused))?;
        let seq = receipt.entries.first().map_or(0, |(seq, _)| *seq);
        run.remember(self.step.id, self.past(PastState::Denied(reason, seq), seq, Amounts::ZERO));
        Ok(Admission::Stop(Outcome::Denied(Refusal { reason, message })))
    }

    /// Holds what the step can cost, and asks a person.
    async fn hold(
        &self,
        marks: Vec<CheckMark>,
        reason: ReasonCode,
        message: &str,
    ) -> Result<Result<Outcome, Shortfall>, Error> {
        let run = self.run();
        let id = ApprovalId::derive(run.id(), self.step.id, self.attempt);
        let expires = run.now().plus(self.scope.rules.policy.approval_timeout);
        let mut entry = self.entry(EntryKind::Held, marks);
        entry.reason = Some(reason);
        entry.approval = Some(id);
        entry.expires = Some(expires.millis());
        let nested = self.scope.parent.is_some();
        let hold = if nested { Amounts::ZERO } else { self.step.bound };
        entry.hold = (!nested).then_some(hold);
        let append = run.append(entry, &[(Slot::Act, &self.act), (Slot::Note, message.as_bytes())]);
        let binding = bind(&append, &self.step, self.scope.rules.digest);
        let mut ops = vec![append, Op::AskApproval { approval: id, step: self.step.id, binding, expires }];
        if !nested {
            ops.push(Op::Hold { accounts: Arc::clone(&run.accounts), amounts: hold });
        }
        let receipt = match run.commit(Vec::new(), ops).await? {
            Ok(receipt) => receipt,
            Err(refused) => return self.lack(refused).map(Err),
        };
        let seq = receipt.entries.first().map_or(0, |(seq, _)| *seq);
        run.remember(self.step.id, self.past(PastState::Held(id), seq, hold));
        let approval = Approval { id, step: self.step.id, expires, message: message.to_owned() };
        run.note_asked(&self.step, &approval);
        Ok(Ok(Outcome::Held(approval)))
    }

    /// Commits the admission. If the caller goes away meanwhile, the step is cancelled once it is known
    /// to have been admitted.
    async fn go(
        &self,
        judgement: &Judgement,
        probe: Option<Probe>,
        settlement: &mut Settlement,
    ) -> Result<Tried, Error> {
        let run = self.run();
        run.flush_errors()?;
        if let Err(lack) = self.carve() {
            return Ok(Tried::Short(lack));
        }
        let mut entry = self.entry(EntryKind::Admitted, judgement.marks.clone());
        let mut ops = Vec::with_capacity(4);
        let mut expect = Vec::new();
        let bound = self.step.bound;
        let top = self.scope.parent.is_none();
        match &self.approved {
            Some(approved) => {
                entry.approval = Some(approved.id);
                expect.push(Expect::Approval(approved.id, ApprovalState::Approved));
                ops.push(Op::SetApproval(approved.id, ApprovalState::Consumed));
            }
            None if top => entry.hold = Some(bound),
            None => {}
        }
        if self.approved.is_some() || !top {
            // No hold is taken that would look at this.
            expect.push(Expect::NotFrozen(comity_ledger::account::of_run(run.id())));
        }
        entry.part = (!top).then(|| self.part());
        if self.approved.is_none() && (top || planted(Defect::ChildHoldsTwice)) {
            ops.push(Op::Hold { accounts: Arc::clone(&run.accounts), amounts: bound });
        }
        if let Some(Probe { before, change }) = &probe {
            run.inner.note_breaker(&run.tenant, &self.step.endpoint, before.after(*change));
            ops.push(Op::Breaker { endpoint: Arc::clone(&self.step.endpoint), change: *change });
        }
        let texts = [(Slot::Act, &self.act[..])];
        let texts = if self.approved.is_some() { &[][..] } else { &texts[..] };
        ops.insert(0, run.append(entry, texts));
        let ticket = run.inner.store().queue(run.build(expect, ops));
        settlement.asked();
        let mut waiting = Waiting { ticket: Some(ticket), settlement: Some(settlement) };
        let answer = match waiting.ticket.as_mut() {
            Some(ticket) => ticket.await,
            None => return Err(Error::Misplaced(self.step.id)),
        };
        waiting.ticket = None;
        waiting.settlement = None;
        drop(waiting);
        let answer = run.answered(answer);
        if let Ok(Ok(receipt)) = &answer {
            settlement.admitted(receipt);
            // A settlement that shared the batch may have been refused: then this step is called off.
            run.flush_errors()?;
            return Ok(Tried::Done);
        }
        settlement.refused();
        if let Some(Probe { before, .. }) = probe {
            run.inner.note_breaker(&run.tenant, &self.step.endpoint, before);
        }
        match answer? {
            Ok(_) => Ok(Tried::Done),
            Err(refused) => self.lack(refused).map(Tried::Short),
        }
    }

    /// What a refused hold lacked; any other refusal is an error.
    fn lack(&self, refused: Refused) -> Result<Shortfall, Error> {
        let run = self.run();
        match refused {
            Refused::Insufficient { account, unit, .. } => Ok(Shortfall::of(&account, unit)),
            Refused::Frozen(_) => Ok(Shortfall {
                account: run.id().to_string(),
                unit: Unit::MicroUsd,
                left: Amounts::ZERO,
                caps: run.policy().caps(),
                frozen: true,
            }),
            other => Err(self.overtaken(&other)),
        }
    }

    /// What a refusal means that is not about amounts: as a rule, that somebody used the approval first.
    fn overtaken(&self, refused: &Refused) -> Error {
        match (&self.approved, refused) {
            (Some(approved), Refused::Approval(Some(cell))) => decided(approved.id, cell.state),
            _ => Error::of_refusal(self.run().id(), refused),
        }
    }

    fn past(&self, state: PastState, seq: u64, hold: Amounts) -> Past {
        let fresh = Past::new(&StepRef::of(&self.step, self.attempt), seq);
        let before = self.run().recall(self.step.id);
        let before = before.unwrap_or_else(|| fresh.clone());
        let Past { spent, done, failures, .. } = before;
        Past { attempt: self.attempt, state, hold, spent, done, failures, ..fresh }
    }
}

/// An admission under way. Dropped before it is answered, it lets the answer be waited for elsewhere.
struct Waiting<'s> {
    ticket: Option<Ticket>,
    settlement: Option<&'s mut Settlement>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let (Some(ticket), Some(settlement)) = (self.ticket.take(), self.settlement.take()) else { return };
        let spawn = Arc::clone(&settlement.run().world().spawn);
        let mut orphan = settlement.hand_over();
        spawn.spawn(Box::pin(async move {
            match ticket.await {
                // Dropping an admitted settlement that never began cancels the step.
                Ok(receipt) => orphan.admitted(&receipt),
                Err(_) => orphan.refused(),
            }
        }));
    }
}

/// How harmful a step is, by all that is known of it. What only holds other steps, asks a model or a person, or waits, is
/// what it was declared: its name is somebody's choice of words.
fn seen_as(step: &Step, breaker: &BreakerCell) -> Assessment {
    if !matches!(step.kind, StepKind::ToolCall | StepKind::Send | StepKind::Invoke) {
        return Assessment::declared(step.risk);
    }
    let failure_rate =
        (0..breaker.failures.min(RECENT)).fold(0.0, |rate, _| classify::failure_rate(rate, true));
    // Taint has a check of its own.
    let act = Act { action: &step.action, input: &step.input, failure_rate, tainted: false };
    if control::is_off("classifier") {
        Assessment::declared(step.risk)
    } else {
        classify::assess(step.risk, &act)
    }
}

/// What an approval is bound to: the act as recorded, how it is done, and the policy.
fn bind(append: &Op, step: &Step, policy: Digest) -> Digest {
    let act = match append {
        Op::Append(append) => append.payloads.iter().find(|payload| payload.slot == Slot::Act as u8),
        _ => None,
    };
    let act = act.map(comity_ledger::payload::committed);
    binding(step, act.unwrap_or(Digest::ZERO), policy)
}

/// `SHA-256(domain ‖ step ‖ commitment to the act ‖ contract ‖ policy)`.
pub(crate) fn binding(step: &Step, act: Digest, policy: Digest) -> Digest {
    Digest::of(&[b"comity/approval/v1\n", step.id.bytes(), &act.0, &step.contract.0, &policy.0])
}
