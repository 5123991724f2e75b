//! One writer: group commit on one connection. Two round trips a batch: lock and load; write and commit.

use crate::server::connect;
use crate::sql::{self, Statements};
use comity_store::apply::{Cells, Writes};
use comity_store::{AccountId, Commit, Expect, Link, Op, Receipt, Refused};
use futures_util::try_join;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

/// The most commits one transaction takes, as in the SQLite backend.
const BATCH: usize = 256;
/// As the sequences in `schema.sql`.
const ENTRY_BLOCK: i64 = 16_384;
const RUN_BLOCK: i64 = 256;

#[derive(Debug)]
pub enum Failed {
    Refused(Refused),
    Database(String),
}

pub type Answer = Result<Receipt, Failed>;
pub type Job = (Commit, oneshot::Sender<Answer>);

/// Where jobs go.
#[derive(Clone)]
pub struct Queue(mpsc::Sender<Job>);

impl Queue {
    pub async fn commit(&self, commit: Commit) -> Answer {
        let (ack, answer) = oneshot::channel();
        self.0.send((commit, ack)).await.ok().unwrap();
        answer.await.unwrap()
    }
}

/// What a writer did.
#[derive(Clone, Copy, Default)]
pub struct Stats {
    pub transactions: u64,
    pub commits: u64,
    /// Batches run again because another server had made a row first.
    pub again: u64,
    /// Time from BEGIN until every row was locked and loaded.
    pub load: Duration,
    pub apply: Duration,
    /// Time from the first write to the answer to COMMIT.
    pub write: Duration,
}

/// Row numbers this server may give.
#[derive(Default)]
struct Block {
    next: i64,
    end: i64,
}

pub struct Writer {
    client: Client,
    statements: Statements,
    link: Link,
    entries: Block,
    runs: Block,
    /// Waited while the rows are locked: stands for a network between server and database.
    pub pause: Duration,
    pub stats: Stats,
}

impl Writer {
    pub async fn open(config: &Config, link: Link, locks: sql::Order) -> Self {
        let client = connect(config).await.unwrap();
        // READ COMMITTED is needed: a row that was waited for must be read as its last writer left it.
        client
            .batch_execute(
                "SET default_transaction_isolation = 'read committed'; SET synchronous_commit = on",
            )
            .await
            .unwrap();
        let statements = Statements::prepare(&client, locks).await.unwrap();
        let (entries, runs) = (Block::default(), Block::default());
        let (pause, stats) = (Duration::ZERO, Stats::default());
        Self { client, statements, link, entries, runs, pause, stats }
    }

    /// Runs the writer as a task; it ends, with its statistics, when the last queue is dropped.
    pub fn spawn(mut self) -> (Queue, tokio::task::JoinHandle<Stats>) {
        let (sender, mut jobs) = mpsc::channel::<Job>(1024);
        let task = tokio::spawn(async move {
            let mut batch = Vec::new();
            while jobs.recv_many(&mut batch, BATCH).await > 0 {
                // Neighbours that were answered together get one turn to join.
                tokio::task::yield_now().await;
                while batch.len() < BATCH
                    && let Ok(job) = jobs.try_recv()
                {
                    batch.push(job);
                }
                let (commits, acks): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                for (ack, answer) in acks.into_iter().zip(self.run(commits).await) {
                    let _ = ack.send(answer);
                }
            }
            self.stats
        });
        (Queue(sender), task)
    }

    /// Commits a batch and answers each of its commits, in order.
    pub async fn run(&mut self, jobs: Vec<Commit>) -> Vec<Answer> {
        let count = jobs.len();
        self.stats.commits += count as u64;
        // Rows that exist are locked before they are read, so only making a row can collide with another
        // server. Such batches are kept, to be run again: then the row is there, and `apply` sees it.
        let spare = jobs.iter().any(makes_rows).then(|| jobs.clone());
        let (mut jobs, mut tries) = (Some(jobs), 8);
        loop {
            let Some(batch) = jobs.take().or_else(|| spare.clone()) else { unreachable!() };
            let error = match self.transact(batch).await {
                Ok(answers) => return answers,
                Err(error) => error,
            };
            // COMMIT may have been sent already, and then this only warns.
            let _ = self.client.batch_execute("ROLLBACK").await;
            tries -= 1;
            if error.code() == Some(&SqlState::UNIQUE_VIOLATION) && spare.is_some() && tries > 0 {
                self.stats.again += 1;
                continue;
            }
            let text = error.as_db_error().map_or(error.to_string(), |db| db.message().to_owned());
            return (0..count).map(|_| Err(Failed::Database(text.clone()))).collect();
        }
    }

