//! Opens everything, and runs workflows.

use crate::bundle::{Bundle, Reader};
use crate::error::Error;
use crate::event::Events;
use crate::keys::KeyPlace;
use crate::outside::{Guarded, Guards};
use crate::owner::{Owner, alive};
use crate::pinned::{Forked, PLANNER, Pinned, Setup, read as read_pinned};
use crate::runner::{Runner, Shop, processes};
use crate::{kinds, specs, tail};
use comity_adapter::{ADAPTERS, AdapterKind};
use comity_api::Event;
use comity_core::{
    Amounts, ApprovalId, BoxFuture, Clock, Namespace, Principal, RunId, StepId, Taint, Tenant, TraceContext,
};
use comity_flow::{Approver, Drive, Inherited, Invalid, Plan, RunVerdict, Walked, compile};
use comity_govern::{Answer, Gate, Opening, Ruling, Run, Scope, World};
use comity_ledger::{EntryKind, Origin, RunStatus, Vault, is_closed, read_one};
use comity_store::{Access, ApprovalState, Durability, Options, Pump, RunCell, Store};
use futures_util::future::{Either, select};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;

/// How long after something became durable a checkpoint is made of it, while a run is under way.
const ANCHOR_EVERY: Duration = Duration::from_secs(60);

/// How to open a runtime.
pub struct Settings {
    /// The database: a file, or the address of one on a server.
    pub database: PathBuf,
    /// Whether it may be written. What is only read is worked on by nobody.
    pub access: Access,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Who acts here.
    pub principal: Principal,
    /// Time, randomness, tasks and an observer.
    pub world: World,
    /// Who runs the store's batches.
    pub pump: Pump,
    /// The kinds of step there are.
    pub adapters: &'static [AdapterKind],
    /// Where the keys are that texts are under.
    pub keys: KeyPlace,
}

impl Settings {
    /// The local person's settings for a database, in the world as it is.
    pub fn local(database: impl Into<PathBuf>, durability: Durability, world: World, keys: KeyPlace) -> Self {
        let account = crate::local_account();
        let principal = Principal::local_person(&account, Tenant::local(), Namespace::default_name());
        let (database, pump) = (database.into(), Pump::Own);
        Self { database, access: Access::Write, durability, principal, world, pump, adapters: ADAPTERS, keys }
    }
}

/// A workflow to run.
pub struct Request {
    /// The workflow file's text.
    pub source: String,
    /// What to call the file in messages.
    pub file: String,
    /// Folder that programs start in.
    pub base_dir: PathBuf,
    /// What the run is about.
    pub task: String,
    /// Reads the workflow files that the file names.
    pub read: Reader,
    /// The trace it is called from within, if it is.
    pub trace: Option<TraceContext>,
    /// Whom its texts are about, if they are about somebody: they can be erased by that name.
    pub about: Option<String>,
}

/// Who is told, who is asked, and who may stop a run.
#[derive(Default)]
pub struct Hooks<'h> {
    /// Told of every event once it is durable.
    pub events: Option<Sender<Event>>,
    /// Asked about held steps; without one they stay held and the run waits.
    pub approver: Option<&'h dyn Approver>,
    /// When this ends, the run is interrupted.
    pub stop: Option<BoxFuture<'h, ()>>,
}

/// How a call to run something ended.
///
/// The run stands as it says, durably, whatever became of the checkpoint over it.
#[derive(Debug)]
pub struct Finished {
    /// The run.
    pub run: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// What came of the checkpoint over it.
    pub guarded: Guarded,
}

/// What of a run was told before: the entries up to here, and what is known from them.
struct Told {
    next: u64,
    events: Events,
}

/// When checkpoints are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchoring {
    /// Only when somebody asks for one.
    OnDemand,
    /// When a run ends or waits, too.
    AtEnd,
    /// And, while it is under way, so long after something became durable.
    Every(Duration),
}

/// A store, a gate, and the sign that this process is alive.
pub struct Runtime {
    gate: Gate,
    pub(crate) clock: Arc<dyn Clock>,
    owner: Owner,
    principal: Principal,
    processes: Arc<Semaphore>,
    adapters: &'static [AdapterKind],
    anchoring: Anchoring,
    guards: Guards,
}

