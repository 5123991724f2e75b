//! The queue's own source, compiled against a model checker's locks and run under many schedules.
//!
//! Each test is one small world: some callers, the writer thread, a worker that can be told to fail. Every
//! world ends by checking that each job ran once, in order, and that each caller had its answer; a caller
//! that waits for ever is a deadlock, which the checker reports with the schedule that led to it.

#![expect(clippy::unwrap_used, reason = "an integration test, all of it")]

mod sync {
    pub use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub use std::sync::{PoisonError, TryLockError};
}

#[expect(dead_code, reason = "the model drives a part of the queue; the store uses all of it")]
#[path = "../src/queue.rs"]
mod queue;

use queue::{Drive, Queue, Ticket, Worker};
use shuttle::future::block_on;
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Schedules per world. Each takes well under a millisecond.
const SCHEDULES: usize = 2_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Job {
    Plain(u32),
    /// The batch that holds it panics.
    Panics(u32),
    /// The batch that holds it fails, as a COMMIT does on a full disk.
    Fails(u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Done {
    Kept(u32),
    Lost(u32),
    Recovered,
}

/// Writes down what it ran, and how it went.
struct Recorder {
    log: Arc<Mutex<Vec<Vec<Job>>>>,
    recovered: usize,
}

fn number(job: Job) -> u32 {
    let (Job::Plain(number) | Job::Panics(number) | Job::Fails(number)) = job;
    number
}

impl Worker for Recorder {
    type Job = Job;
    type Done = Done;

    fn lane(job: &Job) -> u128 {
        u128::from(number(*job) / 10)
    }

    fn run(&mut self, jobs: Vec<Job>) -> Vec<Done> {
        self.recovered = 0;
        self.log.lock().unwrap().push(jobs.clone());
        thread::yield_now();
        if jobs.iter().any(|job| matches!(job, Job::Panics(_))) {
            // Unwinds as a panic does, without the hook that would print a schedule for each.
            std::panic::resume_unwind(Box::new("told to"));
        }
        let fails = jobs.iter().any(|job| matches!(job, Job::Fails(_)));
        jobs.into_iter().map(number).map(if fails { Done::Lost } else { Done::Kept }).collect()
    }

    fn recover(&mut self) -> Done {
        self.recovered += 1;
        Done::Recovered
    }
}

/// A queue with its writer thread.
struct World {
    queue: Arc<Queue<Recorder>>,
    log: Arc<Mutex<Vec<Vec<Job>>>>,
    writer: thread::JoinHandle<()>,
}

impl World {
    fn new() -> Self {
        Self::driven(Drive::Callers)
    }

    fn driven(drive: Drive) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let recorder = Recorder { log: Arc::clone(&log), recovered: 0 };
        let queue = Arc::new(Queue::new(recorder, drive));
        let serving = Arc::clone(&queue);
        Self { queue, log, writer: thread::spawn(move || serving.serve(0)) }
    }

    /// Runs `act` on a thread of its own.
    fn caller<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Arc<Queue<Recorder>>) -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let queue = Arc::clone(&self.queue);
        thread::spawn(move || act(&queue))
    }

    /// Closes the queue, waits for the writer, and returns the batches that ran.
    fn end(self) -> Vec<Vec<Job>> {
        self.queue.close();
        self.writer.join().unwrap();
        self.log.lock().unwrap().clone()
    }
}

