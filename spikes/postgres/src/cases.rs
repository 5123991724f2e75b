//! The cases that have one right outcome each.

use crate::server::{Server, connect};
use crate::sql::{Order, number};
use crate::work::{
    HELD, SPENT, answered, append, check_account, check_chains, commit, hold, link, open, run_id, settle,
};
use crate::writer::{Failed, Writer};
use comity_core::{Amounts, ApprovalId, Digest, Namespace, StepId, Timestamp};
use comity_store::{AccountId, ApprovalState, BreakerCell, Expect, Fence, Op, Refused};
use std::sync::Arc;

pub async fn all(server: &Server) {
    stale_epoch(server).await;
    over_cap(server).await;
    one_approval(server).await;
    same_rows_made_twice(server).await;
    one_breaker_twice(server).await;
    poisoned_batch(server).await;
    answer_to_commit(server).await;
    numbers(server).await;
    lock_order(server).await;
}

async fn stale_epoch(server: &Server) {
    let config = server.database("stale_epoch").await;
    let (mut one, mut two) =
        (Writer::open(&config, link, Order::Ids).await, Writer::open(&config, link, Order::Ids).await);
    let run = run_id(0);
    let take_over =
        commit(run, Fence::Anyone, vec![Op::TakeOver { from: 1, owner: "two".into() }, append(1)]);
    one.run(vec![open(run, 0, Amounts::UNLIMITED)]).await.into_iter().for_each(answered);
    two.run(vec![take_over]).await.into_iter().for_each(answered);
    let late = one.run(vec![commit(run, Fence::Epoch(1), vec![append(2)])]).await.remove(0);
    assert!(matches!(late, Err(Failed::Refused(Refused::Fenced(cell))) if cell.epoch == 2));
    two.run(vec![commit(run, Fence::Epoch(2), vec![append(2)])]).await.into_iter().for_each(answered);
    assert_eq!(check_chains(&connect(&config).await.unwrap()).await, 3);
    println!("stale epoch: the first server's commit is refused after the second took the run over");
}

async fn over_cap(server: &Server) {
    let config = server.database("over_cap").await;
    let mut writer = Writer::open(&config, link, Order::Ids).await;
    let (a, b, c) = (run_id(1), run_id(2), run_id(3));
    let small = Amounts { tokens: 3_999, ..Amounts::UNLIMITED };
    let opened = vec![open(a, 0, Amounts::UNLIMITED), open(b, 0, small), open(c, 0, Amounts::UNLIMITED)];
    writer.run(opened).await.into_iter().for_each(answered);
    // The refused commit has an append before its hold, and its hold fits two of three accounts.
    let step = |run, op| commit(run, Fence::Epoch(1), vec![append(1), op]);
    let mut over = step(b, hold(b, 0));
    if let Some(Op::Hold { accounts, .. }) = over.ops.last_mut() {
        *accounts = accounts.iter().rev().copied().collect();
    }
    let batch = vec![step(a, hold(a, 0)), over, step(a, settle(a, 0)), step(c, hold(c, 0))];
    let before = writer.stats.transactions;
    let answers = writer.run(batch).await;
    assert_eq!(writer.stats.transactions - before, 1);
    assert!(matches!(
        &answers[..],
        [Ok(_), Err(Failed::Refused(Refused::Insufficient { id, .. })), Ok(_), Ok(_)] if id.0 == *b.bytes()
    ));
    let client = connect(&config).await.unwrap();
    assert_eq!(check_chains(&client).await, 3 + 3);
    let shared = client
        .query_one("SELECT held_steps, spent_steps FROM accounts WHERE id = $1", &[&&[250u8; 16][..]])
        .await
        .unwrap();
    assert_eq!((shared.get::<_, i64>(0), shared.get::<_, i64>(1)), (1, SPENT.steps as i64));
    println!("over cap: refused in the middle of one transaction, and its neighbours are applied");
}

