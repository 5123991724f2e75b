//! Processes that are killed: what was acknowledged is there, and nothing is torn.

use super::child::{Other, say};
use super::*;
use comity_core::{Point, Points};
use comity_store::Pump;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const CALLERS: u8 = 64;

/// Sixty-four callers append to one run, and say so after each acknowledgement.
pub fn appends_until_killed(file: &Path) {
    let store = open(file);
    let _ = wait(store.queue(opening(run_id(1))));
    let threads: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let store = store.clone();
            std::thread::spawn(move || {
                for turn in 0..u32::MAX {
                    let body = [&[caller][..], &turn.to_be_bytes()].concat();
                    let ops = vec![append(&body, &[caller; 700])];
                    let receipt = must(wait(store.queue(commit(run_id(1), Fence::Anyone, ops))));
                    let (seq, hash) = receipt.entries[0];
                    say(&format!("{seq} {}", hash.hex()));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A place in the chain and its hash, as a child acknowledged them.
fn acknowledged(line: &str) -> (usize, Digest) {
    // The last line may have been cut by the kill: then nobody was told.
    let (seq, hash) = line.split_once(' ').unwrap();
    (seq.parse().unwrap(), Digest::from_hex(hash).unwrap())
}

#[test]
fn what_was_acknowledged_survives_kills() {
    // Other suites read `all` there.
    let kills: u32 = std::env::var("COMITY_KILLS").map_or(20, |text| text.parse().unwrap_or(500));
    let folder = TempDir::new().unwrap();
    let mut dice = u64::from(std::process::id());
    eprintln!("seed {dice}");
    for lives in (0..kills).step_by(LIVES as usize) {
        let path = folder.path().join(format!("{lives}.db"));
        dice = survives(&path, LIVES.min(kills - lives), dice);
    }
}

/// How many processes die over one file, before it grows too long to be read after each.
const LIVES: u32 = 20;

/// Kills so many appenders of one file, looks after each, and hands back the dice.
fn survives(path: &Path, kills: u32, mut dice: u64) -> u64 {
    let mut acks: Vec<(usize, Digest)> = Vec::new();
    for round in 0..kills {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut other = Other::start("append", path);
        let enough = (dice >> 33) % 2_000;
        let before = acks.len();
        for _ in 0..enough {
            acks.push(acknowledged(&other.hear().unwrap()));
        }
        other.kill();
        while let Some(line) = other.hear() {
            if line.len() > 65 && line.split_once(' ').is_some_and(|(_, hash)| hash.len() == 64) {
                acks.push(acknowledged(&line));
            }
        }
        let store = open(path);
        if acks.is_empty() {
            continue;
        }
        let entries = chain(&store, run_id(1));
        for (seq, hash) in &acks {
            assert_eq!(entries[*seq].hash, hash.0, "round {round}: acknowledged entry {seq} is there");
        }
        for entry in &entries {
            let texts: Vec<&[u8]> = entry.payloads.iter().map(|text| &text.body[..]).collect();
            assert_eq!(texts, [&[entry.body[0]; 700]], "no entry without its payload");
        }
        let totals = wait(store.totals()).unwrap();
        assert_eq!((totals.stray_entry, totals.stray_payload), (None, None));
        assert!(acks.len() >= before);
    }
    assert_eq!(wait(open(path).integrity()).unwrap(), None);
    dice
}

/// Kills this process at the third time the point is reached.
struct Deadly(Point, AtomicU32);

impl Points for Deadly {
    fn reach(&self, point: Point) {
        if point == self.0 && self.1.fetch_add(1, Ordering::SeqCst) == 2 {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
    }
}

pub fn dies_at(point: Point, file: &Path) {
    let points = Arc::new(Deadly(point, AtomicU32::new(0)));
    // Pumped by hand, so that the third batch is the second entry's.
    let store = Store::open(Options { points, pump: Pump::Manual, ..options(file) }).unwrap();
    let tickets =
        [store.queue(opening(run_id(1))), entry(&store, run_id(1), "a"), entry(&store, run_id(1), "b")];
    for mut ticket in tickets {
        store.pump(1);
        must(ticket.take().unwrap());
        say("acknowledged");
    }
}

#[test]
fn a_kill_beside_the_commit_leaves_all_or_nothing() {
    for (role, survivors) in [("die before", 1), ("die after", 2)] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("point.db");
        let mut other = Other::start(role, &path);
        let told = std::iter::from_fn(|| other.hear()).count();
        assert_eq!(told, 2, "the third batch is never acknowledged");
        assert_eq!(chain(&open(&path), run_id(1)).len(), survivors, "{role}");
    }
}
