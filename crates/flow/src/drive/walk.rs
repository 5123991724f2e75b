//! One walk: what is under way, what waits, and what came out so far.

use super::take::{Outlook, Taking};
use super::{Drive, Question, Walked, patience};
use crate::facts;
use crate::plan::{StepPlan, When};
use crate::planner::{Cause, Fate, PASSED, Planner, RunVerdict};
use crate::route::{self, Limits, Routing};
use crate::shared::Shared;
use crate::timer::Timer;
use comity_core::{ApprovalId, BoxFuture, ReasonCode, StepId, StepKind, Taint, Timestamp};
use comity_govern::{Ended, Error, Input, Outcome, PastState, Refusal, Ruling, Settled};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// The most steps of one run under way at a time.
const WIDEST: usize = 1_024;
/// Skips that are queued before they are waited for.
const SKIPS: usize = 256;

/// What one future of the walk came to.
enum Happened {
    Ended(usize, Option<Arc<Outlook>>, Result<Outcome, Error>),
    Ruled(usize, ApprovalId, Result<Option<Ruling>, Error>),
    /// The moment a step waits for has come.
    Due(usize),
}

/// What a step left behind.
#[derive(Clone, Default)]
struct Left {
    output: Option<Arc<Value>>,
    /// The untrusted sources that went into the output.
    taint: Taint,
    at: Option<Timestamp>,
    shared: Shared,
}

pub(super) struct Walk<'d> {
    drive: &'d Drive<'d>,
    planner: Planner<'d>,
    left: Vec<Left>,
    /// Whether steps, or conditions, see the shared context.
    shares: bool,
    under_way: FuturesUnordered<BoxFuture<'d, Happened>>,
    /// How many of those under way wait for a person or a moment.
    idle: usize,
    held: Vec<(usize, ApprovalId)>,
    asking: HashSet<ApprovalId>,
    /// Steps that failed, and that are tried again when their moment comes.
    again: HashSet<usize>,
    /// Steps whose wait was over before they came to wait.
    early: HashSet<usize>,
}

impl<'d> Walk<'d> {
    pub(super) fn new(drive: &'d Drive<'d>) -> Self {
        Self {
            drive,
            planner: Planner::new(drive.plan),
            left: vec![Left::default(); drive.plan.steps().len()],
            shares: shares(drive.plan),
            under_way: FuturesUnordered::new(),
            idle: 0,
            held: Vec::new(),
            asking: HashSet::new(),
            again: HashSet::new(),
            early: HashSet::new(),
        }
    }

    pub(super) async fn finish(mut self) -> Result<Walked, Error> {
        let mut ready = VecDeque::new();
        loop {
            ready.extend(self.planner.ready());
            // Whoever waits for a person or a moment keeps nobody from beginning.
            while self.under_way.len() - self.idle < WIDEST
                && let Some(ordinal) = ready.pop_front()
            {
                self.begin(ordinal).await?;
                ready.extend(self.planner.ready());
            }
            let run = self.drive.scope.run();
            let resting = (self.idle > 0 && self.idle == self.under_way.len()).then(|| run.rest());
            let Some(happened) = self.under_way.next().await else {
                // Somebody may have ruled from elsewhere while other steps were under way.
                if self.take_up().await? { continue } else { break }
            };
            drop(resting);
            match happened {
                Happened::Ended(ordinal, outlook, outcome) => self.ended(ordinal, outlook, outcome?).await?,
                Happened::Ruled(ordinal, approval, ruling) => {
                    self.idle -= 1;
                    self.asking.remove(&approval);
                    if ruling?.is_some() {
                        self.held.retain(|(_, other)| *other != approval);
                        self.reopen(ordinal);
                    }
                }
                Happened::Due(ordinal) => {
                    self.idle -= 1;
                    self.reopen(ordinal);
                }
            }
        }
        let verdict = self.planner.verdict().unwrap_or(RunVerdict::Failed(ReasonCode::Unreachable));
        Ok(Walked { verdict, output: self.output(), taint: self.taint_of(&self.planner.outputs()) })
    }

