//! One seed: a workflow, and everything that befalls it.

use crate::random::Random;
use crate::sim::control;
use crate::sim::executor::{Inbox, Process, Timers};
use crate::sim::oracle::Oracle;
use crate::sim::probe;
use crate::sim::world::world;
use comity_api::Event;
use comity_core::{Namespace, Principal, RunId, Tenant};
use comity_govern::planted::{Defect, plant};
use comity_ledger::keys::MemoryKeys;
use comity_ledger::{EntryKind, Slot, read};
use comity_runtime::keys::KeyPlace;
use comity_runtime::{
    Access, Answer, Durability, Error, Hooks, Pump, Request, Ruling, RunStatus, Runtime, Settings,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};

/// Choices after which a seed counts as stuck.
const LONGEST: usize = 60_000;
/// Processes after which a run must have ended.
const ROUNDS: usize = 40;

/// What came of a seed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was wrong, if anything.
    pub violation: Option<String>,
    /// Processes killed.
    pub kills: usize,
    /// Callers that let go.
    pub drops: usize,
    /// Times that two processes worked on the run at once.
    pub overlaps: usize,
    /// Choices made.
    pub choices: usize,
}

/// Plays one seed, with a defect planted or without.
pub fn run_seed(seed: u64, defect: Option<Defect>) -> Outcome {
    plant(defect);
    probe::reset();
    let played = tempfile::Builder::new().prefix("comity-sim").tempdir_in(scratch());
    let outcome = match played {
        Ok(folder) => Play::new(seed, folder.path()).play(),
        Err(error) => {
            Outcome { violation: Some(format!("no scratch folder: {error}")), ..Outcome::default() }
        }
    };
    probe::reset();
    plant(None);
    outcome
}

/// Memory, where the system has such a file system: the simulator syncs nothing.
fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// A random workflow, and what each of its steps is priced at.
#[derive(Default)]
pub struct Flow {
    /// The file.
    pub source: String,
    /// Millionths of a dollar, by ordinal.
    pub prices: Vec<u64>,
    /// Whether doing a step twice does harm, by ordinal; people's steps do none.
    pub once: Vec<bool>,
    /// Whether a step is a probe, by ordinal.
    pub probes: Vec<bool>,
    /// Workflows inside, by path.
    pub files: BTreeMap<String, String>,
    /// How often steps in a loop run at most.
    pub passes: u64,
}

fn flow(random: &Random) -> Flow {
    let steps = 2 + random.below(6);
    let tight = random.one_in(4);
    let cap = if tight { 1_500 } else { 1_000_000 };
    let asks = if random.one_in(3) { "external-io" } else { "none" };
    let mut flow = Flow { passes: 1, ..Flow::default() };
    let _ = write!(
        flow.source,
        "name: sim\npolicy: {{budget_usd: {}.{:06}, max_steps: 60, max_risk_tier: external-io, \
         human_approval_tier: {asks}, timeout_s: 100000}}\nnodes:\n",
        cap / 1_000_000,
        cap % 1_000_000
    );
    for step in 0..steps {
        node(random, step, &mut flow);
    }
    flow.source.push_str("edges:\n");
    for step in 1..steps {
        let before = random.below(step);
        let _ = writeln!(flow.source, "  - s{before} -> s{step}");
        let other = random.below(step);
        if other != before && random.one_in(2) {
            let _ = writeln!(flow.source, "  - s{other} -> s{step}");
        }
    }
    flow
}

fn node(random: &Random, step: usize, flow: &mut Flow) {
    if step > 0 && random.one_in(8) {
        let _ = writeln!(flow.source, "  s{step}: {{kind: human, prompt: ok?}}");
        flow.prices.push(0);
        flow.once.push(false);
        flow.probes.push(false);
        return;
    }
    let once = random.one_in(2);
    let risk = ["read-only", "internal", "external-io", "irreversible"];
    let risk = if random.one_in(3) { risk.get(random.below(4)) } else { risk.first() };
    let price = random.below(5) * 100;
    let _ = writeln!(
        flow.source,
        "  s{step}: {{kind: probe, idempotent: {}, risk: {}, price_usd: 0.{price:06}, delay_ms: {}, children: {}, fails: {}, once: {once}}}",
        !once,
        risk.copied().unwrap_or("internal"),
        random.below(40),
        if random.one_in(3) { random.below(3) } else { 0 },
        random.one_in(9),
    );
    flow.prices.push(price as u64);
    flow.once.push(once);
    flow.probes.push(true);
}

/// One process of the play: its tasks, its store, and what it tells.
struct Actor {
    process: Process,
    runtime: Arc<Runtime>,
    timers: Arc<Timers>,
    events: Receiver<Event>,
    ended: Arc<Mutex<Option<Result<RunStatus, String>>>>,
}

