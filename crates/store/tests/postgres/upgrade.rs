//! Databases that an earlier build made.

use crate::*;
use comity_core::{ApprovalId, StepId};
use comity_store::{ApprovalState, Error};

const FIRST: &str = include_str!("../../src/migrations/postgres/0001_path.sql");

fn chain_of_two() -> [Digest; 2] {
    let first = link(&Digest::ZERO, 0, b"a");
    [first, link(&first, 1, b"b")]
}

/// A database as the first schema has it: two runs, of which one has entries, an account, an approval, a breaker.
fn of_the_first_schema(url: &str) {
    let checksum = Digest::of(&[b"comity/migration/v1\n", FIRST.as_bytes()]).hex();
    let hex = |digest: &Digest| format!("'\\x{}'", digest.hex());
    let [first, head] = chain_of_two();
    let (one, two, zero) = ("'\\x".to_owned() + &"01".repeat(16) + "'", "02".repeat(16), "00".repeat(32));
    server::psql(
        url,
        &format!(
            "{FIRST}
             CREATE TABLE migrations (version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                 applied_ms bigint NOT NULL);
             INSERT INTO migrations VALUES (1, 'path', '{checksum}', 5);
             INSERT INTO runs VALUES (1, {one}, 'acme', 'default', 3, 'me', 2, 2, {head}, 10, 20),
                                     (2, '\\x{two}', 'acme', 'default', 1, 'me', 0, 0, '\\x{zero}', 11, 11);
             INSERT INTO entries VALUES (1, 'acme', 1, 0, '\\x61', {first}), (2, 'acme', 1, 1, '\\x62', {head});
             INSERT INTO payloads VALUES (9, 'acme', 0, NULL, '\\x{zero}', '\\x74657874');
             INSERT INTO accounts VALUES ({one}, 'acme', 'purse', 1, 2, 3, 4, 0, 0, 1, 0, 5, 6, 7, 8, 1);
             INSERT INTO approvals VALUES ('\\x{two}', 'acme', 1, '\\x{two}', '\\x{zero}', 1, 99, 1);
             INSERT INTO breakers VALUES ('acme', 'model', 2, 7, NULL);
             SELECT nextval('entry_blocks'), nextval('run_blocks');",
            head = hex(&head),
            first = hex(&first),
        ),
    );
}

#[test]
fn a_database_of_the_first_schema_is_brought_up_to_date_with_everything_in_it() {
    let url = database("upgrade");
    of_the_first_schema(&url);
    let store = open(&url);
    wait(async {
        let run = RunId::from_bytes([1; 16]);
        let cell = store.run(&tenant(), run).await.unwrap().unwrap();
        assert_eq!((cell.epoch, cell.status, cell.next_seq, cell.head), (3, 2, 2, chain_of_two()[1]));
        assert_eq!((cell.opened, cell.updated), (Timestamp::from_millis(10), Timestamp::from_millis(20)));
        assert_eq!((cell.anchored, cell.due), (0, true));
        let due: Vec<_> = store.due(&tenant(), 9).await.unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(due, [run], "what has entries waits for its first leaf");
        let account = store.account(&tenant(), AccountId([1; 16])).await.unwrap().unwrap().cell;
        let caps = Amounts { micro_usd: 1, millis: 2, steps: 3, tokens: 4 };
        assert_eq!(
            (account.caps, account.held.steps, account.spent.tokens, account.frozen),
            (caps, 1, 8, true)
        );
        let approval =
            store.approval(&tenant(), ApprovalId::from_bytes([2; 16])).await.unwrap().unwrap().cell;
        assert_eq!((approval.run_id, approval.state), (run, ApprovalState::Approved));
        assert_eq!((approval.step, approval.asked), (StepId::from_bytes([2; 16]), 1));
        assert_eq!(store.breaker(&tenant(), "model").await.unwrap().failures, 2);
        let mut texts = Vec::new();
        store.entries(&cell, 0, 9, |entry| texts.push((entry.body, entry.payloads.len()))).await.unwrap();
        assert_eq!(texts, [(b"a".to_vec(), 1), (b"b".to_vec(), 0)]);
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.stray_entry, totals.stray_payload), (None, None));
        let receipt = must(&store, commit(run, Fence::Epoch(3), vec![append("c")])).await;
        assert_eq!(receipt.entries, [(2, link(&chain_of_two()[1], 2, b"c"))]);
        must(&store, opening(run_id(9))).await;
    });
    let id = wait(store.id()).unwrap();
    drop(store);
    assert_eq!(wait(open(&url).id()).unwrap(), id);
}

#[test]
fn several_that_find_it_empty_bring_it_up_once() {
    let url = database("at_once");
    let stores: Vec<Store> = (0..8).map(|_| open(&url)).collect();
    let ids = wait(async {
        let mut ids = tokio::task::JoinSet::new();
        for store in stores {
            ids.spawn(async move { store.id().await.unwrap() });
        }
        ids.join_all().await
    });
    assert!(ids.windows(2).all(|two| two.first() == two.last()));
    assert_eq!(server::psql(&url, "SELECT count(*) FROM migrations"), "4");
}

#[test]
fn what_a_newer_build_made_or_somebody_changed_is_left_alone() {
    let url = database("newer");
    wait(open(&url).id()).unwrap();
    server::psql(&url, "UPDATE migrations SET checksum = 'x' WHERE version = 2");
    let changed = wait(open(&url).id()).unwrap_err();
    assert!(matches!(changed, Error::Migration { version: 2, .. }), "{changed}");
    server::psql(
        &url,
        "DELETE FROM migrations WHERE version = 2; INSERT INTO migrations VALUES (99, 'x', 'x', 1)",
    );
    let newer = wait(open(&url).id()).unwrap_err();
    assert!(matches!(newer, Error::Newer { found: 99, .. }), "{newer}");
}