    /// Lets a waiting step go on; one that does not wait yet goes on as soon as it would.
    fn reopen(&mut self, ordinal: usize) {
        if self.planner.fate(ordinal) == Some(Fate::Waiting) {
            self.planner.reopen(ordinal);
        } else {
            self.early.insert(ordinal);
        }
    }

    /// Lets held steps that somebody has ruled on meanwhile run again; whether there was one.
    async fn take_up(&mut self) -> Result<bool, Error> {
        let mut still = Vec::new();
        for (ordinal, approval) in std::mem::take(&mut self.held) {
            if self.drive.gate.is_ruled(self.drive.scope.run(), approval).await? {
                self.planner.reopen(ordinal);
            } else {
                still.push((ordinal, approval));
            }
        }
        self.held = still;
        Ok(self.planner.verdict().is_none())
    }

    /// Takes a ready step through the gate, or lets it wait for its moment first.
    async fn begin(&mut self, ordinal: usize) -> Result<(), Error> {
        let drive = self.drive;
        let Some(planned) = drive.plan.step(ordinal) else { return Ok(()) };
        let iteration = self.planner.iteration(ordinal);
        if self.reuse(ordinal, planned, iteration).await? {
            return Ok(());
        }
        let input = self.input(ordinal, iteration, drive.task);
        let step = drive.runner.step(drive.scope, ordinal, iteration, &input);
        let again = self.again.remove(&ordinal);
        if planned.kind.step == StepKind::Timer
            && let Some(due) = self.moment(ordinal, planned, step.id)
        {
            let message = format!("`{}` waits for its moment", step.name);
            drive.scope.run().schedule(&step, 0, due, ReasonCode::Timer, &message);
            return self.wait_until(ordinal, due).await;
        }
        // Whatever woke it: it is not tried again before the moment that is written down.
        if again && let Some(due) = drive.scope.run().due(step.id).filter(|due| *due > drive.clock.now()) {
            self.again.insert(ordinal);
            return self.wait_until(ordinal, due).await;
        }
        let outlook = self.outlook(ordinal, planned).map(Arc::new);
        let kept = outlook.clone();
        let taking = Taking { drive, ordinal, planned, step, input, outlook };
        self.under_way.push(Box::pin(async move { Happened::Ended(ordinal, kept, taking.go(again).await) }));
        Ok(())
    }

    /// Takes the step's result over from the run that this one was forked from, if that has one for it; whether it
    /// did.
    async fn reuse(&mut self, ordinal: usize, planned: &StepPlan, iteration: u32) -> Result<bool, Error> {
        let drive = self.drive;
        let Some(inherited) = drive.inherited else { return Ok(false) };
        let id = drive.scope.step_id(u32::try_from(ordinal).unwrap_or(u32::MAX), iteration);
        if !drive.scope.run().inherits(id) {
            return Ok(false);
        }
        let input = self.input(ordinal, iteration, inherited.task);
        let step = drive.runner.step(drive.scope, ordinal, iteration, &input);
        let Some(outcome) = drive.gate.reuse(drive.scope, &step).await? else { return Ok(false) };
        let outlook = self.outlook(ordinal, planned).map(|outlook| Outlook { reused: true, ..outlook });
        let ended = Happened::Ended(ordinal, outlook.map(Arc::new), Ok(outcome));
        self.under_way.push(Box::pin(async move { ended }));
        Ok(true)
    }

    /// The moment that a timer waits for, unless it has come or the timer has gone through the gate.
    fn moment(&self, ordinal: usize, planned: &StepPlan, id: StepId) -> Option<Timestamp> {
        let run = self.drive.scope.run();
        if !matches!(run.stands(id), None | Some(PastState::Scheduled)) {
            return None;
        }
        let now = self.drive.clock.now();
        let due = run.due(id).or_else(|| {
            let before = self.planner.context(ordinal);
            let ended = before.into_iter().filter_map(|step| self.left.get(step)?.at).max();
            Timer::parse(&planned.config).ok()?.due(ended.unwrap_or(now))
        })?;
        (due > now).then_some(due)
    }

    /// Lets a step wait until a moment. A nested walk only says that it waits.
    async fn wait_until(&mut self, ordinal: usize, due: Timestamp) -> Result<(), Error> {
        // What is waited for is known to whoever resumes the run.
        self.drive.scope.run().flush().await?;
        self.planner.finish(ordinal, Fate::Waiting);
        if !self.drive.is_nested() {
            self.sleep(ordinal, due);
        }
        Ok(())
    }

