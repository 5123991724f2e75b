//! What only the SQLite backend promises: files, processes that share one, kills, and full disks.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the subject is files and processes")]

mod broken;
mod busy;
mod child;
mod failing;
mod files;
mod full;
mod kill;
mod log;
mod torn;
mod totals;
mod upgrade;

use comity_core::{Digest, Namespace, RunId, Tenant, Timestamp};
use comity_store::{
    Access, Append, Commit, CommitError, EntryRow, Fence, Op, Options, Payload, Receipt, Store, Ticket,
};
use std::future::Future;
use std::path::Path;

/// How the entries of these tests are linked.
fn link(before: &Digest, seq: u64, body: &[u8]) -> Digest {
    Digest::of(&[&before.0, &seq.to_be_bytes(), body])
}

fn options(path: &Path) -> Options {
    Options::new(path, link)
}

fn open(path: &Path) -> Store {
    Store::open(options(path)).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn run_id(number: u8) -> RunId {
    RunId::from_bytes([number; 16])
}

fn commit(run: RunId, fence: Fence, ops: Vec<Op>) -> Commit {
    let at = Timestamp::from_millis(1);
    Commit { tenant: Tenant::local(), run, fence, at, expect: Vec::new(), ops }
}

fn opening(run: RunId) -> Commit {
    commit(run, Fence::New, vec![Op::OpenRun { namespace: Namespace::default_name(), owner: "one".into() }])
}

fn take_over(run: RunId, from: u64) -> Commit {
    commit(run, Fence::Anyone, vec![Op::TakeOver { from, owner: "two".into() }])
}

fn append(body: &[u8], payload: &[u8]) -> Op {
    let payload = Payload { slot: 0, codec: 0, subject: None, salt: [0; 32], body: payload.into() };
    Op::Append(Append { body: body.into(), payloads: vec![payload] })
}

/// Queues one entry of the run's first owner.
fn entry(store: &Store, run: RunId, body: &str) -> Ticket {
    store.queue(commit(run, Fence::Epoch(1), vec![append(body.as_bytes(), b"text")]))
}

fn must(answer: Result<Receipt, CommitError>) -> Receipt {
    answer.unwrap()
}

/// Every entry of the run, page by page; fails unless they are linked without a gap.
fn chain(store: &Store, run: RunId) -> Vec<EntryRow> {
    wait(async {
        let cell = store.run(&Tenant::local(), run).await.unwrap().unwrap();
        let mut found: Vec<EntryRow> = Vec::new();
        while store.entries(&cell, found.len() as u64, 1_000, |entry| found.push(entry)).await.unwrap() > 0 {}
        let head = found.iter().enumerate().fold(Digest::ZERO, |before, (place, entry)| {
            let hash = link(&before, place as u64, &entry.body);
            assert_eq!((entry.seq, &*entry.hash), (place as u64, &hash.0[..]), "entry {place} is linked");
            hash
        });
        assert_eq!(
            (cell.next_seq, cell.head),
            (found.len() as u64, head),
            "the run's row agrees with its chain"
        );
        found
    })
}

/// Notes that a test could not be run here.
fn skip(name: &str, reason: &str) {
    let line = format!("SKIPPED: {name}: {reason}\n");
    eprint!("{line}");
    if let Some(file) = std::env::var_os("COMITY_SKIPS") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }
}
