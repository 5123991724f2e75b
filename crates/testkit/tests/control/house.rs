//! A runtime on a database of its own, and steps that say what they are told to say.

use comity_adapter::{ADAPTERS, Adapter, AdapterKind, Error, Setup};
use comity_api::{RunReport, TraceRow};
use comity_core::{BoxFuture, KeySpec, KindSpec, RiskTier, RunId, Shape, StepKind, Unwatched};
use comity_govern::{Failure, Input, Output, Permit};
use comity_runtime::{Approver, GateError, Question};
use comity_runtime::{Durability, Finished, Hooks, Reader, Request, Ruling, Runtime, Settings, system_world};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

thread_local! {
    static CALLS: RefCell<Vec<(String, Value)>> = const { RefCell::new(Vec::new()) };
}

const SPEC: KindSpec = KindSpec {
    name: "say",
    step: StepKind::ToolCall,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[
        KeySpec { name: "as", shape: Shape::Text, required: true, about: "What its calls are noted as." },
        KeySpec { name: "say", shape: Shape::Any, required: false, about: "What each call in turn says." },
        KeySpec { name: "fails", shape: Shape::Count, required: false, about: "So many calls fail first." },
        KeySpec { name: "stalls", shape: Shape::Count, required: false, about: "So many calls never end." },
    ],
    about: "Says what it is told to say.",
};

const SAY: AdapterKind = AdapterKind { spec: &SPEC, build };

struct Say {
    name: String,
    says: Vec<Value>,
    fails: usize,
    stalls: usize,
}

fn build(_: &Setup, keys: &Map<String, Value>) -> Result<Arc<dyn Adapter>, Error> {
    let count = |key: &str| keys.get(key).and_then(Value::as_u64).unwrap_or(0) as usize;
    let says = keys.get("say").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = keys.get("as").and_then(Value::as_str).unwrap_or("?").to_owned();
    Ok(Arc::new(Say { name, says, fails: count("fails"), stalls: count("stalls") }))
}

impl Adapter for Say {
    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        let before = calls().into_iter().filter(|call| *call == self.name).count();
        CALLS.with_borrow_mut(|calls| calls.push((self.name.clone(), input.value.clone())));
        let (clock, left) = (Arc::clone(permit.clock()), permit.time_left());
        Box::pin(async move {
            if before < self.stalls {
                clock.sleep(left).await;
                return Err(Failure::Unknown("it never ended".to_owned()));
            }
            if before < self.fails {
                return Err(Failure::Failed(format!("call {before} fails")));
            }
            let last = self.says.last().cloned().unwrap_or_else(|| Value::String(self.name.clone()));
            Ok(Output { value: self.says.get(before).cloned().unwrap_or(last) })
        })
    }

    fn endpoint(&self) -> String {
        format!("say:{}", self.name)
    }
}

/// Who was called, in order.
pub(crate) fn calls() -> Vec<String> {
    CALLS.with_borrow(|calls| calls.iter().map(|(name, _)| name.clone()).collect())
}

/// What every call of one was given.
pub(crate) fn given(name: &str) -> Vec<Value> {
    CALLS.with_borrow(|calls| {
        calls.iter().filter(|(other, _)| other == name).map(|(_, input)| input.clone()).collect()
    })
}

pub(crate) struct House {
    folder: TempDir,
    files: BTreeMap<String, String>,
}

impl House {
    pub(crate) fn new() -> Self {
        CALLS.with_borrow_mut(Vec::clear);
        Self { folder: TempDir::new().unwrap(), files: BTreeMap::new() }
    }

    /// Puts a file beside the workflow.
    pub(crate) fn with(mut self, path: &str, source: &str) -> Self {
        self.files.insert(path.to_owned(), source.to_owned());
        self
    }

    pub(crate) fn open(&self) -> Runtime {
        let world = system_world(Arc::new(Unwatched));
        let mut settings = Settings::local(
            self.folder.path().join("c.db"),
            Durability::Process,
            world,
            comity_testkit::keys::place(),
        );
        let kinds = ADAPTERS.iter().copied().chain([SAY]).collect::<Vec<_>>();
        settings.adapters = Box::leak(kinds.into_boxed_slice());
        Runtime::open(settings).unwrap()
    }

