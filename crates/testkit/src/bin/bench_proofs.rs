//! How large proofs are, and how long checking them takes: prints one JSON line. `cargo xtask bench proofs` calls it.

#![expect(clippy::disallowed_methods, reason = "a bench: it times the machine itself")]

use comity_core::{RunId, Unwatched};
use comity_runtime::log::{ProvedEntry, check_file};
use comity_runtime::{Durability, Hooks, Request, Runtime, Settings, system_world};
use comity_testkit::flows;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How often each proof is checked; the best counts.
const REPEAT: usize = 5;

async fn run(runtime: &Runtime, steps: usize) -> Fallible<RunId> {
    let request = Request {
        source: flows::chain_of(steps, "text"),
        file: "bench.yaml".to_owned(),
        base_dir: ".".into(),
        task: "bench".to_owned(),
        read: comity_runtime::no_files(),
        trace: None,
        about: None,
    };
    Ok(runtime.start(request, Hooks::default()).await?.run)
}

/// `bench-proofs LEAVES ENTRIES`: a log of so many leaves, one of which covers a run of so many entries.
#[tokio::main]
async fn main() -> Fallible<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [leaves, entries] = numbers[..] else { return Err("usage: bench-proofs LEAVES ENTRIES".into()) };
    let folder = tempfile::tempdir()?;
    let world = system_world(Arc::new(Unwatched));
    let keys = comity_testkit::keys::place();
    let database = folder.path().join("proofs.db");
    let runtime = Runtime::open(Settings::local(database, Durability::Process, world, keys))?;
    // A step is two entries, and a run begins and ends with one.
    let long = run(&runtime, entries.saturating_sub(2) / 2).await?;
    for _ in 1..leaves {
        run(&runtime, 1).await?;
    }
    let anchored = runtime.anchor().await?.ok_or("no checkpoint")?;
    let key = runtime.log_key().await?.ok_or("no key")?;
    let count = runtime.store().run(runtime.tenant(), long).await?.ok_or("no run")?.next_seq;
    let (mut sizes, mut times) = (Vec::new(), Vec::new());
    for seq in 0..count {
        let file = runtime.prove(long, &ProvedEntry::At(seq)).await?.to_bytes();
        let mut best = Duration::MAX;
        for _ in 0..REPEAT {
            let start = Instant::now();
            check_file(&file, &key, &[], None)?;
            best = best.min(start.elapsed());
        }
        sizes.push(file.len());
        times.push(best.as_nanos() as f64 / 1e3);
    }
    sizes.sort_unstable();
    times.sort_unstable_by(f64::total_cmp);
    let middle = sizes.len() / 2;
    println!(
        "{}",
        json!({
            "leaves": anchored.checkpoint.head.size,
            "entries": count,
            "bytes_p50": sizes.get(middle),
            "bytes_max": sizes.last(),
            "check_us_p50": times.get(middle),
            "check_us_max": times.last(),
        })
    );
    Ok(())
}