struct Play<'f> {
    random: Random,
    seed: u64,
    folder: &'f Path,
    /// What every process of the play finds in the same place.
    keys: MemoryKeys,
    flow: Flow,
    oracle: RefCell<Oracle>,
    outcome: Outcome,
    run: Option<RunId>,
    streams: u64,
    /// What the clocks show: no process is born before another's death.
    time: Duration,
}

impl<'f> Play<'f> {
    fn new(seed: u64, folder: &'f Path) -> Self {
        let random = Random::new(seed);
        let flow = if random.one_in(2) { control::flow(&random) } else { flow(&random) };
        Self {
            random,
            seed,
            folder,
            keys: MemoryKeys::new(
                world(&Arc::new(Timers::at(Duration::ZERO)), &Inbox::default(), seed << 8).entropy,
            ),
            oracle: RefCell::default(),
            flow,
            outcome: Outcome::default(),
            run: None,
            streams: 0,
            time: Duration::ZERO,
        }
    }

    fn play(mut self) -> Outcome {
        if let Err(violation) = self.rounds() {
            let seed = self.seed;
            let files: String = self.flow.files.values().cloned().collect();
            let source = &self.flow.source;
            self.outcome.violation = Some(format!("seed {seed}: {violation}\n{source}{files}"));
        }
        self.outcome
    }

    fn rounds(&mut self) -> Result<(), String> {
        let mut actor = self.actor(None)?;
        for _ in 0..ROUNDS {
            let zombie = self.live(&mut actor)?;
            if let Some(status) = self.settle_round(actor, zombie)?
                && status.is_final()
            {
                return self.last_look();
            }
            actor = self.actor(self.run)?;
        }
        Err("the run did not end".to_owned())
    }

    /// A new process: the first starts the run, later ones go on with it.
    fn actor(&mut self, resume: Option<RunId>) -> Result<Actor, String> {
        self.streams += 1;
        let (timers, inbox) = (Arc::new(Timers::at(self.time)), Inbox::default());
        let principal = Principal::local_person("sim", Tenant::local(), Namespace::default_name());
        let settings = Settings {
            access: Access::Write,
            database: self.folder.join("sim.db"),
            durability: Durability::Process,
            principal,
            world: world(&timers, &inbox, self.seed << 8 | self.streams),
            pump: Pump::Manual,
            adapters: probe::KINDS,
            keys: KeyPlace::Given(Arc::new(self.keys.clone())),
        };
        let runtime = Arc::new(Runtime::open(settings).map_err(|error| error.to_string())?);
        probe::lend(Some(runtime.gate().clone()));
        let (out, events) = channel(512);
        let hooks = Hooks { events: Some(out), approver: None, stop: None };
        let ended = Arc::new(Mutex::new(None));
        let (slot, main) = (Arc::clone(&ended), Arc::clone(&runtime));
        let files = self.flow.files.clone();
        let request = Request {
            source: self.flow.source.clone(),
            file: "sim.yaml".to_owned(),
            base_dir: PathBuf::new(),
            task: "simulate".to_owned(),
            read: Arc::new(move |path| files.get(path).cloned().ok_or_else(|| "no such file".to_owned())),
            trace: None,
            about: None,
        };
        let yes = !self.random.one_in(4);
        let main = Box::pin(async move {
            let ended = match resume {
                None => main.start(request, hooks).await,
                Some(run) => operate(&main, run, yes, hooks).await,
            };
            let ended = ended.map(|finished| finished.status).map_err(|error| error.to_string());
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        });
        Ok(Actor { process: Process::new(main, inbox), runtime, timers, events, ended })
    }

    /// Lets a process live until it ends, is killed, or is let go of. Returns the process that took over
    /// while this one was still alive, if the seed wants that.
    fn live(&mut self, actor: &mut Actor) -> Result<Option<Actor>, String> {
        let mut second: Option<Actor> = None;
        let fate = self.random.below(6);
        let moment = self.random.below(if self.flow.files.is_empty() { 50 } else { 150 });
        for choice in 0..LONGEST {
            self.outcome.choices += 1;
            self.listen(actor)?;
            if let Some(second) = &mut second {
                self.listen(second)?;
            }
            let over =
                actor.process.is_over() && second.as_ref().is_none_or(|second| second.process.is_over());
            if over {
                return Ok(second);
            }
            if choice == moment && !actor.process.is_over() {
                match fate {
                    0 | 1 => {
                        self.kill(actor);
                        return Ok(None);
                    }
                    2 => {
                        self.outcome.drops += 1;
                        actor.process.abandon();
                        // Who only waited for a moment leaves nothing to be done.
                        continue;
                    }
                    3 if self.run.is_some() => {
                        self.outcome.overlaps += 1;
                        self.oracle.borrow_mut().overlapped = true;
                        self.time = self.time.max(actor.timers.now());
                        let _ = std::fs::remove_dir_all(self.folder.join("sim.db-owners"));
                        second = Some(self.actor(self.run)?);
                    }
                    _ => {}
                }
            }
            let both = second.is_some() && self.random.one_in(2);
            let turn = if both { second.as_mut().unwrap_or(actor) } else { &mut *actor };
            if !advance(turn, &self.random)
                && !second.as_mut().is_some_and(|second| advance(second, &self.random))
                && !advance(actor, &self.random)
            {
                return Err(format!("nothing can go on after {choice} choices"));
            }
        }
        Err("the process did not end".to_owned())
    }

