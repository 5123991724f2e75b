//! Group commit: whoever waits first commits for everybody who is waiting.
//!
//! A caller that finds the worker idle runs the batch itself, on its own thread: no hand-over, no wake-up.
//! A caller that finds it busy leaves its job for the next batch, which the writer thread takes.
//! Where several workers wait for a network, each has a thread, and a second batch begins while the first is under
//! way: never with a job of the same lane, and only when as many wait as are under way, so that batches stay large.
//! This file names no backend and takes its locks from `super::sync`, so that the model checker can
//! compile it against locks of its own.

use super::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// The most jobs one batch takes.
pub const BATCH: usize = 256;

/// Runs batches. One thread at a time, in the order the jobs were queued; of several workers, each lane's in its order.
pub trait Worker: Send {
    /// What is asked for.
    type Job: Send;
    /// What is answered.
    type Done: Send;
    /// What a job must not be overtaken on: two of one lane are never under way on two workers.
    fn lane(job: &Self::Job) -> u128;
    /// Runs every job and answers each, in order: durable, or not at all.
    fn run(&mut self, jobs: Vec<Self::Job>) -> Vec<Self::Done>;
    /// Puts things right after [`Worker::run`] panicked, and says what its jobs are answered.
    fn recover(&mut self) -> Self::Done;
}

/// Who runs the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// The first to wait, else the writer thread.
    Callers,
    /// Only the writer thread: for a worker that waits for a network.
    Thread,
    /// Only [`Queue::pump`]: for simulators.
    Manual,
}

struct Slot<D> {
    state: Mutex<(Option<D>, Option<Waker>)>,
}

