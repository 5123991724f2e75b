//! The backend for several processes: PostgreSQL.
//!
//! Nothing is connected until it is needed. Two threads write, in transactions that every process takes part in as
//! `load` and `sql` order them; another one moves the bytes of everything else: reads, signs of life, and word of
//! commits. Start with `write`, then `sql`.

mod address;
mod codec;
#[expect(clippy::disallowed_methods, reason = "an effect module: connects, waits, and drives connections")]
mod connect;
mod fail;
mod lease;
mod load;
mod migrate;
mod pool;
mod proof;
#[expect(
    clippy::disallowed_methods,
    reason = "an effect module: keeps a connection, and waits between tries"
)]
mod pulse;
mod read;
mod rows;
mod slices;
mod sql;
#[cfg(test)]
mod tests;
mod tls;
mod write;

use crate::apply::Link;
use crate::broken::Broken;
use crate::commit::Commit;
use crate::error::Error;
use crate::queue::{Drive, Queue};
use crate::store::{Access, Durability};
use comity_core::{Points, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, watch};

pub use address::{Place, SCHEMES, redacted};
pub use lease::Held;

use connect::Server;
use pool::{Pinned, Pool};
use pulse::Pulse;
use write::Writer;

/// How many batches may be under way at once: while one becomes durable, the next is decided and written.
const WRITERS: usize = 2;

/// How to open a database on a server.
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// Whether it may be written.
    pub access: Access,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// How entries are linked.
    pub link: Link,
    /// Told before and after each COMMIT.
    pub points: Arc<dyn Points>,
    /// How long a lock, and a server that restarts, are waited for.
    pub patience: Duration,
    /// The present, for the record of migrations.
    pub now: Timestamp,
    /// What a new database calls itself.
    pub id: [u8; 16],
}

/// The answer to a queued commit.
pub type Ticket = crate::queue::Ticket<Writer>;

/// A database on a server. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Postgres {
    inner: Arc<Inner>,
    /// Reads see what this connection's transaction sees.
    pinned: Option<Arc<Pinned>>,
}

struct Inner {
    queue: Arc<Queue<Writer>>,
    pool: Pool,
    pulse: Arc<Pulse>,
    commits: watch::Receiver<u64>,
    writers: Mutex<Vec<JoinHandle<()>>>,
    /// Answers when the pulse has stopped.
    stopped: Mutex<std::sync::mpsc::Receiver<()>>,
    /// Moves the bytes of every connection but the writer's.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Postgres {
    /// Prepares everything, and connects to nothing.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let shown = settings.place.shown.clone();
        let fail = |error: std::io::Error| Error::Server {
            server: shown.clone(),
            why: format!("its threads cannot be started: {error}"),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("comity-postgres")
            .enable_all()
            .build()
            .map_err(fail)?;
        let server = Arc::new(Server::new(&settings));
        let Settings { link, points, .. } = settings;
        let (committed, commits) = watch::channel(0);
        let (pulse, told) = (Arc::new(Pulse::default()), Arc::new(Notify::new()));
        let (stop, stopped) = std::sync::mpsc::sync_channel(1);
        pulse::start(&runtime, (&server, &pulse, &told), committed.clone(), stop);
        let broken = Broken::default();
        let writer = |place: usize| {
            let (server, pulse, points) = (Arc::clone(&server), Arc::clone(&pulse), Arc::clone(&points));
            let tell = (committed.clone(), Arc::clone(&told));
            Writer::new(write::Core::new(server, pulse, (link, points), tell, (broken.beside(), place)))
        };
        let writers = (0..WRITERS).map(writer).collect::<Result<_, _>>()?;
        let queue = Arc::new(Queue::of(writers, Drive::Thread));
        let serve = |place| {
            let serving = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name("comity-writer".to_owned());
            thread.spawn(move || serving.serve(place)).map_err(fail)
        };
        let writers = (0..WRITERS).map(serve).collect::<Result<_, _>>()?;
        let inner = Inner {
            queue,
            pool: Pool::new(server, runtime.handle().clone()),
            pulse,
            commits,
            writers: Mutex::new(writers),
            stopped: Mutex::new(stopped),
            runtime: Some(runtime),
        };
        Ok(Self { inner: Arc::new(inner), pinned: None })
    }

    /// Queues a commit, as [`Store::queue`](crate::Store::queue) says.
    pub fn queue(&self, commit: Commit) -> Ticket {
        self.inner.queue.push(commit)
    }

    /// Counts batches that this process made durable. Changes after each one, and when another process may have
    /// made one.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner.pulse.wanted.notify_one();
        self.inner.commits.clone()
    }

    /// How the server is named to people.
    pub fn shown(&self) -> &str {
        &self.inner.pool.server().place.shown
    }

    /// This backend has no such thing.
    pub fn unsupported(&self, what: &'static str) -> Error {
        Error::Unsupported { server: self.shown().to_owned(), what }
    }

    /// From the first write on, shows other processes that `name` is alive.
    pub fn claim(&self, name: Arc<str>) {
        self.inner.pulse.claim(name);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        // A writer holds no store, but it wakes tasks, and the last store may go with one of them.
        let own = std::thread::current().id();
        let writers = self.writers.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..);
        for thread in writers.filter(|thread| thread.thread().id() != own) {
            let _ = thread.join();
        }
        self.pulse.closing.notify_one();
        let stopped = self.stopped.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = stopped.recv_timeout(Duration::from_secs(1));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
