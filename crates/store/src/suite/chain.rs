//! Runs and their entries.

use super::*;
use crate::commit::{MAX_OPS, MAX_PAYLOADS};
use std::collections::HashSet;
use tokio::task::JoinSet;

/// A second opening is refused, and the first stands.
pub async fn a_run_is_opened_once(bench: Bench) {
    let receipt = bench.must(opening(run_id(1))).await;
    assert_eq!((receipt.epoch, receipt.entries.len()), (1, 0));
    let cell = bench.run(run_id(1)).await;
    assert_eq!((cell.next_seq, cell.head, cell.status, &*cell.owner), (0, Digest::ZERO, 0, "first"));
    assert_eq!(cell.opened, Timestamp::from_millis(1_000));
    assert!(matches!(bench.commit(opening(run_id(1))).await, Err(Refused::RunExists)));
    let nothing_made = commit(run_id(2), Fence::New, vec![]);
    assert!(matches!(bench.commit(nothing_made).await, Err(Refused::NoRun)));
    let unopened = commit(run_id(3), Fence::Anyone, vec![append("x")]);
    assert!(matches!(bench.commit(unopened).await, Err(Refused::NoRun)));
    assert_eq!(bench.run(run_id(1)).await, cell);
}

/// Sequence, hash and row agree, within one commit and over several.
pub async fn entries_are_linked_in_sequence(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    let mut given = Vec::new();
    for bodies in [["a", "b"], ["", "c"]] {
        let ops = bodies.iter().map(append).collect();
        given.extend(bench.must(commit(run, Fence::Epoch(1), ops)).await.entries);
    }
    let entries = bench.entries(run).await;
    let head = assert_chain(&entries);
    let stored: Vec<(u64, Digest)> =
        entries.iter().map(|entry| (entry.seq, Digest::from_slice(&entry.hash).unwrap())).collect();
    assert_eq!(given, stored, "the receipt says what is stored");
    let bodies: Vec<&[u8]> = entries.iter().map(|entry| &*entry.body).collect();
    assert_eq!(bodies, [b"a" as &[u8], b"b", b"", b"c"]);
    let cell = bench.run(run).await;
    assert_eq!((cell.next_seq, cell.head, cell.updated), (4, head, Timestamp::from_millis(2_000)));
}

/// In slot order, with codec and salt, and no neighbour's.
pub async fn payloads_come_back_with_their_entry(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    let full: Vec<_> = (0..MAX_PAYLOADS as u8).rev().map(|slot| payload(slot, &[slot; 3])).collect();
    let ops = [full, vec![], vec![payload(7, b"last")]]
        .map(|payloads| Op::Append(Append { body: b"x"[..].into(), payloads }));
    bench.must(commit(run, Fence::Epoch(1), ops.into())).await;
    let entries = bench.entries(run).await;
    let slots = |place: usize| -> Vec<u8> {
        let entry: &EntryRow = &entries[place];
        entry.payloads.iter().map(|payload| payload.slot).collect()
    };
    assert_eq!((slots(0), slots(1), slots(2)), ((0..8).collect(), vec![], vec![7]));
    let last = &entries[2].payloads[0];
    assert_eq!((last.codec, &*last.salt, &*last.body), (1, &[7; 32][..], &b"last"[..]));
    assert!(entries.iter().all(|entry| entry.tenant == "acme"));
}

/// Everybody appends to one run at once.
pub async fn sequence_has_no_gaps_under_64_callers(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    let mut callers = JoinSet::new();
    for caller in 0..64 {
        let store = bench.store.clone();
        callers.spawn(async move {
            let mut seen = Vec::new();
            for turn in 0..8 {
                let ops = vec![append(format!("{caller}/{turn}"))];
                let receipt = store.queue(commit(run, Fence::Anyone, ops)).await.unwrap();
                seen.push(receipt.entries[0].0);
            }
            assert!(seen.is_sorted(), "one caller's entries come in its own order");
            seen
        });
    }
    let given: HashSet<u64> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!(given.len(), 512, "no number is given twice");
    let entries = bench.entries(run).await;
    assert_chain(&entries);
    let bodies: HashSet<&[u8]> = entries.iter().map(|entry| &*entry.body).collect();
    assert_eq!((entries.len(), bodies.len()), (512, 512));
}

