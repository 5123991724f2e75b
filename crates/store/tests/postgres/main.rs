//! What only the PostgreSQL backend promises: servers that share it, its second wall, its certificate, its crashes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the subject is servers, their processes and their files")]

mod kill;
mod reach;
#[expect(clippy::expect_used, dead_code, reason = "tests' own servers; what these do not need, others do")]
#[path = "../../../testkit/src/postgres.rs"]
mod server;
mod several;
mod slices;
mod tenants;
mod tls;
mod upgrade;

use comity_core::{Amounts, Digest, Namespace, RunId, Tenant, Timestamp};
use comity_store::{
    AccountId, Append, Commit, CommitError, EntryRow, Fence, Op, Options, Payload, Receipt, Refused, Store,
};
use std::future::Future;
use std::sync::Arc;

/// How the entries of these tests are linked.
fn link(before: &Digest, seq: u64, body: &[u8]) -> Digest {
    Digest::of(&[&before.0, &seq.to_be_bytes(), body])
}

fn open(url: &str) -> Store {
    Store::open(Options::new(url, link)).unwrap()
}

/// An empty database on the shared server.
fn database(name: &str) -> String {
    let url = server::database(&format!("test_{name}_{}", std::process::id()));
    server::psql(&url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    url
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

fn tenant() -> Tenant {
    "acme".parse().unwrap()
}

fn run_id(number: u64) -> RunId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RunId::from_bytes(bytes)
}

fn commit(run: RunId, fence: Fence, ops: Vec<Op>) -> Commit {
    let at = Timestamp::from_millis(1);
    Commit { tenant: tenant(), run, fence, at, expect: Vec::new(), ops }
}

fn opening(run: RunId) -> Commit {
    commit(run, Fence::New, vec![Op::OpenRun { namespace: Namespace::default_name(), owner: "one".into() }])
}

fn append(body: impl AsRef<[u8]>) -> Op {
    let payload = Payload { slot: 0, codec: 0, subject: None, salt: [0; 32], body: b"text"[..].into() };
    Op::Append(Append { body: body.as_ref().into(), payloads: vec![payload] })
}

fn ensure(account: AccountId, cap: u64) -> Op {
    let caps = Amounts { tokens: cap, ..Amounts::UNLIMITED };
    Op::EnsureAccount { account, label: "purse".into(), caps }
}

fn tokens(tokens: u64) -> Amounts {
    Amounts { tokens, ..Amounts::ZERO }
}

fn hold(accounts: &[AccountId], amount: u64) -> Op {
    Op::Hold { accounts: Arc::from(accounts), amounts: tokens(amount) }
}

fn settle(accounts: &[AccountId], held: u64, spent: u64) -> Op {
    Op::Settle { accounts: Arc::from(accounts), held: tokens(held), spent: tokens(spent) }
}

async fn must(store: &Store, commit: Commit) -> Receipt {
    store.queue(commit).await.unwrap()
}

fn refused(answer: Result<Receipt, CommitError>) -> Refused {
    match answer {
        Err(CommitError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

/// Every entry of the run, page by page; fails unless they are linked without a gap and the run's row agrees.
async fn chain(store: &Store, run: RunId) -> Vec<EntryRow> {
    let cell = store.run(&tenant(), run).await.unwrap().unwrap();
    let mut found: Vec<EntryRow> = Vec::new();
    while store.entries(&cell, found.len() as u64, 1_000, |entry| found.push(entry)).await.unwrap() > 0 {}
    let head = found.iter().enumerate().fold(Digest::ZERO, |before, (place, entry)| {
        let hash = link(&before, place as u64, &entry.body);
        assert_eq!((entry.seq, &*entry.hash), (place as u64, &hash.0[..]), "entry {place} is linked");
        assert_eq!(entry.payloads.len(), 1, "entry {place} has its text");
        hash
    });
    assert_eq!((cell.next_seq, cell.head), (found.len() as u64, head), "the run's row agrees with its chain");
    found
}
