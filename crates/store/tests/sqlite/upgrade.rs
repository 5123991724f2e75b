//! Databases that an earlier build made.

use crate::{append, commit, link, open, run_id, wait};
use comity_core::{Amounts, ApprovalId, Digest, StepId, Tenant, Timestamp};
use comity_store::{AccountId, ApprovalState, Fence};
use std::path::Path;

const FIRST: &str = include_str!("../../src/migrations/0001_path.sql");

/// A database as the first build left it: two runs, of which one has entries, an account, an approval, a breaker.
fn of_the_first_build(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(FIRST).unwrap();
    let checksum = Digest::of(&[b"comity/migration/v1\n", FIRST.as_bytes()]).hex();
    let heads = chain();
    let hex = |digest: &Digest| format!("x'{}'", digest.hex());
    connection
        .execute_batch(&format!(
            "PRAGMA application_id = 1131238521;
             CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
                 applied_ms INTEGER NOT NULL) STRICT;
             INSERT INTO migrations VALUES (1, 'path', '{checksum}', 5);
             INSERT INTO runs VALUES (1, x'{one}', 'local', 'default', 3, 'me', 2, 2, {head}, 10, 20),
                                     (2, x'{two}', 'local', 'default', 1, 'me', 0, 0, x'{zero}', 11, 11);
             INSERT INTO entries VALUES (1, 'local', 1, 0, x'61', {first}), (2, 'local', 1, 1, x'62', {head});
             INSERT INTO payloads VALUES (9, 'local', 0, NULL, x'{zero}', x'74657874');
             INSERT INTO accounts VALUES (x'{one}', 'local', 'purse', 1, 2, 3, 4, 0, 0, 1, 0, 5, 6, 7, 8, 1);
             INSERT INTO approvals VALUES (x'{two}', 'local', 1, x'{two}', x'{zero}', 1, 99, 1);
             INSERT INTO breakers VALUES ('local', 'model', 2, 7, NULL);",
            one = "01".repeat(16),
            two = "02".repeat(16),
            zero = "00".repeat(32),
            first = hex(&heads[0]),
            head = hex(&heads[1]),
        ))
        .unwrap();
}

fn chain() -> [Digest; 2] {
    let first = link(&Digest::ZERO, 0, b"a");
    [first, link(&first, 1, b"b")]
}

#[test]
fn a_database_of_the_first_build_is_brought_up_to_date_with_everything_in_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("old.db");
    of_the_first_build(&path);
    let store = open(&path);
    let tenant = Tenant::local();
    let cell = wait(store.run(&tenant, run_id(1))).unwrap().unwrap();
    assert_eq!((cell.epoch, cell.status, cell.next_seq, cell.head), (3, 2, 2, chain()[1]));
    assert_eq!((cell.opened, cell.updated), (Timestamp::from_millis(10), Timestamp::from_millis(20)));
    assert_eq!((cell.anchored, cell.due), (0, true));
    let due: Vec<_> = wait(store.due(&tenant, 9)).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(due, [run_id(1)], "what has entries waits for its first leaf");
    let account = wait(store.account(&tenant, AccountId([1; 16]))).unwrap().unwrap().cell;
    let caps = Amounts { micro_usd: 1, millis: 2, steps: 3, tokens: 4 };
    assert_eq!((account.caps, account.held.steps, account.spent.tokens, account.frozen), (caps, 1, 8, true));
    let approval = wait(store.approval(&tenant, ApprovalId::from_bytes([2; 16]))).unwrap().unwrap().cell;
    assert_eq!((approval.run_id, approval.state), (run_id(1), ApprovalState::Approved));
    assert_eq!((approval.step, approval.asked), (StepId::from_bytes([2; 16]), 1));
    assert_eq!(wait(store.breaker(&tenant, "model")).unwrap().failures, 2);
    let mut texts = Vec::new();
    wait(store.entries(&cell, 0, 9, |entry| texts.push((entry.body, entry.payloads.len())))).unwrap();
    assert_eq!(texts, [(b"a".to_vec(), 1), (b"b".to_vec(), 0)]);

    let receipt = wait(store.queue(commit(run_id(1), Fence::Epoch(3), vec![append(b"c", b"x")]))).unwrap();
    assert_eq!(receipt.entries, [(2, link(&chain()[1], 2, b"c"))]);
    assert_eq!(wait(store.integrity()).unwrap(), None);
    let id = wait(store.id()).unwrap();
    drop(store);
    assert_eq!(wait(open(&path).id()).unwrap(), id);
}
