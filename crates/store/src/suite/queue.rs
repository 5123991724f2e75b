//! What queueing promises, whether or not anybody waits.

use super::*;

/// Also when the later ticket is awaited first.
pub async fn the_order_of_queueing_is_the_order_of_entries(bench: Bench) {
    let run = run_id(1);
    let opened = bench.store.queue(opening(run));
    let on = |body: u32| bench.store.queue(commit(run, Fence::Epoch(1), vec![append(body.to_be_bytes())]));
    // More than one batch holds.
    let tickets: Vec<_> = (0..700).map(on).collect();
    for (place, ticket) in tickets.into_iter().enumerate().rev() {
        assert_eq!(ticket.await.unwrap().entries[0].0, place as u64);
    }
    assert!(opened.await.is_ok());
    assert_chain(&bench.entries(run).await);
}

/// Nobody awaits it; a reader sees it whole once it is durable.
pub async fn a_dropped_ticket_is_applied_whole(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    let mut commits = bench.store.commits();
    commits.mark_unchanged();
    drop(bench.store.queue(commit(run, Fence::Epoch(1), vec![append("a"), append("b"), Op::SetStatus(4)])));
    while bench.run(run).await.status != 4 {
        commits.changed().await.unwrap();
    }
    assert_eq!(assert_chain(&bench.entries(run).await), bench.run(run).await.head);
    assert_eq!(bench.entries(run).await.len(), 2);
    for body in ["c", "d", "e"] {
        drop(bench.store.queue(commit(run, Fence::Epoch(1), vec![append(body)])));
    }
    let bench = bench.reopen();
    assert_eq!(bench.entries(run).await.len(), 5, "closing carries out what is queued");
}

/// One wait carries the whole pipeline.
pub async fn a_later_answer_covers_earlier_commits(bench: Bench) {
    let run = run_id(1);
    let mut early = vec![bench.store.queue(opening(run))];
    let on = |body| bench.store.queue(commit(run, Fence::Epoch(1), vec![append(body)]));
    early.extend(["a", "b", "c"].map(on));
    assert_eq!(on("d").await.unwrap().entries[0].0, 3);
    assert_eq!(bench.entries(run).await.len(), 4, "the earlier ones are there to be read");
    for ticket in early {
        assert!(ticket.await.is_ok());
    }
}

/// Commits that are queued together are made durable together.
pub async fn neighbours_share_one_commit(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    let before = *bench.store.commits().borrow();
    let tickets: Vec<_> =
        (0..100).map(|_| bench.store.queue(commit(run, Fence::Epoch(1), vec![append("x")]))).collect();
    for ticket in tickets {
        ticket.await.unwrap();
    }
    assert_eq!(*bench.store.commits().borrow() - before, 1);
}
