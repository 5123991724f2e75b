//! Drops a run's future at every await, goes on in a new runtime, and compares with what its steps noted.

mod nested;

use crate::oracle::{self, Fact, Oracle, Reply, Tally, check_told, reply, tally, unknown, wait_for_orphans};
use crate::sandbox::{PATIENCE, PROGRAM};
use comity_api::{Event, TraceRow};
use comity_core::{BoxFuture, RunId, Spawn, Unwatched};
use comity_runtime::{
    Answer, Durability, Hooks, Request, Ruling, RunStatus, Runtime, Settings, system_world,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tempfile::TempDir;
use tokio::sync::mpsc::channel;
use tokio::task::JoinSet;

/// Awaits after which a run that has not ended by then never will.
const MOST: usize = 2_000;

/// What becomes, after the drop, of work that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// It ends, and then everything is closed.
    Ends,
    /// It goes away with the executor, in the same moment.
    Vanishes,
}

/// A future that is given up after it has said so many times that it is not ready.
struct Until<'f, T> {
    future: Pin<Box<dyn Future<Output = T> + 'f>>,
    left: usize,
}

impl<T> Future for Until<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(ended) = self.future.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        self.left -= 1;
        if self.left == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// Drops the future after it was not ready `left` times; `None` if that came to pass.
async fn until<T>(left: usize, future: impl Future<Output = T>) -> Option<T> {
    Until { future: Box::pin(future), left }.await
}

/// Owns the tasks that nobody waits for, so that this test can.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

impl Tasks {
    /// Waits until all of them have ended.
    async fn end(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap());
        while tasks.join_next().await.is_some() {}
    }
}

/// How the steps hang together: beside each other, or each behind the one before, so that every await of a
/// step is one of the run's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Fan,
    Chain,
}

/// Which call is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// The run, until it waits for a person.
    Start,
    /// What follows once that person said yes.
    Resume,
}

#[test]
fn every_await_of_a_run() {
    drop_everywhere(Call::Start, RunStatus::Waiting);
}

#[test]
fn every_await_of_a_resume() {
    drop_everywhere(Call::Resume, RunStatus::Completed);
}