    async fn transact(&mut self, jobs: Vec<Commit>) -> Result<Vec<Answer>, tokio_postgres::Error> {
        self.stats.transactions += 1;
        let begun = Instant::now();
        self.reserve(&jobs).await?;
        let names = Names::of(&jobs);
        let mut cells = Cells { next_run: self.runs.next, next_entry: self.entries.next, ..Cells::default() };
        let (client, statements) = (&self.client, &self.statements);
        // Pipelined: every query is sent before the first answer is read, and the server runs them in order.
        let (_, runs, accounts, approvals) = try_join!(
            client.batch_execute("BEGIN"),
            sql::load(client, &statements.runs, &names.runs),
            sql::load(client, &statements.accounts, &names.accounts),
            sql::load(client, &statements.approvals, &names.approvals),
        )?;
        cells.runs.extend(runs.iter().map(sql::run));
        cells.accounts.extend(accounts.iter().map(sql::account));
        cells.approvals.extend(approvals.iter().map(sql::approval));
        let loaded = Instant::now();

        let mut writes = Writes::default();
        let link = self.link;
        let answers: Vec<Answer> = jobs
            .into_iter()
            .map(|job| cells.apply(job, link, &mut writes).map_err(Failed::Refused))
            .collect();
        // A batch that fails leaves a gap, which nothing minds.
        (self.runs.next, self.entries.next) = (cells.next_run, cells.next_entry);
        let applied = Instant::now();

        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        if writes.is_empty() {
            client.batch_execute("ROLLBACK").await?;
        } else {
            sql::write(client, statements, &writes, &cells).await?;
        }
        self.stats.load += loaded - begun;
        self.stats.apply += applied - loaded;
        self.stats.write += applied.elapsed();
        Ok(answers)
    }

    /// Sees to it that there are row numbers for whatever this batch may make.
    async fn reserve(&mut self, jobs: &[Commit]) -> Result<(), tokio_postgres::Error> {
        let ops = || jobs.iter().flat_map(|job| &job.ops);
        let entries = ops().filter(|op| matches!(op, Op::Append(_))).count() as i64;
        let runs = ops().filter(|op| matches!(op, Op::OpenRun { .. })).count() as i64;
        if self.entries.end - self.entries.next < entries {
            let first = sql::number(&self.client, "SELECT nextval('entry_blocks')").await?;
            self.entries = Block { next: first, end: first + ENTRY_BLOCK };
        }
        if self.runs.end - self.runs.next < runs {
            let first = sql::number(&self.client, "SELECT nextval('run_blocks')").await?;
            self.runs = Block { next: first, end: first + RUN_BLOCK };
        }
        Ok(())
    }
}

fn makes_rows(job: &Commit) -> bool {
    let makes =
        |op: &Op| matches!(op, Op::OpenRun { .. } | Op::EnsureAccount { .. } | Op::AskApproval { .. });
    job.ops.iter().any(makes)
}

/// The rows a batch names, sorted.
#[derive(Default)]
struct Names {
    runs: BTreeSet<[u8; 16]>,
    accounts: BTreeSet<[u8; 16]>,
    approvals: BTreeSet<[u8; 16]>,
}

impl Names {
    fn of(jobs: &[Commit]) -> Self {
        let mut names = Self::default();
        for job in jobs {
            names.runs.insert(*job.run.bytes());
            for expect in &job.expect {
                if let Expect::Approval(id, _) = expect {
                    names.approvals.insert(*id.bytes());
                }
            }
            job.ops.iter().for_each(|op| names.op(op));
        }
        names
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::EnsureAccount { account: AccountId(id), .. } | Op::Freeze(AccountId(id)) => {
                self.accounts.insert(*id);
            }
            Op::Hold { accounts, .. } | Op::Settle { accounts, .. } => {
                self.accounts.extend(accounts.iter().map(|account| account.0));
            }
            Op::AskApproval { approval, .. } | Op::SetApproval(approval, _) => {
                self.approvals.insert(*approval.bytes());
            }
            Op::OpenRun { .. }
            | Op::TakeOver { .. }
            | Op::SetStatus(_)
            | Op::Append(_)
            | Op::SetBreaker { .. } => {}
        }
    }
}
