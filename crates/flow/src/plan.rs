//! A workflow that passed every check: what to run, in which order, under which limits.

use crate::{
    condition::Condition,
    diagnostic::{Diagnostic, Invalid},
    file,
    findings::Findings,
    schema::OutputSchema,
    yaml,
};
use comity_core::{KindSpec, MicroUsd, RiskTier, Taint};
use comity_govern::Policy;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// A workflow that may run. Only [`compile`] makes one: without its loops its graph has no circle, and it
/// has at least one step.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) name: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) control: Control,
    pub(crate) steps: Vec<StepPlan>,
    pub(crate) edges: Vec<EdgePlan>,
    pub(crate) loops: Vec<LoopPlan>,
    pub(crate) tools: Vec<ToolPlan>,
    pub(crate) terminal: Vec<usize>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Plan {
    /// The plan of a file that nobody can read any more: it has no steps.
    pub fn unknown() -> Self {
        Self {
            name: None,
            policy: Policy::default(),
            control: Control::default(),
            steps: Vec::new(),
            edges: Vec::new(),
            loops: Vec::new(),
            tools: Vec::new(),
            terminal: Vec::new(),
            metadata: Map::new(),
            warnings: Vec::new(),
        }
    }
}

/// How the walk through a workflow is steered, beyond the limits that the gate enforces.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// How often steps may send the run to a step of their choice.
    pub max_replans: u32,
    /// The most the workflow may be forecast to cost, if it may start only then.
    pub max_forecast: Option<MicroUsd>,
    /// How values under one key of the shared context come together; the rest overwrite.
    pub merge: BTreeMap<String, Merge>,
    /// Whether steps are given the shared context: the file has a `context_bus`.
    pub shares: bool,
    /// Which model agents take that name none.
    pub router: Option<ModelRouter>,
    /// Files of rules that every act is put to, as the file names them, and where it does.
    pub rules: Vec<(String, Place)>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            max_replans: 3,
            max_forecast: None,
            merge: BTreeMap::new(),
            shares: false,
            router: None,
            rules: Vec::new(),
        }
    }
}

/// How values written under one key come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The last one counts.
    Overwrite,
    /// A list of all of them.
    Append,
    /// The one whose step was surest counts.
    SelectHighestConfidence,
    /// True when all are.
    LogicalAnd,
    /// True when one is.
    LogicalOr,
}

/// Which model agents take that name none, by the size of what they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRouter {
    /// The tier when no other fits.
    pub fallback: String,
    /// Models by tier: `small`, `medium`, `large`.
    pub tiers: BTreeMap<String, String>,
}

/// Where something stands in its file. Two plans that differ in nothing else are shown alike.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Characters that are meant; at least 1.
    pub width: u32,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// One step of a plan. Its place in [`Plan::steps`] is its ordinal: its place in the file, from 0.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// The name in the file.
    pub name: Arc<str>,
    /// Where its name stands.
    pub place: Place,
    /// The kind, which says who runs it.
    pub kind: &'static KindSpec,
    /// Declared impact; the kind's when the file declares none.
    pub risk: RiskTier,
    /// Whether doing it twice does what doing it once does; the kind's answer when the file has none.
    pub idempotent: bool,
    /// How long it may take; `None` leaves that to the policy.
    pub timeout: Option<Duration>,
    /// What becomes of it when its time is over.
    pub on_timeout: OnTimeout,
    /// How often it is tried again after it failed.
    pub retry: Retry,
    /// What its output has to look like.
    pub schema: Option<OutputSchema>,
    /// The untrusted source that what it produces comes from; none when the file does not say.
    pub source: Taint,
    /// What it costs each time; zero when the file does not say.
    pub price: MicroUsd,
    /// The keys of its kind, read by their shapes: seconds stand as whole milliseconds.
    pub config: Map<String, Value>,
    /// Places in [`Plan::tools`] of what it may call.
    pub tools: Vec<usize>,
    /// Ordinals of the steps it waits for, ascending, each once.
    pub after: Vec<usize>,
    /// Ordinals of the steps that wait for it, ascending, each once.
    pub before: Vec<usize>,
    /// Places in [`Plan::edges`] of the edges that lead to it.
    pub incoming: Vec<usize>,
    /// Places in [`Plan::edges`] of the edges that lead from it, in the order of the file.
    pub outgoing: Vec<usize>,
    /// Places in [`Plan::loops`] of the loops that it ends, in the order of the file.
    pub loops: Vec<usize>,
}

