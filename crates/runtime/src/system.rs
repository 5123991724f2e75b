//! The machine's own time, randomness and tasks.

#![expect(
    clippy::disallowed_methods,
    reason = "an effect module: this is where time and randomness come from"
)]

use comity_core::{BoxFuture, Clock, Entropy, Points, Spawn, Timestamp};
use comity_govern::World;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;

/// The machine's clocks.
struct SystemClock {
    start: Instant,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// The operating system's randomness, fetched a page at a time.
#[derive(Default)]
struct SystemEntropy {
    pool: Mutex<Pool>,
}

struct Pool {
    bytes: [u8; 4096],
    used: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self { bytes: [0; 4096], used: 4096 }
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in out {
            if pool.used >= pool.bytes.len() {
                refill(&mut pool);
            }
            let used = pool.used;
            if let Some(byte) = pool.bytes.get_mut(used) {
                // A byte is handed out once.
                *slot = std::mem::take(byte);
            }
            pool.used += 1;
        }
    }
}

fn refill(pool: &mut Pool) {
    if let Err(error) = getrandom::fill(&mut pool.bytes) {
        // Predictable salts and ids would be worse than no process.
        eprintln!("error: the operating system gives no randomness: {error}");
        std::process::abort();
    }
    pool.used = 0;
}

/// Tasks that nobody waits for; the set owns and reaps them.
#[derive(Default)]
struct SystemSpawn {
    tasks: Mutex<JoinSet<()>>,
}

impl Spawn for SystemSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        // A runtime that is gone drops the task, and the step is found open at the next resume.
        if tokio::runtime::Handle::try_current().is_ok() {
            tasks.spawn(task);
        }
    }
}

/// The world as it is.
pub fn system_world(points: Arc<dyn Points>) -> World {
    World {
        clock: Arc::new(SystemClock { start: Instant::now() }),
        entropy: Arc::new(SystemEntropy::default()),
        spawn: Arc::new(SystemSpawn::default()),
        points,
    }
}

/// The name of the account this process runs under, as the environment tells it.
pub fn local_account() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| {
        let uid = rustix::process::getuid().as_raw();
        if uid == 0 { "root".to_owned() } else { format!("uid{uid}") }
    })
}