async fn one_approval(server: &Server) {
    let config = server.database("one_approval").await;
    let mut setup = Writer::open(&config, link, Order::Ids).await;
    let run = run_id(0);
    let (step, approval) = (StepId::from_bytes([1; 16]), ApprovalId::from_bytes([2; 16]));
    let ask = Op::AskApproval {
        approval,
        step,
        binding: Digest::of(&[b"act"]),
        expires: Timestamp::from_millis(u64::MAX >> 12),
    };
    let decide = Op::SetApproval(approval, ApprovalState::Approved);
    let asked = vec![
        open(run, 0, Amounts::UNLIMITED),
        commit(run, Fence::Epoch(1), vec![append(1), ask]),
        commit(run, Fence::Anyone, vec![append(2), decide]),
    ];
    setup.run(asked).await.into_iter().for_each(answered);

    let (one, _) = Writer::open(&config, link, Order::Ids).await.spawn();
    let (two, _) = Writer::open(&config, link, Order::Ids).await.spawn();
    let consumers: Vec<_> = (0..64)
        .map(|number| {
            let queue = if number % 2 == 0 { one.clone() } else { two.clone() };
            let spent = Op::SetApproval(approval, ApprovalState::Consumed);
            let mut consume = commit(run, Fence::Epoch(1), vec![append(number), spent, hold(run, 0)]);
            consume.expect.push(Expect::Approval(approval, ApprovalState::Approved));
            tokio::spawn(async move { queue.commit(consume).await })
        })
        .collect();
    let mut won = 0;
    for consumer in consumers {
        match consumer.await.unwrap() {
            Ok(_) => won += 1,
            Err(Failed::Refused(Refused::Approval(Some(cell)))) => {
                assert_eq!(cell.state, ApprovalState::Consumed);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(check_chains(&connect(&config).await.unwrap()).await, 4);
    println!("one approval: of 64 consumers on two servers, one won");
}

/// Two servers open runs of a tenant whose accounts nobody has made yet, and one run on both.
async fn same_rows_made_twice(server: &Server) {
    let (mut again, mut rounds) = (0, 0);
    while again == 0 && rounds < 20 {
        rounds += 1;
        let config = server.database(&format!("made_twice_{rounds}")).await;
        let (one, two) =
            (Writer::open(&config, link, Order::Ids).await, Writer::open(&config, link, Order::Ids).await);
        // Run 0 is opened by both; the orders differ on purpose.
        let batch =
            |runs: Vec<u64>| runs.iter().map(|run| open(run_id(*run), 0, Amounts::UNLIMITED)).collect();
        let (left, right) = (batch(vec![0, 1, 2, 3]), batch(vec![6, 5, 4, 0]));
        let go = |mut writer: Writer, jobs| async move { (writer.run(jobs).await, writer.stats.again) };
        let (left, right) = (tokio::spawn(go(one, left)), tokio::spawn(go(two, right)));
        let (left, right) = (left.await.unwrap(), right.await.unwrap());
        let answers: Vec<_> = left.0.into_iter().chain(right.0).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7, "{answers:?}");
        let twice = |answer: &&_| matches!(answer, Err(Failed::Refused(Refused::RunExists)));
        assert_eq!(answers.iter().filter(twice).count(), 1);
        let client = connect(&config).await.unwrap();
        assert_eq!(check_chains(&client).await, 7);
        assert_eq!(number(&client, "SELECT count(*) FROM accounts").await.unwrap(), 7 + 2);
        assert_eq!(crate::deadlocks(&config).await, 0);
        again += left.1 + right.1;
    }
    assert!(again > 0, "never collided");
    println!("same rows made twice: collided after {rounds} rounds, run again {again} times, all opened");
}

async fn one_breaker_twice(server: &Server) {
    let config = server.database("one_breaker_twice").await;
    let mut writer = Writer::open(&config, link, Order::Ids).await;
    let set = |run, failures| {
        let breaker = BreakerCell { failures, ..BreakerCell::default() };
        commit(run_id(run), Fence::Epoch(1), vec![Op::SetBreaker { endpoint: "e".into(), breaker }])
    };
    let opened = vec![open(run_id(1), 0, Amounts::UNLIMITED), open(run_id(2), 0, Amounts::UNLIMITED)];
    writer.run(opened).await.into_iter().for_each(answered);
    writer.run(vec![set(1, 4), set(2, 5)]).await.into_iter().for_each(answered);
    let client = connect(&config).await.unwrap();
    assert_eq!(number(&client, "SELECT failures FROM breakers").await.unwrap(), 5);
    println!("one breaker twice: the later of two in one batch stays, once they are made one row");
}

/// What `Cells::apply` lets through and PostgreSQL does not: a NUL in a text.
async fn poisoned_batch(server: &Server) {
    let config = server.database("poisoned_batch").await;
    let mut writer = Writer::open(&config, link, Order::Ids).await;
    let owner = "a\0b".into();
    let poison =
        commit(run_id(2), Fence::New, vec![Op::OpenRun { namespace: Namespace::default_name(), owner }]);
    let answers = writer.run(vec![open(run_id(1), 0, Amounts::UNLIMITED), poison]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Failed::Database(_)))));
    let client = connect(&config).await.unwrap();
    assert_eq!(check_chains(&client).await, 0);
    let Err(Failed::Database(why)) = &answers[0] else { return };
    println!("poisoned batch: a NUL in an owner's name takes its neighbour down with it: {why}");
}

