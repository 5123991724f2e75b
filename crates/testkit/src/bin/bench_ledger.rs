//! One workload of the ledger a call, measured from inside: prints one JSON line. `cargo xtask bench ledger` calls it.
//!
//! A place to write to is a file for SQLite or a `postgres://` address; what is measured is the same.

#![expect(clippy::disallowed_methods, reason = "a bench: it times the machine itself")]

use comity_core::{
    Amounts, Digest, Entropy, Namespace, RunId, StepId, StepKind, Tenant, Timestamp, Unwatched,
};
use comity_govern::World;
use comity_ledger::vault::{Class, RunKeys, subject::Subject};
use comity_ledger::{CheckMark, Entry, EntryKind, Pen, RunStatus, Slot, StepRef, Verdict, seal};
use comity_runtime::system_world;
use comity_store::{Commit, Durability, Fence, Op, Options, Store};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

fn open(place: &str, durability: Durability) -> Fallible<Store> {
    Ok(Store::open(Options { durability, ..Options::new(place, comity_ledger::link) })?)
}

/// One caller, with a run of its own.
struct Caller {
    store: Store,
    entropy: Arc<dyn Entropy>,
    pen: Pen,
    run: RunId,
    count: u32,
}

/// What a step hands on: with the entry's own bytes, a row of 1 KB.
const TEXT: &[u8] = &[b'x'; 300];

impl Caller {
    async fn open(store: Store, world: &World, number: u8) -> Fallible<Self> {
        let mut random = [number; 10];
        world.entropy.fill(&mut random);
        let run = RunId::new(Timestamp::from_millis(1), random);
        let ops = vec![Op::OpenRun { namespace: Namespace::default_name(), owner: "bench".into() }];
        let subject = Subject::random(Class::Content, &*world.entropy);
        let pen = RunKeys::new(vec![subject]).pen().ok_or("a run without keys")?;
        let caller = Self { store, entropy: Arc::clone(&world.entropy), pen, run, count: 0 };
        caller.commit(Fence::New, ops).await?;
        Ok(caller)
    }

    async fn commit(&self, fence: Fence, ops: Vec<Op>) -> Fallible<()> {
        let at = Timestamp::from_millis(1);
        let commit = Commit { tenant: Tenant::local(), run: self.run, fence, at, expect: Vec::new(), ops };
        self.store.queue(commit).await?;
        Ok(())
    }

    /// Spells out, links and stores an entry like one that admits a step, and waits until it is durable.
    async fn append(&mut self) -> Fallible<usize> {
        self.count += 1;
        let append = seal(entry(self.run, self.count), &[(Slot::Act, TEXT)], &self.pen, &*self.entropy);
        let length = append.body.len() + TEXT.len();
        self.commit(Fence::Epoch(1), vec![Op::Append(append)]).await?;
        Ok(length)
    }
}

fn entry(run: RunId, ordinal: u32) -> Entry {
    let (tenant, namespace) = (Tenant::local(), Namespace::default_name());
    let at = Timestamp::from_millis(1_795_203_496_640);
    let mut entry = Entry::new(EntryKind::Admitted, run, tenant, namespace, "local:bench".into(), at);
    let checks = ["approval", "breaker", "budget", "deadline", "depth", "input_size", "risk", "step_limit"];
    entry.checks = checks.map(|check| CheckMark(check.into(), Verdict::Pass)).to_vec();
    entry.hold = Some(Amounts { micro_usd: 100, millis: 86_400_000, steps: 1, tokens: 0 });
    entry.policy = Some(Digest::ZERO);
    entry.status = Some(RunStatus::Running);
    entry.step = Some(StepRef {
        attempt: 1,
        contract: Digest::ZERO,
        id: StepId::derive(run, None, ordinal, 0),
        idempotent: true,
        iteration: 0,
        kind: StepKind::ToolCall,
        ordinal,
        parent: None,
        risk: 1,
    });
    entry
}

/// So many callers for so many milliseconds, each waiting for one append before the next.
async fn together(place: &str, durability: Durability, callers: u8, millis: u64) -> Fallible<Value> {
    let (store, world) = (open(place, durability)?, system_world(Arc::new(Unwatched)));
    let mut ready = Vec::new();
    for number in 0..callers {
        ready.push(Caller::open(store.clone(), &world, number).await?);
    }
    let before = *store.commits().borrow();
    let (cpu_before, start) = (cpu(), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for mut caller in ready {
        tasks.spawn(async move {
            let mut length = 0;
            while start.elapsed() < Duration::from_millis(millis) {
                length = caller.append().await?;
            }
            Fallible::Ok((u64::from(caller.count), length))
        });
    }
    let (mut appends, mut bytes) = (0, 0);
    while let Some(ended) = tasks.join_next().await {
        let (count, length) = ended??;
        (appends, bytes) = (appends + count, length);
    }
    let (used, wall) = (cpu() - cpu_before, start.elapsed());
    let commits = *store.commits().borrow() - before;
    Ok(json!({"callers": callers, "appends": appends, "bytes": bytes,
        "appends_per_second": appends as f64 / wall.as_secs_f64(),
        "cpu_us_per_append": micros(used) / appends as f64,
        "appends_per_commit": appends as f64 / commits as f64}))
}

/// One caller: how long each of so many appends takes.
async fn lone(place: &str, durability: Durability, appends: usize) -> Fallible<Value> {
    let (store, world) = (open(place, durability)?, system_world(Arc::new(Unwatched)));
    let mut caller = Caller::open(store, &world, 1).await?;
    let spans = tokio::spawn(async move {
        let mut spans = Vec::with_capacity(appends);
        let cpu_before = cpu();
        for _ in 0..appends {
            let start = Instant::now();
            caller.append().await?;
            spans.push(start.elapsed());
        }
        Fallible::Ok((spans, cpu() - cpu_before))
    });
    let (mut spans, used) = spans.await??;
    spans.sort_unstable();
    let quantile = |share: f64| {
        let place = (spans.len() as f64 * share) as usize;
        spans.get(place).copied().map(micros)
    };
    Ok(json!({"appends": appends, "p50_us": quantile(0.5), "p99_us": quantile(0.99),
        "cpu_us_per_append": micros(used) / appends as f64}))
}

/// How long the disk takes for the least that a durable append asks of it.
fn disk(folder: &Path) -> Fallible<Value> {
    use std::io::Write;
    let mut file = std::fs::File::create(folder.join("disk"))?;
    let mut spans = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        spans.push(start.elapsed());
    }
    spans.sort_unstable();
    Ok(json!({"fdatasync_p50_us": spans.get(250).copied().map(micros)}))
}

async fn measure(args: &[&str]) -> Fallible<Value> {
    let durability = |word: &str| if word == "power" { Durability::Power } else { Durability::Process };
    match args {
        ["together", place, mode, callers, millis] => {
            together(place, durability(mode), callers.parse()?, millis.parse()?).await
        }
        ["lone", place, mode, appends] => lone(place, durability(mode), appends.parse()?).await,
        ["disk", folder] => disk(Path::new(folder)),
        _ => Err("together|lone|disk: called by `cargo xtask bench ledger`".into()),
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
