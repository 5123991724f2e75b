//! A spike, not a backend: does the same `Commit` run batched on PostgreSQL? See README.md.

mod cases;
mod server;
mod sql;
mod work;
mod writer;

use server::{Server, connect};
use sql::Order;
use std::time::{Duration, Instant};
use tokio_postgres::Config;
use work::{accounts, check_account, check_chains, link, run_id, steps};
use writer::{Stats, Writer};

#[tokio::main]
async fn main() {
    let server = Server::start().await;
    cases::all(&server).await;
    for round in 1..=2 {
        println!("-- round {round}");
        measure(&server, round, "one run", Load { runs: 1, ..Load::default() }).await;
        measure(&server, round, "one writer", Load::default()).await;
        for (network, pause) in [("", Duration::ZERO), (", slow network", Duration::from_millis(1))] {
            for (own, whose) in [(false, "shared"), (true, "own")] {
                let load = Load { writers: 2, own, pause, ..Load::default() };
                measure(&server, round, &format!("two writers, {whose} accounts{network}"), load).await;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Load {
    writers: u64,
    runs: u64,
    steps: u64,
    /// Whether each writer has namespace and tenant accounts of its own, as with escrow slices.
    own: bool,
    /// See [`Writer::pause`].
    pause: Duration,
}

impl Default for Load {
    fn default() -> Self {
        Self { writers: 1, runs: 64, steps: 500, own: false, pause: Duration::ZERO }
    }
}

async fn measure(server: &Server, round: u32, title: &str, load: Load) {
    let config = server.database(&format!("{}_{round}", title.replace([' ', ','], "_"))).await;
    let division = |run: u64| if load.own { (run % load.writers) as u8 } else { 0 };
    let (mut queues, mut writers) = (Vec::new(), Vec::new());
    for _ in 0..load.writers {
        let (queue, task) = {
            let mut writer = Writer::open(&config, link, Order::Ids).await;
            writer.pause = load.pause;
            writer.spawn()
        };
        queues.push(queue);
        writers.push(task);
    }
    let begun = Instant::now();
    let tasks: Vec<_> = (0..load.runs)
        .map(|run| {
            let queue = queues[(run % load.writers) as usize].clone();
            tokio::spawn(steps(queue, run_id(run), division(run), load.steps))
        })
        .collect();
    drop(queues);
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let elapsed = begun.elapsed();
    let mut stats = Vec::new();
    for writer in writers {
        stats.push(writer.await.unwrap());
    }
    report(title, load, elapsed, took, &stats);

    let client = connect(&config).await.unwrap();
    assert_eq!(check_chains(&client).await, load.runs * (1 + 2 * load.steps));
    for run in 0..load.runs {
        check_account(&client, accounts(run_id(run), 0)[0], load.steps).await;
    }
    let divisions = if load.own { load.writers } else { 1 };
    for each in 0..divisions {
        let runs = (0..load.runs).filter(|run| u64::from(division(*run)) == each).count() as u64;
        for account in &accounts(run_id(0), each as u8)[1..] {
            check_account(&client, *account, runs * load.steps).await;
        }
    }
    assert_eq!(deadlocks(&config).await, 0);
    println!("    every chain link and every account sum is exact; no deadlock");
}

fn report(title: &str, load: Load, elapsed: Duration, mut took: Vec<Duration>, stats: &[Stats]) {
    took.sort_unstable();
    let rank = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let sum = |of: fn(&Stats) -> u64| stats.iter().map(of).sum::<u64>();
    let (transactions, commits) = (sum(|s| s.transactions), sum(|s| s.commits));
    let mean = |of: fn(&Stats) -> Duration| {
        stats.iter().map(of).sum::<Duration>().as_secs_f64() * 1e3 / transactions as f64
    };
    let rate = (load.runs * load.steps) as f64 / elapsed.as_secs_f64();
    println!(
        "{title}: {:.0} entries/s, {rate:.0} steps/s, {:.1} commits a transaction, {:.0} transactions/s, \
         commit p50 {:.2} ms p99 {:.2} ms",
        2.0 * rate,
        commits as f64 / transactions as f64,
        transactions as f64 / elapsed.as_secs_f64(),
        rank(50),
        rank(99),
    );
    println!(
        "    mean of a transaction: lock and load {:.2} ms, apply {:.2} ms, write and commit {:.2} ms; \
         {} batches run again",
        mean(|s| s.load),
        mean(|s| s.apply),
        mean(|s| s.write),
        sum(|s| s.again),
    );
}

/// How many deadlocks PostgreSQL has broken up in this database.
async fn deadlocks(config: &Config) -> i64 {
    // Counters are handed over when a session has been idle a while, or ends.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let client = connect(config).await.unwrap();
    sql::number(&client, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        .await
        .unwrap()
}
