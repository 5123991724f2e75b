//! Files whose end is missing, or is not what was written: what was synced before is there.

use super::*;
use std::fs;
use tempfile::TempDir;

const SECTOR: usize = 512;

/// A database whose log was never moved into the file, and how long the log was at each acknowledgement.
struct Synced {
    file: Vec<u8>,
    log: Vec<u8>,
    acknowledged: Vec<usize>,
}

fn synced(entries: u32) -> Synced {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let log = folder.path().join("a.db-wal");
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    let acknowledged = (0..entries)
        .map(|number| {
            let body = number.to_be_bytes();
            must(wait(store.queue(commit(run_id(1), Fence::Epoch(1), vec![append(&body, &[9; 700])]))));
            fs::metadata(&log).unwrap().len() as usize
        })
        .collect();
    // Copied while the store is open: whoever closes last moves the log into the file.
    Synced { file: fs::read(&path).unwrap(), log: fs::read(&log).unwrap(), acknowledged }
}

/// What stands behind the cut.
#[derive(Clone, Copy, Debug)]
enum Tail {
    Missing,
    Zeros,
    Garbage,
}

impl Tail {
    fn of(self, whole: &[u8], cut: usize) -> Vec<u8> {
        let mut bytes = whole[..cut].to_vec();
        match self {
            Self::Missing => {}
            Self::Zeros => bytes.resize(whole.len(), 0),
            Self::Garbage => {
                let mut dice = cut as u64 | 1;
                bytes.extend((cut..whole.len()).map(|_| {
                    dice =
                        dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (dice >> 56) as u8
                }));
            }
        }
        bytes
    }
}

#[test]
fn a_torn_log_keeps_what_was_synced_before_the_tear() {
    let whole = synced(90);
    assert!(whole.log.len() > 1 << 20, "the log is {} bytes", whole.log.len());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let log = folder.path().join("a.db-wal");
    let step = if std::env::var_os("COMITY_KILLS").is_some() { SECTOR } else { 7 * SECTOR };
    let last = whole.log.len() - (1 << 20);
    let aligned = (last / SECTOR * SECTOR..whole.log.len()).step_by(step);
    let odd = (0..60).map(|number| number * 7_919 * 31 % whole.log.len());
    for (turn, cut) in aligned.chain(odd).enumerate() {
        let tail = [Tail::Missing, Tail::Zeros, Tail::Garbage][turn % 3];
        fs::write(&path, &whole.file).unwrap();
        fs::write(&log, tail.of(&whole.log, cut)).unwrap();
        let certain = whole.acknowledged.iter().filter(|length| **length <= cut).count();
        let store = open(&path);
        let cell = wait(store.run(&Tenant::local(), run_id(1))).unwrap();
        let found = if cell.is_some() { chain(&store, run_id(1)) } else { Vec::new() };
        assert!(found.len() >= certain, "{tail:?} from {cut}: {} of {certain} are there", found.len());
        assert!(found.iter().all(|entry| entry.payloads.len() == 1), "no entry without its payload");
        assert_eq!(wait(store.integrity()).unwrap(), None, "{tail:?} from {cut}");
        drop(store);
    }
}
