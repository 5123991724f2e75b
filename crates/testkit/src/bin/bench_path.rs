//! One workload a call, measured from inside: prints one JSON line. `cargo xtask bench path` calls it.

#![expect(clippy::disallowed_methods, reason = "a bench: it times the machine itself")]

use comity_core::{Point, Points, Unwatched};
use comity_runtime::{Durability, Finished, Hooks, Request, RunStatus, Runtime, Settings, system_world};
use comity_testkit::flows;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

/// CPU time when each effect began.
#[derive(Default)]
struct Marks {
    every: usize,
    count: AtomicUsize,
    marks: Mutex<Vec<Duration>>,
    commits: AtomicUsize,
}

impl Points for Marks {
    fn reach(&self, point: Point) {
        if point == Point::AfterCommit {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        if point == Point::BeforeEffect && self.every > 0 {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            if count.is_multiple_of(self.every) {
                self.marks.lock().unwrap_or_else(PoisonError::into_inner).push(cpu());
            }
        }
    }
}

fn open(database: &Path, durability: Durability, points: Arc<dyn Points>) -> Fallible<Arc<Runtime>> {
    Ok(Arc::new(Runtime::open(Settings::local(
        database,
        durability,
        system_world(points),
        comity_testkit::keys::place(),
    ))?))
}

async fn run(runtime: &Runtime, flow: &str) -> Fallible<Finished> {
    let request = Request {
        source: flow.to_owned(),
        file: "bench.yaml".to_owned(),
        base_dir: ".".into(),
        // Every step's input holds the task: no payload is a toy, however short the steps' own texts.
        task: flows::payload(),
        read: comity_runtime::no_files(),
        trace: None,
        about: None,
    };
    let finished = runtime.start(request, Hooks::default()).await?;
    if finished.status != RunStatus::Completed {
        return Err(format!("the run is {:?}", finished.status).into());
    }
    Ok(finished)
}

async fn verified(runtime: &Runtime) -> Fallible<u64> {
    let report = runtime.verify(None).await?;
    match report.fault {
        None => Ok(report.entries),
        Some(fault) => Err(fault.into()),
    }
}

/// A chain of `steps`, `repeat` times; the best.
async fn chain(folder: &Path, durability: Durability, steps: usize, repeat: usize) -> Fallible<Value> {
    let runtime = open(&folder.join("chain.db"), durability, Arc::new(Unwatched))?;
    let flow = flows::chain(steps);
    let (mut best_cpu, mut best_wall) = (Duration::MAX, Duration::MAX);
    for _ in 0..repeat {
        let (runtime, flow) = (Arc::clone(&runtime), flow.clone());
        let (used, wall) = tokio::spawn(async move {
            let (cpu_before, start) = (cpu(), Instant::now());
            run(&runtime, &flow).await.map(|_| (cpu() - cpu_before, start.elapsed()))
        })
        .await??;
        best_cpu = best_cpu.min(used);
        best_wall = best_wall.min(wall);
    }
    let entries = verified(&runtime).await?;
    let per = |span: Duration| micros(span) / steps as f64;
    Ok(
        json!({"steps": steps, "cpu_us_per_step": per(best_cpu), "wall_us_per_step": per(best_wall), "entries": entries}),
    )
}

/// `runs` chains of `steps` at the same time.
async fn many(folder: &Path, durability: Durability, runs: usize, steps: usize) -> Fallible<Value> {
    let marks = Arc::new(Marks::default());
    let points: Arc<dyn Points> = Arc::<Marks>::clone(&marks);
    let runtime = open(&folder.join("many.db"), durability, points)?;
    let flow = flows::chain(steps);
    let (cpu_before, start) = (cpu(), Instant::now());
    let before = marks.commits.load(Ordering::Relaxed);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..runs {
        let (runtime, flow) = (Arc::clone(&runtime), flow.clone());
        tasks.spawn(async move { run(&runtime, &flow).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let (used, wall) = (cpu() - cpu_before, start.elapsed());
    let commits = marks.commits.load(Ordering::Relaxed) - before;
    let total = (runs * steps) as f64;
    verified(&runtime).await?;
    Ok(json!({"runs": runs, "steps": steps, "cpu_us_per_step": micros(used) / total,
        "steps_per_second": total / wall.as_secs_f64(), "steps_per_commit": total / commits as f64}))
}

/// CPU of a step early and late in one long chain.
async fn long(folder: &Path, steps: usize) -> Fallible<Value> {
    let marks = Arc::new(Marks { every: 100, ..Marks::default() });
    let points: Arc<dyn Points> = Arc::<Marks>::clone(&marks);
    let runtime = open(&folder.join("long.db"), Durability::Process, points)?;
    run(&runtime, &flows::chain_of(steps, "ok")).await?;
    verified(&runtime).await?;
    let marks = marks.marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let spans: Vec<Duration> =
        marks.iter().zip(marks.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a)).collect();
    // The median hundred of the first and the last thousand steps: one scheduler hiccup does not decide.
    let median = |hundreds: &[Duration]| {
        let mut sorted = hundreds.to_vec();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    let early = median(spans.get(1..11).unwrap_or_default());
    let late = median(spans.get(spans.len().saturating_sub(10)..).unwrap_or_default());
    Ok(
        json!({"steps": steps, "early_us_per_step": micros(early) / 100.0, "late_us_per_step": micros(late) / 100.0}),
    )
}

async fn fan(folder: &Path, durability: Durability, branches: usize, delay_ms: u64) -> Fallible<Value> {
    let runtime = open(&folder.join("fan.db"), durability, Arc::new(Unwatched))?;
    let flow = flows::fan(branches, delay_ms);
    let mut best = Duration::MAX;
    let mut best_cpu = Duration::MAX;
    for _ in 0..5 {
        let (runtime, flow) = (Arc::clone(&runtime), flow.clone());
        let (used, wall) = tokio::spawn(async move {
            let (cpu_before, start) = (cpu(), Instant::now());
            run(&runtime, &flow).await.map(|_| (cpu() - cpu_before, start.elapsed()))
        })
        .await??;
        best = best.min(wall);
        best_cpu = best_cpu.min(used);
    }
    verified(&runtime).await?;
    Ok(
        json!({"branches": branches, "delay_ms": delay_ms, "wall_ms": micros(best) / 1e3, "cpu_ms": micros(best_cpu) / 1e3}),
    )
}

/// Fills a ledger with at least `entries` entries, for a verifier in another process.
async fn fill(database: &Path, entries: usize) -> Fallible<Value> {
    let runtime = open(database, Durability::Process, Arc::new(Unwatched))?;
    let flow = flows::chain(1_000);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..entries.div_ceil(2_002) {
        while tasks.len() >= 8 {
            if let Some(ended) = tasks.join_next().await {
                ended??;
            }
        }
        let (runtime, flow) = (Arc::clone(&runtime), flow.clone());
        tasks.spawn(async move { run(&runtime, &flow).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(json!({"entries": entries}))
}

async fn verify(database: &Path) -> Fallible<Value> {
    let runtime = open(database, Durability::Process, Arc::new(Unwatched))?;
    let (cpu_before, start) = (cpu(), Instant::now());
    let entries = verified(&runtime).await?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default();
    Ok(json!({"entries": entries, "cpu_s": (cpu() - cpu_before).as_secs_f64(),
        "wall_s": start.elapsed().as_secs_f64(), "peak_mb": peak / 1024.0}))
}

async fn measure(args: &[&str]) -> Fallible<Value> {
    let durability = |word: &str| if word == "power" { Durability::Power } else { Durability::Process };
    match args {
        ["chain", folder, mode, steps, repeat] => {
            chain(Path::new(folder), durability(mode), steps.parse()?, repeat.parse()?).await
        }
        ["many", folder, mode, runs, steps] => {
            many(Path::new(folder), durability(mode), runs.parse()?, steps.parse()?).await
        }
        ["long", folder, steps] => long(Path::new(folder), steps.parse()?).await,
        ["fan", folder, mode, branches, delay] => {
            fan(Path::new(folder), durability(mode), branches.parse()?, delay.parse()?).await
        }
        ["fill", database, entries] => fill(Path::new(database), entries.parse()?).await,
        ["verify", database] => verify(Path::new(database)).await,
        _ => Err("chain|many|long|fan|fill|verify: called by `cargo xtask bench path`".into()),
    }
}

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut line = runtime.block_on(measure(&args))?;
    if let Some(line) = line.as_object_mut() {
        line.insert("bench".to_owned(), args.first().copied().unwrap_or_default().into());
    }
    println!("{line}");
    Ok(())
}
