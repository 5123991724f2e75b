//! Walks a plan: asks the planner what is next, takes each step through the gate, and tells the planner how
//! it came out. Steps begin when their own inputs are there; nothing waits for a level to fill.

use crate::plan::{Plan, StepPlan};
use crate::planner::{Cause, Fate, Planner, RunVerdict};
use comity_core::{ApprovalId, BoxFuture, ReasonCode, Step};
use comity_govern::{Approval, Error, Failure, Gate, Input, Outcome, Output, Permit, Ruling, Scope};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The most steps of one run under way at a time.
const WIDEST: usize = 1_024;
/// Skips that are queued before they are waited for.
const SKIPS: usize = 256;

/// How steps are done. Implemented by the composition root.
pub trait StepRunner: Send + Sync {
    /// The act that the gate decides about: its id comes from `scope`, everything else from the plan.
    fn step(&self, scope: &Scope, ordinal: usize, input: &Input) -> Step;

    /// Does the act. Called once for each admission.
    fn run<'a>(
        &'a self,
        permit: &'a mut Permit,
        ordinal: usize,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>>;

    /// What has to be had before the step asks to be admitted, so that a bound on processes or sockets
    /// does not eat into its time.
    fn turn(&self, ordinal: usize) -> Option<Arc<Semaphore>>;
}

/// Somebody to ask while the run waits.
pub trait Approver: Send + Sync {
    /// Asks about a held step, for as long as it takes. `None` leaves it held; what somebody else ruled
    /// meanwhile counts.
    fn ask<'a>(
        &'a self,
        step: &'a StepPlan,
        approval: &'a Approval,
    ) -> BoxFuture<'a, Result<Option<Ruling>, Error>>;
}

/// How a walk ended.
#[derive(Debug)]
pub struct Walked {
    /// How the run stands.
    pub verdict: RunVerdict,
    /// What each settled terminal step produced, by ordinal.
    pub outputs: Vec<(usize, Arc<Value>)>,
}

/// One walk of one plan.
pub struct Drive<'a> {
    /// The gate.
    pub gate: &'a Gate,
    /// Where the steps stand.
    pub scope: &'a Scope,
    /// What to walk.
    pub plan: &'a Plan,
    /// How steps are done.
    pub runner: &'a dyn StepRunner,
    /// Somebody to ask; nobody, if held steps shall stay held.
    pub approver: Option<&'a dyn Approver>,
    /// What the run is about.
    pub task: &'a str,
}

/// What one future of the walk came to.
enum Happened {
    Ended(usize, Result<Outcome, Error>),
    Ruled(usize, Result<Option<Ruling>, Error>),
}

