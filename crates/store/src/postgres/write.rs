//! Executes batches in two round trips: lock and load; then, decided purely, write and commit.

use super::connect::{Purpose, Server, within};
use super::load::load_cells;
use super::pulse::Pulse;
use super::rows::{There, write};
use super::sql::Statements;
use super::{codec, fail};
use crate::apply::{Cells, Link, Writes};
use crate::broken::Broken;
use crate::commit::{Commit, Op, Receipt, Refused};
use crate::error::{CommitError, Error};
use crate::queue::Worker;
use comity_core::{Point, Points};
use std::sync::Arc;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Notify, watch};
use tokio_postgres::Client;

/// Row numbers of entries come in blocks of this size, as `0001_path.sql` says.
const ENTRY_BLOCK: i64 = 16_384;
/// The same, for runs.
const RUN_BLOCK: i64 = 256;
/// The most bytes of bodies that one transaction carries, unless a single commit has more.
const MOST_BYTES: usize = 8 << 20;
/// The most bytes one commit may carry: a statement's parameter holds less than 1 GiB.
const HOPELESS: usize = 512 << 20;
/// How often a batch is run again that collided with another server's.
const TRIES: u32 = 10;

type Answer = Result<Receipt, CommitError>;

/// The one connection that writes, on a thread of its own: its runtime turns only while a batch is under way.
pub struct Writer {
    runtime: Option<Runtime>,
    core: Core,
}

/// Everything of a writer but its runtime.
pub struct Core {
    pub server: Arc<Server>,
    pub link: Link,
    pub points: Arc<dyn Points>,
    /// Counts batches made durable.
    pub committed: watch::Sender<u64>,
    /// Rung at each batch of this process, so that other processes are told.
    pub told: Arc<Notify>,
    pub pulse: Arc<Pulse>,
    session: Option<Session>,
    broken: Broken,
    entries: Block,
    runs: Block,
}

/// A connection with the statements that were prepared on it.
struct Session {
    client: Client,
    statements: Statements,
}

/// Row numbers this server may give.
#[derive(Default)]
struct Block {
    next: i64,
    end: i64,
}

impl Block {
    /// The first of so many numbers, which were seen to be there. A batch that fails leaves a gap, which nothing minds.
    fn take(&mut self, count: usize) -> i64 {
        let first = self.next;
        self.next = first.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
        first
    }
}

/// Why a transaction ended without being durable, as far as is known.
struct Failed {
    error: Error,
    /// Whether to run the batch again: it is known that nothing of it was kept, and it may do better.
    again: bool,
    /// Whether the connection is of no more use.
    lost: bool,
}

impl Worker for Writer {
    type Job = Commit;
    type Done = Answer;

    fn run(&mut self, jobs: Vec<Commit>) -> Vec<Answer> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(self.core.run(&jobs)),
            None => jobs.iter().map(|_| Err(CommitError::Failed(Error::Closed))).collect(),
        }
    }

    fn recover(&mut self) -> Answer {
        // Whatever it was in the middle of is rolled back with its connection.
        self.core.session = None;
        self.core.broken.lose();
        Err(CommitError::Failed(Error::Panicked))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.core.session = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Writer {
    /// A writer that is not connected yet.
    pub fn new(core: Core) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let why = |error: std::io::Error| Error::Server {
            server: core.server.place.shown.clone(),
            why: format!("its thread cannot be prepared: {error}"),
        };
        let runtime = runtime.map_err(why)?;
        Ok(Self { runtime: Some(runtime), core })
    }
}

impl Core {
    /// What a writer works with, before it is connected.
    pub fn new(
        server: Arc<Server>,
        pulse: Arc<Pulse>,
        (link, points): (Link, Arc<dyn Points>),
        committed: watch::Sender<u64>,
        told: Arc<Notify>,
    ) -> Self {
        let (session, broken) = (None, Broken::default());
        let (entries, runs) = (Block::default(), Block::default());
        Self { server, link, points, committed, told, pulse, session, broken, entries, runs }
    }

    /// Runs the jobs in as many transactions as their size asks for.
    async fn run(&mut self, jobs: &[Commit]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(jobs.len());
        for part in parts(jobs) {
            answers.extend(self.batch(part).await);
        }
        answers
    }

    /// Runs a batch until it is durable, or until that is hopeless or unknown.
    async fn batch(&mut self, jobs: &[Commit]) -> Vec<Answer> {
        self.broken.begin(jobs);
        let mut tries = 0;
        loop {
            let failed = match self.attempt(jobs).await {
                Ok(answers) => return answers,
                Err(failed) => failed,
            };
            tries += 1;
            if failed.lost {
                self.session = None;
            } else if let Some(session) = &self.session {
                // COMMIT may have been answered already, and then this only warns.
                if session.client.batch_execute("ROLLBACK").await.is_err() {
                    self.session = None;
                }
            }
            if !failed.again || tries >= TRIES {
                self.broken.lose();
                return jobs.iter().map(|_| Err(CommitError::Failed(failed.error.clone()))).collect();
            }
        }
    }

    async fn attempt(&mut self, jobs: &[Commit]) -> Result<Vec<Answer>, Failed> {
        if self.session.as_ref().is_none_or(|session| session.client.is_closed()) {
            self.session = Some(self.connect().await.map_err(Failed::hopeless)?);
        }
        let limit = self.server.patience * 6;
        let shown = self.server.place.shown.clone();
        match within(&Handle::current(), limit, self.transact(jobs)).await {
            Some(ended) => ended,
            None => Err(Failed {
                error: Error::Unreachable { server: shown, why: format!("no answer within {limit:?}") },
                again: false,
                lost: true,
            }),
        }
    }

