//! A new run that goes on from the middle of another one: what it takes over, and what is done anew.

mod passes;

use crate::bundle::{Bundle, Reader};
use crate::error::Error;
use crate::pinned::{Forked, Pinned, Setup, Taken};
use crate::runner::Runner;
use crate::runtime::{Finished, Hooks, Request, Runtime};
use crate::specs;
use crate::view::Which;
use comity_core::{RunId, StepId, StepKind, TraceContext};
use comity_flow::Plan;
use comity_flow::fork::{Passed, after};
use comity_govern::Error as GateError;
use comity_ledger::{Origin, read, read_one};
use comity_store::RunCell;
use passes::{Pass, Passes, Walked};
use serde_json::Value;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What to fork, where, and what shall be otherwise.
pub struct ForkRequest {
    /// The run to go back to.
    pub run: RunId,
    /// From which step on everything is done anew; its last pass if it names none.
    pub from: Which,
    /// Another task, for the steps that are done anew.
    pub task: Option<String>,
    /// Other results of steps before that point, or of the step at it.
    pub outputs: Vec<(Which, Value)>,
    /// Another workflow file. The task in it is not looked at.
    pub flow: Option<Request>,
    /// The trace it is called from within, if it is.
    pub trace: Option<TraceContext>,
}

/// A fork that may begin.
pub struct Fork {
    request: Request,
    forked: Forked,
    origin: Origin,
    /// The steps of the workflow that it runs, in the order of the file.
    pub steps: Vec<String>,
    /// Steps whose results are taken over, as they settled.
    pub taken: Vec<String>,
    /// Steps that were done in the other run, that may be done again, and that may do harm then.
    pub again: Vec<String>,
}

impl Runtime {
    /// Works out what a fork takes over, and what it does again. Writes nothing.
    pub async fn plan_fork(&self, wanted: ForkRequest) -> Result<Fork, Error> {
        let run = wanted.run;
        let pinned = self.pinned(run).await?;
        // Nothing is taken over from a ledger that was tampered with.
        self.is_whole(run).await?;
        pinned.is_open(run)?;
        let Pinned { cell, source, setup, .. } = pinned;
        let old = Arc::new(self.compile(&source)?);
        // What the fork takes over is about whom the run is about.
        let about = self.vault().about(&cell).await?;
        let request = fork_request(source, &setup, wanted.task, wanted.flow, wanted.trace);
        let request = Request { about, ..request };
        if !request.base_dir.as_os_str().is_empty() && !request.base_dir.is_dir() {
            return Err(Error::NoFolder(request.base_dir.display().to_string()));
        }
        let bundle = Bundle::gather(&request.source, &specs(self.adapters()), &request.read)?;
        let plan = Arc::clone(&bundle.root);
        let runner = self.runner(bundle, &request.base_dir)?;
        let mut passes = Passes::of(Arc::clone(&old));
        read(self.vault(), &cell, |record| passes.add(&record)).await?;
        let Walked { passes, nested, last } = passes.over();
        let sorted = Sorting { run, old: &old, plan: &plan, runner: &runner, passes: &passes };
        let edits = sorted.edits(wanted.outputs)?;
        let from = sorted.find(&wanted.from)?;
        let taken = sorted.taken(from, &edits)?;
        let again = sorted.again(&taken, &nested);
        let names = taken.iter().filter_map(|(place, _)| passes.get(*place)).map(Pass::named).collect();
        let forked = Forked {
            from: passes.get(from).map(Pass::named).unwrap_or_default(),
            run,
            taken: taken.into_iter().map(|(_, taken)| taken).collect(),
            task: setup.task,
        };
        let origin = last.map(|(seq, entry)| Origin { entry, run, seq }).ok_or(GateError::NoRun(run))?;
        let steps = plan.steps().iter().map(|step| step.name.to_string()).collect();
        Ok(Fork { request, forked, origin, steps, taken: names, again })
    }

    /// Opens the fork, and runs it until it ends, waits, or is stopped.
    pub async fn fork(&self, fork: Fork, hooks: Hooks<'_>) -> Result<Finished, Error> {
        self.begin(fork.request, Some((fork.forked, fork.origin)), hooks).await
    }