    /// The process ends at once: what it had queued is lost, and nothing of it runs on.
    fn kill(&mut self, actor: &mut Actor) {
        self.outcome.kills += 1;
        self.time = self.time.max(actor.timers.now());
        actor.runtime.store().discard();
        actor.timers.clear();
        actor.process.abandon();
        actor.runtime.store().discard();
        *actor.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Err("killed".to_owned()));
        actor.process = Process::new(Box::pin(async {}), Inbox::default());
    }

    /// What a process leaves behind when it ends by itself becomes durable; then it is gone.
    fn settle_round(&mut self, actor: Actor, second: Option<Actor>) -> Result<Option<RunStatus>, String> {
        let mut status = None;
        for mut actor in [Some(actor), second].into_iter().flatten() {
            for _ in 0..LONGEST {
                if !advance(&mut actor, &self.random) {
                    break;
                }
                self.listen(&mut actor)?;
            }
            self.listen(&mut actor)?;
            self.time = self.time.max(actor.timers.now());
            let ended = actor.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
            if std::env::var_os("COMITY_SIM_LOG").is_some() {
                eprintln!("a process ended: {ended:?}");
            }
            match ended {
                Some(Err(why)) => self.oracle.borrow_mut().excuse(&why)?,
                Some(Ok(_)) | None => {}
            }
            self.oracle.borrow().check(&actor.runtime, self.run)?;
            // A process may be gone before it could say that the run had ended.
            status = self.oracle.borrow().status(&actor.runtime, self.run)?;
            actor.runtime.store().discard();
        }
        probe::lend(None);
        Ok(status)
    }

    fn listen(&mut self, actor: &mut Actor) -> Result<(), String> {
        while let Ok(event) = actor.events.try_recv() {
            if let Ok(run) = event.run_id.parse() {
                self.run = Some(run);
            }
            self.oracle.borrow_mut().hear(&actor.runtime, self.run, &event)?;
        }
        Ok(())
    }

    fn last_look(&mut self) -> Result<(), String> {
        let actor = self.actor(self.run)?;
        self.oracle.borrow().last(&actor.runtime, self.run, &self.flow)
    }
}

/// One choice of the seed for one process; false when it can do nothing.
fn advance(actor: &mut Actor, random: &Random) -> bool {
    let store = actor.runtime.store();
    match random.below(8) {
        0 if store.pump(1 + random.below(4)) > 0 => return true,
        1 if random.one_in(4) && actor.timers.fire() => return true,
        _ => {}
    }
    actor.process.step(random) || store.pump(1 + random.below(4)) > 0 || actor.timers.fire()
}

/// A person who answers what is asked, and has the run go on.
async fn operate(
    runtime: &Runtime,
    run: RunId,
    yes: bool,
    hooks: Hooks<'_>,
) -> Result<comity_runtime::Finished, Error> {
    let report = runtime.report(run).await?;
    let mut unknown = None;
    for ask in report.approvals {
        if ask.approval.is_empty() {
            unknown = Some(ask.step);
        } else {
            let ruling = if yes { Ruling::Approve } else { Ruling::Reject };
            // Somebody may have been first.
            let _ = runtime.rule(run, Some(&ask.step), ruling, "seen").await;
        }
    }
    match unknown {
        None => runtime.resume(run, hooks).await,
        Some(step) => {
            let happened = happened(runtime, run, &step).await?;
            let answer = if happened { Answer::Happened("found out".into()) } else { Answer::NotHappened };
            runtime.resume_with_answer(run, &step, &answer, "looked", hooks).await
        }
    }
}

/// Whether the world shows the effect of the step that is asked about: the last one of that name of which
/// nobody knows how it ended.
async fn happened(runtime: &Runtime, run: RunId, name: &str) -> Result<bool, Error> {
    let store = runtime.store();
    let Some(cell) = store.run(runtime.tenant(), run).await? else { return Ok(false) };
    let (mut names, mut asked) = (HashMap::new(), None);
    read(runtime.vault(), &cell, |record| {
        let Some(step) = &record.entry.step else { return Ok(()) };
        if let Some(act) = record.text(Slot::Act)? {
            let act: serde_json::Value = serde_json::from_slice(&act).unwrap_or_default();
            names.insert(step.id, act.get("name").and_then(|name| name.as_str()).map(str::to_owned));
        }
        let this = names.get(&step.id).and_then(Option::as_deref) == Some(name);
        if this && record.entry.kind == EntryKind::Unknown {
            asked = Some(step.id);
        }
        Ok(())
    })
    .await?;
    Ok(probe::effects().iter().any(|effect| Some(effect.step) == asked))
}