    fn sleep(&mut self, ordinal: usize, due: Timestamp) {
        let clock = self.drive.clock;
        let rest = clock.sleep(due.since(clock.now()));
        self.idle += 1;
        self.under_way.push(Box::pin(async move {
            rest.await;
            Happened::Due(ordinal)
        }));
    }

    async fn ended(
        &mut self,
        ordinal: usize,
        outlook: Option<Arc<Outlook>>,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let Some(planned) = self.drive.plan.step(ordinal) else { return Ok(()) };
        match outcome {
            Outcome::Settled(settled) => self.settled(ordinal, planned, outlook, settled).await,
            Outcome::Failed(ended) => self.failed(ordinal, planned, &ended).await,
            Outcome::Denied(refusal) => self.denied(ordinal, planned, outlook, &refusal).await,
            Outcome::Unknown(_) => self.wait(ordinal).await,
            Outcome::Held(approval) => {
                let question = Question {
                    name: Arc::clone(&planned.name),
                    risk: planned.risk,
                    prompt: self.drive.runner.prompt(&planned.name),
                    approval,
                };
                self.ask(ordinal, question);
                self.wait(ordinal).await
            }
            Outcome::Suspended(_) => self.suspended(ordinal).await,
        }
    }

    async fn settled(
        &mut self,
        ordinal: usize,
        planned: &StepPlan,
        outlook: Option<Arc<Outlook>>,
        settled: Settled,
    ) -> Result<(), Error> {
        let (value, taint) = (settled.output.value, settled.taint);
        let rules = &self.drive.plan.control().merge;
        let routing = match &outlook {
            Some(outlook) => self.drive.led(ordinal, planned, outlook, &value).map(Some),
            None => Ok(None),
        };
        let before = outlook.map_or_else(|| self.met(ordinal), |outlook| outlook.shared.clone());
        let shared = if self.shares { before.after(ordinal, &value, taint, rules) } else { before };
        if let Some(left) = self.left.get_mut(ordinal) {
            *left = Left { output: Some(Arc::new(value)), taint, at: Some(settled.at), shared };
        }
        match routing {
            Ok(routing) => self.end(ordinal, Fate::Settled, routing.as_ref()).await,
            // What a person says happened did not go through the checks of what a step produces.
            Err(lost) => self.end(ordinal, Fate::Failed(lost.reason), None).await,
        }
    }

    async fn failed(&mut self, ordinal: usize, planned: &StepPlan, ended: &Ended) -> Result<(), Error> {
        let drive = self.drive;
        let iteration = self.planner.iteration(ordinal);
        let id = drive.scope.step_id(u32::try_from(ordinal).unwrap_or(u32::MAX), iteration);
        let next = patience::next_try(planned, id, ended, drive.scope.run().failures(id));
        let Some(due) = next.filter(|_| drive.runner.repeats(ordinal)) else {
            let passed = patience::passes_over(planned, ended.reason);
            let fate = if passed { PASSED } else { Fate::Failed(ended.reason) };
            return self.end(ordinal, fate, None).await;
        };
        self.again.insert(ordinal);
        if due <= drive.clock.now() {
            self.planner.finish(ordinal, Fate::Waiting);
            self.planner.reopen(ordinal);
            return Ok(());
        }
        let input = self.input(ordinal, iteration, drive.task);
        let step = drive.runner.step(drive.scope, ordinal, iteration, &input);
        let message = format!("try {} failed: it is tried again", ended.attempt);
        drive.scope.run().schedule(&step, ended.attempt, due, ReasonCode::Retry, &message);
        self.wait_until(ordinal, due).await
    }

