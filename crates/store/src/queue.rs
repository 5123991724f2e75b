//! Group commit: whoever waits first commits for everybody who is waiting.
//!
//! A caller that finds the worker idle runs the batch itself, on its own thread: no hand-over, no wake-up.
//! A caller that finds it busy leaves its job for the next batch, which the writer thread takes.
//! This file names no backend and takes its locks from `super::sync`, so that the model checker can
//! compile it against locks of its own.

use super::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// The most jobs one batch takes.
pub const BATCH: usize = 256;

/// Runs batches. One thread at a time, in the order the jobs were queued.
pub trait Worker: Send {
    /// What is asked for.
    type Job: Send;
    /// What is answered.
    type Done: Send;
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

/// A job, and where its answer goes.
type Queued<W> = (<W as Worker>::Job, Arc<Slot<<W as Worker>::Done>>);

struct Waiting<W: Worker> {
    jobs: VecDeque<Queued<W>>,
    /// How many jobs have ever been queued.
    queued: u64,
    /// How many have ever been taken into a batch.
    taken: u64,
    /// The highest job number that somebody waits for.
    wanted: u64,
    writer_idle: bool,
    closed: bool,
}

impl<W: Worker> Waiting<W> {
    fn behind(&self) -> bool {
        self.taken < self.wanted
    }
}

/// Jobs on their way to one worker.
pub struct Queue<W: Worker> {
    waiting: Mutex<Waiting<W>>,
    bell: Condvar,
    worker: Mutex<W>,
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
        let waiting = Waiting {
            jobs: VecDeque::new(),
            queued: 0,
            taken: 0,
            wanted: 0,
            writer_idle: false,
            closed: false,
        };
        Self { waiting: Mutex::new(waiting), bell: Condvar::new(), worker: Mutex::new(worker), drive }
    }

    /// Queues a job without committing it: it is carried by the next batch that anybody waits for.
    pub fn push(self: &Arc<Self>, job: W::Job) -> Ticket<W> {
        let slot = Arc::new(Slot { state: Mutex::new((None, None)) });
        let mut waiting = lock(&self.waiting);
        waiting.queued += 1;
        waiting.jobs.push_back((job, Arc::clone(&slot)));
        Ticket { queue: Arc::clone(self), slot, number: waiting.queued, stage: Stage::Fresh }
    }

    /// Runs batches until the queue is closed and empty. The body of the writer thread.
    pub fn serve(&self) {
        loop {
            {
                let mut waiting = lock(&self.waiting);
                while !waiting.behind() && !waiting.closed {
                    waiting.writer_idle = true;
                    waiting = self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
                waiting.writer_idle = false;
                if waiting.jobs.is_empty() && waiting.closed {
                    return;
                }
            }
            let worker = lock(&self.worker);
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
        let worker = lock(&self.worker);
        self.batch(worker, most)
    }

    /// Forgets every queued job, as a crash would.
    pub fn discard(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.taken = waiting.queued;
        let dropped = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(dropped);
    }

    fn batch(&self, mut worker: MutexGuard<'_, W>, most: usize) -> usize {
        let (jobs, slots): (Vec<_>, Vec<_>) = {
            let mut waiting = lock(&self.waiting);
            let count = waiting.jobs.len().min(most);
            waiting.taken += count as u64;
            waiting.jobs.drain(..count).unzip()
        };
        let count = slots.len();
        if count == 0 {
            return 0;
        }
        let answers = catch_unwind(AssertUnwindSafe(|| worker.run(jobs)));
        let mut answers = answers.unwrap_or_default().into_iter();
        let answers: Vec<W::Done> =
            slots.iter().map(|_| answers.next().unwrap_or_else(|| worker.recover())).collect();
        // Before the worker is free again: answers come in the order of their jobs, across batches too.
        slots.iter().zip(answers).for_each(|(slot, done)| slot.answer(done));
        drop(worker);
        count
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
        match self.worker.try_lock() {
            Ok(worker) => Some(worker),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Wakes the writer if there is something for it.
    fn ring(&self) {
        let waiting = lock(&self.waiting);
        if waiting.behind() && waiting.writer_idle {
            self.bell.notify_one();
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
