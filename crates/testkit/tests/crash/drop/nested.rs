//! The same over a loop, a step that is tried again, moments, and a workflow and an agent inside.
//!
//! Every eleventh await is taken, from a first one by chance; `COMITY_KILLS=all` takes all of them.

use super::{After, MOST, Tasks, block_on, executor, in_time, newest, trace, until};
use crate::control::{ONCE, check_moments, check_passes, control, ends, inner};
use crate::kill::{Dice, is_thorough};
use crate::oracle::{Oracle, check_told, last_report, wait_for_orphans};
use comity_api::{Event, TraceRow};
use comity_core::{RunId, Unwatched};
use comity_runtime::{
    Answer, Durability, Hooks, Request, Ruling, RunStatus, Runtime, Settings, system_world,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::mpsc::channel;

struct Place(TempDir);

/// What an undisturbed run came to.
struct Measure {
    output: Value,
    counts: BTreeMap<String, usize>,
    settled: BTreeMap<String, usize>,
}

#[test]
fn awaits_of_a_run_that_loops_and_nests() {
    let place = Place::new();
    let (ended, _) = place.start(MOST * 10, After::Ends);
    assert_eq!(ended, Some(RunStatus::Waiting));
    let (rows, output) = block_on(place.go_on());
    let measure = Measure { output, counts: place.oracle().counts(), settled: ends(&rows) };
    let stride = if is_thorough() { 1 } else { 11 };
    let first = 1 + Dice::new().below(stride);
    for after in [After::Ends, After::Vanishes] {
        let mut drops = 0;
        for nth in (first..).step_by(stride) {
            let place = Place::new();
            let (ended, told) = place.start(nth, after);
            wait_for_orphans(place.0.path());
            if ended.is_some() {
                break;
            }
            drops += 1;
            let case = format!("{after:?} at await {nth}");
            block_on(place.check(&told, &measure, &case));
        }
        println!("{after:?}: dropped at {drops} awaits");
        assert!(drops > 5, "{drops}");
    }
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("inner.yaml"), inner(&folder.path().join("oracle"))).unwrap();
        Self(folder)
    }

    fn oracle(&self) -> Oracle {
        Oracle(self.0.path().join("oracle"))
    }

    fn open(&self) -> (Runtime, Tasks) {
        let tasks = Tasks::default();
        let mut world = system_world(Arc::new(Unwatched));
        world.spawn = Arc::new(tasks.clone());
        let settings = Settings::local(
            self.0.path().join("comity.db"),
            Durability::Process,
            world,
            comity_testkit::keys::place(),
        );
        (Runtime::open(settings).unwrap(), tasks)
    }

    fn request(&self) -> Request {
        let folder = self.0.path().to_owned();
        Request {
            source: control(&self.oracle().0),
            file: "drop.yaml".to_owned(),
            base_dir: folder.clone(),
            task: String::new(),
            read: Arc::new(move |path| {
                std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string())
            }),
            trace: None,
            about: None,
        }
    }

    /// Drops a run at its n-th await. Where it stands if it stopped before, and the events it told.
    fn start(&self, nth: usize, after: After) -> (Option<RunStatus>, Vec<Event>) {
        let executor = executor();
        let (runtime, tasks) = self.open();
        let (sender, mut events) = channel(1_000);
        let hooks = Hooks { events: Some(sender), ..Hooks::default() };
        let ended = executor.block_on(in_time(until(nth, runtime.start(self.request(), hooks))));
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

    /// Resumes and answers until the run has ended. Its entries, and what it produced.
    async fn go_on(&self) -> (Vec<TraceRow>, Value) {
        let (runtime, _) = self.open();
        let (run, _) = newest(&runtime).await.unwrap();
        let mut status = runtime.resume(run, Hooks::default()).await.unwrap().status;
        for _ in 0..40 {
            if status != RunStatus::Waiting {
                break;
            }
            status = self.answer(&runtime, run).await;
        }
        let report = runtime.report(run).await.unwrap();
        assert_eq!((status, report.verified), (RunStatus::Completed, true), "{report:#?}");
        (trace(&runtime, run).await, report.output)
    }

    /// Answers the first question, and goes on.
    async fn answer(&self, runtime: &Runtime, run: RunId) -> RunStatus {
        let report = runtime.report(run).await.unwrap();
        let ask = report.approvals.first().unwrap_or_else(|| panic!("it asks nothing: {report:#?}"));
        if !ask.approval.is_empty() {
            runtime.rule(run, Some(&ask.step), Ruling::Approve, "").await.unwrap();
            return runtime.resume(run, Hooks::default()).await.unwrap().status;
        }
        assert!(ONCE.contains(&&*ask.step), "nobody needs to know of `{}`", ask.step);
        let settled = ends(&trace(runtime, run).await).get(&ask.step).copied().unwrap_or_default();
        let happened = self.oracle().count(&ask.step) > settled;
        let answer = if happened { Answer::Happened(json!(ask.step)) } else { Answer::NotHappened };
        let ended = runtime.resume_with_answer(run, &ask.step, &answer, "looked", Hooks::default()).await;
        ended.unwrap().status
    }

    async fn check(&self, told: &[Event], measure: &Measure, case: &str) {
        let (runtime, _) = self.open();
        let started = newest(&runtime).await.is_some();
        drop(runtime);
        if !started {
            assert!(told.is_empty() && self.oracle().counts().is_empty(), "{case}: {told:?}");
            return;
        }
        let (rows, output) = self.go_on().await;
        check_told(told, &rows);
        check_moments(&rows);
        check_passes(&rows);
        assert_eq!((&output, &ends(&rows)), (&measure.output, &measure.settled), "{case}");
        let mut repeated = 0;
        for (step, once) in &measure.counts {
            let count = self.oracle().count(step);
            let exactly = ONCE.contains(&&**step);
            assert!(count >= *once && (!exactly || count == *once), "{case}: `{step}` {count} times");
            repeated += count - once;
        }
        assert!(repeated <= 1, "{case}: {repeated} effects repeated");
        let report = last_report(&self.0.path().join("comity.db")).await;
        assert!(report.approvals.is_empty(), "{case}: {report:#?}");
    }
}