    /// Errors if a forked run still needs results of the run it was forked from, and that run is not as it was.
    pub(crate) async fn has_its_origin(
        &self,
        id: RunId,
        cell: &RunCell,
        setup: &Setup,
        origin: Option<Origin>,
    ) -> Result<(), Error> {
        let (Some(forked), Some(origin)) = (&setup.fork, origin) else { return Ok(()) };
        let mut open: HashSet<StepId> = forked.taken.iter().map(|taken| taken.step(id)).collect();
        read(self.vault(), cell, |record| {
            if let Some(step) = &record.entry.step {
                open.remove(&step.id);
            }
            Ok(())
        })
        .await?;
        if open.is_empty() {
            return Ok(());
        }
        let fail = |what: &str| Err(GateError::Origin { run: origin.run, what: what.to_owned() }.into());
        let Some(from) = self.store().run(self.tenant(), origin.run).await? else {
            return fail("is not there any more");
        };
        match read_one(self.vault(), &from, origin.seq).await? {
            Some(record) if record.hash == origin.entry => self.is_whole(origin.run).await,
            _ => fail("is not the run it was then"),
        }
    }

    /// Errors unless a run's chain is as it was written.
    async fn is_whole(&self, run: RunId) -> Result<(), Error> {
        let checked = comity_ledger::verify(self.store(), Some((self.tenant(), run))).await?;
        checked.fault.map_or(Ok(()), |fault| Err(Error::Broken { run, fault: fault.what }))
    }
}

/// What the fork is started with: what the run was started with, but for what shall be otherwise.
fn fork_request(
    source: String,
    setup: &Setup,
    task: Option<String>,
    flow: Option<Request>,
    trace: Option<TraceContext>,
) -> Request {
    let task = task.unwrap_or_else(|| setup.task.clone());
    if let Some(flow) = flow {
        return Request { task, trace, ..flow };
    }
    let flows = setup.flows.clone();
    let read: Reader =
        Arc::new(move |path| flows.get(path).cloned().ok_or_else(|| "it is not pinned".to_owned()));
    let (file, base_dir) = (setup.file.clone(), PathBuf::from(&setup.base_dir));
    Request { source, file, base_dir, task, read, trace, about: None }
}

/// Sorts the passes of a run into those that are taken over and those that are not.
struct Sorting<'a> {
    run: RunId,
    old: &'a Plan,
    plan: &'a Plan,
    runner: &'a Runner,
    passes: &'a [Pass],
}

