//! Where a step stands: its run, its parent, and what it draws on.

use crate::error::Error;
use crate::planted::{Defect, is as planted};
use crate::policy::Policy;
use crate::purse::Purse;
use crate::run::Run;
use comity_core::{Digest, PrincipalKind, StepId};
use comity_rules::Actor;
use std::sync::Arc;
use std::time::Duration;

/// Lineage and the purse that children draw on. Clone it freely: it carries no authority to spend.
#[derive(Clone)]
pub struct Scope {
    pub(crate) run: Arc<Run>,
    pub(crate) parent: Option<Parent>,
    pub(crate) depth: u32,
    pub(crate) rules: Arc<Rules>,
    /// Who acts here.
    pub(crate) actor: Arc<Actor>,
}

/// How often what is nested in a step has begun anew.
fn failures(parent: &Parent) -> u32 {
    if planted(Defect::ReusedChildren) { 0 } else { parent.failures }
}

/// A policy, its name, and its rules as they are asked.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) digest: Digest,
    /// Each of these has to permit an act: those of the run, then those of the workflows around it.
    pub(crate) books: Vec<comity_rules::Rules>,
}

impl Rules {
    pub(crate) fn new(policy: Policy, books: Vec<comity_rules::Rules>) -> Arc<Self> {
        let digest = policy.digest();
        Arc::new(Self { policy, digest, books })
    }

    /// The same, where `policy` and its rules hold too.
    fn and(&self, policy: &Policy, book: Option<comity_rules::Rules>) -> Arc<Self> {
        let stricter = self.policy.stricter(policy);
        let digest = match book.is_some() {
            // What was decided under both names both.
            true => Digest::of(&[b"comity/policy/both\n", &self.digest.0, &policy.digest().0]),
            false => stricter.digest(),
        };
        let books = self.books.iter().cloned().chain(book).collect();
        Arc::new(Self { policy: stricter, digest, books })
    }
}

/// The step that others are nested in.
#[derive(Clone)]
pub(crate) struct Parent {
    pub(crate) step: StepId,
    /// How often it has failed and been begun anew.
    pub(crate) failures: u32,
    pub(crate) purse: Arc<Purse>,
    /// When its time is over, on the monotonic clock. Nested steps run within it, side by side.
    pub(crate) deadline: Duration,
}

impl Scope {
    /// Where the steps of the run itself stand.
    pub fn root(run: Arc<Run>) -> Self {
        let (rules, actor) = (Arc::clone(&run.rules), Arc::clone(&run.actor));
        Self { run, parent: None, depth: 0, rules, actor }
    }

    /// The same place, where `policy` holds too: of each limit the stricter one, and the rules of both. Errors if its
    /// rules cannot be read.
    pub fn under(self, policy: &Policy) -> Result<Self, Error> {
        let rules = self.rules.and(policy, self.run.inner.book(policy)?);
        Ok(Self { rules, ..self })
    }

    /// The same place, where somebody else acts: an agent of the run.
    pub fn acting(self, name: &str, role: &str) -> Self {
        let actor = Arc::new(Actor {
            name: name.to_owned(),
            role: role.to_owned(),
            kind: PrincipalKind::Agent,
            ..(*self.actor).clone()
        });
        Self { actor, ..self }
    }

    /// The limits that hold here.
    pub fn policy(&self) -> &Policy {
        &self.rules.policy
    }

    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// The step that steps here are nested in.
    pub fn parent_step(&self) -> Option<StepId> {
        self.parent.as_ref().map(|parent| parent.step)
    }

    /// The id of the `ordinal`-th step here, in the given loop iteration.
    pub fn step_id(&self, ordinal: u32, iteration: u32) -> StepId {
        let parent = self.parent.as_ref().map(|parent| parent.step.anew(failures(parent)));
        StepId::derive(self.run.id(), parent, ordinal, iteration)
    }
}
