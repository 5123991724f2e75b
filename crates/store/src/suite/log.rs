//! The log: what moved, its leaves, their checkpoints.

use super::*;
use crate::commit::{Anchor, NewLeaf};
use tokio::task::JoinSet;

fn leaf(run: RunId, size: u64) -> NewLeaf {
    NewLeaf { run, size, kind: 1, root: Digest::of(&[&size.to_be_bytes()]), frontier: vec![size as u8] }
}

/// A commit that appends leaves, one hash each, and a note that names the size.
fn anchor(from: u64, leaves: Vec<NewLeaf>) -> Commit {
    let size = from + leaves.len() as u64;
    let hashes = (from..size).map(|place| Digest::of(&[&place.to_be_bytes()])).collect();
    let note = format!("{size}").into_bytes().into();
    commit(run_id(0), Fence::Anyone, vec![Op::Anchor(Box::new(Anchor { from, leaves, hashes, note }))])
}

async fn due(bench: &Bench) -> Vec<RunId> {
    bench.store.due(&tenant(), 100).await.unwrap().into_iter().map(|row| row.id).collect()
}

/// It comes into the queue with its first entry, once, and leaves it when everything is covered.
pub async fn a_run_that_moves_is_due_until_a_leaf_covers_it(bench: Bench) {
    for number in 0..3 {
        bench.must(opening(run_id(number))).await;
    }
    assert!(due(&bench).await.is_empty(), "a run without entries has nothing to cover");
    bench.must(commit(run_id(1), Fence::Epoch(1), vec![append("a"), append("b")])).await;
    bench.must(commit(run_id(2), Fence::Epoch(1), vec![append("a")])).await;
    bench.must(commit(run_id(1), Fence::Epoch(1), vec![append("c")])).await;
    assert_eq!(due(&bench).await, [run_id(1), run_id(2)]);
    bench.must(anchor(0, vec![leaf(run_id(1), 2), leaf(run_id(2), 1)])).await;
    assert_eq!(due(&bench).await, [run_id(1)], "one of its entries is not covered");
    assert_eq!((bench.run(run_id(1)).await.anchored, bench.run(run_id(2)).await.anchored), (2, 1));
    bench.must(anchor(2, vec![leaf(run_id(1), 3)])).await;
    assert!(due(&bench).await.is_empty());
    bench.must(commit(run_id(2), Fence::Epoch(1), vec![append("b")])).await;
    assert_eq!(due(&bench).await, [run_id(2)]);
    assert!(bench.store.due(&stranger(), 100).await.unwrap().is_empty());
}

/// Read back by place, by run and by size.
pub async fn leaves_and_hashes_are_placed_in_order(bench: Bench) {
    bench.must(opening(run_id(0))).await;
    bench.must(commit(run_id(0), Fence::Epoch(1), (0..6).map(|_| append("x")).collect())).await;
    for size in 0..6 {
        bench.must(anchor(size, vec![leaf(run_id(0), size + 1)])).await;
    }
    let log = bench.store.log(&tenant()).await.unwrap();
    assert_eq!((log.size, log.hashes), (6, 6));
    let leaves = bench.store.leaves(&tenant(), 2, 3).await.unwrap();
    let told: Vec<_> = leaves.iter().map(|leaf| (leaf.position, leaf.size, leaf.kind)).collect();
    assert_eq!(told, [(2, 3, 1), (3, 4, 1), (4, 5, 1)]);
    assert!(leaves.iter().all(|row| row.run == run_id(0) && row.frontier == [row.size as u8]));
    assert_eq!(leaves[0].root, leaf(run_id(0), 3).root.0);
    let cell = bench.run(run_id(0)).await;
    assert_eq!(bench.store.leaf_covering(&cell, 3).await.unwrap().unwrap().size, 4);
    assert!(bench.store.leaf_covering(&cell, 6).await.unwrap().is_none());
    assert_eq!(bench.store.last_leaf(&cell).await.unwrap().unwrap().position, 5);
    let hash = |place: u64| Digest::of(&[&place.to_be_bytes()]);
    assert_eq!(bench.store.log_hashes(&tenant(), 4, 9).await.unwrap(), [hash(4), hash(5)]);
    assert_eq!(bench.store.log_hashes_at(&tenant(), &[5, 0, 3]).await.unwrap(), [5, 0, 3].map(hash));
    assert!(bench.store.log_hashes_at(&tenant(), &[6]).await.is_err());
    let hashes = bench.store.entry_hashes(&cell, 2, 2).await.unwrap();
    let entries = bench.entries(run_id(0)).await;
    assert_eq!(
        hashes.iter().map(|hash| hash.0.to_vec()).collect::<Vec<_>>(),
        [entries[2].hash.clone(), entries[3].hash.clone(),]
    );
    assert_eq!(bench.store.log(&stranger()).await.unwrap().size, 0);
    assert!(bench.store.leaves(&stranger(), 0, 9).await.unwrap().is_empty());
    assert!(bench.store.log_hashes(&stranger(), 0, 9).await.unwrap().is_empty());
}