impl Sorting<'_> {
    fn refuse<T>(&self, why: String) -> Result<T, Error> {
        Err(Error::Unforkable { run: self.run, why })
    }

    /// The place of the pass that is meant: the last one of its step if no pass is named.
    fn find(&self, which: &Which) -> Result<usize, Error> {
        let (run, step) = (self.run, which.step.clone());
        let is = |pass: &Pass| which.is(&pass.name, pass.iteration.saturating_add(1));
        if let Some(place) = self.passes.iter().rposition(is) {
            return Ok(place);
        }
        let knows = |plan: &Plan, name: &str| plan.steps().iter().any(|other| &*other.name == name);
        match step.split_once('/') {
            _ if knows(self.old, &step) => Err(Error::NotReached { run, step }),
            Some((outer, _)) if knows(self.old, outer) => self.refuse(format!(
                "`{step}` is a step inside `{outer}`, which is taken over or done anew as a whole: name `{outer}`"
            )),
            _ => Err(Error::NoStep { run, step }),
        }
    }

    /// The passes whose results are replaced, by place, with what stands in their place.
    fn edits(&self, outputs: Vec<(Which, Value)>) -> Result<Vec<(usize, Value)>, Error> {
        let mut edits: Vec<(usize, Value)> = Vec::with_capacity(outputs.len());
        for (which, value) in outputs {
            let place = self.find(&which)?;
            let Some(pass) = self.passes.get(place) else { continue };
            let (named, planned) = (pass.named(), self.ordinal(pass).and_then(|step| self.plan.step(step)));
            if pass.kind == StepKind::HumanDecision {
                return self.refuse(format!(
                    "`{named}` is a person's decision, and nobody can put words in its place"
                ));
            }
            if pass.end.is_none() {
                return self.refuse(format!("`{named}` has no result that could be replaced"));
            }
            if edits.iter().any(|(other, _)| *other == place) {
                return self.refuse(format!("the result of `{named}` is replaced twice"));
            }
            let checked = match planned.and_then(|step| step.schema.as_ref()) {
                Some(schema) => schema.check(&value),
                None => Ok(value),
            };
            match checked {
                Ok(value) => edits.push((place, value)),
                Err(why) => {
                    return self
                        .refuse(format!("what is put in place of `{named}` does not fit its schema: {why}"));
                }
            }
        }
        Ok(edits)
    }

    /// The step's place in the workflow that the fork runs.
    fn ordinal(&self, pass: &Pass) -> Option<usize> {
        self.plan.steps().iter().position(|step| *step.name == *pass.name)
    }

    /// Whether the pass has a result, and its step would be done in the same way.
    fn fits(&self, pass: &Pass) -> bool {
        let contract = self.ordinal(pass).and_then(|ordinal| self.runner.contract(ordinal));
        pass.end.as_ref().is_some_and(|end| Some(end.contract) == contract)
    }

    /// What is taken over, by the place of its pass.
    fn taken(&self, from: usize, edits: &[(usize, Value)]) -> Result<Vec<(usize, Taken)>, Error> {
        let edit = |place: usize| edits.iter().find(|(edited, _)| *edited == place).map(|(_, value)| value);
        let marked = self.after(from, &edit)?;
        let mut taken = Vec::new();
        for (place, pass) in self.passes.iter().enumerate() {
            let edited = edit(place);
            let again = marked.contains(&place) || !self.fits(pass) || (place == from && edited.is_none());
            let named = || pass.named();
            match (&pass.end, self.ordinal(pass)) {
                (Some(end), Some(ordinal)) if !again => {
                    let unread = pass.act.is_none() || (!end.readable && edited.is_none());
                    let Some(act) = pass.act.filter(|_| !unread) else {
                        return self.refuse(format!(
                            "what `{}` was given and produced cannot be read any more, and so not taken over",
                            named()
                        ));
                    };
                    let output = edited.map(Value::to_string);
                    let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
                    let (end, entry, iteration) = (end.seq, end.hash, pass.iteration);
                    taken.push((place, Taken { act, end, entry, iteration, ordinal, output }));
                }
                _ if edited.is_some() => {
                    return self.refuse(format!(
                        "`{}` is done anew, so that no other result can stand in its place",
                        named()
                    ));
                }
                _ => {}
            }
        }
        Ok(taken)
    }

    /// The places of passes that come after one that is done anew, or whose result is another.
    fn after<'v>(
        &self,
        from: usize,
        edit: &impl Fn(usize) -> Option<&'v Value>,
    ) -> Result<HashSet<usize>, Error> {
        let (mut places, mut passed, mut seeds) = (Vec::new(), Vec::new(), Vec::new());
        for (place, pass) in self.passes.iter().enumerate() {
            let Some(step) = self.ordinal(pass) else {
                if place == from {
                    return self.refuse(format!("the other file has no step `{}`", pass.name));
                }
                continue;
            };
            if place == from || edit(place).is_some() || (!pass.skipped && !self.fits(pass)) {
                seeds.push(passed.len());
            }
            places.push(place);
            passed.push(Passed { step, began: pass.began, ended: pass.last });
        }
        let marks = after(self.plan, &passed, &seeds);
        Ok(places.into_iter().zip(marks).filter(|(_, marked)| *marked).map(|(place, _)| place).collect())
    }

    /// Steps that happened, may happen again, and may do harm then.
    fn again(&self, taken: &[(usize, Taken)], nested: &[(StepId, String)]) -> Vec<String> {
        let taken: HashSet<usize> = taken.iter().map(|(place, _)| *place).collect();
        let mut again = Vec::new();
        for (place, pass) in self.passes.iter().enumerate() {
            if taken.contains(&place) || self.ordinal(pass).is_none() {
                continue;
            }
            if pass.harms {
                again.push(pass.named());
            }
            let inside = nested.iter().filter(|(outer, _)| *outer == pass.id).map(|(_, name)| name.clone());
            again.extend(inside);
        }
        again
    }
}
