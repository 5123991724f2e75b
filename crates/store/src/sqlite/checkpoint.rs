//! Moves the write-ahead log into the database file, on a thread and a connection of its own.

use super::{Access, Pump, Settings, fail};
use crate::error::Error;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Log pages after which a quiet checkpoint is worth its sync: 32 MiB. The log holds a page once for each
/// commit that changed it, so that this is a few MiB of the file; more often would only write them again.
const QUIET: u64 = 8_000;
/// Log pages after which writers are made to wait so that the log starts again: 64 MiB.
const FIRM: u64 = 16_000;

/// What the checkpointer is told.
enum Call {
    /// The log is long enough for a quiet checkpoint.
    Quiet,
    /// The log has to start again; the writer waits for the answer, which is whether it will.
    Firm(SyncSender<bool>),
    /// The store closes.
    End,
}

/// Watches how long the log grows, from the writer's side.
pub struct Backlog {
    /// Log pages after the last commit, as SQLite tells.
    pages: Arc<AtomicU64>,
    /// Log pages at which a quiet checkpoint is asked for next.
    quiet: u64,
    patience: Duration,
    /// Log pages at which the writer waits next.
    firm: u64,
    calls: Option<SyncSender<Call>>,
}

impl Backlog {
    /// Called before each batch, when this process writes nothing.
    pub fn look(&mut self) {
        let Some(calls) = &self.calls else { return };
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < QUIET {
            (self.quiet, self.firm) = (QUIET, FIRM);
        }
        if pages >= self.firm {
            // A reader that never ends may hold the log for ever: after a vain wait, it may grow a while.
            let again = starts_again(calls, self.patience);
            self.firm = if again { FIRM } else { pages.saturating_add(FIRM / 4) };
        } else if pages >= self.quiet {
            self.quiet = pages.saturating_add(QUIET);
            // A full channel means that a checkpoint is under way.
            let _ = calls.try_send(Call::Quiet);
        }
    }
}

/// Waits, at most for `patience`, until the log can start again. Without this, a busy writer takes the lock
/// back before the checkpointer ever gets it, and the log grows without end.
fn starts_again(calls: &SyncSender<Call>, patience: Duration) -> bool {
    let (answer, answered) = sync_channel(1);
    calls.send(Call::Firm(answer)).is_ok() && answered.recv_timeout(patience).unwrap_or(false)
}

/// The thread that checkpoints. Dropping it ends the thread and waits for it.
pub struct Checkpointer {
    calls: SyncSender<Call>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread, unless a simulator drives the store.
    pub fn start(settings: &Settings, writer: &mut Connection) -> Result<(Backlog, Option<Self>), Error> {
        let pages = Arc::new(AtomicU64::new(0));
        let patience = settings.patience;
        let mut backlog =
            Backlog { pages: Arc::clone(&pages), quiet: QUIET, patience, firm: FIRM, calls: None };
        if settings.pump == Pump::Manual || settings.access == Access::Read {
            return Ok((backlog, None));
        }
        let count = move |_: &mut Wal, grown| {
            pages.store(u64::try_from(grown).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        };
        let fail = |error| fail::explain(error, &settings.path, patience);
        writer.wal_hook(Some(count)).map_err(fail)?;
        let (calls, asked) = sync_channel(1);
        backlog.calls = Some(calls.clone());
        let path = settings.path.clone();
        let thread = std::thread::Builder::new()
            .name("comity-checkpoint".to_owned())
            .spawn(move || checkpoint(&path, &asked, patience))
            .map_err(|error| Error::Open { path: settings.path.clone(), why: error.to_string() })?;
        Ok((backlog, Some(Self { calls, thread: Some(thread) })))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Said aloud, because the backlog's end of the channel lives as long as any ticket.
            let _ = self.calls.send(Call::End);
            let _ = thread.join();
        }
    }
}

/// A checkpoint that fails leaves the log as it is: nothing is lost, and the next one tries again.
fn checkpoint(path: &Path, asked: &Receiver<Call>, patience: Duration) {
    let mut connection = None;
    while let Ok(call) = asked.recv() {
        // The connection is made at the first need: most processes end before it.
        if connection.is_none() {
            connection = connect(path, patience).ok();
        }
        let run = |mode| connection.as_ref().is_some_and(|connection| is_complete(connection, mode));
        match call {
            Call::Quiet => _ = run("PRAGMA wal_checkpoint(PASSIVE)"),
            // Nobody listens any more if this took too long.
            Call::Firm(answer) => _ = answer.send(run("PRAGMA wal_checkpoint(RESTART)")),
            Call::End => return,
        }
    }
}

fn connect(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Shorter than a writer's patience: while this waits for readers, it keeps the writers out.
    connection.busy_timeout(patience / 4)?;
    Ok(connection)
}

/// The first column of a checkpoint's answer is 0 when nobody stood in its way.
fn is_complete(connection: &Connection, mode: &str) -> bool {
    connection.query_row(mode, [], |row| row.get::<_, i64>(0)).is_ok_and(|blocked| blocked == 0)
}
