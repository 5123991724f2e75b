//! A workflow that passed every check: what to run, in which order, under which limits.

use crate::{
    diagnostic::Invalid,
    file::{self, File},
    findings::Findings,
    yaml,
};
use comity_core::{KindSpec, MicroUsd, RiskTier};
use comity_govern::Policy;
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// A workflow that may run. Only [`compile`] makes one: its graph has no circle, and at least one step.
#[derive(Clone, Debug)]
pub struct Plan {
    name: Option<String>,
    policy: Policy,
    steps: Vec<StepPlan>,
    terminal: Vec<usize>,
}

/// One step of a plan. Its place in [`Plan::steps`] is its ordinal: its place in the file, from 0.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// The name in the file.
    pub name: Arc<str>,
    /// The kind, which says who runs it.
    pub kind: &'static KindSpec,
    /// Declared impact; the kind's when the file declares none.
    pub risk: RiskTier,
    /// Whether doing it twice does what doing it once does; the kind's answer when the file has none.
    pub idempotent: bool,
    /// How long it may take; `None` leaves that to the policy.
    pub timeout: Option<Duration>,
    /// What it costs each time; zero when the file does not say.
    pub price: MicroUsd,
    /// The keys of its kind: texts, lists of texts, flags and whole numbers.
    pub config: Map<String, Value>,
    /// Ordinals of the steps it waits for, ascending.
    pub after: Vec<usize>,
    /// Ordinals of the steps that wait for it, ascending.
    pub before: Vec<usize>,
}

/// Reads a workflow file. `kinds` are the kinds of step that this process can run.
///
/// Errors with everything that is wrong with the file, so that one look is enough to mend it.
pub fn compile(source: &str, kinds: &[&'static KindSpec]) -> Result<Plan, Invalid> {
    let mut findings = Findings::default();
    let file = yaml::parse(source, &mut findings).and_then(|root| file::read(&root, kinds, &mut findings));
    match file {
        Some(File { name, policy, steps, terminal }) if findings.is_empty() => {
            Ok(Plan { name, policy, steps, terminal })
        }
        _ => Err(findings.into_invalid()),
    }
}

impl Plan {
    /// The workflow's name, if the file gives one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The limits it runs under.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The steps by ordinal; never empty.
    pub fn steps(&self) -> &[StepPlan] {
        &self.steps
    }

    /// The step with this ordinal.
    pub fn step(&self, ordinal: usize) -> Option<&StepPlan> {
        self.steps.get(ordinal)
    }

    /// Ordinals of the steps whose outputs are the run's output, ascending; never empty.
    pub fn terminal(&self) -> &[usize] {
        &self.terminal
    }
}

#[cfg(test)]
mod tests;
