//! Several servers that share a database keep one log: what is durable is under a checkpoint within a second,
//! and hardly ever do two of them try at once.

#![expect(clippy::unwrap_used, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "it is about time as it passes")]

#[path = "../src/postgres.rs"]
#[expect(clippy::expect_used, dead_code, reason = "shared by tests, of which each uses a part")]
mod postgres_server;

use comity_core::Unwatched;
use comity_runtime::keys::KeyPlace;
use comity_runtime::log::Turn;
use comity_runtime::{Anchoring, Durability, Hooks, Request, Runtime, Settings, no_files, system_world};
use futures_util::future::{Either, join_all, select};
use postgres_server::{database, psql};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::sleep;

/// How often a checkpoint is made of what became durable.
const EVERY: Duration = Duration::from_millis(500);
/// How many runs are under way on each server, each of which looks after checkpoints.
const AT_ONCE: usize = 4;
/// How many runs follow each other in each of them.
const RUNS: usize = 12;

fn server(url: &str, keys: &Path) -> Runtime {
    let (world, keys) = (system_world(Arc::new(Unwatched)), KeyPlace::Folder(keys.into()));
    let runtime = Runtime::open(Settings::local(url, Durability::Process, world, keys)).unwrap();
    runtime.anchored(Anchoring::OnDemand)
}

/// What the keepers of all servers saw.
#[derive(Default)]
struct Seen {
    checkpoints: Cell<u64>,
    wasted: Cell<u32>,
    elsewhere: Cell<u32>,
}

/// Makes checkpoints whenever it is this server's turn.
async fn keep(runtime: &Runtime, seen: &Seen) {
    let mut lease = None;
    loop {
        sleep(EVERY).await;
        match runtime.anchor_in_turn(&mut lease).await.unwrap() {
            Turn::Elsewhere => seen.elsewhere.set(seen.elsewhere.get() + 1),
            Turn::Own(None) => {}
            Turn::Own(Some(anchored)) => {
                seen.checkpoints.set(seen.checkpoints.get() + anchored.added.min(1));
                seen.wasted.set(seen.wasted.get() + anchored.overtaken);
            }
        }
    }
}

fn request() -> Request {
    Request {
        source: "name: two\nnodes:\n  a: {kind: echo}\n  b: {kind: echo}\nedges: [a -> b]\n".to_owned(),
        file: "two.yaml".to_owned(),
        base_dir: PathBuf::new(),
        task: "x".to_owned(),
        read: no_files(),
        trace: None,
        about: None,
    }
}

/// Works on one run after the other; the longest that any of them had to wait for its leaf.
async fn work(runtime: &Runtime) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..RUNS {
        let id = runtime.start(request(), Hooks::default()).await.unwrap().run;
        let ended = Instant::now();
        loop {
            let cell = runtime.store().run(runtime.tenant(), id).await.unwrap().unwrap();
            if cell.anchored == cell.next_seq {
                break;
            }
            assert!(ended.elapsed() < Duration::from_secs(10), "nobody makes a checkpoint");
            sleep(Duration::from_millis(10)).await;
        }
        longest = longest.max(ended.elapsed());
    }
    longest
}

/// Works on every server of `at` while those of `kept_by` make checkpoints.
async fn under_way(at: &[&Runtime], kept_by: &[&Runtime], seen: &Seen) -> Duration {
    let (at, kept_by) = (at.repeat(AT_ONCE), kept_by.repeat(AT_ONCE));
    let work = join_all(at.iter().map(|runtime| work(runtime)));
    let kept = join_all(kept_by.iter().map(|runtime| keep(runtime, seen)));
    match select(pin!(work), pin!(kept)).await {
        Either::Left((waited, _)) => waited.into_iter().max().unwrap(),
        Either::Right(_) => unreachable!("they keep on"),
    }
}

#[tokio::test]
async fn of_two_servers_one_keeps_the_log_and_the_other_goes_on_when_it_is_killed() {
    let url = database(&format!("lead_{}", std::process::id()));
    let keys = TempDir::new().unwrap();
    let (one, other) = (server(&url, keys.path()), server(&url, keys.path()));

    let seen = Seen::default();
    let waited = under_way(&[&one, &other], &[&one, &other], &seen).await;
    let (checkpoints, wasted) = (seen.checkpoints.get(), seen.wasted.get());
    println!(
        "{checkpoints} checkpoints, {wasted} tries in vain, {waited:?} from an entry to its leaf at most"
    );
    assert!(checkpoints >= 5 && seen.elsewhere.get() > 20, "{checkpoints} {}", seen.elsewhere.get());
    assert!(wasted <= 3, "{wasted} tries in vain, and {checkpoints} checkpoints");
    assert!(waited <= Duration::from_secs(1), "{waited:?}");

    // A server that holds the log and is stuck: until it is killed, nobody else makes a checkpoint.
    let mut held = None;
    while let Turn::Elsewhere = one.anchor_in_turn(&mut held).await.unwrap() {
        sleep(Duration::from_millis(10)).await;
    }
    let before = Seen::default();
    let killed = async {
        sleep(EVERY * 3).await;
        assert_eq!((before.checkpoints.get(), before.elsewhere.get() > 0), (0, true), "it is not its turn");
        psql(
            &url,
            "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE l.locktype = 'advisory' AND a.datname = current_database()",
        );
        Instant::now()
    };
    let rest = [&other];
    let (waited, killed) = tokio::join!(under_way(&rest, &rest, &before), killed);
    println!("a killed holder: {waited:?} at most, and {:?} for the rest", killed.elapsed());
    assert!(waited <= EVERY * 3 + Duration::from_secs(2), "{waited:?}");
    assert!(before.checkpoints.get() >= 5 && before.wasted.get() <= 3);
    let report = comity_ledger::verify(other.store(), None).await.unwrap();
    assert_eq!(report.fault, None);
}