    fn request(&self, source: &str) -> Request {
        let files = self.files.clone();
        let read: Reader = Arc::new(move |path| files.get(path).cloned().ok_or("no such file".to_owned()));
        let task = "the task".to_owned();
        Request {
            source: source.to_owned(),
            file: "f.yaml".into(),
            base_dir: PathBuf::new(),
            task,
            read,
            trace: None,
            about: None,
        }
    }

    /// Runs a workflow to where it stops, and verifies its chain.
    pub(crate) fn run(&self, source: &str) -> RunReport {
        block(async {
            let runtime = self.open();
            let finished = runtime.start(self.request(source), Hooks::default()).await;
            report(&runtime, finished.unwrap_or_else(|error| panic!("{error}\n{source}"))).await
        })
    }

    /// Runs a workflow until a time is over, and then stops it.
    pub(crate) fn run_for(&self, source: &str, time: Duration) -> RunReport {
        self.run_until(source, Box::pin(async move { tokio::time::sleep(time).await }))
    }

    /// Runs a workflow until its first step was called and a time is over after that, however busy the machine is.
    pub(crate) fn run_into(&self, source: &str, time: Duration) -> RunReport {
        let called = async move {
            while calls().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            tokio::time::sleep(time).await;
        };
        self.run_until(source, Box::pin(called))
    }

    fn run_until(&self, source: &str, stop: BoxFuture<'_, ()>) -> RunReport {
        block(async {
            let runtime = self.open();
            let hooks = Hooks { stop: Some(stop), ..Hooks::default() };
            let finished = runtime.start(self.request(source), hooks).await.unwrap();
            report(&runtime, finished).await
        })
    }

    /// Runs a workflow with somebody there who answers the first question, and no other.
    pub(crate) fn run_answering(&self, source: &str, ruling: Ruling) -> RunReport {
        block(async {
            let runtime = self.open();
            let person = Person { runtime: &runtime, ruling, asked: AtomicBool::new(false) };
            let hooks = Hooks { approver: Some(&person), ..Hooks::default() };
            let finished = runtime.start(self.request(source), hooks).await.unwrap();
            report(&runtime, finished).await
        })
    }

    pub(crate) fn resume(&self, run: &str) -> RunReport {
        block(async {
            let runtime = self.open();
            let finished = runtime.resume(id(run), Hooks::default()).await.unwrap();
            report(&runtime, finished).await
        })
    }

    pub(crate) fn rule(&self, run: &str, step: &str, ruling: Ruling) {
        block(async {
            self.open().rule(id(run), Some(step), ruling, "because").await.unwrap();
        });
    }

    pub(crate) fn trace(&self, run: &str) -> Vec<TraceRow> {
        block(async {
            let mut rows = Vec::new();
            self.open().trace(id(run), |row| rows.push(row)).await.unwrap();
            rows
        })
    }

    /// What is wrong with a file.
    pub(crate) fn refused(&self, source: &str) -> String {
        block(async {
            let runtime = self.open();
            runtime.start(self.request(source), Hooks::default()).await.unwrap_err().to_string()
        })
    }
}

struct Person<'r> {
    runtime: &'r Runtime,
    ruling: Ruling,
    asked: AtomicBool,
}

impl Approver for Person<'_> {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Option<Ruling>, GateError>> {
        Box::pin(async {
            if self.asked.swap(true, Ordering::Relaxed) {
                return Ok(None);
            }
            self.runtime.rule_on(question.approval.id, self.ruling, "because").await.unwrap();
            Ok(Some(self.ruling))
        })
    }
}

fn id(run: &str) -> RunId {
    run.parse().unwrap()
}

async fn report(runtime: &Runtime, finished: Finished) -> RunReport {
    let verified = runtime.verify(None).await.unwrap();
    assert!(verified.valid, "{:?}", verified.fault);
    runtime.report(finished.run).await.unwrap()
}

pub(crate) fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// How a step stands, with its reason.
pub(crate) fn stands(report: &RunReport, step: &str) -> String {
    let found = report.steps.iter().find(|other| other.step == step).unwrap();
    match &found.reason {
        Some(reason) => format!("{} {reason}", found.status),
        None => found.status.clone(),
    }
}

/// `kind step` of every entry about a step.
pub(crate) fn entries(rows: &[TraceRow]) -> Vec<String> {
    rows.iter().filter_map(|row| Some(format!("{} {}", row.kind, row.step.as_ref()?))).collect()
}
