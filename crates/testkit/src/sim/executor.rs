//! Runs tasks one step at a time, in an order the seed decides, on a clock that moves only when told.

use crate::random::Random;
use comity_core::BoxFuture;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Time, and who waits for it. Shared by every task of one process.
#[derive(Default)]
pub struct Timers {
    state: Mutex<TimerState>,
}

#[derive(Default)]
struct TimerState {
    now: Duration,
    next: u64,
    waiting: BTreeMap<(Duration, u64), Option<Waker>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Timers {
    /// A clock that shows this time.
    pub fn at(now: Duration) -> Self {
        Self { state: Mutex::new(TimerState { now, ..TimerState::default() }) }
    }

    /// The present.
    pub fn now(&self) -> Duration {
        lock(&self.state).now
    }

    /// Ends `span` from now.
    pub fn sleep(self: &Arc<Self>, span: Duration) -> BoxFuture<'static, ()> {
        let mut state = lock(&self.state);
        let key = (state.now.saturating_add(span), state.next);
        state.next += 1;
        state.waiting.insert(key, None);
        drop(state);
        Box::pin(Sleep { timers: Arc::clone(self), key })
    }

    /// Moves time to the earliest timer and fires it; false when there is none.
    pub fn fire(&self) -> bool {
        let mut state = lock(&self.state);
        let Some(((at, _), waker)) = state.waiting.pop_first() else { return false };
        state.now = state.now.max(at);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Whether anybody waits.
    pub fn is_empty(&self) -> bool {
        lock(&self.state).waiting.is_empty()
    }

    /// Forgets everybody who waits, as the end of their process does.
    pub fn clear(&self) {
        lock(&self.state).waiting.clear();
    }
}

struct Sleep {
    timers: Arc<Timers>,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match lock(&self.timers.state).waiting.get_mut(&self.key) {
            None => Poll::Ready(()),
            Some(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        lock(&self.timers.state).waiting.remove(&self.key);
    }
}

/// Tasks handed over while others run.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl comity_core::Spawn for Inbox {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        lock(&self.0).push(task);
    }
}

struct Flag {
    ready: Arc<Mutex<Vec<usize>>>,
    task: usize,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        let mut ready = lock(&self.ready);
        if !ready.contains(&self.task) {
            ready.push(self.task);
        }
    }
}

/// One process: its tasks, its inbox, and which of them can go on.
pub struct Process {
    tasks: Vec<Option<BoxFuture<'static, ()>>>,
    ready: Arc<Mutex<Vec<usize>>>,
    inbox: Inbox,
}

impl Process {
    /// A process with one task.
    pub fn new(main: BoxFuture<'static, ()>, inbox: Inbox) -> Self {
        let mut process = Self { tasks: Vec::new(), ready: Arc::default(), inbox };
        process.start(main);
        process
    }

    fn start(&mut self, task: BoxFuture<'static, ()>) {
        lock(&self.ready).push(self.tasks.len());
        self.tasks.push(Some(task));
    }

    /// Lets one task that can go on do so, until it waits again; false when none can.
    pub fn step(&mut self, random: &Random) -> bool {
        let arrived = std::mem::take(&mut *lock(&self.inbox.0));
        arrived.into_iter().for_each(|task| self.start(task));
        let task = {
            let mut ready = lock(&self.ready);
            if ready.is_empty() {
                return false;
            }
            let at = random.below(ready.len());
            ready.swap_remove(at)
        };
        let waker = Waker::from(Arc::new(Flag { ready: Arc::clone(&self.ready), task }));
        if let Some(slot) = self.tasks.get_mut(task)
            && let Some(future) = slot
            && future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            *slot = None;
        }
        true
    }

    /// Whether the main task has ended.
    pub fn is_over(&self) -> bool {
        self.tasks.first().is_none_or(Option::is_none)
    }

    /// Whether every task has ended.
    pub fn is_empty(&self) -> bool {
        lock(&self.inbox.0).is_empty() && self.tasks.iter().all(Option::is_none)
    }

    /// Lets go of the main task, as a caller does who no longer waits. Its drop handlers run.
    pub fn abandon(&mut self) {
        if let Some(main) = self.tasks.first_mut() {
            *main = None;
        }
    }

    /// Whether a task could go on.
    pub fn can_step(&self) -> bool {
        !lock(&self.ready).is_empty() || !lock(&self.inbox.0).is_empty()
    }
}
