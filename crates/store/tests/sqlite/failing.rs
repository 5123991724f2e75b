//! A disk that fails at any one change of the files, once or from then on: nothing acknowledged is lost.

use super::child::{Other, say};
use super::*;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const ENTRIES: u32 = 60;

/// Appends, and goes on after a failure as an owner would: by taking the run over.
pub fn endures(file: &Path) {
    let Ok(store) = Store::open(options(file)) else { return say("not opened") };
    if wait(store.queue(opening(run_id(1)))).is_err() {
        return say("no run");
    }
    let text = vec![7; 8_000];
    let mut epoch = 1;
    for number in 0..ENTRIES {
        let ops = vec![append(&number.to_be_bytes(), &text)];
        match wait(store.queue(commit(run_id(1), Fence::Epoch(epoch), ops))) {
            Ok(receipt) => {
                let (seq, hash) = receipt.entries[0];
                say(&format!("{seq} {}", hash.hex()));
            }
            Err(_) => match wait(store.queue(take_over(run_id(1), epoch))) {
                Ok(receipt) => epoch = receipt.epoch,
                Err(error) => return say(&format!("given up: {error:?}")),
            },
        }
    }
}

/// How a disk fails.
#[derive(Clone, Copy, Debug)]
struct Failure {
    errno: i32,
    on_and_on: bool,
    half: bool,
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

const FAILURES: [Failure; 4] = [
    Failure { errno: EIO, on_and_on: false, half: false },
    Failure { errno: EIO, on_and_on: true, half: true },
    Failure { errno: ENOSPC, on_and_on: false, half: true },
    Failure { errno: ENOSPC, on_and_on: true, half: false },
];

struct Bench {
    folder: TempDir,
    shim: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let shim = folder.path().join("failing_disk.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sqlite/failing_disk.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&shim).arg(source).arg("-ldl");
        assert!(compiler.status().unwrap().success(), "the shim is built");
        Self { folder, shim }
    }

    /// One life of the appender on a fresh file; what it acknowledged, and how many changes it made.
    fn live(&self, at: u64, failure: Failure) -> (PathBuf, Vec<(usize, Digest)>, u64) {
        let path = self.folder.path().join(format!("{at}-{}-{}.db", failure.errno, failure.on_and_on));
        let count = self.folder.path().join("count");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("LD_PRELOAD", &self.shim).env("DISK_COUNT", &count);
        command.env("DISK_FAILS_AT", at.to_string()).env("DISK_FAILS_WITH", failure.errno.to_string());
        command.env("DISK_FAILS_ON_AND_ON", u8::from(failure.on_and_on).to_string());
        command.env("DISK_FAILS_HALF", if failure.half { "1" } else { "0" });
        let mut other = Other::start_with(command, "endure", &path);
        let said: Vec<String> = std::iter::from_fn(|| other.hear()).collect();
        let ended = other.process.wait().unwrap();
        assert!(ended.success(), "it ends by itself, with whatever it found: {ended}");
        let acknowledged = said.iter().filter_map(|line| {
            let (seq, hash) = line.split_once(' ')?;
            Some((seq.parse().ok()?, Digest::from_hex(hash)?))
        });
        let changes = std::fs::read_to_string(&count).unwrap().trim().parse().unwrap();
        (path, acknowledged.collect(), changes)
    }
}

#[test]
fn a_disk_that_fails_anywhere_loses_nothing_acknowledged() {
    let bench = Bench::new();
    let none = Failure { errno: 0, on_and_on: false, half: false };
    let (path, acknowledged, changes) = bench.live(0, none);
    assert_eq!(acknowledged.len(), ENTRIES as usize);
    assert_eq!(chain(&open(&path), run_id(1)).len(), ENTRIES as usize);
    assert!(changes > 300, "the shim sees the files: {changes} changes");
    let places: u64 = if std::env::var_os("COMITY_KILLS").is_some() { 100 } else { 10 };
    let (mut hurt, mut kept) = (0, 0);
    for failure in FAILURES {
        for place in 0..places {
            // Opening and closing make few changes, each of another sort: they are taken one by one.
            let at = if place < places / 3 { 1 + place } else { place * changes / places };
            let (path, acknowledged, _) = bench.live(at, failure);
            hurt += usize::from(acknowledged.len() < ENTRIES as usize);
            kept += acknowledged.len();
            let Ok(store) = Store::open(options(&path)) else {
                unreachable!("{failure:?} at change {at}: the file cannot be opened afterwards");
            };
            assert_eq!(wait(store.integrity()).unwrap(), None, "{failure:?} at change {at}");
            if acknowledged.is_empty() {
                continue;
            }
            let entries = chain(&store, run_id(1));
            for (seq, hash) in acknowledged {
                assert_eq!(entries[seq].hash, hash.0, "{failure:?} at change {at}: entry {seq} is there");
                assert_eq!(entries[seq].payloads.len(), 1);
            }
        }
    }
    assert!(hurt > 0 && kept > 0, "some of the failures hit an append, and some entries came before");
}
