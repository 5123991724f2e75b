//! Moves the write-ahead log into the database file, on a thread and a connection of its own.

use super::Pump;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Log pages after which a quiet checkpoint is worth its sync: 4 MiB.
const QUIET: u64 = 1_000;
/// Log pages after which writers are made to wait so that the log starts again: 64 MiB.
const FIRM: u64 = 16_000;

/// Tells the checkpointer how long the log has grown.
pub struct Backlog {
    log: PathBuf,
    commits: u32,
    wake: Option<SyncSender<u64>>,
}

impl Backlog {
    /// Called after each commit; looks at the log's length now and then.
    pub fn committed(&mut self) {
        self.commits = self.commits.wrapping_add(1);
        if self.commits % 64 != 0 {
            return;
        }
        let Some(wake) = &self.wake else { return };
        let pages = std::fs::metadata(&self.log).map_or(0, |file| file.len() / 4120);
        if pages < QUIET {
            return;
        }
        // A full channel means that a checkpoint is under way; the next commits will ask again.
        if let Err(TrySendError::Disconnected(_)) = wake.try_send(pages) {
            self.wake = None;
        }
    }
}

/// The thread that checkpoints. Dropping it ends the thread and waits for it.
pub struct Checkpointer {
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread, unless a simulator drives the store.
    pub fn start(path: &Path, pump: Pump, patience: Duration) -> (Backlog, Option<Self>) {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let mut backlog = Backlog { log: log.into(), commits: 0, wake: None };
        if pump == Pump::Manual {
            return (backlog, None);
        }
        let (wake, asked) = sync_channel(1);
        let path = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("comity-checkpoint".to_owned())
            .spawn(move || checkpoint(&path, &asked, patience));
        backlog.wake = thread.is_ok().then_some(wake);
        (backlog, thread.ok().map(|thread| Self { thread: Some(thread) }))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A checkpoint that fails leaves the log as it is: nothing is lost, and the next one tries again.
fn checkpoint(path: &Path, asked: &Receiver<u64>, patience: Duration) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = None;
    // The connection is made at the first need: most processes end before it.
    while let Ok(pages) = asked.recv() {
        if connection.is_none() {
            connection = Connection::open_with_flags(path, flags).ok();
        }
        let Some(open) = &connection else { continue };
        let _ = open.busy_timeout(patience);
        let mode =
            if pages < FIRM { "PRAGMA wal_checkpoint(PASSIVE)" } else { "PRAGMA wal_checkpoint(RESTART)" };
        let _ = open.query_row(mode, [], |_| Ok(()));
    }
}