    /// A refusal ends a step. A person's no may lead somewhere, if the file says so.
    async fn denied(
        &mut self,
        ordinal: usize,
        planned: &StepPlan,
        outlook: Option<Arc<Outlook>>,
        refusal: &Refusal,
    ) -> Result<(), Error> {
        let fate = Fate::Denied(refusal.reason);
        let hears =
            refusal.reason == ReasonCode::ApprovalRejected && route::hears_no(self.drive.plan, planned);
        let Some(outlook) = outlook.filter(|_| hears) else { return self.end(ordinal, fate, None).await };
        let value = json!({"approved": false, "comment": refusal.message, "human_decision": false});
        let routing = self.drive.led_by_no(ordinal, planned, &outlook, &value);
        let merge = &self.drive.plan.control().merge;
        let shared = outlook.shared.after(ordinal, &value, Taint::NONE, merge);
        if let Some(left) = self.left.get_mut(ordinal) {
            *left = Left { output: Some(Arc::new(value)), taint: Taint::NONE, at: None, shared };
        }
        match routing {
            Ok(routing) => self.end(ordinal, fate, Some(&routing)).await,
            Err(lost) => self.end(ordinal, Fate::Failed(lost.reason), None).await,
        }
    }

    /// A step nested in this one waits: for people, who are asked, or for a moment, or to be told how it
    /// ended.
    async fn suspended(&mut self, ordinal: usize) -> Result<(), Error> {
        let drive = self.drive;
        // The gate itself failed inside the step: nothing may be done on top of that.
        if let Some(fault) = drive.runner.fault() {
            return Err(fault);
        }
        if !drive.is_nested() {
            let run = drive.scope.run();
            let place = u32::try_from(ordinal).unwrap_or(u32::MAX);
            let id = drive.scope.step_id(place, self.planner.iteration(ordinal));
            for asked in run.asked_under(id) {
                let prompt = drive.runner.prompt(&asked.name);
                let question =
                    Question { name: asked.name, risk: asked.risk, prompt, approval: asked.approval };
                self.ask(ordinal, question);
            }
            if let Some(due) = run.due_under(id) {
                self.sleep(ordinal, due);
            }
        }
        self.wait(ordinal).await
    }

    /// Asks a person, if there is one and they are not being asked already.
    fn ask(&mut self, ordinal: usize, question: Question) {
        let approval = question.approval.id;
        if !self.held.contains(&(ordinal, approval)) {
            self.held.push((ordinal, approval));
        }
        let Some(approver) = self.drive.approver else { return };
        if !self.asking.insert(approval) {
            return;
        }
        self.idle += 1;
        self.under_way
            .push(Box::pin(async move { Happened::Ruled(ordinal, approval, approver.ask(&question).await) }));
    }

    async fn wait(&mut self, ordinal: usize) -> Result<(), Error> {
        self.end(ordinal, Fate::Waiting, None).await?;
        if self.early.remove(&ordinal) {
            self.planner.reopen(ordinal);
        }
        Ok(())
    }

    /// Tells the planner, and writes down what is skipped through it.
    async fn end(&mut self, ordinal: usize, fate: Fate, routing: Option<&Routing>) -> Result<(), Error> {
        let skipped = match routing {
            Some(routing) => self.planner.follow(ordinal, fate, routing),
            None => self.planner.finish(ordinal, fate),
        };
        let Drive { scope, runner, .. } = *self.drive;
        for (count, skipped) in skipped.into_iter().enumerate() {
            // Invariant: at most this many skips are queued and not yet durable.
            if count > 0 && count.is_multiple_of(SKIPS) {
                scope.run().flush().await?;
            }
            let iteration = self.planner.iteration(skipped);
            let step = runner.step(scope, skipped, iteration, &Input::new(Value::Null));
            let (reason, message) = why(self.planner.fate(skipped));
            scope.run().skip(&step, reason, &message);
        }
        Ok(())
    }

    /// What a step is given: the task, and the outputs of the steps that led to it.
    fn input(&self, ordinal: usize, iteration: u32, task: &str) -> Input {
        let drive = self.drive;
        let led = self.planner.context(ordinal);
        let named = led.iter().filter_map(|before| {
            let name = drive.plan.step(*before)?.name.to_string();
            let output = self.left.get(*before)?.output.as_deref()?.clone();
            Some((name, output))
        });
        let context: Map<String, Value> = if led.is_empty() { drive.given.clone() } else { named.collect() };
        let mut taint = self.taint_of(&led);
        let mut value = Map::new();
        value.insert("context".to_owned(), Value::Object(context));
        if iteration > 0 {
            value.insert("iteration".to_owned(), Value::from(iteration));
        }
        if drive.plan.control().shares {
            let met = self.met(ordinal);
            taint = taint | met.taint();
            value.insert("shared".to_owned(), Value::Object(met.values()));
        }
        value.insert("task".to_owned(), Value::String(task.to_owned()));
        Input::tainted(Value::Object(value), taint)
    }