impl Runtime {
    /// Opens the database and everything on top of it.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let Settings { database, access, durability, principal, world, pump, adapters, keys } = settings;
        let mut options = Options::new(database, comity_ledger::link);
        options.access = access;
        options.durability = durability;
        options.points = Arc::clone(&world.points);
        options.pump = pump;
        options.now = world.clock.now();
        world.entropy.fill(&mut options.id);
        let store = Store::open(options)?;
        let mut nonce = [0u8; 8];
        world.entropy.fill(&mut nonce);
        let owner = match access {
            Access::Write => Owner::claim(&store, nonce)?,
            Access::Read => Owner::reader(),
        };
        let clock = Arc::clone(&world.clock);
        let keys = keys.of(&store, &world.entropy);
        let gate = Gate::new(Vault::new(store, keys), world);
        let (processes, anchoring) = (processes(), Anchoring::Every(ANCHOR_EVERY));
        let guards = Guards::default();
        Ok(Self { gate, clock, owner, principal, processes, adapters, anchoring, guards })
    }

    /// The same, but checkpoints are made when this says.
    pub fn anchored(self, anchoring: Anchoring) -> Self {
        Self { anchoring, ..self }
    }

    /// The same, but its checkpoints are brought to these guards, whenever they are made.
    pub fn guarded(self, guards: Guards) -> Self {
        Self { guards, ..self }
    }

    pub(crate) fn guards(&self) -> &Guards {
        &self.guards
    }

    pub(crate) fn anchor_every(&self) -> Option<Duration> {
        match self.anchoring {
            Anchoring::Every(span) => Some(span),
            Anchoring::AtEnd | Anchoring::OnDemand => None,
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The gate, for whoever nests steps of their own.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The kinds of adapter there are.
    pub(crate) fn adapters(&self) -> &'static [AdapterKind] {
        self.adapters
    }

    /// Reads a workflow file against the kinds of step there are. One that nobody can read has no steps.
    pub(crate) fn compile(&self, source: &str) -> Result<Plan, Invalid> {
        if is_closed(source) {
            return Ok(Plan::unknown());
        }
        compile(source, &specs(self.adapters))
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        self.gate.store()
    }

    /// The store with its keys, for reading texts.
    pub fn vault(&self) -> &Vault {
        self.gate.vault()
    }

    /// Why texts that were read so far could not be opened, each reason once. What was erased is none.
    pub fn unread(&self) -> Vec<String> {
        self.vault().unread()
    }

    /// Who acts here.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The name this process owns runs by.
    pub(crate) fn owner_name(&self) -> Arc<str> {
        self.owner.name()
    }

    /// Whose runs this sees.
    pub fn tenant(&self) -> &Tenant {
        &self.principal.tenant
    }

    /// Runs a workflow until it ends, waits, or is stopped.
    pub async fn start(&self, request: Request, hooks: Hooks<'_>) -> Result<Finished, Error> {
        self.begin(request, None, hooks).await
    }

    /// Opens a run, one that was forked or not, and works on it.
    pub(crate) async fn begin(
        &self,
        request: Request,
        forked: Option<(Forked, Origin)>,
        hooks: Hooks<'_>,
    ) -> Result<Finished, Error> {
        let bundle = Bundle::gather(&request.source, &specs(self.adapters), &request.read)?;
        let (plan, flows) = (Arc::clone(&bundle.root), bundle.sources());
        let runner = self.runner(bundle, &request.base_dir)?;
        affordable(&runner, &request.task)?;
        let (fork, origin) = forked.unzip();
        let setup = Setup {
            base_dir: request.base_dir.display().to_string(),
            file: request.file,
            fork,
            flows,
            planner: PLANNER,
            task: request.task,
            traceparent: request.trace.map(|trace| trace.to_string()),
            erased: false,
        };
        let opening = Opening {
            principal: self.principal.clone(),
            owner: self.owner.name(),
            policy: plan.policy().clone(),
            source: request.source.into_bytes(),
            setup: serde_json::to_vec(&setup).unwrap_or_default(),
            about: request.about,
            origin,
        };
        let run = self.gate.open(opening).await?;
        setup.place(&run);
        let told = Told { next: 0, events: Events::new(Arc::clone(&plan)) };
        self.work(run, plan, runner, &setup, told, hooks).await
    }

    /// Goes on with a run where its last entry left it.
    pub async fn resume(&self, id: RunId, hooks: Hooks<'_>) -> Result<Finished, Error> {
        self.resume_after(id, None, hooks).await
    }

    /// Records what a person found out about a step whose end nobody saw, and goes on.
    pub async fn resume_with_answer(
        &self,
        id: RunId,
        step: &str,
        answer: &Answer,
        comment: &str,
        hooks: Hooks<'_>,
    ) -> Result<Finished, Error> {
        self.resume_after(id, Some((step, answer, comment)), hooks).await
    }

    async fn resume_after(
        &self,
        id: RunId,
        answer: Option<(&str, &Answer, &str)>,
        hooks: Hooks<'_>,
    ) -> Result<Finished, Error> {
        self.vault().check_keys(self.tenant()).await?;
        let pinned = self.pinned(id).await?;
        pinned.is_open(id)?;
        let Pinned { cell, source, setup, origin, .. } = pinned;
        if cell.status == RunStatus::Running as u8
            && *cell.owner != *self.owner.name()
            && let Some(pid) = alive(self.store(), &cell.owner).await?
        {
            return Err(Error::Owned { run: id, pid });
        }
        // Nothing is done on a ledger that was tampered with: checked before the run is touched.
        let checked = comity_ledger::verify(self.store(), Some((self.tenant(), id))).await?;
        if let Some(fault) = checked.fault {
            return Err(Error::Broken { run: id, fault: fault.what });
        }
        self.has_its_origin(id, &cell, &setup, origin).await?;
        let bundle = self.bundle(&source, &setup)?;
        let plan = Arc::clone(&bundle.root);
        let base_dir = PathBuf::from(&setup.base_dir);
        if !setup.base_dir.is_empty() && !base_dir.is_dir() {
            return Err(Error::NoFolder(setup.base_dir));
        }
        let runner = self.runner(bundle, &base_dir)?;
        let answered = match &answer {
            Some((name, ..)) => Some(self.named(id, &cell, &plan, name).await?),
            None => None,
        };
        let told = Told { next: cell.next_seq, events: self.known(id, &cell, &plan).await? };
        let run = self.gate.take_over(id, &cell, &self.principal, self.owner.name()).await?;
        setup.place(&run);
        if let (Some(step), Some((_, answer, comment))) = (answered, answer)
            && let Err(error) = self.gate.answer(&run, step, answer, &self.principal, comment).await
        {
            // The answer was to a question nobody asked: the run stands where it stood.
            let before = RunStatus::from_number(cell.status).filter(|status| *status != RunStatus::Running);
            run.pause(before.unwrap_or(RunStatus::Interrupted)).await?;
            return Err(error.into());
        }
        self.work(run, plan, runner, &setup, told, hooks).await
    }

    pub(crate) fn runner(&self, bundle: Bundle, base_dir: &Path) -> Result<Runner, Error> {
        let gate = Some(self.gate.clone());
        Runner::new(&Shop::new(bundle, self.adapters, base_dir, &self.processes, gate))
    }

    /// The plans of a run, from what it pinned.
    pub(crate) fn bundle(&self, source: &str, setup: &Setup) -> Result<Bundle, Error> {
        if setup.erased {
            return Ok(Bundle::alone(Arc::new(self.compile(source)?)));
        }
        let flows = setup.flows.clone();
        let read: Reader =
            Arc::new(move |path| flows.get(path).cloned().ok_or_else(|| "it is not pinned".to_owned()));
        Bundle::gather(source, &specs(self.adapters), &read)
    }

    /// The step of this name, nested or not, that an answer is for: the last one of which nobody knows how
    /// it ended, else the run's own step of that name.
    async fn named(&self, id: RunId, cell: &RunCell, plan: &Arc<Plan>, name: &str) -> Result<StepId, Error> {
        let mut events = Events::new(Arc::clone(plan));
        let mut found = None;
        comity_ledger::read(self.vault(), cell, |record| {
            let known = events.step_name(&record)?;
            if let Some(step) = record.entry.step.as_ref().filter(|_| known.as_deref() == Some(name)) {
                found = match record.entry.kind {
                    EntryKind::Unknown => Some((step.id, true)),
                    _ => found.filter(|(_, unknown)| *unknown).or(Some((step.id, false))),
                };
            }
            Ok(())
        })
        .await?;
        let own = || Some(StepId::derive(id, None, ordinal(plan, name)?, 0));
        let no = || Error::NoStep { run: id, step: name.to_owned() };
        found.map(|(step, _)| step).or_else(own).ok_or_else(no)
    }

    /// What the next events of a run build on: what it has cost, and the names of nested steps.
    async fn known(&self, id: RunId, cell: &RunCell, plan: &Arc<Plan>) -> Result<Events, Error> {
        let mut events = Events::after(Arc::clone(plan), self.spent(id).await?);
        comity_ledger::read(self.vault(), cell, |record| events.step_name(&record).map(drop)).await?;
        Ok(events)
    }

    /// What a run has cost so far.
    pub(crate) async fn spent(&self, id: RunId) -> Result<Amounts, Error> {
        let account = self.store().account(self.tenant(), comity_ledger::account::of_run(id)).await?;
        Ok(account.map_or(Amounts::ZERO, |account| account.cell.spent))
    }

    /// Records a person's yes or no to a held step: the only one, or the one named.
    pub async fn rule(
        &self,
        id: RunId,
        step: Option<&str>,
        ruling: Ruling,
        comment: &str,
    ) -> Result<ApprovalId, Error> {
        let approval = self.pending(id, step).await?;
        self.gate.rule(&self.principal.tenant, approval, ruling, &self.principal, comment).await?;
        Ok(approval)
    }

    /// Records a person's yes or no to an approval.
    pub async fn rule_on(&self, approval: ApprovalId, ruling: Ruling, comment: &str) -> Result<RunId, Error> {
        Ok(self.gate.rule(&self.principal.tenant, approval, ruling, &self.principal, comment).await?)
    }

    async fn pending(&self, id: RunId, step: Option<&str>) -> Result<ApprovalId, Error> {
        let Pinned { cell, source, .. } = self.pinned(id).await?;
        let plan = Arc::new(self.compile(&source)?);
        let mut held = Vec::new();
        for row in self.store().approvals(&cell).await? {
            if row.cell.state == ApprovalState::Pending {
                let asked = read_one(self.vault(), &cell, row.cell.asked).await?;
                let name = match &asked {
                    Some(asked) => Events::new(Arc::clone(&plan)).step_name(asked)?,
                    None => None,
                };
                held.push((name.unwrap_or_else(|| row.cell.step.to_string()), row.id));
            }
        }
        held.sort_by_key(|(name, _)| ordinal(&plan, name));
        if let Some(name) = step {
            if ordinal(&plan, name).is_none() && !held.iter().any(|(known, _)| known == name) {
                return Err(Error::NoStep { run: id, step: name.to_owned() });
            }
            held.retain(|(known, _)| known == name);
        }
        match held.as_slice() {
            [] => Err(Error::NothingHeld(id)),
            [(_, approval)] => Ok(*approval),
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
                Err(Error::Ambiguous { run: id, steps: names.join(", ") })
            }
        }
    }

    pub(crate) async fn pinned(&self, id: RunId) -> Result<Pinned, Error> {
        read_pinned(self.vault(), &self.principal.tenant, id).await
    }

    /// Walks the plan, tells the listener, and writes down where the run stands when nothing is left to do.
    async fn work(
        &self,
        run: Arc<Run>,
        plan: Arc<Plan>,
        runner: Runner,
        setup: &Setup,
        told: Told,
        hooks: Hooks<'_>,
    ) -> Result<Finished, Error> {
        let Hooks { events, approver, stop } = hooks;
        let id = run.id();
        let early = events.clone();
        let runner = runner.telling(early);
        let walk = pin!(self.walk(&run, &plan, &runner, setup, approver, stop));
        let Some(out) = events else { return walk.await };
        let follow = tail::follow(self.vault(), self.tenant(), id, told.next, told.events, &out);
        match select(walk, pin!(follow)).await {
            Either::Left((finished, follow)) => {
                let finished = finished?;
                follow.await?;
                Ok(finished)
            }
            Either::Right((followed, walk)) => {
                let finished = walk.await?;
                followed?;
                Ok(finished)
            }
        }
    }

    async fn walk(
        &self,
        run: &Arc<Run>,
        plan: &Plan,
        runner: &Runner,
        setup: &Setup,
        approver: Option<&dyn Approver>,
        stop: Option<BoxFuture<'_, ()>>,
    ) -> Result<Finished, Error> {
        let scope = Scope::root(Arc::clone(run));
        let (given, clock) = (serde_json::Map::new(), Arc::clone(&self.clock));
        let drive = Drive {
            gate: &self.gate,
            scope: &scope,
            plan,
            runner,
            approver,
            clock: &*clock,
            task: &setup.task,
            inherited: setup.fork.as_ref().map(|fork| Inherited { task: &fork.task }),
            given: &given,
            taint: Taint::NONE,
        };
        let walk = async {
            let walked = match select(pin!(drive.walk()), pin!(self.keep_anchored())).await {
                Either::Left((walked, _)) => walked,
                Either::Right((never, _)) => match never {},
            };
            runner.fault().map_or(walked, Err)
        };
        let walked = match stop {
            None => Some(held_if_changed(run, walk.await).await?),
            Some(stop) => match select(pin!(walk), stop).await {
                Either::Left((walked, _)) => Some(held_if_changed(run, walked).await?),
                Either::Right(((), _)) => None,
            },
        };
        // A stopped walk has been dropped here, and with it every step under way: they are settled now.
        let status = walked.as_ref().map_or(RunStatus::Interrupted, status);
        if status.is_final() {
            run.close(status).await?;
        } else {
            run.pause(status).await?;
        }
        let guarded = match self.anchoring {
            Anchoring::OnDemand => Guarded::default(),
            Anchoring::AtEnd | Anchoring::Every(_) => self.guard().await,
        };
        Ok(Finished { run: run.id(), status, guarded })
    }
}