/// What becomes of a step when its time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTimeout {
    /// It fails, or waits for a person if doing it twice could do harm.
    #[default]
    Fail,
    /// It is passed over: steps that wait for it alone are passed over too, and the run does not fail.
    Skip,
    /// It is tried again, as after a failure.
    Retry,
}

/// How often a step is tried again, and how long is waited before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first.
    pub max: u32,
    /// The wait before the first of them; each further wait is twice as long.
    pub backoff: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max: 0, backoff: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// `to` waits for `from`.
#[derive(Clone, Debug)]
pub struct EdgePlan {
    /// The step that has to end first.
    pub from: usize,
    /// The step that waits.
    pub to: usize,
    /// When it is followed.
    pub when: When,
}

/// When an edge is followed.
#[derive(Clone, Debug)]
pub enum When {
    /// Whenever its source settled, and named no next step.
    Always,
    /// When its source settled, named no next step, and this holds.
    If(Condition),
    /// When its source named its target as the next step.
    Routed,
}

/// After `from`, the steps from `to` to `from` are run again.
#[derive(Clone, Debug)]
pub struct LoopPlan {
    /// The step whose end decides.
    pub from: usize,
    /// The step that is gone back to: `from` itself, or a step it waits for, directly or not.
    pub to: usize,
    /// When it is gone back; never [`When::Always`].
    pub when: When,
    /// How often at most.
    pub max_iterations: u32,
    /// Ordinals of every step on a way from `to` to `from`, both included, ascending.
    ///
    /// Two bodies are nested, equal or share nothing. Where several steps choose ([`When::Routed`]) to go back to
    /// one `to` and their ways part, the body of each is all of these ways.
    pub body: Vec<usize>,
}

/// Something that agents may call.
#[derive(Clone, Debug)]
pub struct ToolPlan {
    /// The name in the file.
    pub name: Arc<str>,
    /// Where its name stands.
    pub place: Place,
    /// The kind of step it is.
    pub kind: &'static KindSpec,
    /// Declared impact.
    pub risk: RiskTier,
    /// Whether doing it twice does what doing it once does.
    pub idempotent: bool,
    /// How long one call may take.
    pub timeout: Option<Duration>,
    /// The untrusted source that its answers come from: a tool's, unless the file says otherwise.
    pub source: Taint,
    /// What each call costs.
    pub price: MicroUsd,
    /// What it does, for whoever may call it.
    pub about: String,
    /// The keys of its kind.
    pub config: Map<String, Value>,
}

/// Reads a workflow file. `kinds` are the kinds of step that this process can run.
///
/// Errors with everything that is wrong with the file, so that one look is enough to mend it.
pub fn compile(source: &str, kinds: &[&'static KindSpec]) -> Result<Plan, Invalid> {
    let mut findings = Findings::default();
    let plan = yaml::parse(source, &mut findings).and_then(|root| file::read(&root, kinds, &mut findings));
    match plan {
        Some(plan) if findings.is_empty() => Ok(Plan { warnings: findings.into_warnings(), ..plan }),
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

    /// The same plan, under rules that were read from the files it names.
    pub fn with_rules(self, rules: Vec<comity_govern::RuleFile>) -> Self {
        Self { policy: Policy { rules, ..self.policy }, ..self }
    }

    /// How the walk through it is steered.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The steps by ordinal; never empty.
    pub fn steps(&self) -> &[StepPlan] {
        &self.steps
    }

    /// The step with this ordinal.
    pub fn step(&self, ordinal: usize) -> Option<&StepPlan> {
        self.steps.get(ordinal)
    }

    /// The edges, in the order of the file.
    pub fn edges(&self) -> &[EdgePlan] {
        &self.edges
    }

    /// The loops, in the order of the file.
    pub fn loops(&self) -> &[LoopPlan] {
        &self.loops
    }

    /// What agents may call.
    pub fn tools(&self) -> &[ToolPlan] {
        &self.tools
    }

    /// Ordinals of the steps whose outputs are the run's output, ascending; never empty.
    pub fn terminal(&self) -> &[usize] {
        &self.terminal
    }

    /// What the file says about itself; nothing here steers anything.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// What is not wrong with the file, and worth a look.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

#[cfg(test)]
pub(crate) mod tests;
