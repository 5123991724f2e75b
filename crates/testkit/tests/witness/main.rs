//! The witness as a process: it dies at any moment, and has never signed two views or gone back.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an integration test, all of it"
)]
#![expect(clippy::disallowed_methods, reason = "the subject is processes and their files")]

mod pins;
mod service;
mod setting;
mod split;

use comity_testkit::grown::Grown;
use service::{Asked, Service, State};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const COMMON: u64 = 10;
const SIZE: u64 = 400;

/// Two views of one log that part after `COMMON` leaves.
fn views() -> [Grown; 2] {
    let common = Grown::new("comity/log/tenant").grown(COMMON, "a");
    [common.clone().grown(SIZE - COMMON, "a"), common.grown(SIZE - COMMON, "b")]
}

/// A cosignature that somebody holds: of which view, and at which size.
type Held = Mutex<Vec<(usize, u64)>>;

/// Submits one view at one size after another until the witness is gone.
fn submit(service: &Service, views: &[Grown; 2], view: usize, gone: &AtomicBool, held: &Held) {
    let log = &views[view];
    let (mut old, mut new) = (0, 1);
    while !gone.load(Ordering::SeqCst) {
        match service.ask(log, old, new) {
            Some(Asked::Cosigned) => {
                held.lock().unwrap().push((view, new));
                (old, new) = (new, (new + 1).min(SIZE));
            }
            Some(Asked::Size(size)) if size <= SIZE => (old, new) = (size, (size + 1).min(SIZE)),
            Some(Asked::Size(size)) => panic!("the witness is at {size}, which nobody submitted"),
            // The other view has won.
            Some(Asked::Refused(422)) => (old, new) = (0, 1),
            Some(Asked::Refused(status)) => panic!("{status}"),
            None => return,
        }
    }
}

/// What any two readers hold can be of one log.
fn check(held: &Held) {
    let held = held.lock().unwrap();
    let past: Vec<_> = held.iter().filter(|(_, size)| *size > COMMON).collect();
    assert!(past.windows(2).all(|two| two[0].0 == two[1].0), "two views were cosigned: {past:?}");
}

#[test]
fn killed_at_any_moment_it_signs_one_view_and_never_goes_back() {
    let thorough = std::env::var("COMITY_KILLS").as_deref() == Ok("all");
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut seed = std::env::var("COMITY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(nanos);
    println!("COMITY_SEED={seed}");
    let (state, views, held) = (State::new(), views(), Held::default());
    for _ in 0..if thorough { 300 } else { 25 } {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let service = state.start(views[0].verifier(), None);
        let highest = held.lock().unwrap().iter().map(|(_, size)| *size).max().unwrap_or(0);
        if highest > 0 {
            let now = service.ask(&views[0], 0, SIZE);
            let Some(Asked::Size(now)) = now else { panic!("{now:?}") };
            assert!(now >= highest, "it is at {now}, and {highest} was cosigned");
        }
        let gone = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for view in [0, 1, 0, 1] {
                let (service, views, gone, held) = (&service, &views, &gone, &held);
                scope.spawn(move || submit(service, views, view, gone, held));
            }
            std::thread::sleep(Duration::from_micros((seed >> 33) % 60_000));
            service.kill();
            gone.store(true, Ordering::SeqCst);
        });
        check(&held);
    }
    let count = held.lock().unwrap().len();
    assert!(count > 50, "only {count} cosignatures: the test shows little");
}

/// Before it is on the disk nobody was answered and the old size stands; after it, the new size stands.
#[test]
fn killed_beside_the_disk_it_knows_what_the_disk_knows() {
    for (point, stands) in [("before_commit:2", 20), ("after_commit:2", 30)] {
        let (state, [log, other]) = (State::new(), views());
        let service = state.start(log.verifier(), Some(point));
        assert_eq!(service.ask(&log, 0, 20), Some(Asked::Cosigned));
        assert_eq!(service.ask(&log, 20, 30), None, "{point}: it died");
        drop(service);
        let service = state.start(log.verifier(), None);
        assert_eq!(service.ask(&log, 0, SIZE), Some(Asked::Size(stands)), "{point}");
        assert_eq!(service.ask(&other, stands, SIZE), Some(Asked::Refused(422)), "{point}");
        assert_eq!(service.ask(&log, stands, SIZE), Some(Asked::Cosigned), "{point}");
        assert_eq!(state.evidence(), 1, "{point}");
    }
}

#[test]
fn told_to_end_it_ends_well() {
    let (state, [log, _]) = (State::new(), views());
    let mut service = state.start(log.verifier(), None);
    assert_eq!(service.ask(&log, 0, 20), Some(Asked::Cosigned));
    assert_eq!(service.end(), Some(0));
    let service = state.start(log.verifier(), None);
    assert_eq!(service.ask(&log, 0, 30), Some(Asked::Size(20)));
}