    /// What went into the outputs of these steps; of a step that nothing leads to, into what the walk was given.
    fn taint_of(&self, steps: &[usize]) -> Taint {
        if steps.is_empty() {
            return self.drive.taint;
        }
        let left = steps.iter().filter_map(|step| self.left.get(*step));
        left.fold(Taint::NONE, |sum, left| sum | left.taint)
    }

    /// The shared context that a step sees.
    fn met(&self, ordinal: usize) -> Shared {
        if !self.shares {
            return Shared::default();
        }
        let led = self.planner.context(ordinal);
        let places = led.iter().filter_map(|before| self.left.get(*before)).map(|left| &left.shared);
        Shared::meet(places, &self.drive.plan.control().merge)
    }

    /// What a step's conditions may look at; `None` when it has none.
    fn outlook(&self, ordinal: usize, planned: &StepPlan) -> Option<Outlook> {
        let plan = self.drive.plan;
        if route::is_plain(plan, planned) {
            return None;
        }
        let turns = planned.loops.iter().map(|place| self.planner.turns_left(*place)).collect();
        let limits = Limits { turns, replans: self.planner.replans_left() };
        let mut earlier: HashMap<&str, Arc<Value>> = HashMap::new();
        for name in route::mentioned(plan, planned) {
            let Some(step) = facts::step_of(name) else { continue };
            let place = plan.steps().iter().position(|other| &*other.name == step);
            let output = place.and_then(|place| self.left.get(place)?.output.clone());
            earlier.extend(output.map(|output| (step, output)));
        }
        let earlier = earlier.into_iter().map(|(name, output)| (Arc::from(name), output)).collect();
        let iteration = self.planner.iteration(ordinal);
        Some(Outlook { earlier, shared: self.met(ordinal), iteration, limits, reused: false })
    }

    /// One output as it is, several by step name.
    fn output(&self) -> Value {
        let named = self.planner.outputs().into_iter().filter_map(|ordinal| {
            let output = self.left.get(ordinal)?.output.as_deref()?.clone();
            Some((self.drive.plan.step(ordinal)?.name.to_string(), output))
        });
        let mut named: Map<String, Value> = named.collect();
        named.sort_keys();
        match named.len() {
            0 => Value::Null,
            1 => named.values_mut().next().map(Value::take).unwrap_or_default(),
            _ => Value::Object(named),
        }
    }
}

/// Whether anybody looks at the shared context: steps that are given it, or conditions with a name that only
/// it could explain.
fn shares(plan: &crate::plan::Plan) -> bool {
    let own = |name: &str| {
        matches!(name, "task" | "content" | "output" | "confidence" | "iteration" | "structured")
            || facts::step_of(name).is_some_and(|step| plan.steps().iter().any(|other| &*other.name == step))
    };
    let edges = plan.edges().iter().map(|edge| &edge.when);
    let looks = |when: &When| match when {
        When::If(condition) => condition.names().iter().any(|name| !own(name)),
        When::Always | When::Routed => false,
    };
    plan.control().shares || edges.chain(plan.loops().iter().map(|again| &again.when)).any(looks)
}

/// Why a step was skipped, for its entry.
fn why(fate: Option<Fate>) -> (ReasonCode, String) {
    let (word, reason) = match fate {
        Some(Fate::Skipped(Cause::Failed(reason))) => ("failed", reason),
        Some(Fate::Skipped(Cause::Denied(reason))) => ("was refused", reason),
        Some(PASSED) => {
            let message = "no way led to it: the workflow went another way, or past a step before it";
            return (ReasonCode::ConditionFalse, message.to_owned());
        }
        _ => ("has no result", ReasonCode::Unreachable),
    };
    let message = format!("every step it waits for ended without a result: one before it {word} ({reason})");
    (ReasonCode::Unreachable, message)
}