    async fn connect(&self) -> Result<Session, Error> {
        let fail = |error| fail::explain(&error, &self.server.place.shown);
        let client = self.server.session(Purpose::Write).await?;
        let statements = Statements::prepare(&client).await.map_err(fail)?;
        // Before the first run of this process can be seen, so is the sign that it lives.
        self.pulse.begin(&client).await.map_err(fail)?;
        Ok(Session { client, statements })
    }

    async fn transact(&mut self, jobs: &[Commit]) -> Result<Vec<Answer>, Failed> {
        let Some(Session { client, statements }) = &self.session else {
            return Err(Failed::hopeless(Error::Closed));
        };
        let server = &self.server.place.shown;
        let before = |error| Failed::before_commit(&error, server);
        reserve(client, jobs, &mut self.entries, &mut self.runs).await.map_err(before)?;
        let (mut cells, mut there) = (Cells::default(), There::default());
        let loading = load_cells(client, statements, jobs, &mut cells, &mut there);
        loading.await.map_err(|unread| match unread {
            codec::Unread::Column(error) => Failed::before_commit(&error, server),
            codec::Unread::Odd(what) => {
                Failed::hopeless(Error::Odd { server: server.clone(), why: what.to_owned() })
            }
        })?;
        let mut writes = Writes::default();
        let (broken, link) = (&self.broken, self.link);
        let answers = jobs.iter().map(|job| decide(job, broken, link, &mut cells, &mut writes)).collect();
        if writes.is_empty() {
            client.batch_execute("ROLLBACK").await.map_err(before)?;
            return Ok(answers);
        }
        number_runs(&mut self.runs, &writes, &mut cells);
        let first = self.entries.take(writes.entries.len());
        self.points.reach(Point::BeforeCommit);
        let whole =
            write(client, statements, (&writes, &cells, &there), first).await.map_err(|error| Failed {
                again: fail::is_worth_again(&error),
                lost: fail::is_lost(&error),
                error: fail::explain(&error, server),
            })?;
        if !whole {
            let why = "a row that was locked was gone when it was written".to_owned();
            return Err(Failed::hopeless(Error::Odd { server: server.clone(), why }));
        }
        self.points.reach(Point::AfterCommit);
        self.committed.send_modify(|count| *count = count.wrapping_add(1));
        self.told.notify_one();
        Ok(answers)
    }
}

impl Failed {
    fn hopeless(error: Error) -> Self {
        Self { error, again: false, lost: false }
    }

    /// Nothing was written yet, so that the batch may be run again on another connection.
    fn before_commit(error: &tokio_postgres::Error, server: &str) -> Self {
        let lost = fail::is_lost(error);
        Self { again: lost || fail::is_worth_again(error), lost, error: fail::explain(error, server) }
    }
}

fn decide(job: &Commit, broken: &Broken, link: Link, cells: &mut Cells, writes: &mut Writes) -> Answer {
    if broken.stops(job) {
        // Whoever was overtaken meanwhile is told that instead: it cannot be mended by taking over.
        let refused = cells.fence(job).err().unwrap_or(Refused::Broken);
        return Err(CommitError::Refused(refused));
    }
    if bytes(job) > HOPELESS {
        return Err(CommitError::Refused(Refused::Malformed("a commit carries at most 512 MiB")));
    }
    cells.apply(job.clone(), link, writes).map_err(CommitError::Refused)
}

/// Runs of jobs whose bodies fit one transaction, in order.
fn parts(jobs: &[Commit]) -> impl Iterator<Item = &[Commit]> {
    let mut rest = jobs;
    std::iter::from_fn(move || {
        let mut sum = 0usize;
        let fits = |job: &&Commit| {
            sum = sum.saturating_add(bytes(job));
            sum <= MOST_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (part, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(part)
    })
}

/// The bytes of a commit's bodies.
fn bytes(job: &Commit) -> usize {
    let of = |op: &Op| match op {
        Op::Append(append) => {
            append.body.len() + append.payloads.iter().map(|text| text.body.len()).sum::<usize>()
        }
        _ => 0,
    };
    job.ops.iter().map(of).sum()
}

/// Sees to it that there are row numbers for whatever this batch may make.
async fn reserve(
    client: &Client,
    jobs: &[Commit],
    entries: &mut Block,
    runs: &mut Block,
) -> Result<(), tokio_postgres::Error> {
    let count = |wanted: fn(&Op) -> bool| {
        let ops = jobs.iter().flat_map(|job| &job.ops);
        i64::try_from(ops.filter(|op| wanted(op)).count()).unwrap_or(i64::MAX)
    };
    if entries.end - entries.next < count(|op| matches!(op, Op::Append(_))) {
        let first = client.query_one("SELECT nextval('entry_blocks')", &[]).await?.try_get(0)?;
        *entries = Block { next: first, end: first + ENTRY_BLOCK };
    }
    if runs.end - runs.next < count(|op| matches!(op, Op::OpenRun { .. })) {
        let first = client.query_one("SELECT nextval('run_blocks')", &[]).await?.try_get(0)?;
        *runs = Block { next: first, end: first + RUN_BLOCK };
    }
    Ok(())
}

/// Gives new runs their row numbers: entries refer to them.
fn number_runs(block: &mut Block, writes: &Writes, cells: &mut Cells) {
    for (key, _) in writes.runs.iter().filter(|(_, new)| *new) {
        if let Some(Some(run)) = cells.runs.get_mut(key) {
            run.key = block.take(1);
        }
    }
}
