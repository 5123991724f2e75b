//! Reads: bounded, in order, and exact.

use super::*;
use crate::cells::{BreakerCell, BreakerChange};

/// Failures within a window add up, whoever tells them; each tenant has breakers of its own.
pub async fn a_breaker_counts_what_happened(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    let at = Timestamp::from_millis;
    let failed = |when| BreakerChange::Failed {
        at: at(when),
        threshold: 3,
        window: std::time::Duration::from_secs(1),
    };
    let tell = |change| {
        let op = Op::Breaker { endpoint: "model".into(), change };
        commit(run_id(1), Fence::Anyone, vec![op])
    };
    let tickets: Vec<_> = [10, 20].into_iter().map(|when| bench.store.queue(tell(failed(when)))).collect();
    for ticket in tickets {
        ticket.await.unwrap();
    }
    let cell = || async { bench.store.breaker(&tenant(), "model").await.unwrap() };
    assert_eq!(cell().await, BreakerCell { failures: 2, window: at(10), opened: None });
    let two = [failed(30), BreakerChange::Probing { at: at(40) }];
    let two = two.map(|change| Op::Breaker { endpoint: "model".into(), change });
    bench.must(commit(run_id(1), Fence::Epoch(1), two.into())).await;
    assert_eq!(cell().await, BreakerCell { failures: 3, window: at(10), opened: Some(at(40)) });
    assert_eq!(bench.store.breaker(&stranger(), "model").await.unwrap(), BreakerCell::default());
    assert_eq!(bench.store.breaker(&tenant(), "other").await.unwrap(), BreakerCell::default());
    bench.must(tell(BreakerChange::Succeeded)).await;
    assert_eq!(cell().await, BreakerCell::default());
}

/// Runs newest first and accounts by id, with nothing skipped and nothing twice.
pub async fn reads_are_paged(bench: Bench) {
    let tickets: Vec<_> = (0..25).map(|number| bench.store.queue(opening(run_id(number)))).collect();
    for ticket in tickets {
        ticket.await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = bench.store.runs(&tenant(), before, 10).await.unwrap();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.iter().map(|row| row.id));
    }
    assert_eq!(seen, (0..25).rev().map(run_id).collect::<Vec<_>>());
    assert!(bench.store.runs(&tenant(), None, 0).await.unwrap().is_empty());

    let many =
        |range: std::ops::Range<u16>| -> Vec<Op> { range.map(|number| ensure(wide(number), 1)).collect() };
    for start in (0..1_100).step_by(50) {
        bench.must(commit(run_id(0), Fence::Anyone, many(start..start + 50))).await;
    }
    let first = bench.store.accounts(&tenant(), None).await.unwrap();
    let rest = bench.store.accounts(&tenant(), first.last().map(|row| row.id)).await.unwrap();
    assert_eq!((first.len(), rest.len()), (1_000, 100), "a page is bounded");
    let ids: Vec<_> = first.iter().chain(&rest).map(|row| row.id).collect();
    assert_eq!(ids, (0..1_100).map(wide).collect::<Vec<_>>());
}

fn wide(number: u16) -> AccountId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    AccountId(bytes)
}

/// However many are asked for.
pub async fn entries_are_read_in_bounded_pages(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    for _ in 0..20 {
        bench.must(commit(run, Fence::Epoch(1), vec![append("x"); 60])).await;
    }
    let cell = bench.run(run).await;
    for (from, limit, first, count) in [
        (0, usize::MAX, Some(0), 1_000),
        (1_000, 1_000, Some(1_000), 200),
        (5, 3, Some(5), 3),
        (1_200, 9, None, 0),
    ] {
        let mut seen = Vec::new();
        let told = bench.store.entries(&cell, from, limit, |entry| seen.push(entry.seq)).await.unwrap();
        assert_eq!((told, seen.len(), seen.first().copied()), (count, count, first));
        assert!(seen.is_sorted());
    }
}

/// What is committed later does not show in it.
pub async fn a_snapshot_stays_as_it_is(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    let before = bench.store.snapshot().await.unwrap();
    bench.must(commit(run_id(1), Fence::Epoch(1), vec![append("a")])).await;
    assert_eq!(before.totals().await.unwrap().entries, 0);
    assert_eq!(before.run(&tenant(), run_id(1)).await.unwrap().unwrap().next_seq, 0);
    assert_eq!(bench.store.totals().await.unwrap().entries, 1);
}

/// A sound store has no strays.
pub async fn totals_count_what_is_there(bench: Bench) {
    let empty = bench.store.totals().await.unwrap();
    assert_eq!((empty.entries, empty.payloads, empty.last_entry), (0, 0, 0));
    bench.must(opening(run_id(1))).await;
    let full = Op::Append(Append { body: [].into(), payloads: vec![payload(0, b"x"), payload(7, b"y")] });
    bench.must(commit(run_id(1), Fence::Epoch(1), vec![append("a"), full.clone(), full])).await;
    let totals = bench.store.totals().await.unwrap();
    assert_eq!((totals.entries, totals.payloads), (3, 4));
    assert!(totals.last_entry == 3 || !bench.store.counts_rows());
    assert_eq!((totals.stray_entry, totals.stray_payload), (None, None));
    assert_eq!(bench.store.tenants().await.unwrap(), ["acme"]);
    assert_eq!(bench.store.integrity().await.unwrap(), None);
}

/// Neither is refused because of the other, and neither sees the other's row.
pub async fn two_tenants_use_the_same_ids(bench: Bench) {
    let theirs = |commit| Commit { tenant: stranger(), ..commit };
    let (run, purse) = (run_id(1), account(1));
    bench.must(opening(run)).await;
    bench.must(theirs(opening(run))).await;
    bench.must(commit(run, Fence::Epoch(1), vec![append("ours"), ensure(purse, 10)])).await;
    bench.must(theirs(commit(run, Fence::Epoch(1), vec![append("theirs"), ensure(purse, 20)]))).await;
    bench.must(commit(run, Fence::Epoch(1), vec![hold(&[purse], tokens(10))])).await;
    let (ours, others) = (
        bench.store.account(&tenant(), purse).await.unwrap().unwrap().cell,
        bench.store.account(&stranger(), purse).await.unwrap().unwrap().cell,
    );
    assert_eq!((ours.held.tokens, others.held.tokens), (10, 0));
    let other = bench.store.run(&stranger(), run).await.unwrap().unwrap();
    let mut bodies = Vec::new();
    bench.store.entries(&other, 0, 9, |entry| bodies.push(entry.body)).await.unwrap();
    assert_eq!(bodies, [b"theirs"]);
    assert_eq!(bench.entries(run).await[0].body, b"ours");
}