/// Everybody opens and fills a run of their own at once.
pub async fn sequence_has_no_gaps_on_64_runs(bench: Bench) {
    let mut callers = JoinSet::new();
    for caller in 0..64 {
        let store = bench.store.clone();
        callers.spawn(async move {
            let run = run_id(caller);
            store.queue(opening(run)).await.unwrap();
            for turn in 0..8 {
                let ops = vec![append(format!("{caller}/{turn}"))];
                let receipt = store.queue(commit(run, Fence::Epoch(1), ops)).await.unwrap();
                assert_eq!(receipt.entries[0].0, turn);
            }
        });
    }
    callers.join_all().await;
    let mut rows = HashSet::new();
    for caller in 0..64 {
        let entries = bench.entries(run_id(caller)).await;
        assert_eq!(entries.len(), 8);
        assert_chain(&entries);
        rows.extend(entries.iter().map(|entry| entry.id));
    }
    assert_eq!(rows.len(), 512, "row numbers are unique");
}

/// Queued together, so that they share a batch wherever the backend can.
pub async fn a_refused_commit_leaves_no_trace_between_its_neighbours(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    bench.must(commit(run, Fence::Epoch(1), vec![ensure(account(1), 10)])).await;
    let before = bench.store.queue(commit(run, Fence::Epoch(1), vec![append("before")]));
    let changes = vec![
        append("never"),
        Op::SetStatus(9),
        ensure(account(2), 5),
        hold(&[account(1)], tokens(4)),
        hold(&[account(1)], tokens(7)),
    ];
    let refused = bench.store.queue(commit(run, Fence::Epoch(1), changes));
    let other = bench.store.queue(opening(run_id(2)));
    let after = bench.commit(commit(run, Fence::Epoch(1), vec![append("after")]));
    assert_eq!(after.await.unwrap().entries[0].0, 1);
    assert!(before.await.is_ok() && other.await.is_ok());
    assert!(matches!(refused.await, Err(CommitError::Refused(Refused::Insufficient { .. }))));
    let bodies: Vec<_> = bench.entries(run).await.into_iter().map(|entry| entry.body).collect();
    assert_eq!(bodies, [b"before".to_vec(), b"after".to_vec()]);
    assert_eq!((bench.run(run).await.status, bench.account(account(1)).await.held), (0, Amounts::ZERO));
    assert!(bench.store.account(&tenant(), account(2)).await.unwrap().is_none());
}

/// 64 operations pass and 65 do not; 8 payloads pass and 9 do not.
pub async fn too_much_in_one_commit_is_refused(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    let many = |count| commit(run, Fence::Epoch(1), vec![append("x"); count]);
    assert_eq!(bench.must(many(MAX_OPS)).await.entries.len(), 64);
    assert!(matches!(bench.commit(many(MAX_OPS + 1)).await, Err(Refused::Malformed(_))));
    let heavy = |count: usize| {
        let payloads = (0..count).map(|slot| payload((slot % 8) as u8, b"x")).collect();
        commit(run, Fence::Epoch(1), vec![Op::Append(Append { body: [].into(), payloads })])
    };
    bench.must(heavy(MAX_PAYLOADS)).await;
    assert!(matches!(bench.commit(heavy(MAX_PAYLOADS + 1)).await, Err(Refused::Malformed(_))));
    assert_eq!(bench.entries(run).await.len(), 65);
}

/// A slot out of range would be read as the next entry's.
pub async fn payload_slots_are_distinct_and_small(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    for slots in [vec![8], vec![255], vec![16], vec![3, 3], vec![0, 1, 2, 0]] {
        let payloads = slots.iter().map(|slot| payload(*slot, b"x")).collect();
        let ops = vec![Op::Append(Append { body: [].into(), payloads })];
        let refused = bench.commit(commit(run, Fence::Epoch(1), ops)).await;
        assert!(matches!(refused, Err(Refused::Malformed(_))), "{slots:?}");
    }
    assert_eq!(bench.entries(run).await, []);
}

/// Closing and opening loses nothing and goes on where it stood.
pub async fn reopening_shows_everything(bench: Bench) {
    let run = run_id(1);
    bench.must(opening(run)).await;
    let full = Op::Append(Append { body: b"one"[..].into(), payloads: vec![payload(0, b"text")] });
    let ops = vec![full, ensure(account(1), 10), hold(&[account(1)], tokens(3)), Op::SetStatus(2)];
    bench.must(commit(run, Fence::Epoch(1), ops)).await;
    let (cell, entries) = (bench.run(run).await, bench.entries(run).await);
    let purse = bench.account(account(1)).await;
    let bench = bench.reopen();
    assert_eq!((bench.run(run).await, bench.entries(run).await), (cell, entries));
    assert_eq!(bench.account(account(1)).await, purse);
    let receipt = bench.must(commit(run, Fence::Epoch(1), vec![append("two")])).await;
    assert_eq!(receipt.entries[0].0, 1);
    assert_chain(&bench.reopen().entries(run).await);
}
