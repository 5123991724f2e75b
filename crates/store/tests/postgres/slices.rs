//! Shared accounts while connections are cut at any moment, as when servers are killed: the caps hold at every one,
//! and what nobody holds can be held.

use crate::*;
use std::time::Duration;
use tokio::task::JoinSet;

const ROOF: AccountId = AccountId([9; 16]);
const CAP: u64 = 400;

/// Holds and gives back until it is told to stop; a lost commit is followed by taking the run over.
async fn spend(store: Store, number: u64, stop: tokio::sync::watch::Receiver<bool>) -> (u64, u64) {
    let run = run_id(number);
    let path = [AccountId(*run.bytes()), ROOF];
    let (mut epoch, mut steps, mut lost) = (1, 0, 0);
    while !*stop.borrow() {
        let amount = 1 + (steps * 7 + number * 3) % 40;
        let held = store.queue(commit(run, Fence::Epoch(epoch), vec![hold(&path, amount)])).await;
        let settled = match held {
            Ok(_) => {
                store.queue(commit(run, Fence::Epoch(epoch), vec![settle(&path, amount, amount % 2)])).await
            }
            refused => refused,
        };
        match settled {
            Ok(_) => steps += 1,
            Err(CommitError::Refused(Refused::Insufficient { .. })) => {}
            Err(CommitError::Failed(_)) => {
                lost += 1;
                epoch = take_over(&store, run, epoch).await;
            }
            Err(other) => panic!("{other}"),
        }
    }
    (steps, lost)
}

async fn take_over(store: &Store, run: RunId, mut from: u64) -> u64 {
    loop {
        let take = Op::TakeOver { from, owner: "again".into() };
        match store.queue(commit(run, Fence::Anyone, vec![take])).await {
            Ok(receipt) => return receipt.epoch,
            Err(CommitError::Refused(Refused::Fenced(cell))) => from = cell.epoch,
            Err(CommitError::Failed(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(other) => panic!("{other}"),
        }
    }
}

/// What is wrong with the account at this moment: nothing, or a line that says it.
const WRONG: &str = "SELECT a.held_tokens, a.spent_tokens, a.given_tokens, s.drawn, s.over FROM accounts a,
    LATERAL (SELECT coalesce(sum(drawn_tokens), 0) AS drawn,
        count(*) FILTER (WHERE held_tokens + spent_tokens > drawn_tokens) AS over FROM slices
        WHERE account = a.id) s
    WHERE a.id = '\\x09090909090909090909090909090909'
        AND (a.held_tokens + a.spent_tokens + a.given_tokens > a.cap_tokens OR a.given_tokens <> s.drawn OR s.over > 0)";

#[test]
fn no_cap_is_passed_and_nothing_is_lost_of_a_shared_account_whenever_servers_are_cut_off() {
    let url = database("slices_cut");
    let stores = [open(&url), open(&url), open(&url)];
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    let spenders = threads.block_on(async {
        let mut spenders = JoinSet::new();
        for (number, store) in (0..12).zip(stores.iter().cycle()) {
            let own = AccountId(*run_id(number).bytes());
            let mut opening = opening(run_id(number));
            opening.ops.extend([ensure(own, 1_000_000), ensure(ROOF, CAP)]);
            must(store, opening).await;
            spenders.spawn(spend(store.clone(), number, stopped.clone()));
        }
        spenders
    });
    let rounds = std::env::var("COMITY_KILLS").map_or(12, |_| 60);
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_millis(60));
        server::psql(
            &url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
             AND application_name = 'comity' AND pid % 3 = (random() * 2)::int",
        );
        assert_eq!(server::psql(&url, WRONG), "");
    }
    stop.send(true).unwrap();
    let told = threads.block_on(spenders.join_all());
    let (steps, lost) = told.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(steps > 100 && lost > 0, "{steps} steps, {lost} lost: nobody was cut off at work");
    assert_eq!(server::psql(&url, WRONG), "");
    threads.block_on(async {
        let used = |cell: comity_store::AccountCell| cell.held.tokens + cell.spent.tokens;
        let before = used(stores[0].account(&tenant(), ROOF).await.unwrap().unwrap().cell);
        let run = run_id(99);
        let own = AccountId(*run.bytes());
        let mut opening = opening(run);
        opening.ops.push(ensure(own, 1_000_000));
        must(&stores[0], opening).await;
        // All that nobody holds, wherever it is.
        must(&stores[0], commit(run, Fence::Epoch(1), vec![hold(&[own, ROOF], CAP - before)])).await;
        let more = stores[1].queue(commit(run, Fence::Epoch(1), vec![hold(&[own, ROOF], 1)])).await;
        assert!(matches!(refused(more), Refused::Insufficient { id: ROOF, .. }));
    });
}