/// A pipelined COMMIT behind a statement that failed is answered without an error, and rolls back.
async fn answer_to_commit(server: &Server) {
    let client = connect(&server.database("answer_to_commit").await).await.unwrap();
    let (begun, made, failed, committed) = futures_util::join!(
        client.batch_execute("BEGIN"),
        client.batch_execute("INSERT INTO breakers VALUES ('t', 'e', 0, 0, 0)"),
        client.batch_execute("INSERT INTO breakers VALUES ('t', 'e', 0, 0, 0)"),
        client.batch_execute("COMMIT"),
    );
    assert!(begun.is_ok() && made.is_ok() && failed.is_err() && committed.is_ok());
    assert_eq!(number(&client, "SELECT count(*) FROM breakers").await.unwrap(), 0);
    println!(
        "answer to commit: no error, though the transaction was rolled back: every answer must be looked at"
    );
}

/// A run that two servers append to: its row numbers do not rise with the chain.
async fn numbers(server: &Server) {
    let config = server.database("numbers").await;
    let (mut one, mut two) =
        (Writer::open(&config, link, Order::Ids).await, Writer::open(&config, link, Order::Ids).await);
    let note = || commit(run_id(0), Fence::Anyone, vec![append(1)]);
    one.run(vec![open(run_id(0), 0, Amounts::UNLIMITED)]).await.into_iter().for_each(answered);
    two.run(vec![note()]).await.into_iter().for_each(answered);
    one.run(vec![note()]).await.into_iter().for_each(answered);
    let client = connect(&config).await.unwrap();
    assert_eq!(check_chains(&client).await, 3);
    let rows = client.query("SELECT id FROM entries ORDER BY seq", &[]).await.unwrap();
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert!(ids[0] < ids[2] && ids[2] < ids[1]);
    println!("numbers: a chain that two servers append to has row numbers {ids:?}");
}

/// Two servers, each with a run of its own, over the same 200 accounts: many rows, so that locks do cross.
async fn lock_order(server: &Server) {
    let (right, kept) = crossed(server, "locks_in_order", Order::Ids).await;
    let (wrong, lost) = crossed(server, "locks_crossed", Order::Backwards).await;
    assert!(right == 0 && kept == 600 && wrong > 0 && lost < 600);
    println!("lock order: over 200 shared accounts, {right} deadlocks when both servers lock in id order;");
    println!(
        "    the control, where one locks backwards, has {wrong} and loses {} of 600 commits",
        600 - lost
    );
}

/// How many deadlocks there were, and how many of 600 commits were made.
async fn crossed(server: &Server, database: &str, other: Order) -> (i64, usize) {
    let config = server.database(database).await;
    let shared: Arc<[AccountId]> = (0..200).map(|number| AccountId([number; 16])).collect();
    let mut setup = Writer::open(&config, link, Order::Ids).await;
    let caps = Amounts::UNLIMITED;
    setup.run(vec![open(run_id(0), 0, caps), open(run_id(1), 0, caps)]).await.into_iter().for_each(answered);
    let make = |account: &AccountId| Op::EnsureAccount { account: *account, label: "shared".into(), caps };
    let made =
        shared.chunks(50).map(|part| commit(run_id(0), Fence::Epoch(1), part.iter().map(make).collect()));
    setup.run(made.collect()).await.into_iter().for_each(answered);
    let work = |run: u64, mut writer: Writer, accounts: Arc<[AccountId]>| async move {
        let mut done = 0;
        for _ in 0..300 {
            let ops = vec![
                Op::Hold { accounts: Arc::clone(&accounts), amounts: HELD },
                Op::Settle { accounts: Arc::clone(&accounts), held: HELD, spent: SPENT },
            ];
            let answers = writer.run(vec![commit(run_id(run), Fence::Epoch(1), ops)]).await;
            done += answers.iter().filter(|answer| answer.is_ok()).count();
        }
        done
    };
    let one = Writer::open(&config, link, Order::Ids).await;
    let two = Writer::open(&config, link, other).await;
    let (one, two) =
        (tokio::spawn(work(0, one, Arc::clone(&shared))), tokio::spawn(work(1, two, Arc::clone(&shared))));
    let done = one.await.unwrap() + two.await.unwrap();
    let client = connect(&config).await.unwrap();
    for account in shared.iter() {
        check_account(&client, *account, done as u64).await;
    }
    (crate::deadlocks(&config).await, done)
}
