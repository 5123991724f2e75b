//! Approvals: asked for once, spent once, by their own run.

use super::*;
use crate::cells::ApprovalState;
use crate::commit::Expect;
use comity_core::{ApprovalId, StepId};
use tokio::task::JoinSet;

fn approval(attempt: u32) -> ApprovalId {
    ApprovalId::derive(run_id(1), step(), attempt)
}

fn step() -> StepId {
    StepId::derive(run_id(1), None, 0, 0)
}

fn ask(approval: ApprovalId) -> Op {
    let expires = Timestamp::from_millis(9_000);
    Op::AskApproval { approval, step: step(), binding: Digest([3; 32]), expires }
}

/// Moves the first approval, provided that it is still in `from`.
fn turn(from: ApprovalState, to: ApprovalState) -> Commit {
    let ops = vec![append("turn"), Op::SetApproval(approval(0), to)];
    let expect = vec![Expect::Approval(approval(0), from)];
    Commit { expect, ..commit(run_id(1), Fence::Anyone, ops) }
}

async fn asked(bench: &Bench) {
    bench.must(opening(run_id(1))).await;
    bench.must(commit(run_id(1), Fence::Epoch(1), vec![append("x"), append("ask"), ask(approval(0))])).await;
}

/// Not in a later commit, and not twice in one.
pub async fn an_approval_is_asked_for_once(bench: Bench) {
    asked(&bench).await;
    let row = bench.store.approval(&tenant(), approval(0)).await.unwrap().unwrap();
    assert_eq!((row.cell.asked, row.cell.step, row.cell.binding), (1, step(), Digest([3; 32])));
    assert_eq!((row.cell.state, row.cell.run_id), (ApprovalState::Pending, run_id(1)));
    bench.must(turn(ApprovalState::Pending, ApprovalState::Approved)).await;
    match bench.commit(commit(run_id(1), Fence::Epoch(1), vec![ask(approval(0))])).await {
        Err(Refused::Approval(Some(cell))) => assert_eq!(cell.state, ApprovalState::Approved),
        other => unreachable!("{other:?}"),
    }
    let twice = commit(run_id(1), Fence::Epoch(1), vec![ask(approval(1)), ask(approval(1))]);
    assert!(matches!(bench.commit(twice).await, Err(Refused::Approval(_))));
    assert!(bench.store.approval(&tenant(), approval(1)).await.unwrap().is_none());
}

/// Only from the state that is expected; a refusal shows the state it is in.
pub async fn an_approval_moves_by_its_state(bench: Bench) {
    use ApprovalState::{Approved, Consumed, Expired, Pending, Rejected};
    asked(&bench).await;
    for wrong in [Approved, Rejected, Consumed, Expired] {
        match bench.commit(turn(wrong, Expired)).await {
            Err(Refused::Approval(Some(cell))) => assert_eq!(cell.state, Pending),
            other => unreachable!("{other:?}"),
        }
    }
    bench.must(turn(Pending, Approved)).await;
    assert!(matches!(bench.commit(turn(Pending, Rejected)).await, Err(Refused::Approval(Some(_)))));
    bench.must(turn(Approved, Consumed)).await;
    assert_eq!(bench.store.approval(&tenant(), approval(0)).await.unwrap().unwrap().cell.state, Consumed);
    let unknown = Op::SetApproval(approval(5), Approved);
    let refused = bench.commit(commit(run_id(1), Fence::Anyone, vec![unknown])).await;
    assert!(matches!(refused, Err(Refused::Approval(None))));
    let at_once = vec![append("ask"), ask(approval(6)), Op::SetApproval(approval(6), Rejected)];
    bench.must(commit(run_id(1), Fence::Anyone, at_once)).await;
    let mut states: Vec<ApprovalState> = bench
        .store
        .approvals(&bench.run(run_id(1)).await)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.cell.state)
        .collect();
    states.sort_by_key(|state| *state as u8);
    assert_eq!(states, [Rejected, Consumed]);
}

/// The act an approval admits happens once.
pub async fn one_of_64_consumers_wins_an_approval(bench: Bench) {
    asked(&bench).await;
    bench.must(turn(ApprovalState::Pending, ApprovalState::Approved)).await;
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let store = bench.store.clone();
        callers.spawn(async move {
            match store.queue(turn(ApprovalState::Approved, ApprovalState::Consumed)).await {
                Ok(_) => 1,
                Err(CommitError::Refused(Refused::Approval(Some(cell)))) => {
                    assert_eq!(cell.state, ApprovalState::Consumed);
                    0
                }
                Err(other) => unreachable!("{other}"),
            }
        });
    }
    assert_eq!(callers.join_all().await.into_iter().sum::<u32>(), 1);
    assert_eq!(bench.entries(run_id(1)).await.len(), 4, "two to ask, one decision, one admission");
}

/// A sibling of the same tenant can neither expect nor spend it.
pub async fn an_approval_belongs_to_its_run(bench: Bench) {
    asked(&bench).await;
    bench.must(opening(run_id(2))).await;
    let mut stolen = turn(ApprovalState::Pending, ApprovalState::Approved);
    stolen.run = run_id(2);
    assert!(matches!(bench.commit(stolen.clone()).await, Err(Refused::Approval(None))));
    stolen.expect.clear();
    assert!(matches!(bench.commit(stolen).await, Err(Refused::Approval(None))));
    let again = commit(run_id(2), Fence::Anyone, vec![ask(approval(0))]);
    assert!(matches!(bench.commit(again).await, Err(Refused::Approval(None))));
    let row = bench.store.approval(&tenant(), approval(0)).await.unwrap().unwrap();
    assert_eq!((row.cell.state, row.cell.run_id), (ApprovalState::Pending, run_id(1)));
}
