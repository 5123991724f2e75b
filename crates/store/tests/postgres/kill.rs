//! The server is killed under load, and started again: what was acknowledged is there, and nothing is wrong.

use crate::server::{End, Server};
use crate::*;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many callers, each with a run of its own.
const CALLERS: u64 = 64;

/// What one caller was told: the bodies that were acknowledged, in order.
async fn append_until(
    store: Store,
    run: RunId,
    stop: tokio::sync::watch::Receiver<bool>,
) -> (RunId, Vec<u64>, u64) {
    let (mut kept, mut lost, mut epoch, mut number) = (Vec::new(), 0, 1, 0u64);
    while !*stop.borrow() {
        number += 1;
        let body = number.to_be_bytes();
        match store.queue(commit(run, Fence::Epoch(epoch), vec![append(body)])).await {
            Ok(_) => kept.push(number),
            Err(CommitError::Failed(_)) => {
                lost += 1;
                epoch = take_over(&store, run, epoch).await;
            }
            Err(CommitError::Refused(Refused::Broken)) => panic!("it was taken over"),
            Err(other) => panic!("{other}"),
        }
    }
    (run, kept, lost)
}

/// As an owner does whose commit was lost: nothing is accepted of it before it has read the run afresh.
async fn take_over(store: &Store, run: RunId, epoch: u64) -> u64 {
    let mut from = epoch;
    loop {
        let stale = store.queue(commit(run, Fence::Epoch(from), vec![append("never")])).await;
        assert!(stale.is_err(), "an owner that lost a commit went on");
        let take = Op::TakeOver { from, owner: "again".into() };
        match store.queue(commit(run, Fence::Anyone, vec![take])).await {
            Ok(receipt) => return receipt.epoch,
            // The answer to an earlier try was lost on its way.
            Err(CommitError::Refused(Refused::Fenced(cell))) => from = cell.epoch,
            Err(CommitError::Failed(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(other) => panic!("{other}"),
        }
    }
}

fn number(body: &[u8]) -> u64 {
    body.try_into().map_or(0, u64::from_be_bytes)
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() {
    let mut server = Server::start(&[]);
    server.create("ledger");
    let store = open(&server.url("ledger"));
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let callers = threads.block_on(async {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            must(&store, opening(run_id(caller))).await;
            callers.spawn(append_until(store.clone(), run_id(caller), stopped.clone()));
        }
        callers
    });
    let rounds = std::env::var("COMITY_KILLS").map_or(6, |_| 40);
    for round in 0..rounds {
        std::thread::sleep(Duration::from_millis(150 + 37 * (round % 7)));
        server.end(if round % 2 == 0 { End::Kill } else { End::Immediate });
        server.start_again();
    }
    std::thread::sleep(Duration::from_millis(300));
    stop.send(true).unwrap();
    let told = threads.block_on(callers.join_all());
    let acknowledged: usize = told.iter().map(|(_, kept, _)| kept.len()).sum();
    let lost: u64 = told.iter().map(|(_, _, lost)| lost).sum();
    assert!(
        acknowledged > 1_000 && lost > 0,
        "{acknowledged} kept, {lost} lost: the server was not under load"
    );
    threads.block_on(async {
        for (run, kept, _) in &told {
            let bodies: Vec<u64> =
                chain(&store, *run).await.iter().map(|entry| number(&entry.body)).collect();
            assert!(bodies.is_sorted_by(|a, b| a < b), "an entry is there twice: {bodies:?}");
            assert!(!bodies.contains(&0), "what was refused is there");
            let missing = kept.iter().find(|number| bodies.binary_search(number).is_err());
            assert_eq!(missing, None, "an acknowledged entry is lost");
        }
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.stray_entry, totals.stray_payload), (None, None));
        assert_eq!(totals.entries, totals.payloads);
    });
}

#[test]
fn a_server_that_comes_back_is_waited_for() {
    let mut server = Server::start(&[]);
    server.create("ledger");
    let store = open(&server.url("ledger"));
    wait(must(&store, opening(run_id(0))));
    server.end(End::Fast);
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (reading, writing) = (store.clone(), store.clone());
    let read = threads.spawn(async move { reading.run(&tenant(), run_id(0)).await });
    let written = threads
        .spawn(async move { writing.queue(commit(run_id(0), Fence::Epoch(1), vec![append("x")])).await });
    std::thread::sleep(Duration::from_millis(300));
    server.start_again();
    assert!(wait(read).unwrap().unwrap().is_some());
    assert_eq!(
        wait(written).unwrap().unwrap().entries.len(),
        1,
        "nothing of it had been sent, so it is not lost"
    );
}

#[test]
fn a_server_that_stands_still_is_given_up_and_the_owner_is_stopped() {
    let server = Server::start(&[]);
    server.create("ledger");
    let patience = Duration::from_millis(200);
    let store = Store::open(Options { patience, ..Options::new(server.url("ledger"), link) }).unwrap();
    wait(must(&store, opening(run_id(0))));
    server.pause();
    let failed = wait(store.queue(commit(run_id(0), Fence::Epoch(1), vec![append("x")])));
    assert!(matches!(failed, Err(CommitError::Failed(_))), "{failed:?}");
    server.go_on();
    let next = wait(store.queue(commit(run_id(0), Fence::Epoch(1), vec![append("y")])));
    assert!(matches!(refused(next), Refused::Broken));
    let take = Op::TakeOver { from: 1, owner: "again".into() };
    wait(must(&store, commit(run_id(0), Fence::Anyone, vec![take])));
    wait(must(&store, commit(run_id(0), Fence::Epoch(2), vec![append("z")])));
    wait(chain(&store, run_id(0)));
}