fn numbers(batches: &[Vec<Job>]) -> Vec<u32> {
    batches.iter().flatten().copied().map(number).collect()
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

/// Polls once, as a `select!` does that then takes another branch.
fn glance(ticket: &mut Ticket<Recorder>) -> Poll<Done> {
    Pin::new(ticket).poll(&mut Context::from_waker(Waker::noop()))
}

fn every_caller_gets_its_own_answer(drive: Drive, callers: u32, jobs: u32) {
    let world = World::driven(drive);
    let act = move |caller: u32| {
        move |queue: &Arc<Queue<Recorder>>| {
            for job in 0..jobs {
                let number = caller * 10 + job;
                assert_eq!(block_on(queue.push(Job::Plain(number))), Done::Kept(number));
            }
        }
    };
    let threads: Vec<_> = (0..callers).map(|caller| world.caller(act(caller))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let expected: Vec<u32> =
        (0..callers).flat_map(|caller| (0..jobs).map(move |job| caller * 10 + job)).collect();
    assert_eq!(sorted(numbers(&world.end())), expected, "every job runs exactly once");
}

#[test]
fn every_caller_gets_its_own_answer_whatever_the_schedule() {
    for drive in [Drive::Callers, Drive::Thread] {
        shuttle::check_random(move || every_caller_gets_its_own_answer(drive, 3, 2), SCHEDULES);
        shuttle::check_random(move || every_caller_gets_its_own_answer(drive, 5, 1), SCHEDULES);
    }
}

#[test]
fn every_caller_gets_its_own_answer_under_adverse_priorities() {
    for drive in [Drive::Callers, Drive::Thread] {
        shuttle::check_pct(move || every_caller_gets_its_own_answer(drive, 3, 2), SCHEDULES, 3);
    }
}

#[test]
fn two_callers_are_answered_in_the_first_schedules_of_a_full_search() {
    shuttle::check_dfs(|| every_caller_gets_its_own_answer(Drive::Callers, 2, 1), Some(10_000));
}

/// Two callers queue and await; what they see is that a batch is a prefix of the queue.
fn jobs_run_in_the_order_they_are_queued() {
    let world = World::new();
    let queued = Arc::new(Mutex::new(Vec::new()));
    let act = |caller: u32| {
        let queued = Arc::clone(&queued);
        move |queue: &Arc<Queue<Recorder>>| {
            for job in 0..2 {
                let number = caller * 10 + job;
                let ticket = {
                    let mut order = queued.lock().unwrap();
                    order.push(number);
                    queue.push(Job::Plain(number))
                };
                assert_eq!(block_on(ticket), Done::Kept(number));
            }
        }
    };
    let threads: Vec<_> = (0..3).map(|caller| world.caller(act(caller))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(numbers(&world.end()), *queued.lock().unwrap());
}

#[test]
fn jobs_run_in_the_order_they_are_queued_and_once() {
    shuttle::check_random(jobs_run_in_the_order_they_are_queued, SCHEDULES);
}

/// The last ticket of a pipeline carries the ones before it. Their answers may still be on their way.
fn a_later_answer_means_an_earlier_one() {
    let world = World::new();
    let act = |caller: u32| {
        let log = Arc::clone(&world.log);
        move |queue: &Arc<Queue<Recorder>>| {
            let first = queue.push(Job::Plain(caller * 10));
            let second = queue.push(Job::Plain(caller * 10 + 1));
            assert_eq!(block_on(second), Done::Kept(caller * 10 + 1));
            assert!(numbers(&log.lock().unwrap()).contains(&(caller * 10)), "the earlier job has run");
            drop(first);
        }
    };
    let threads: Vec<_> = (0..2).map(|caller| world.caller(act(caller))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(sorted(numbers(&world.end())), [0, 1, 10, 11]);
}

#[test]
fn a_later_answer_means_that_the_earlier_job_is_done() {
    shuttle::check_random(a_later_answer_means_an_earlier_one, SCHEDULES);
    shuttle::check_pct(a_later_answer_means_an_earlier_one, SCHEDULES, 3);
}

/// A ticket dropped after `polls` polls; its job has to run without anybody else asking, and before the
/// queue is closed: the witness waits until it has.
fn a_dropped_ticket_is_still_carried_out(polls: u32) {
    let world = World::new();
    let dropper = world.caller(move |queue| {
        let mut ticket = queue.push(Job::Plain(1));
        for _ in 0..polls {
            if glance(&mut ticket).is_ready() {
                return;
            }
        }
    });
    let neighbour = world.caller(|queue| block_on(queue.push(Job::Plain(2))));
    dropper.join().unwrap();
    assert_eq!(neighbour.join().unwrap(), Done::Kept(2));
    while numbers(&world.log.lock().unwrap()).len() < 2 {
        thread::yield_now();
    }
    assert_eq!(sorted(numbers(&world.end())), [1, 2]);
}

#[test]
fn a_ticket_dropped_at_any_stage_is_still_carried_out() {
    for polls in 0..4 {
        shuttle::check_random(move || a_dropped_ticket_is_still_carried_out(polls), SCHEDULES);
    }
}

/// Nobody but the writer can do it: the only ticket is dropped.
fn the_writer_alone_carries_out_a_dropped_ticket(drive: Drive, polls: u32) {
    let world = World::driven(drive);
    let mut ticket = world.queue.push(Job::Plain(1));
    for _ in 0..polls {
        if glance(&mut ticket).is_ready() {
            break;
        }
    }
    drop(ticket);
    while world.log.lock().unwrap().is_empty() {
        thread::yield_now();
    }
    assert_eq!(numbers(&world.end()), [1]);
}

#[test]
fn the_writer_carries_out_a_dropped_ticket_by_itself() {
    for polls in 0..3 {
        for drive in [Drive::Callers, Drive::Thread] {
            let world = move || the_writer_alone_carries_out_a_dropped_ticket(drive, polls);
            shuttle::check_random(world, SCHEDULES);
        }
    }
}

/// A future that was polled in one place and is then awaited in another keeps its wake-up.
fn a_ticket_may_move_between_tasks(polls: u32) {
    let world = World::new();
    let rival = world.caller(|queue| block_on(queue.push(Job::Plain(2))));
    let mut ticket = world.queue.push(Job::Plain(1));
    let early = (0..polls).find_map(|_| match glance(&mut ticket) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    });
    let done = early.unwrap_or_else(|| world.caller(move |_| block_on(ticket)).join().unwrap());
    assert_eq!(done, Done::Kept(1));
    assert_eq!(rival.join().unwrap(), Done::Kept(2));
    assert_eq!(sorted(numbers(&world.end())), [1, 2]);
}

#[test]
fn a_ticket_polled_in_one_task_is_answered_in_another() {
    for polls in 1..4 {
        shuttle::check_random(move || a_ticket_may_move_between_tasks(polls), SCHEDULES);
        shuttle::check_pct(move || a_ticket_may_move_between_tasks(polls), SCHEDULES, 3);
    }
}

/// More than one batch holds, and only the last is asked for: the rest is the writer's.
fn what_one_batch_cannot_hold_is_carried_by_the_next() {
    let world = World::new();
    let count = queue::BATCH as u32 + 2;
    let mut tickets: Vec<_> = (1..=count).map(|number| world.queue.push(Job::Plain(number))).collect();
    assert_eq!(block_on(tickets.pop().unwrap()), Done::Kept(count));
    let batches = world.end();
    assert!(batches.iter().all(|batch| batch.len() <= queue::BATCH));
    assert_eq!(numbers(&batches), (1..=count).collect::<Vec<_>>());
}

#[test]
fn what_one_batch_cannot_hold_is_carried_by_the_next_whatever_the_schedule() {
    // Most of its steps are pushes that nobody competes with.
    shuttle::check_random(what_one_batch_cannot_hold_is_carried_by_the_next, SCHEDULES / 10);
    shuttle::check_pct(what_one_batch_cannot_hold_is_carried_by_the_next, SCHEDULES / 10, 3);
}

/// Polls again and again without having been woken, as a `join!` does when a sibling wakes it.
struct Restless(Ticket<Recorder>, u32);

impl Future for Restless {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let answer = Pin::new(&mut self.0).poll(cx);
        if answer.is_pending() && self.1 > 0 {
            self.1 -= 1;
            cx.waker().wake_by_ref();
        }
        answer
    }
}

fn polling_too_often_loses_nothing() {
    let world = World::new();
    let act = |number: u32| {
        move |queue: &Arc<Queue<Recorder>>| block_on(Restless(queue.push(Job::Plain(number)), 5))
    };
    let threads: Vec<_> = (0..3).map(|number| world.caller(act(number))).collect();
    for (thread, number) in threads.into_iter().zip(0..) {
        assert_eq!(thread.join().unwrap(), Done::Kept(number));
    }
    assert_eq!(sorted(numbers(&world.end())), [0, 1, 2]);
}

#[test]
fn a_ticket_polled_without_need_is_still_answered() {
    shuttle::check_random(polling_too_often_loses_nothing, SCHEDULES);
    shuttle::check_pct(polling_too_often_loses_nothing, SCHEDULES, 3);
}

/// Whoever shared the batch of `bad` gets `answer`; everybody else is untouched, and the queue goes on.
fn a_bad_batch_is_answered_whole(bad: Job, answer: fn(u32) -> Done) {
    let world = World::new();
    let wait = |job: Job| move |queue: &Arc<Queue<Recorder>>| (number(job), block_on(queue.push(job)));
    let jobs = [Job::Plain(1), bad, Job::Plain(3), Job::Plain(4)];
    let threads: Vec<_> = jobs.into_iter().map(|job| world.caller(wait(job))).collect();
    let answers: Vec<(u32, Done)> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(block_on(world.queue.push(Job::Plain(5))), Done::Kept(5), "later batches work");
    let batches = world.end();
    for (number, done) in answers {
        let batch = batches
            .iter()
            .find(|batch| batch.contains(&Job::Plain(number)) || batch.contains(&bad) && number == 2);
        let expected = if batch.unwrap().contains(&bad) { answer(number) } else { Done::Kept(number) };
        assert_eq!(done, expected, "job {number} in {batches:?}");
    }
    assert_eq!(sorted(numbers(&batches)), [1, 2, 3, 4, 5]);
}

#[test]
fn a_panicking_batch_is_answered_whole_and_later_ones_work() {
    shuttle::check_random(|| a_bad_batch_is_answered_whole(Job::Panics(2), |_| Done::Recovered), SCHEDULES);
}

#[test]
fn a_failed_batch_is_answered_whole_and_later_ones_work() {
    shuttle::check_random(|| a_bad_batch_is_answered_whole(Job::Fails(2), Done::Lost), SCHEDULES);
}

/// Nobody awaits and nobody drops: only closing makes the writer take them.
fn closing_carries_out_what_is_queued() {
    let world = World::new();
    let early = world.queue.push(Job::Plain(1));
    let caller = world.caller(|queue| block_on(queue.push(Job::Plain(2))));
    let closer = world.caller(|queue| queue.close());
    assert_eq!(caller.join().unwrap(), Done::Kept(2));
    closer.join().unwrap();
    world.writer.join().unwrap();
    assert_eq!(block_on(early), Done::Kept(1));
    assert_eq!(sorted(numbers(&world.log.lock().unwrap())), [1, 2]);
}

/// Tickets in hand, none awaited; the writer must end, and must have done them all.
fn closing_ends_the_writer_with_nothing_lost() {
    let world = World::new();
    let tickets: Vec<_> = (1..=3).map(|number| world.queue.push(Job::Plain(number))).collect();
    let queue = Arc::clone(&world.queue);
    assert_eq!(numbers(&world.end()), [1, 2, 3]);
    for (ticket, number) in tickets.into_iter().zip(1..) {
        assert_eq!(block_on(pin!(ticket)), Done::Kept(number));
    }
    drop(queue);
}

#[test]
fn closing_loses_nothing_and_ends_the_writer() {
    shuttle::check_random(closing_ends_the_writer_with_nothing_lost, SCHEDULES);
    shuttle::check_random(closing_carries_out_what_is_queued, SCHEDULES);
    shuttle::check_pct(closing_carries_out_what_is_queued, SCHEDULES, 3);
}

/// Two workers, each with its thread: what is of one lane is carried out in order, and never by both at once.
#[test]
fn two_workers_keep_the_order_of_each_lane_whatever_the_schedule() {
    shuttle::check_random(
        || {
            let log = Arc::new(Mutex::new(Vec::new()));
            let recorder = || Recorder { log: Arc::clone(&log), recovered: 0 };
            let queue = Arc::new(Queue::of(vec![recorder(), recorder()], Drive::Thread));
            let writers: Vec<_> = (0..2)
                .map(|place| {
                    let serving = Arc::clone(&queue);
                    thread::spawn(move || serving.serve(place))
                })
                .collect();
            let callers: Vec<_> = (0..3)
                .map(|caller| {
                    let queue = Arc::clone(&queue);
                    thread::spawn(move || {
                        // Nobody waits for the first: whoever takes the second must have taken it before.
                        drop(queue.push(Job::Plain(caller * 10)));
                        let next = queue.push(Job::Plain(caller * 10 + 1));
                        assert_eq!(block_on(next), Done::Kept(caller * 10 + 1));
                        assert_eq!(
                            block_on(queue.push(Job::Plain(caller * 10 + 2))),
                            Done::Kept(caller * 10 + 2)
                        );
                    })
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().unwrap());
            queue.close();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            let ran = numbers(&log.lock().unwrap());
            for caller in 0..3 {
                let own: Vec<u32> = ran.iter().copied().filter(|number| number / 10 == caller).collect();
                assert_eq!(own, [caller * 10, caller * 10 + 1, caller * 10 + 2], "{ran:?}");
            }
        },
        SCHEDULES,
    );
}
