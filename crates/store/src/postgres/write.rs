//! Executes batches in two round trips: lock and load; then, decided purely, write and commit.

use super::connect::{Purpose, Server, within};
use super::load::{Reaches, load_cells};
use super::pulse::Pulse;
use super::rows::{There, write};
use super::slices::{Whose, give_back};
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

/// Numbers of runs come in blocks of this size, as `0001_path.sql` says.
const RUN_BLOCK: i64 = 256;
/// The most bytes of bodies that one transaction carries, unless a single commit has more.
const MOST_BYTES: usize = 8 << 20;
/// The most bytes one commit may carry: a statement's parameter holds less than 1 GiB.
const HOPELESS: usize = 512 << 20;
/// How often a batch is run again that collided with another server's.
const TRIES: u32 = 10;

type Answer = Result<Receipt, CommitError>;

/// A connection that writes, on a thread of its own: its runtime turns only while a batch is under way.
///
/// There may be several: what concerns one run is never under way on two of them.
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
    runs: Block,
    /// Which of this server's writers it is.
    place: usize,
}

/// A connection with the statements that were prepared on it.
struct Session {
    client: Client,
    statements: Statements,
    /// Whose slices of shared accounts it holds within: two writers would wait for each other on one.
    holder: String,
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

    fn lane(job: &Commit) -> u128 {
        u128::from_be_bytes(*job.run.bytes())
    }

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
        (committed, told): (watch::Sender<u64>, Arc<Notify>),
        (broken, place): (Broken, usize),
    ) -> Self {
        let (session, runs) = (None, Block::default());
        Self { server, link, points, committed, told, pulse, session, broken, runs, place }
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
        let holder = format!("{}/{}", self.pulse.holder(&client).await.map_err(fail)?, self.place);
        // What was left by servers that were killed comes back to its accounts. Another one may be at it.
        let _ = give_back(&client, Whose::Gone).await;
        Ok(Session { client, statements, holder })
    }

    /// Decides and writes the jobs, reaching as far into shared accounts as they ask for.
    async fn transact(&mut self, jobs: &[Commit]) -> Result<Vec<Answer>, Failed> {
        let mut reach = Reaches::new();
        loop {
            match self.reach(jobs, &mut reach).await? {
                Some(answers) => return Ok(answers),
                None => continue,
            }
        }
    }

    /// The same, reaching so far; further the next time if there is no answer.
    async fn reach(&mut self, jobs: &[Commit], reach: &mut Reaches) -> Result<Option<Vec<Answer>>, Failed> {
        let Some(Session { client, statements, holder }) = &self.session else {
            return Err(Failed::hopeless(Error::Closed));
        };
        let server = &self.server.place.shown;
        let before = |error| Failed::before_commit(&error, server);
        reserve(client, jobs, &mut self.runs).await.map_err(before)?;
        let (mut cells, mut there) = (Cells::default(), There::default());
        let loading = load_cells(client, statements, (jobs, &*reach, holder), &mut cells, &mut there);
        loading.await.map_err(|unread| match unread {
            codec::Unread::Column(error) => Failed::before_commit(&error, server),
            codec::Unread::Odd(what) => {
                Failed::hopeless(Error::Odd { server: server.clone(), why: what.to_owned() })
            }
        })?;
        let mut writes = Writes::default();
        let (broken, link) = (&self.broken, self.link);
        let answers = jobs.iter().map(|job| decide(job, broken, link, &mut cells, &mut writes)).collect();
        if !cells.shares.wanting.is_empty() {
            client.batch_execute("ROLLBACK").await.map_err(before)?;
            for key in std::mem::take(&mut cells.shares.wanting) {
                let far = reach.entry(key).or_default();
                *far = far.further();
            }
            return Ok(None);
        }
        if writes.is_empty() {
            client.batch_execute("ROLLBACK").await.map_err(before)?;
            return Ok(Some(answers));
        }
        number_runs(&mut self.runs, &writes, &mut cells);
        self.points.reach(Point::BeforeCommit);
        let whole =
            write(client, statements, (&writes, &cells, &there), holder).await.map_err(|error| Failed {
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
        Ok(Some(answers))
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
    if longest(job, cells) >> codec::PLACE_BITS != 0 {
        return Err(CommitError::Refused(Refused::Malformed("a run has less than 2^25 entries")));
    }
    cells.apply(job.clone(), link, writes).map_err(CommitError::Refused)
}

/// How many entries the commit's run may have after it.
fn longest(job: &Commit, cells: &Cells) -> u64 {
    let run = cells.runs.get(&(job.tenant.clone(), job.run)).and_then(Option::as_ref);
    run.map_or(0, |run| run.next_seq).saturating_add(job.ops.len() as u64)
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

/// Sees to it that there are numbers for whatever runs this batch may open.
async fn reserve(client: &Client, jobs: &[Commit], runs: &mut Block) -> Result<(), tokio_postgres::Error> {
    let new = jobs.iter().flat_map(|job| &job.ops).filter(|op| matches!(op, Op::OpenRun { .. })).count();
    if runs.end - runs.next < i64::try_from(new).unwrap_or(i64::MAX) {
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
