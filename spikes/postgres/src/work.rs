//! Commits like those of governed steps, and what the tables must hold after them.

use crate::writer::{Answer, Queue};
use comity_core::{Amounts, Digest, Namespace, RunId, Tenant, Timestamp};
use comity_store::{AccountId, Append, Commit, Fence, Op, Payload};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

pub const HELD: Amounts = Amounts { micro_usd: 900, millis: 3_000, steps: 1, tokens: 4_000 };
pub const SPENT: Amounts = Amounts { micro_usd: 412, millis: 1_750, steps: 1, tokens: 2_311 };

pub fn link(before: &Digest, seq: u64, body: &[u8]) -> Digest {
    Digest::of(&[&before.0, &seq.to_be_bytes(), body])
}

pub fn run_id(number: u64) -> RunId {
    RunId::new(Timestamp::from_millis(1_763_640_000_000 + number), *b"spikespike")
}

/// The account of a run, and the namespace's and the tenant's of a division: what one server's slices of
/// the shared accounts would be is a division of its own here.
pub fn accounts(run: RunId, division: u8) -> Arc<[AccountId]> {
    Arc::new([AccountId(*run.bytes()), AccountId([240 + division; 16]), AccountId([250 + division; 16])])
}

pub fn commit(run: RunId, fence: Fence, ops: Vec<Op>) -> Commit {
    let at = Timestamp::from_millis(1_763_640_000_000);
    Commit { tenant: Tenant::local(), run, fence, at, expect: Vec::new(), ops }
}

pub fn open(run: RunId, division: u8, caps: Amounts) -> Commit {
    let mut ops = vec![Op::OpenRun { namespace: Namespace::default_name(), owner: "spike".into() }];
    ops.extend(accounts(run, division).iter().enumerate().map(|(place, account)| Op::EnsureAccount {
        account: *account,
        label: "account".into(),
        caps: if place == 0 { caps } else { Amounts::UNLIMITED },
    }));
    ops.push(append(0));
    commit(run, Fence::New, ops)
}

pub fn append(number: u64) -> Op {
    let mut body = vec![b'b'; 600];
    body[..8].copy_from_slice(&number.to_be_bytes());
    let payload = Payload { slot: 1, codec: 0, salt: [7; 32], body: vec![b'p'; 300] };
    Op::Append(Append { body, payloads: vec![payload] })
}

pub fn hold(run: RunId, division: u8) -> Op {
    Op::Hold { accounts: accounts(run, division), amounts: HELD }
}

pub fn settle(run: RunId, division: u8) -> Op {
    Op::Settle { accounts: accounts(run, division), held: HELD, spent: SPENT }
}

/// Opens a run and does its steps one after another; how long each commit took.
pub async fn steps(queue: Queue, run: RunId, division: u8, steps: u64) -> Vec<Duration> {
    answered(queue.commit(open(run, division, Amounts::UNLIMITED)).await);
    let mut took = Vec::new();
    for step in 0..steps {
        for op in [hold(run, division), settle(run, division)] {
            let begun = Instant::now();
            answered(queue.commit(commit(run, Fence::Epoch(1), vec![append(step), op])).await);
            took.push(begun.elapsed());
        }
    }
    took
}

pub fn answered(answer: Answer) {
    if let Err(why) = answer {
        panic!("{why:?}");
    }
}

/// Recomputes every link of every chain, and compares with the runs' heads; how many entries there are.
pub async fn check_chains(client: &Client) -> u64 {
    let mut count = 0;
    for run in client.query("SELECT key, next_seq, head FROM runs ORDER BY key", &[]).await.unwrap() {
        let (key, next, head): (i64, i64, &[u8]) = (run.get(0), run.get(1), run.get(2));
        let query = "SELECT e.seq, e.body, e.hash, p.body FROM entries e
                     LEFT JOIN payloads p ON p.id = e.id * 8 + 1 WHERE e.run = $1 ORDER BY e.seq";
        let entries = client.query(query, &[&key]).await.unwrap();
        let mut before = Digest::ZERO;
        for (place, entry) in entries.iter().enumerate() {
            assert_eq!(entry.get::<_, i64>(0), place as i64);
            before = link(&before, place as u64, entry.get(1));
            assert_eq!(entry.get::<_, &[u8]>(2), before.0);
            assert_eq!(entry.get::<_, Option<&[u8]>>(3).map(<[u8]>::len), Some(300));
        }
        assert_eq!((entries.len() as i64, &before.0[..]), (next, head));
        count += entries.len() as u64;
    }
    let stored: i64 = client.query_one("SELECT count(*) FROM entries", &[]).await.unwrap().get(0);
    let texts: i64 = client.query_one("SELECT count(*) FROM payloads", &[]).await.unwrap().get(0);
    assert_eq!((stored as u64, texts as u64), (count, count));
    count
}

/// The account holds nothing and has booked exactly `steps` steps.
pub async fn check_account(client: &Client, account: AccountId, steps: u64) {
    let query = "SELECT held_micro_usd, held_millis, held_steps, held_tokens,
                 spent_micro_usd, spent_millis, spent_steps, spent_tokens FROM accounts WHERE id = $1";
    let row = client.query_one(query, &[&&account.0[..]]).await.unwrap();
    let found: Vec<u64> = (0..8).map(|column| row.get::<_, i64>(column) as u64).collect();
    let spent = [SPENT.micro_usd, SPENT.millis, SPENT.steps, SPENT.tokens].map(|each| each * steps);
    assert_eq!((&found[..4], &found[4..]), (&[0; 4][..], &spent[..]));
}