impl<D> Slot<D> {
    fn answer(&self, done: D) {
        let waker = {
            let mut state = lock(&self.state);
            state.0 = Some(done);
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A job, its number, and where its answer goes.
struct Queued<W: Worker> {
    number: u64,
    job: W::Job,
    slot: Arc<Slot<W::Done>>,
}

struct Waiting<W: Worker> {
    /// In the order of their numbers.
    jobs: VecDeque<Queued<W>>,
    /// How many jobs have ever been queued.
    queued: u64,
    /// The highest job number that somebody waits for.
    wanted: u64,
    /// The lanes of the jobs under way, where there are several workers, and how many jobs these are.
    lanes: HashSet<u128>,
    under_way: usize,
    /// How many writer threads wait to be rung for.
    idle: usize,
    closed: bool,
}

impl<W: Worker> Waiting<W> {
    /// Whether a job is queued that somebody waits for.
    fn behind(&self) -> bool {
        self.jobs.front().is_some_and(|queued| queued.number <= self.wanted)
    }

    /// How many jobs of free lanes there are, as far as one batch goes.
    fn free(&self) -> usize {
        if self.lanes.is_empty() {
            return self.jobs.len();
        }
        let ahead = self.jobs.iter().take(2 * BATCH);
        ahead.filter(|queued| !self.lanes.contains(&W::lane(&queued.job))).count()
    }

    /// Whether the writer thread of this place should take a batch now.
    fn is_for(&self, place: usize) -> bool {
        if self.closed {
            return self.free() > 0;
        }
        if self.under_way == 0 {
            return place == 0 && self.behind();
        }
        self.behind() && self.free() >= self.under_way.min(BATCH)
    }

    /// Takes at most `most` jobs, the first of each free lane before its next.
    fn take(&mut self, most: usize, several: bool) -> Vec<Queued<W>> {
        let taken = if self.lanes.is_empty() {
            let count = self.jobs.len().min(most);
            self.jobs.drain(..count).collect()
        } else {
            self.take_free(most)
        };
        if several {
            self.lanes.extend(taken.iter().map(|queued| W::lane(&queued.job)));
            self.under_way += taken.len();
        }
        taken
    }

    fn take_free(&mut self, most: usize) -> Vec<Queued<W>> {
        let (mut taken, mut kept) = (Vec::new(), VecDeque::with_capacity(self.jobs.len()));
        for queued in self.jobs.drain(..) {
            if taken.len() < most && !self.lanes.contains(&W::lane(&queued.job)) {
                taken.push(queued);
            } else {
                kept.push_back(queued);
            }
        }
        self.jobs = kept;
        taken
    }
}

/// Jobs on their way to one worker.
pub struct Queue<W: Worker> {
    waiting: Mutex<Waiting<W>>,
    bell: Condvar,
    /// At least one.
    workers: Vec<Mutex<W>>,
    drive: Drive,
}

/// The answer to one job, when it comes. Dropping it does not take the job back.
pub struct Ticket<W: Worker> {
    queue: Arc<Queue<W>>,
    slot: Arc<Slot<W::Done>>,
    number: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    /// Polled once: neighbours get one turn to join the batch.
    Yielded,
    Asked,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W: Worker> Queue<W> {
    /// Makes a queue. Unless it is driven by hand, somebody must run [`Queue::serve`] on a thread of its own.
    pub fn new(worker: W, drive: Drive) -> Self {
        Self::of(vec![worker], drive)
    }

    /// The same with several workers, each of which has a thread that serves its place: see [`Drive::Thread`].
    pub fn of(workers: Vec<W>, drive: Drive) -> Self {
        let waiting = Waiting {
            jobs: VecDeque::new(),
            queued: 0,
            wanted: 0,
            lanes: HashSet::new(),
            under_way: 0,
            idle: 0,
            closed: false,
        };
        let workers = workers.into_iter().map(Mutex::new).collect();
        Self { waiting: Mutex::new(waiting), bell: Condvar::new(), workers, drive }
    }

    /// Queues a job without committing it: it is carried by the next batch that anybody waits for.
    pub fn push(self: &Arc<Self>, job: W::Job) -> Ticket<W> {
        let slot = Arc::new(Slot { state: Mutex::new((None, None)) });
        let mut waiting = lock(&self.waiting);
        waiting.queued += 1;
        let number = waiting.queued;
        waiting.jobs.push_back(Queued { number, job, slot: Arc::clone(&slot) });
        Ticket { queue: Arc::clone(self), slot, number, stage: Stage::Fresh }
    }

    /// Runs batches until the queue is closed and empty. The body of the writer thread of the worker at `place`.
    pub fn serve(&self, place: usize) {
        let Some(worker) = self.workers.get(place) else { return };
        loop {
            {
                let mut waiting = lock(&self.waiting);
                while !waiting.is_for(place) {
                    if waiting.jobs.is_empty() && waiting.closed {
                        return;
                    }
                    waiting.idle += 1;
                    waiting = self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                    waiting.idle -= 1;
                }
            }
            let worker = lock(worker);
            self.batch(worker, BATCH);
        }
    }

    /// Lets the writer end once everything queued so far is committed.
    pub fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        self.bell.notify_all();
    }

    /// Runs one batch of at most `most` jobs, waited for or not; says how many it took.
    pub fn pump(&self, most: usize) -> usize {
        self.workers.first().map_or(0, |worker| self.batch(lock(worker), most))
    }

    /// Forgets every queued job, as a crash would.
    pub fn discard(&self) {
        let mut waiting = lock(&self.waiting);
        let dropped = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(dropped);
    }

    fn batch(&self, mut worker: MutexGuard<'_, W>, most: usize) -> usize {
        let several = self.workers.len() > 1;
        let taken = lock(&self.waiting).take(most, several);
        let lanes: Vec<u128> =
            if several { taken.iter().map(|queued| W::lane(&queued.job)).collect() } else { Vec::new() };
        let (jobs, slots): (Vec<_>, Vec<_>) =
            taken.into_iter().map(|queued| (queued.job, queued.slot)).unzip();
        let count = slots.len();
        if count == 0 {
            return 0;
        }
        let answers = catch_unwind(AssertUnwindSafe(|| worker.run(jobs)));
        let mut answers = answers.unwrap_or_default().into_iter();
        let answers: Vec<W::Done> =
            slots.iter().map(|_| answers.next().unwrap_or_else(|| worker.recover())).collect();
        // A caller that goes on at once finds this worker free, and does not set another one to work.
        if several {
            lock(&self.waiting).under_way -= count;
        }
        // Before the worker is free again: answers come in the order of their jobs, across batches too.
        slots.iter().zip(answers).for_each(|(slot, done)| slot.answer(done));
        drop(worker);
        if several {
            self.leave(&lanes);
        }
        count
    }

    /// The jobs of these lanes are answered: their next ones may be taken.
    fn leave(&self, lanes: &[u128]) {
        let mut waiting = lock(&self.waiting);
        for lane in lanes {
            waiting.lanes.remove(lane);
        }
        self.bell.notify_all();
    }

    /// Asks that job `number` be committed: now, by this thread, if nobody else is at it.
    fn ask(&self, number: u64) {
        {
            let mut waiting = lock(&self.waiting);
            waiting.wanted = waiting.wanted.max(number);
            if !waiting.behind() {
                return;
            }
        }
        if let Some(worker) = self.free_worker() {
            self.batch(worker, BATCH);
        }
        self.ring();
    }

    /// The worker, if callers may run it and nobody is at it.
    fn free_worker(&self) -> Option<MutexGuard<'_, W>> {
        if self.drive != Drive::Callers {
            return None;
        }
        match self.workers.first()?.try_lock() {
            Ok(worker) => Some(worker),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Wakes the writer if there is something for it.
    fn ring(&self) {
        let waiting = lock(&self.waiting);
        if waiting.behind() && waiting.idle > 0 {
            // Of several, the one whose turn it is knows.
            self.bell.notify_all();
        }
    }
}

impl<W: Worker> Future for Ticket<W> {
    type Output = W::Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W::Done> {
        {
            let mut state = lock(&self.slot.state);
            if let Some(done) = state.0.take() {
                return Poll::Ready(done);
            }
            state.1 = Some(cx.waker().clone());
        }
        match (self.stage, self.queue.drive) {
            (Stage::Asked, _) | (_, Drive::Manual) => return Poll::Pending,
            (Stage::Fresh, Drive::Callers | Drive::Thread) => {
                self.stage = Stage::Yielded;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            (Stage::Yielded, Drive::Callers | Drive::Thread) => self.stage = Stage::Asked,
        }
        self.queue.ask(self.number);
        match lock(&self.slot.state).0.take() {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
    }
}

impl<W: Worker> Ticket<W> {
    /// The answer, if it is there already. Asks for nothing.
    pub fn take(&mut self) -> Option<W::Done> {
        let done = lock(&self.slot.state).0.take();
        if done.is_some() {
            self.stage = Stage::Asked;
        }
        done
    }
}

impl<W: Worker> Unpin for Ticket<W> {}

impl<W: Worker> Drop for Ticket<W> {
    fn drop(&mut self) {
        if self.stage != Stage::Asked && self.queue.drive != Drive::Manual {
            let mut waiting = lock(&self.queue.waiting);
            waiting.wanted = waiting.wanted.max(self.number);
            drop(waiting);
            self.queue.ring();
        }
    }
}