impl Drive<'_> {
    /// Walks until nothing is left to do. The first error stops the walk; steps under way are dropped, and
    /// so recorded as unknown.
    pub async fn walk(&self) -> Result<Walked, Error> {
        let mut planner = Planner::new(self.plan);
        let mut outputs: Vec<Option<Arc<Value>>> = vec![None; self.plan.steps().len()];
        let mut under_way: FuturesUnordered<BoxFuture<'_, Happened>> = FuturesUnordered::new();
        let mut ready = VecDeque::new();
        // How many of those under way wait for a person.
        let mut asks = 0;
        let mut held: Vec<(usize, ApprovalId)> = Vec::new();
        loop {
            ready.extend(planner.ready());
            while under_way.len() < WIDEST
                && let Some(ordinal) = ready.pop_front()
            {
                let input = self.input(&planner, ordinal, &outputs);
                under_way.push(Box::pin(self.take(ordinal, input)));
            }
            let resting = (asks > 0 && asks == under_way.len()).then(|| self.scope.run().rest());
            let Some(happened) = under_way.next().await else {
                // Somebody may have ruled from elsewhere while other steps were under way.
                if self.take_up(&mut planner, &mut held).await? { continue } else { break }
            };
            drop(resting);
            match happened {
                Happened::Ended(ordinal, outcome) => {
                    let fate = match outcome? {
                        Outcome::Settled(settled) => {
                            if let Some(slot) = outputs.get_mut(ordinal) {
                                *slot = Some(Arc::new(settled.output.value));
                            }
                            Fate::Settled
                        }
                        Outcome::Failed(ended) => Fate::Failed(ended.reason),
                        Outcome::Denied(refusal) => Fate::Denied(refusal.reason),
                        Outcome::Unknown(_) | Outcome::Suspended(_) => Fate::Waiting,
                        Outcome::Held(approval) => {
                            held.push((ordinal, approval.id));
                            if let Some(approver) = self.approver {
                                asks += 1;
                                under_way.push(Box::pin(self.ask(approver, ordinal, approval)));
                            }
                            Fate::Waiting
                        }
                    };
                    self.finish(&mut planner, ordinal, fate).await?;
                }
                Happened::Ruled(ordinal, ruling) => {
                    asks -= 1;
                    if ruling?.is_some() {
                        held.retain(|(other, _)| *other != ordinal);
                        planner.reopen(ordinal);
                    }
                }
            }
        }
        let verdict = planner.verdict().unwrap_or(RunVerdict::Failed(ReasonCode::Unreachable));
        let ended = planner.outputs();
        let outputs =
            ended.into_iter().filter_map(|ordinal| Some((ordinal, outputs.get(ordinal)?.clone()?))).collect();
        Ok(Walked { verdict, outputs })
    }

    /// Lets held steps that somebody has ruled on meanwhile run again; whether there was one.
    async fn take_up(
        &self,
        planner: &mut Planner<'_>,
        held: &mut Vec<(usize, ApprovalId)>,
    ) -> Result<bool, Error> {
        let mut still = Vec::new();
        for (ordinal, approval) in held.drain(..) {
            if self.gate.is_ruled(self.scope.run(), approval).await? {
                planner.reopen(ordinal);
            } else {
                still.push((ordinal, approval));
            }
        }
        let some = planner.verdict().is_none();
        *held = still;
        Ok(some)
    }

    async fn finish(&self, planner: &mut Planner<'_>, ordinal: usize, fate: Fate) -> Result<(), Error> {
        for (count, skipped) in planner.finish(ordinal, fate).into_iter().enumerate() {
            // Invariant: at most this many skips are queued and not yet durable.
            if count > 0 && count.is_multiple_of(SKIPS) {
                self.scope.run().flush().await?;
            }
            let step = self.runner.step(self.scope, skipped, &Input::new(Value::Null));
            let (word, reason) = match planner.fate(skipped) {
                Some(Fate::Skipped(Cause::Failed(reason))) => ("failed", reason),
                Some(Fate::Skipped(Cause::Denied(reason))) => ("was refused", reason),
                _ => ("has no result", ReasonCode::Unreachable),
            };
            let message =
                format!("every step it waits for ended without a result: one before it {word} ({reason})");
            self.scope.run().skip(&step, ReasonCode::Unreachable, &message);
        }
        Ok(())
    }

    /// What a step is given: the task, and the outputs of the steps right before it.
    fn input(&self, planner: &Planner<'_>, ordinal: usize, outputs: &[Option<Arc<Value>>]) -> Input {
        let context: Map<String, Value> = planner
            .context(ordinal)
            .into_iter()
            .filter_map(|before| {
                let name = self.plan.step(before)?.name.to_string();
                let output = outputs.get(before)?.as_deref()?.clone();
                Some((name, output))
            })
            .collect();
        let mut value = Map::new();
        value.insert("context".to_owned(), Value::Object(context));
        value.insert("task".to_owned(), Value::String(self.task.to_owned()));
        Input::new(Value::Object(value))
    }

    async fn take(&self, ordinal: usize, input: Input) -> Happened {
        let turn = self.runner.turn(ordinal);
        let _turn = match &turn {
            // A closed semaphore means the runtime is going away; the gate will say so.
            Some(turn) => turn.acquire().await.ok(),
            None => None,
        };
        let step = self.runner.step(self.scope, ordinal, &input);
        let runner = self.runner;
        let outcome =
            self.gate.run(self.scope, step, async |permit| runner.run(permit, ordinal, &input).await).await;
        Happened::Ended(ordinal, outcome)
    }

    async fn ask(&self, approver: &dyn Approver, ordinal: usize, approval: Approval) -> Happened {
        let ruling = match self.plan.step(ordinal) {
            Some(step) => approver.ask(step, &approval).await,
            None => Ok(None),
        };
        Happened::Ruled(ordinal, ruling)
    }
}
