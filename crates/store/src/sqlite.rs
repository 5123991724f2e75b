//! The embedded backend: one SQLite file in WAL mode.

mod checkpoint;
mod codec;
mod fail;
mod migrate;
#[expect(clippy::disallowed_methods, reason = "an effect module: makes the database's folder and syncs it")]
mod open;
mod proof;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use crate::apply::Link;
use crate::commit::{Commit, Receipt};
use crate::error::{CommitError, Error};
use crate::queue::{Drive, Queue, Ticket as QueueTicket};
use crate::store::{Access, Durability, Pump};
use comity_core::{Points, Timestamp};
use rusqlite::Connection;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use checkpoint::Checkpointer;
pub use migrate::SCHEMA;
use write::Writer;

/// Marks a file as ours: "CmTy" in SQLite's application id.
const APPLICATION: i64 = 0x436d_5479;

/// How to open a file: see [`crate::Options`].
pub struct Settings {
    /// The file; its folder is made if it is not there.
    pub path: PathBuf,
    /// Whether it may be written.
    pub access: Access,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// How entries are linked.
    pub link: Link,
    /// Told before and after each COMMIT.
    pub points: Arc<dyn Points>,
    /// Who commits.
    pub pump: Pump,
    /// How long another process's write is waited for.
    pub patience: Duration,
    /// The present, for the record of migrations.
    pub now: Timestamp,
    /// What a new database calls itself.
    pub id: [u8; 16],
}

/// One file. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Sqlite {
    inner: Arc<Inner>,
    /// Reads see what this connection's transaction sees.
    pinned: Option<Arc<Mutex<Connection>>>,
}

struct Inner {
    path: PathBuf,
    /// Nobody writes to the file: it is read without a look at its log or at locks.
    frozen: bool,
    queue: Arc<Queue<Writer>>,
    readers: Mutex<Vec<Connection>>,
    patience: Duration,
    commits: tokio::sync::watch::Receiver<u64>,
    writer: Mutex<Option<JoinHandle<()>>>,
    checkpoints: Mutex<Option<Checkpointer>>,
}

impl Sqlite {
    /// Opens the database, making it or bringing its schema up to date if need be.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let (mut connection, frozen) = match settings.access {
            Access::Write => (open::open(&settings)?, false),
            Access::Read => open::open_to_read(&settings)?,
        };
        let (committed, commits) = tokio::sync::watch::channel(0);
        let drive = match settings.pump {
            Pump::Own => Drive::Callers,
            Pump::Manual => Drive::Manual,
        };
        let (backlog, checkpoints) = Checkpointer::start(&settings, &mut connection)?;
        let writer = Writer::new(connection, &settings, committed, backlog);
        let queue = Arc::new(Queue::new(writer, drive));
        let thread = match settings.pump {
            Pump::Manual => None,
            Pump::Own => Some(serve(Arc::clone(&queue), &settings.path)?),
        };
        let inner = Inner {
            path: settings.path,
            frozen,
            queue,
            readers: Mutex::default(),
            patience: settings.patience,
            commits,
            writer: Mutex::new(thread),
            checkpoints: Mutex::new(checkpoints),
        };
        Ok(Self { inner: Arc::new(inner), pinned: None })
    }

    /// Queues a commit. It becomes durable with the next batch that anybody waits for, at the latest
    /// when its ticket is awaited or dropped; commits become durable in the order they are queued.
    pub fn queue(&self, commit: Commit) -> Ticket {
        Ticket(self.inner.queue.push(commit))
    }

    /// Counts batches made durable; changes after each one.
    pub fn commits(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.commits.clone()
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs one batch of at most `most` queued commits and says how many it took: for simulators.
    pub fn pump(&self, most: usize) -> usize {
        self.inner.queue.pump(most)
    }

    /// Forgets every queued commit, as a crash would: for simulators.
    pub fn discard(&self) {
        self.inner.queue.discard();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // The writer holds no store, but it wakes tasks, and the last store may go with one of them.
        if let Some(thread) = writer.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
        self.checkpoints.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Readers go first: only a writer that closes last moves the log into the file and removes it.
        self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The answer to a queued commit. Dropping it does not take the commit back.
pub struct Ticket(QueueTicket<Writer>);

impl Ticket {
    /// The answer, if it is there already. Asks for nothing.
    pub fn take(&mut self) -> Option<Result<Receipt, CommitError>> {
        self.0.take()
    }
}

impl Future for Ticket {
    type Output = Result<Receipt, CommitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

fn serve(queue: Arc<Queue<Writer>>, path: &Path) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name("comity-writer".to_owned())
        .spawn(move || queue.serve(0))
        .map_err(|error| Error::Open { path: path.to_owned(), why: error.to_string() })
}
