//! Two stores on one database, as two servers are.

use crate::*;
use comity_core::{ApprovalId, StepId};
use comity_store::{Anchor, ApprovalState, BreakerChange, Expect, NewLeaf};
use std::time::Duration;
use tokio::task::JoinSet;

fn two(name: &str) -> (Store, Store, String) {
    let url = database(name);
    (open(&url), open(&url), url)
}

#[test]
fn an_owner_that_was_overtaken_on_another_server_is_refused() {
    let (one, other, _) = two("overtaken");
    wait(async {
        must(&one, opening(run_id(0))).await;
        let take = Op::TakeOver { from: 1, owner: "two".into() };
        must(&other, commit(run_id(0), Fence::Anyone, vec![take, append("taken")])).await;
        let late = one.queue(commit(run_id(0), Fence::Epoch(1), vec![append("late")])).await;
        assert!(matches!(refused(late), Refused::Fenced(cell) if cell.epoch == 2));
        must(&other, commit(run_id(0), Fence::Epoch(2), vec![append("next")])).await;
        assert_eq!(chain(&one, run_id(0)).await.len(), 2);
    });
}

#[test]
fn of_64_consumers_on_two_servers_one_wins_an_approval() {
    let (one, other, _) = two("consumers");
    wait(async {
        let (step, approval) = (StepId::from_bytes([1; 16]), ApprovalId::from_bytes([2; 16]));
        let expires = Timestamp::from_millis(9_000);
        let ask = Op::AskApproval { approval, step, binding: Digest::ZERO, expires };
        must(&one, opening(run_id(0))).await;
        must(&one, commit(run_id(0), Fence::Epoch(1), vec![append("ask"), ask])).await;
        let decide = vec![append("yes"), Op::SetApproval(approval, ApprovalState::Approved)];
        must(&other, commit(run_id(0), Fence::Anyone, decide)).await;
        let mut consumers = JoinSet::new();
        for number in 0..64 {
            let spent = Op::SetApproval(approval, ApprovalState::Consumed);
            let mut consume = commit(run_id(0), Fence::Anyone, vec![append("spent"), spent]);
            consume.expect.push(Expect::Approval(approval, ApprovalState::Approved));
            consumers.spawn(if number % 2 == 0 { one.queue(consume) } else { other.queue(consume) });
        }
        let answers = consumers.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        for answer in answers.into_iter().filter(Result::is_err) {
            assert!(
                matches!(refused(answer), Refused::Approval(Some(cell)) if cell.state == ApprovalState::Consumed)
            );
        }
        assert_eq!(chain(&one, run_id(0)).await.len(), 3);
    });
}

#[test]
fn rows_that_both_make_at_once_are_made_once() {
    for round in 0..5 {
        let (one, other, _) = two(&format!("made_twice_{round}"));
        wait(async {
            // Each opens its own runs and one that the other opens too; the accounts are the tenant's, and new.
            let open = |number: u64| {
                let mut opening = opening(run_id(number));
                opening.ops.extend([
                    ensure(AccountId([1; 16]), 100),
                    ensure(AccountId([2; 16]), 100),
                    append("open"),
                ]);
                opening
            };
            let mut answers = JoinSet::new();
            for number in [0, 1, 2, 3] {
                answers.spawn(one.queue(open(number)));
            }
            for number in [6, 5, 4, 0] {
                answers.spawn(other.queue(open(number)));
            }
            let answers = answers.join_all().await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7, "{answers:?}");
            let twice = |answer: &&_| matches!(answer, Err(CommitError::Refused(Refused::RunExists)));
            assert_eq!(answers.iter().filter(twice).count(), 1);
            for number in 0..7 {
                assert_eq!(chain(&other, run_id(number)).await.len(), 1);
            }
            assert_eq!(one.accounts(&tenant(), None).await.unwrap().len(), 2);
        });
    }
}

