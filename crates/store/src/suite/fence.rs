//! Who may commit, and to whose rows.

use super::*;
use crate::cells::ApprovalState;
use crate::commit::Expect;
use comity_core::{ApprovalId, StepId};

fn take_over(from: u64, owner: &str) -> Commit {
    commit(run_id(1), Fence::Anyone, vec![Op::TakeOver { from, owner: owner.into() }])
}

/// The refused owner is shown who owns the run now.
pub async fn a_stale_epoch_is_refused_with_the_row(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    bench.must(take_over(1, "second")).await;
    for epoch in [0, 1, 3] {
        let stale = commit(run_id(1), Fence::Epoch(epoch), vec![append("stale")]);
        match bench.commit(stale).await {
            Err(Refused::Fenced(cell)) => assert_eq!((cell.epoch, &*cell.owner), (2, "second")),
            other => unreachable!("epoch {epoch} was answered {other:?}"),
        }
    }
    bench.must(commit(run_id(1), Fence::Epoch(2), vec![append("fresh")])).await;
    bench.must(commit(run_id(1), Fence::Anyone, vec![append("anyone")])).await;
    assert_eq!(bench.entries(run_id(1)).await.len(), 2);
}

/// Of two who saw the same epoch, one gets the run.
pub async fn taking_over_raises_the_epoch_once(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    let first = bench.store.queue(take_over(1, "second"));
    let second = bench.store.queue(take_over(1, "third"));
    assert_eq!(first.await.unwrap().epoch, 2);
    match second.await {
        Err(CommitError::Refused(Refused::Fenced(cell))) => assert_eq!(&*cell.owner, "second"),
        other => unreachable!("the second was answered {other:?}"),
    }
    let cell = bench.run(run_id(1)).await;
    assert_eq!((cell.epoch, &*cell.owner), (2, "second"));
}

/// The expectation is checked before the commit's own changes.
pub async fn a_status_is_expected_and_set(bench: Bench) {
    bench.must(opening(run_id(1))).await;
    let mut change = commit(run_id(1), Fence::Epoch(1), vec![Op::SetStatus(3)]);
    change.expect.push(Expect::Status(&[0, 1]));
    bench.must(change.clone()).await;
    assert!(matches!(bench.commit(change).await, Err(Refused::Status(3))));
    assert_eq!(bench.run(run_id(1)).await.status, 3);
}

/// Not its run, its account or its approval: neither to read nor to change.
pub async fn another_tenant_sees_nothing(bench: Bench) {
    let (run, step) = (run_id(1), StepId::derive(run_id(1), None, 0, 0));
    let approval = ApprovalId::derive(run, step, 0);
    bench.must(opening(run)).await;
    let expires = Timestamp::from_millis(9_000);
    let ask = Op::AskApproval { approval, step, binding: Digest::ZERO, expires };
    bench.must(commit(run, Fence::Epoch(1), vec![append("ask"), ask, ensure(account(1), 10)])).await;
    let theirs = |run, ops| Commit { tenant: stranger(), ..commit(run, Fence::Anyone, ops) };
    assert!(matches!(bench.commit(theirs(run, vec![append("x")])).await, Err(Refused::NoRun)));
    bench.must(Commit { tenant: stranger(), ..opening(run_id(2)) }).await;
    for op in [
        hold(&[account(1)], tokens(1)),
        settle(&[account(1)], Amounts::ZERO, tokens(1)),
        Op::Freeze(account(1)),
    ] {
        let refused = bench.commit(theirs(run_id(2), vec![op.clone()])).await;
        assert!(matches!(refused, Err(Refused::NoAccount(id)) if id == account(1)), "{op:?}: {refused:?}");
    }
    let mut decide = theirs(run_id(2), vec![Op::SetApproval(approval, ApprovalState::Approved)]);
    assert!(matches!(bench.commit(decide.clone()).await, Err(Refused::Approval(None))));
    decide.expect.push(Expect::Approval(approval, ApprovalState::Pending));
    assert!(matches!(bench.commit(decide).await, Err(Refused::Approval(None))));

    let store = &bench.store;
    assert!(store.run(&stranger(), run).await.unwrap().is_none());
    assert!(store.account(&stranger(), account(1)).await.unwrap().is_none());
    assert!(store.approval(&stranger(), approval).await.unwrap().is_none());
    assert!(store.accounts(&stranger(), None).await.unwrap().is_empty());
    assert_eq!(store.runs(&stranger(), None, 10).await.unwrap().len(), 1);
    let own = store.approval(&tenant(), approval).await.unwrap().unwrap();
    assert_eq!(own.cell.state, ApprovalState::Pending);
    let purse = bench.account(account(1)).await;
    assert_eq!((purse.frozen, purse.spent, purse.caps.tokens), (false, Amounts::ZERO, 10));
}
