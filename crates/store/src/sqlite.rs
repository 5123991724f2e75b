//! The embedded backend: one SQLite file in WAL mode.

#![expect(clippy::disallowed_methods, reason = "an effect module: makes the database's folder")]

mod checkpoint;
mod fail;
mod migrate;
mod read;
mod write;

use crate::apply::Link;
use crate::commit::{Commit, Receipt};
use crate::error::{CommitError, Error};
use crate::queue::{Drive, Queue, Ticket as QueueTicket};
use comity_core::{Points, Timestamp, Unwatched};
use rusqlite::{Connection, OpenFlags};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use write::Writer;

/// Marks a file as ours: "CmTy" in SQLite's application id.
const APPLICATION: i64 = 0x436d_5479;

/// What an acknowledged commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: synced before it is acknowledged.
    Power,
    /// The end of the process, however sudden; a power cut may take the last commits.
    Process,
}

/// How to open a store.
pub struct Options {
    /// The database file; its folder is made if it is not there.
    pub path: PathBuf,
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
}

/// Who runs the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pump {
    /// Whoever waits first, else a thread of the store's own.
    Own,
    /// Only [`Store::pump`]: for simulators.
    Manual,
}

impl Options {
    /// Durable to a power cut, five seconds of patience, nobody watching.
    pub fn new(path: impl Into<PathBuf>, link: Link) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Power,
            link,
            points: Arc::new(Unwatched),
            pump: Pump::Own,
            patience: Duration::from_secs(5),
            now: Timestamp::default(),
        }
    }
}

/// A place where commits become durable. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    queue: Arc<Queue<Writer>>,
    readers: Mutex<Vec<Connection>>,
    patience: Duration,
    commits: tokio::sync::watch::Receiver<u64>,
    writer: Mutex<Option<JoinHandle<()>>>,
    checkpoints: Mutex<Option<checkpoint::Checkpointer>>,
}

impl Store {
    /// Opens the database, making it or bringing its schema up to date if need be.
    pub fn open(options: Options) -> Result<Self, Error> {
        let path = options.path.clone();
        refuse_url(&path)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::Open { path: path.clone(), why: error.to_string() })?;
        }
        let mut connection = connect(&path, options.durability, options.patience)?;
        migrate::bring_up(&mut connection, &path, options.now)?;
        let (committed, commits) = tokio::sync::watch::channel(0);
        let drive = match options.pump {
            Pump::Own => Drive::Callers,
            Pump::Manual => Drive::Manual,
        };
        let (backlog, checkpoints) = checkpoint::Checkpointer::start(&path, options.pump, options.patience);
        let writer = Writer::new(connection, &path, options.link, options.points, committed, backlog);
        let queue = Arc::new(Queue::new(writer, drive));
        let thread = match options.pump {
            Pump::Manual => None,
            Pump::Own => Some(serve(Arc::clone(&queue), &path)?),
        };
        let inner = Inner {
            path,
            queue,
            readers: Mutex::default(),
            patience: options.patience,
            commits,
            writer: Mutex::new(thread),
            checkpoints: Mutex::new(checkpoints),
        };
        Ok(Self { inner: Arc::new(inner) })
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
        if let Some(thread) = writer {
            // The writer never holds a store, so it is never the thread that drops one.
            let _ = thread.join();
        }
        self.checkpoints.get_mut().unwrap_or_else(PoisonError::into_inner).take();
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
        .spawn(move || queue.serve())
        .map_err(|error| Error::Open { path: path.to_owned(), why: error.to_string() })
}

fn refuse_url(path: &Path) -> Result<(), Error> {
    match path.to_str() {
        Some(text) if text.contains("://") => {
            let scheme = text.split("://").next().unwrap_or_default();
            Err(Error::UnknownBackend(format!("{scheme}://…")))
        }
        _ => Ok(()),
    }
}

fn connect(path: &Path, durability: Durability, patience: Duration) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let fail = |error| fail::explain(error, path, patience);
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(patience).map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(64);
    let synchronous = match durability {
        Durability::Power => "FULL",
        Durability::Process => "NORMAL",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;
             PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;
             PRAGMA foreign_keys = OFF; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 67108864;"
        ))
        .map_err(fail)?;
    Ok(connection)
}