/// A step that is asked for in another way than before holds the run: a person has to look.
async fn held_if_changed(
    run: &Run,
    walked: Result<Walked, comity_govern::Error>,
) -> Result<Walked, comity_govern::Error> {
    if let Err(comity_govern::Error::Changed { .. }) = walked {
        run.pause(RunStatus::Waiting).await?;
    }
    walked
}

/// Checks a workflow file, and those it names, and builds their steps, without a database.
pub fn check(request: &Request) -> Result<Arc<Plan>, Error> {
    Ok(Arc::clone(built(request)?.plan()))
}

/// What does the steps of a workflow file, built and not to be asked to do them.
pub(crate) fn built(request: &Request) -> Result<Runner, Error> {
    let bundle = Bundle::gather(&request.source, &kinds(), &request.read)?;
    Runner::new(&Shop::new(bundle, ADAPTERS, Path::new(&request.base_dir), &processes(), None))
}

/// Errors when a workflow may cost more than its own file lets it be forecast to cost.
fn affordable(runner: &Runner, task: &str) -> Result<(), Error> {
    runner.dearer(task).map_or(Ok(()), |(wanted, most)| Err(Error::Forecast { wanted, most }))
}

/// Whether a workflow, or one that it names, asks a model.
pub fn has_agents(request: &Request) -> Result<bool, Error> {
    Ok(Bundle::gather(&request.source, &kinds(), &request.read)?.has_agents())
}

fn status(walked: &Walked) -> RunStatus {
    match walked.verdict {
        RunVerdict::Completed => RunStatus::Completed,
        RunVerdict::Waiting => RunStatus::Waiting,
        RunVerdict::Failed(_) => RunStatus::Failed,
        RunVerdict::Denied(reason) if reason.is_budget() => RunStatus::Exhausted,
        RunVerdict::Denied(_) => RunStatus::Denied,
    }
}

fn ordinal(plan: &Plan, name: &str) -> Option<u32> {
    let at = plan.steps().iter().position(|step| &*step.name == name)?;
    u32::try_from(at).ok()
}