/// Also within one anchor, and for a run of somebody else.
pub async fn a_leaf_covers_more_than_the_last_and_no_more_than_there_is(bench: Bench) {
    bench.must(opening(run_id(0))).await;
    bench.must(commit(run_id(0), Fence::Epoch(1), vec![append("a"), append("b")])).await;
    bench.must(anchor(0, vec![leaf(run_id(0), 1)])).await;
    for (wrong, leaves) in [
        ("covered already", vec![leaf(run_id(0), 1)]),
        ("more than there is", vec![leaf(run_id(0), 3)]),
        ("the second covers no more", vec![leaf(run_id(0), 2), leaf(run_id(0), 2)]),
        ("too many", vec![leaf(run_id(0), 2); 1_001]),
    ] {
        assert!(matches!(bench.commit(anchor(1, leaves)).await, Err(Refused::Malformed(_))), "{wrong}");
    }
    let missing = bench.commit(anchor(1, vec![leaf(run_id(9), 1)])).await;
    assert!(matches!(missing, Err(Refused::NoRun)));
    let theirs = Commit { tenant: stranger(), ..opening(run_id(7)) };
    bench.must(theirs).await;
    let foreign = bench.commit(anchor(1, vec![leaf(run_id(7), 1)])).await;
    assert!(matches!(foreign, Err(Refused::NoRun)));
    assert_eq!(bench.store.log(&tenant()).await.unwrap().size, 1);
    bench.must(anchor(1, vec![leaf(run_id(0), 2)])).await;
}

/// The others are told the log's size, and nothing of theirs is kept.
pub async fn of_64_anchors_one_wins_each_size(bench: Bench) {
    bench.must(opening(run_id(0))).await;
    bench.must(commit(run_id(0), Fence::Epoch(1), vec![append("a")])).await;
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        callers.spawn(bench.store.queue(anchor(0, vec![leaf(run_id(0), 1)])));
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let told = |answer: &&Result<_, _>| matches!(answer, Err(CommitError::Refused(Refused::Log { size: 1 })));
    assert_eq!(answers.iter().filter(told).count(), 63);
    assert_eq!(bench.store.leaves(&tenant(), 0, 9).await.unwrap().len(), 1);
}

/// By an anchor without leaves; the ones of other sizes stay.
pub async fn a_checkpoint_of_a_size_is_replaced(bench: Bench) {
    bench.must(opening(run_id(0))).await;
    bench.must(commit(run_id(0), Fence::Epoch(1), vec![append("a"), append("b")])).await;
    let replace = |from, note: &str| {
        let (leaves, hashes) = (Vec::new(), Vec::new());
        let anchor = Anchor { from, leaves, hashes, note: note.as_bytes().into() };
        commit(run_id(0), Fence::Anyone, vec![Op::Anchor(Box::new(anchor))])
    };
    assert!(matches!(bench.commit(replace(0, "none")).await, Err(Refused::Malformed(_))));
    assert!(bench.store.checkpoint(&tenant(), None).await.unwrap().is_none());
    bench.must(anchor(0, vec![leaf(run_id(0), 1)])).await;
    bench.must(anchor(1, vec![leaf(run_id(0), 2)])).await;
    bench.must(replace(2, "cosigned")).await;
    assert!(matches!(bench.commit(replace(1, "old")).await, Err(Refused::Log { size: 2 })));
    let all = bench.store.checkpoints(&tenant(), None, 9).await.unwrap();
    let told: Vec<_> = all.iter().map(|row| (row.size, &row.note[..])).collect();
    assert_eq!(told, [(1, &b"1"[..]), (2, b"cosigned")]);
    let at_least = async |size| bench.store.checkpoint(&tenant(), size).await.unwrap().map(|row| row.size);
    assert_eq!(
        (at_least(Some(0)).await, at_least(Some(2)).await, at_least(Some(3)).await),
        (Some(1), Some(2), None)
    );
    assert_eq!(at_least(None).await, Some(2));
    assert_eq!(bench.store.checkpoints(&tenant(), Some(1), 9).await.unwrap().len(), 1);
    assert!(bench.store.checkpoint(&stranger(), None).await.unwrap().is_none());
}