/// Drops the call at its first await, at its second, and so on until it ends undisturbed.
fn drop_everywhere(call: Call, undisturbed: RunStatus) {
    let both = [After::Ends, After::Vanishes];
    for (shape, after) in
        [Shape::Fan, Shape::Chain].into_iter().flat_map(|shape| both.map(|after| (shape, after)))
    {
        let mut lost = 0;
        let ended = (1..MOST).find_map(|nth| {
            let place = Place::new(shape);
            if call == Call::Resume {
                assert_eq!(place.call(Call::Start, MOST, After::Ends).0, Some(RunStatus::Waiting));
                block_on(place.approve());
            }
            let (ended, told) = place.call(call, nth, after);
            wait_for_orphans(place.folder.path());
            lost += block_on(place.go_on(&told));
            ended.map(|status| (nth, status))
        });
        let (nth, status) = ended.unwrap();
        println!(
            "{call:?}, {shape:?}, {after:?}: dropped at {} awaits, {lost} steps were asked about",
            nth - 1
        );
        assert_eq!(status, undisturbed);
        assert!(nth > 5, "{call:?} has more than {nth} awaits");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    executor().block_on(in_time(future))
}

/// Fails if the future takes too long.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

fn executor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A folder with a database and the oracle's file.
struct Place {
    folder: TempDir,
    shape: Shape,
    facts: Vec<Fact>,
}

impl Place {
    fn new(shape: Shape) -> Self {
        let fact =
            |name: &str, idempotent, price, notes| Fact { name: name.to_owned(), idempotent, price, notes };
        let facts = vec![
            fact("first", true, 1, false),
            fact("slow", true, 10, false),
            fact("safe", true, 100, true),
            fact("once", false, 1_000, true),
            fact("ask", true, 0, false),
            fact("last", false, 10_000, true),
        ];
        Self { folder: tempfile::tempdir().unwrap(), shape, facts }
    }

    fn oracle(&self) -> Oracle {
        Oracle(self.folder.path().join("oracle"))
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("comity.db")
    }

    fn request(&self) -> Request {
        let wrapped = format!("kind: command, command: [{PROGRAM}, --oracle, {}", self.oracle().0.display());
        let edges = match self.shape {
            Shape::Fan => "first -> slow -> ask, first -> safe -> ask, first -> once -> ask, ask -> last",
            Shape::Chain => "first -> slow -> safe -> once -> ask -> last",
        };
        let source = format!(
            "nodes:\n  first: {{kind: echo, text: one, price_usd: 0.000001}}\n  \
             slow: {{kind: echo, delay_ms: 3, price_usd: 0.00001}}\n  \
             safe: {{{wrapped}, safe], idempotent: true, price_usd: 0.0001}}\n  \
             once: {{{wrapped}, once], price_usd: 0.001}}\n  \
             ask: {{kind: human, prompt: 'Go on?'}}\n  \
             last: {{{wrapped}, last], price_usd: 0.01}}\n\
             edges: [{edges}]\n"
        );
        let (file, task) = ("drop.yaml".to_owned(), "a task".to_owned());
        Request {
            source,
            file,
            base_dir: self.folder.path().to_owned(),
            task,
            read: comity_runtime::no_files(),
            trace: None,
            about: None,
        }
    }

    fn open(&self) -> (Runtime, Tasks) {
        let tasks = Tasks::default();
        let mut world = system_world(Arc::new(Unwatched));
        world.spawn = Arc::new(tasks.clone());
        let settings =
            Settings::local(self.database(), Durability::Process, world, comity_testkit::keys::place());
        (Runtime::open(settings).unwrap(), tasks)
    }

    /// Drops a call at its n-th await. Where it ended if it ended before, and the events it told.
    fn call(&self, call: Call, nth: usize, after: After) -> (Option<RunStatus>, Vec<Event>) {
        let executor = executor();
        let (runtime, tasks) = self.open();
        let (sender, mut events) = channel(1_000);
        let ended = executor.block_on(in_time(async {
            let hooks = Hooks { events: Some(sender), ..Hooks::default() };
            match call {
                Call::Start => until(nth, runtime.start(self.request(), hooks)).await,
                Call::Resume => {
                    let run = newest(&runtime).await.unwrap().0;
                    until(nth, runtime.resume(run, hooks)).await
                }
            }
        }));
        match after {
            After::Ends => {
                executor.block_on(tasks.end());
                drop(runtime);
                drop(executor);
            }
            After::Vanishes => {
                drop(executor);
                drop(runtime);
            }
        }
        let told = std::iter::from_fn(|| events.try_recv().ok()).collect();
        (ended.map(|ended| ended.unwrap().status), told)
    }

    async fn approve(&self) {
        let (runtime, _) = self.open();
        let (run, _) = newest(&runtime).await.unwrap();
        runtime.rule(run, None, Ruling::Approve, "").await.unwrap();
    }

    /// Resumes and answers until the run has ended, and checks. Says how many steps' ends were asked about.
    async fn go_on(&self, told: &[Event]) -> usize {
        let (runtime, _) = self.open();
        let Some((run, _)) = newest(&runtime).await else {
            assert!(told.is_empty() && self.oracle().counts().is_empty(), "{told:?}");
            return 0;
        };
        let rows = trace(&runtime, run).await;
        check_told(told, &rows);
        let (before, counts) = (tally(&rows), self.oracle().counts());
        let asked = self.answer_all(&runtime, run, &before).await;
        let rows = trace(&runtime, run).await;
        check_told(told, &rows);
        let now = tally(&rows);
        for (step, tally) in before.iter().filter(|(_, tally)| tally.has_settled()) {
            assert_eq!(now.get(step), Some(tally), "`{step}` had settled and was tried again");
            assert_eq!(self.oracle().count(step), counts.get(step).copied().unwrap_or_default(), "`{step}`");
        }
        oracle::check_counts(&self.facts, &self.oracle(), &now);
        let report = runtime.verify(None).await.unwrap();
        assert!(report.valid, "{report:?}");
        drop(runtime);
        // A dropped try took its step of the quota; of a try that a dead process left open nobody knows.
        let dropped = |row: &&TraceRow| {
            row.kind == "unknown"
                && row.message.as_deref().is_some_and(|why| why.starts_with("its caller went away"))
                && self.facts.iter().any(|fact| fact.idempotent && row.step.as_ref() == Some(&fact.name))
        };
        let steps = self.facts.len() + rows.iter().filter(dropped).count();
        let cost = oracle::expected_cost(&self.facts, &now);
        oracle::check_balances(&self.database(), cost, steps as u64).await;
        asked
    }

    async fn answer_all(&self, runtime: &Runtime, run: RunId, before: &BTreeMap<String, Tally>) -> usize {
        let mut owed: BTreeSet<String> = BTreeSet::new();
        for fact in self.facts.iter().filter(|fact| fact.notes && !fact.idempotent) {
            let tally = before.get(&fact.name).cloned().unwrap_or_default();
            let began = self.oracle().count(&fact.name) > 0 || tally.is_open() || tally.last == "unknown";
            owed.extend((began && !tally.has_settled()).then(|| fact.name.clone()));
        }
        let mut asked = 0;
        let mut finished = None;
        for _ in 0..20 {
            if newest(runtime).await.unwrap().1 == "completed" {
                break;
            }
            let status = match finished.take() {
                Some(status) => status,
                None => runtime.resume(run, Hooks::default()).await.unwrap().status,
            };
            let report = runtime.report(run).await.unwrap();
            let questions = unknown(&report);
            assert!(owed.iter().all(|step| questions.contains(step)), "{owed:?} are not all in {report:#?}");
            if status == RunStatus::Completed {
                break;
            }
            assert_eq!(status, RunStatus::Waiting, "{report:#?}");
            let (step, answer) = match reply(&report, &self.oracle()).unwrap() {
                Reply::Approve(step) => {
                    runtime.rule(run, Some(&step), Ruling::Approve, "").await.unwrap();
                    continue;
                }
                Reply::Happened(step) => (step.clone(), Answer::Happened(json!(step))),
                Reply::NotHappened(step) => (step, Answer::NotHappened),
            };
            asked += 1;
            owed.remove(&step);
            let ended = runtime.resume_with_answer(run, &step, &answer, "looked", Hooks::default()).await;
            finished = Some(ended.unwrap().status);
        }
        assert!(owed.is_empty(), "nobody was asked about {owed:?}");
        assert_eq!(newest(runtime).await.unwrap().1, "completed");
        asked
    }
}

/// The newest run, and where it stands.
async fn newest(runtime: &Runtime) -> Option<(RunId, String)> {
    let run = runtime.runs(1).await.unwrap().pop()?;
    Some((run.run_id.parse().unwrap(), run.status))
}

async fn trace(runtime: &Runtime, run: RunId) -> Vec<TraceRow> {
    let mut rows = Vec::new();
    runtime.trace(run, |row| rows.push(row)).await.unwrap();
    rows
}
