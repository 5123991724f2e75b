//! Wrapped keys, and values that are set once.

use super::*;
use crate::cells::SubjectCell;
use crate::commit::{KeyId, NewSubject, Rewrapped, WrappedKey};
use comity_core::SubjectId;

fn subject(number: u8) -> SubjectId {
    SubjectId::from_bytes([number; 16])
}

fn wrapped(by: u8, bytes: &str) -> WrappedKey {
    WrappedKey { by: KeyId([by; 8]), bytes: bytes.as_bytes().to_vec() }
}

fn add(number: u8, of_run: bool) -> Op {
    let label = vec![number];
    let new = NewSubject { id: subject(number), class: number, of_run, wrapped: wrapped(1, "old"), label };
    Op::AddSubject(Box::new(new))
}

fn anew(number: u8, from: u8) -> Rewrapped {
    Rewrapped { id: subject(number), from: KeyId([from; 8]), wrapped: wrapped(2, "new"), label: vec![9] }
}

/// All or nothing, by the key that wraps them, and only the tenant's own.
pub async fn subjects_are_kept_wrapped_anew_and_erased(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    bench.must(commit(run_id(1), Fence::Epoch(1), vec![add(1, true), add(2, true), add(3, false)])).await;
    let again = bench.commit(commit(run_id(1), Fence::Epoch(1), vec![append("x"), add(2, true)])).await;
    assert!(matches!(again, Err(Refused::Subject(id)) if id == subject(2)));
    assert!(bench.entries(run_id(1)).await.is_empty());
    let cell = bench.run(run_id(1)).await;
    let of_run: Vec<_> =
        bench.store.subjects_of(&cell).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(of_run, [subject(1), subject(2)]);
    let expected = SubjectCell { run: Some(run_id(1)), class: 1, wrapped: wrapped(1, "old"), label: vec![1] };
    assert_eq!(bench.store.subject(&tenant(), subject(1)).await.unwrap().unwrap().cell, expected);

    let other = |ops| commit(run_id(2), Fence::Anyone, ops);
    bench.must(opening(run_id(2))).await;
    for wrong in [vec![anew(1, 1), anew(9, 1)], vec![anew(1, 1), anew(2, 2)], vec![anew(1, 1), anew(1, 1)]] {
        assert!(matches!(bench.commit(other(vec![Op::Rewrap(wrong)])).await, Err(Refused::Subject(_))));
    }
    bench
        .must(other(vec![
            Op::Rewrap(vec![anew(1, 1), anew(3, 1)]),
            Op::EraseSubjects(vec![subject(2), subject(8)]),
        ]))
        .await;
    let all = bench.store.subjects(&tenant(), None, 9).await.unwrap();
    let told: Vec<_> = all.iter().map(|row| (row.id, row.cell.run, row.cell.wrapped.by.0[0])).collect();
    assert_eq!(told, [(subject(1), Some(run_id(1)), 2), (subject(3), None, 2)]);
    assert_eq!(bench.store.subjects(&tenant(), Some(subject(1)), 9).await.unwrap().len(), 1);

    bench.must(Commit { tenant: stranger(), ..opening(run_id(3)) }).await;
    let theirs = |ops| Commit { tenant: stranger(), ..commit(run_id(3), Fence::Anyone, ops) };
    let foreign = bench.commit(theirs(vec![Op::Rewrap(vec![anew(1, 2)])])).await;
    assert!(matches!(foreign, Err(Refused::Subject(_))));
    bench.must(theirs(vec![Op::EraseSubjects(vec![subject(1)])])).await;
    assert!(bench.store.subject(&stranger(), subject(1)).await.unwrap().is_none());
    assert!(bench.store.subject(&tenant(), subject(1)).await.unwrap().is_some());
}

/// The same value again is no change; another one is refused, with the one that stands there.
pub async fn a_value_is_pinned_once(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    let pin = |value: &str| {
        let op = Op::Pin { name: "key", value: value.as_bytes().into() };
        commit(run_id(1), Fence::Anyone, vec![op])
    };
    bench.must(pin("a")).await;
    bench.must(pin("a")).await;
    match bench.commit(pin("b")).await {
        Err(Refused::Pinned(value)) => assert_eq!(&value[..], b"a"),
        other => unreachable!("the second value was answered {other:?}"),
    }
    assert_eq!(bench.store.pinned(&tenant(), "key").await.unwrap().as_deref(), Some(&b"a"[..]));
    assert!(bench.store.pinned(&stranger(), "key").await.unwrap().is_none());
    let bench = bench.reopen();
    assert!(matches!(bench.commit(pin("b")).await, Err(Refused::Pinned(_))));
}