#[test]
fn failures_that_two_servers_tell_at_once_add_up() {
    let (one, other, _) = two("breakers");
    wait(async {
        must(&one, opening(run_id(0))).await;
        must(&one, opening(run_id(1))).await;
        let failed = |run| {
            let change = BreakerChange::Failed {
                at: Timestamp::from_millis(5),
                threshold: 1_000,
                window: Duration::from_secs(60),
            };
            commit(run_id(run), Fence::Anyone, vec![Op::Breaker { endpoint: "model".into(), change }])
        };
        let mut told = JoinSet::new();
        for _ in 0..40 {
            told.spawn(one.queue(failed(0)));
            told.spawn(other.queue(failed(1)));
            // Batches of both, again and again.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(told.join_all().await.iter().all(Result::is_ok));
        assert_eq!(one.breaker(&tenant(), "model").await.unwrap().failures, 80);
    });
}

#[test]
fn many_shared_rows_are_locked_without_a_deadlock_and_the_books_are_exact() {
    let (one, other, url) = two("locks");
    let accounts: Vec<AccountId> = (0..100).map(|number| AccountId([number; 16])).collect();
    wait(async {
        for (number, store) in [&one, &other].into_iter().enumerate() {
            must(store, opening(run_id(number as u64))).await;
        }
        for part in accounts.chunks(50) {
            let ops = part.iter().map(|account| ensure(*account, 1_000_000)).collect();
            must(&one, commit(run_id(0), Fence::Epoch(1), ops)).await;
        }
        let work = |store: Store, run: u64, accounts: Vec<AccountId>| async move {
            for _ in 0..100 {
                let ops = vec![append("x"), hold(&accounts, 5), settle(&accounts, 5, 3)];
                must(&store, commit(run_id(run), Fence::Epoch(1), ops)).await;
            }
        };
        let backwards = accounts.iter().rev().copied().collect();
        let (a, b) = (work(one.clone(), 0, accounts.clone()), work(other.clone(), 1, backwards));
        let (a, b) = (tokio::spawn(a), tokio::spawn(b));
        a.await.unwrap();
        b.await.unwrap();
        for account in &accounts {
            let cell = one.account(&tenant(), *account).await.unwrap().unwrap().cell;
            assert_eq!((cell.held.tokens, cell.spent.tokens), (0, 600));
        }
    });
    drop((one, other));
    // Counters are handed over when a session ends.
    std::thread::sleep(Duration::from_millis(200));
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(server::psql(&url, deadlocks), "0");
}

#[test]
fn of_two_servers_that_anchor_one_wins_each_size() {
    let (one, other, _) = two("anchors");
    wait(async {
        must(&one, opening(run_id(0))).await;
        must(&one, commit(run_id(0), Fence::Epoch(1), (0..20).map(append_number).collect())).await;
        for size in 0..20 {
            let anchor = || {
                let leaf =
                    NewLeaf { run: run_id(0), size: size + 1, kind: 1, root: Digest::ZERO, frontier: vec![] };
                let (leaves, hashes, note) = (vec![leaf], vec![Digest::ZERO], b"note"[..].into());
                let anchor = Op::Anchor(Box::new(Anchor { from: size, leaves, hashes, note }));
                commit(run_id(0), Fence::Anyone, vec![anchor])
            };
            let (a, b) = (tokio::spawn(one.queue(anchor())), tokio::spawn(other.queue(anchor())));
            let answers = [a.await.unwrap(), b.await.unwrap()];
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
            let told = |answer: &&_| matches!(answer, Err(CommitError::Refused(Refused::Log { .. })));
            assert_eq!(answers.iter().filter(told).count(), 1, "{answers:?}");
        }
        assert_eq!(one.log(&tenant()).await.unwrap().size, 20);
        assert!(one.due(&tenant(), 9).await.unwrap().is_empty());
    });
}

fn append_number(number: u32) -> Op {
    append(number.to_be_bytes())
}

#[test]
fn a_commit_elsewhere_is_heard() {
    let (one, other, _) = two("heard");
    wait(async {
        must(&one, opening(run_id(0))).await;
        let mut commits = other.commits();
        for seq in 1..20 {
            must(&one, commit(run_id(0), Fence::Epoch(1), vec![append("x")])).await;
            // As whoever follows a run does: look, then wait to be told.
            let heard = async {
                loop {
                    commits.borrow_and_update();
                    if other.run(&tenant(), run_id(0)).await.unwrap().unwrap().next_seq >= seq {
                        break;
                    }
                    commits.changed().await.unwrap();
                }
            };
            tokio::time::timeout(Duration::from_secs(5), heard).await.unwrap();
        }
    });
}

#[test]
fn a_process_shows_that_it_lives_from_its_first_commit_to_its_end() {
    let (one, other, url) = two("lives");
    wait(async {
        one.claim("7-aa".into());
        other.run(&tenant(), run_id(0)).await.unwrap();
        one.run(&tenant(), run_id(0)).await.unwrap();
        assert!(!other.lives("7-aa").await.unwrap(), "it only looked");
        must(&one, opening(run_id(0))).await;
        assert!(other.lives("7-aa").await.unwrap());
        assert!(!other.lives("7-ab").await.unwrap());
    });
    // It may renew its sign between being made old and being looked at, but not each time.
    let is_old = |_: &u32| {
        server::psql(&url, "UPDATE servers SET until = clock_timestamp() - interval '1 second'");
        !wait(other.lives("7-aa")).unwrap()
    };
    assert!((0..5).any(|attempt| is_old(&attempt)), "its sign is too old");
    wait(async {
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while !other.lives("7-aa").await.unwrap() {
            assert!(std::time::Instant::now() < deadline, "the sign is not renewed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    drop(one);
    assert!(!wait(other.lives("7-aa")).unwrap(), "it took its sign away when it ended");
}

#[test]
fn one_server_at_a_time_leads_a_tenants_log_until_it_ends_or_its_connection_does() {
    let (one, other, url) = two("lease");
    // A session ends on the server a moment after its client is gone.
    let soon = async |store: &Store| {
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(lease) = store.lease(&tenant()).await.unwrap() {
                break lease;
            }
            assert!(std::time::Instant::now() < deadline, "the lease does not pass over");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    wait(async {
        let lease = one.lease(&tenant()).await.unwrap().unwrap();
        for _ in 0..20 {
            assert!(other.lease(&tenant()).await.unwrap().is_none());
            assert!(one.lease(&tenant()).await.unwrap().is_none(), "nor a second time in the same process");
        }
        let elsewhere = other.lease(&"other".parse().unwrap()).await.unwrap();
        assert!(elsewhere.is_some(), "another tenant's log is another's");
        assert!(lease.lasts());
        drop(lease);
        let lease = soon(&other).await;
        assert!(one.lease(&tenant()).await.unwrap().is_none());
        // As when its process is killed.
        server::psql(
            &url,
            "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE l.locktype = 'advisory' AND a.datname = current_database()",
        );
        let _next = soon(&one).await;
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while lease.lasts() {
            assert!(std::time::Instant::now() < deadline, "it does not see that it is gone");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(other.lease(&tenant()).await.unwrap().is_none());
    });
}

/// What an account comes to, from its row and its slices, and how many of these there are.
fn parts(url: &str, account: AccountId) -> (String, String) {
    let hex: String = account.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let row = format!("SELECT held_tokens, spent_tokens, given_tokens FROM accounts WHERE id = '\\x{hex}'");
    let slices = format!("SELECT count(*) FROM slices WHERE account = '\\x{hex}'");
    (server::psql(url, &row), server::psql(url, &slices))
}

const ROOF: AccountId = AccountId([9; 16]);

/// A run with an account of its own under one that all share.
async fn open_under_roof(store: &Store, number: u64, cap: u64) {
    let own = AccountId(*run_id(number).bytes());
    let mut opening = opening(run_id(number));
    opening.ops.extend([ensure(own, 1_000_000_000), ensure(ROOF, cap)]);
    must(store, opening).await;
}

fn step(number: u64, ops: impl Fn(&[AccountId]) -> Op) -> Commit {
    commit(run_id(number), Fence::Epoch(1), vec![ops(&[AccountId(*run_id(number).bytes()), ROOF])])
}

#[test]
fn servers_spend_from_a_shared_account_without_waiting_for_each_other() {
    let (one, other, url) = two("slices");
    wait(async {
        open_under_roof(&one, 0, 1_000).await;
        open_under_roof(&other, 1, 1_000).await;
        for (store, run) in [(&one, 0), (&other, 1)] {
            must(store, step(run, |path| hold(path, 10))).await;
        }
    });
    // A server that stands still in the middle of a batch of its own holds the row of its slice, and nothing else.
    let locked = std::thread::spawn({
        let url = url.clone();
        move || {
            server::psql(
                &url,
                "BEGIN; SELECT 1 FROM slices WHERE holder = (SELECT min(holder) FROM slices) FOR UPDATE;
                 SELECT pg_sleep(2); COMMIT",
            )
        }
    });
    std::thread::sleep(Duration::from_millis(500));
    wait(async {
        let both = [(&one, 0), (&other, 1)].map(|(store, run)| {
            let queued = store.queue(step(run, |path| settle(path, 10, 4)));
            async move {
                queued.await.unwrap();
                std::time::Instant::now()
            }
        });
        let [a, b] = both;
        let (a, b) = tokio::join!(a, b);
        let apart = if a > b { a - b } else { b - a };
        assert!(apart > Duration::from_millis(500), "one waited for the other's slice: {apart:?}");
        let cell = other.account(&tenant(), ROOF).await.unwrap().unwrap().cell;
        assert_eq!((cell.held.tokens, cell.spent.tokens), (0, 8));
    });
    locked.join().unwrap();
}

#[test]
fn a_slice_is_given_back_by_a_server_that_ends_and_for_one_that_is_gone() {
    let (one, other, url) = two("given_back");
    one.claim("7-one".into());
    other.claim("7-other".into());
    wait(async {
        open_under_roof(&one, 0, 1_000).await;
        open_under_roof(&other, 1, 1_000).await;
        must(&one, step(0, |path| hold(path, 10))).await;
        must(&other, step(1, |path| hold(path, 20))).await;
    });
    assert_eq!(parts(&url, ROOF).1, "2");
    drop(one);
    let (row, slices) = parts(&url, ROOF);
    assert_eq!((row.split('|').next(), slices.as_str()), (Some("10"), "1"), "{row}");
    // As of a server that was killed: its sign runs out.
    server::psql(&url, "UPDATE servers SET until = clock_timestamp() - interval '1 second'");
    let third = open(&url);
    wait(open_under_roof(&third, 2, 1_000));
    assert!(matches!(parts(&url, ROOF).1.as_str(), "0" | "1"), "it may have renewed its sign");
    wait(async {
        // It lives after all, and goes on with another slice.
        must(&other, step(1, |path| settle(path, 20, 5))).await;
        let cell = third.account(&tenant(), ROOF).await.unwrap().unwrap().cell;
        assert_eq!((cell.held.tokens, cell.spent.tokens), (10, 5));
    });
    drop((other, third));
    assert_eq!(parts(&url, ROOF), ("10|5|0".to_owned(), "0".to_owned()));
}

#[test]
fn the_last_of_a_shared_account_is_found_in_whosever_slice_it_is() {
    let (one, other, _) = two("last");
    wait(async {
        open_under_roof(&one, 0, 100).await;
        open_under_roof(&other, 1, 100).await;
        let mut held = 0;
        for (store, run) in [(&one, 0), (&other, 1)].repeat(80) {
            match store.queue(step(run, |path| hold(path, 1))).await {
                Ok(_) => held += 1,
                refused_ => {
                    let Refused::Insufficient { account, id, .. } = refused(refused_) else { panic!() };
                    assert_eq!((id, account.held.tokens, held), (ROOF, 100, 100), "all of it is shown");
                }
            }
        }
        assert_eq!(held, 100);
        // What one gives back, the other finds.
        must(&one, step(0, |path| settle(path, 30, 0))).await;
        must(&other, step(1, |path| hold(path, 30))).await;
        assert!(other.queue(step(1, |path| hold(path, 1))).await.is_err());
    });
}
