//! Proof of admission, and the meter for what it may spend.

use crate::control;
use crate::purse::Purse;
use crate::scope::Scope;
use comity_core::{Amounts, Clock, Digest, RunId, StepId, Taint, TraceContext, Unit};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// Proof that one step was admitted, and the meter for what it may spend. Only `govern` can make one.
pub struct Permit {
    pub(crate) step: StepId,
    pub(crate) run: RunId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) deadline: Duration,
    pub(crate) decision: Option<Decision>,
    pub(crate) purse: Arc<Purse>,
    pub(crate) scope: Option<Scope>,
    pub(crate) taints: Arc<Taints>,
}

/// The untrusted sources that have gone into an act so far. They add up.
#[derive(Debug, Default)]
pub(crate) struct Taints(AtomicU8);

impl Taints {
    pub(crate) fn of(taint: Taint) -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(taint.bits())))
    }

    pub(crate) fn add(&self, taint: Taint) {
        self.0.fetch_or(taint.bits(), Ordering::AcqRel);
    }

    pub(crate) fn sum(&self) -> Taint {
        // Invariant: only bits of sources were put in.
        Taint::from_bits(self.0.load(Ordering::Acquire)).unwrap_or_default()
    }
}

/// A person's yes to one exact act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who decided.
    pub approver: String,
    /// What they said about it; empty when they said nothing.
    pub comment: String,
}

/// The act wanted to spend more than was reserved for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("spending {wanted} would pass the {left} left of what was reserved")]
pub struct Overspent {
    /// What was asked for, in words.
    pub wanted: String,
    /// What is left, in words.
    pub left: String,
}

impl Permit {
    /// Draws `usage` from what was reserved. Errors, and draws nothing, if that would pass the reserve.
    pub fn charge(&mut self, usage: Amounts) -> Result<(), Overspent> {
        if self.purse.spend(&usage) || control::is_off("hold") {
            return Ok(());
        }
        let left = self.purse.left();
        let unit = usage.exceeds(&left).unwrap_or(Unit::MicroUsd);
        Err(Overspent { wanted: unit.show(usage.get(unit)), left: unit.show(left.get(unit)) })
    }

    /// Books `usage` that has happened already, as a provider's bill does. It cannot be refused: what does
    /// not fit what was reserved is a defect, and freezes the run's account when the step is settled.
    pub fn report(&mut self, usage: Amounts) {
        self.purse.report(&usage);
    }

    /// Says that what the act produces came from these sources too. What went into its input counts already.
    pub fn taint(&mut self, taint: Taint) {
        self.taints.add(taint);
    }

    /// The step this permit admits.
    pub fn step(&self) -> StepId {
        self.step
    }

    /// Where nested steps stand: their holds are carved out of this step's.
    ///
    /// `None` for a permit made by [`Permit::for_test`].
    pub fn scope(&self) -> Option<Scope> {
        self.scope.clone()
    }

    /// A key that is the same for every attempt at this step of this run, for services that take one.
    pub fn idempotency_key(&self) -> String {
        let digest = Digest::of(&[b"comity/idempotency/v1\n", self.run.bytes(), self.step.bytes()]).hex();
        digest.get(..32).unwrap_or_default().to_owned()
    }

    /// The `traceparent` header for services that the act calls: the run's trace, with the step as the
    /// caller.
    pub fn traceparent(&self) -> String {
        let trace = self.scope.as_ref().map(|scope| scope.run.trace());
        trace.unwrap_or_else(|| TraceContext::of_run(self.run)).of_step(self.step).to_string()
    }

    /// How long the act may still take.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_sub(self.clock.monotonic())
    }

    /// Where effects take their time from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The person's decision this admission rests on, if one was needed.
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// A permit that admits nothing anywhere, for the tests of those who need one in their hands.
    #[cfg(feature = "testing")]
    pub fn for_test(clock: Arc<dyn Clock>, time_left: Duration, decision: Option<Decision>) -> Self {
        let deadline = clock.monotonic() + time_left;
        let purse = Arc::new(Purse::new(Amounts::UNLIMITED, Amounts::ZERO));
        let (run, step) = (RunId::from_bytes([1; 16]), StepId::from_bytes([2; 16]));
        Self { step, run, clock, deadline, decision, purse, scope: None, taints: Arc::default() }
    }
}
