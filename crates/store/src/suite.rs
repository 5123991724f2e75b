//! What every backend must do, as tests. A backend calls [`store_suite!`](crate::store_suite) once.
//!
//! `open` takes a folder of the test's own and opens the same store in it each time, linking with
//! [`link`]. Behaviours that only one backend has are tested beside that backend.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests, compiled for other crates' tests too"
)]

mod approval;
mod chain;
mod fence;
mod log;
mod money;
mod queue;
mod read;
mod subject;
mod tenancy;

pub use approval::*;
pub use chain::*;
pub use fence::*;
pub use log::*;
pub use money::*;
pub use queue::*;
pub use read::*;
pub use subject::*;
pub use tenancy::*;

use crate::cells::AccountCell;
use crate::commit::{AccountId, Append, Commit, Fence, Op, Payload, Receipt, Refused};
use crate::error::CommitError;
use crate::{EntryRow, RunCell, Store};
use comity_core::{Amounts, Digest, Namespace, RunId, Tenant, Timestamp};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Makes one `#[test]` of each behaviour, in a module called `$name`.
#[macro_export]
macro_rules! store_suite {
    ($name:ident, $open:path) => {
        mod $name {
            use super::*;

            $crate::store_suite!(@each $open;
                a_run_is_opened_once, entries_are_linked_in_sequence, payloads_come_back_with_their_entry,
                sequence_has_no_gaps_under_64_callers, sequence_has_no_gaps_on_64_runs,
                a_refused_commit_leaves_no_trace_between_its_neighbours, too_much_in_one_commit_is_refused,
                payload_slots_are_distinct_and_small, reopening_shows_everything,
                a_stale_epoch_is_refused_with_the_row, taking_over_raises_the_epoch_once,
                a_status_is_expected_and_set, another_tenant_sees_nothing,
                a_hold_fits_up_to_the_cap, a_frozen_account_refuses_holds,
                a_hold_on_three_accounts_is_all_or_nothing, concurrent_holds_never_pass_the_cap,
                settling_more_than_is_held_changes_nothing, an_account_that_is_there_keeps_its_caps,
                an_approval_is_asked_for_once, an_approval_moves_by_its_state,
                one_of_64_consumers_wins_an_approval, an_approval_belongs_to_its_run,
                the_order_of_queueing_is_the_order_of_entries, a_dropped_ticket_is_applied_whole,
                a_later_answer_covers_earlier_commits, neighbours_share_one_commit,
                a_breaker_counts_what_happened, reads_are_paged, entries_are_read_in_bounded_pages,
                a_snapshot_stays_as_it_is,
                totals_count_what_is_there, two_tenants_use_the_same_ids,
                a_run_that_moves_is_due_until_a_leaf_covers_it, leaves_and_hashes_are_placed_in_order,
                a_leaf_covers_more_than_the_last_and_no_more_than_there_is, of_64_anchors_one_wins_each_size,
                a_checkpoint_of_a_size_is_replaced, subjects_are_kept_wrapped_anew_and_erased,
                a_value_is_pinned_once, neither_of_two_tenants_learns_of_the_other,
            );
        }
    };
    (@each $open:path; $($test:ident),* $(,)?) => {
        $(#[test]
        fn $test() {
            $crate::suite::drive($open, $crate::suite::$test);
        })*
    };
}

/// A store in a folder of its own.
pub struct Bench {
    /// The store.
    pub store: Store,
    open: fn(&Path) -> Store,
    folder: TempDir,
}

impl Bench {
    /// Closes the store and opens it again.
    pub fn reopen(self) -> Self {
        drop(self.store);
        Self { store: (self.open)(self.folder.path()), ..self }
    }

    async fn commit(&self, commit: Commit) -> Result<Receipt, Refused> {
        match self.store.queue(commit).await {
            Ok(receipt) => Ok(receipt),
            Err(CommitError::Refused(refused)) => Err(refused),
            Err(CommitError::Failed(error)) => unreachable!("storage failed: {error}"),
        }
    }

    /// Commits what has to succeed.
    async fn must(&self, commit: Commit) -> Receipt {
        self.commit(commit).await.unwrap()
    }

    async fn run(&self, run: RunId) -> RunCell {
        self.store.run(&tenant(), run).await.unwrap().unwrap()
    }

    async fn entries(&self, run: RunId) -> Vec<EntryRow> {
        let mut found = Vec::new();
        self.store.entries(&self.run(run).await, 0, usize::MAX, |entry| found.push(entry)).await.unwrap();
        found
    }

    async fn account(&self, account: AccountId) -> AccountCell {
        self.store.account(&tenant(), account).await.unwrap().unwrap().cell
    }
}

/// Runs one behaviour on four threads.
pub fn drive<F: Future<Output = ()>>(open: fn(&Path) -> Store, behaviour: impl FnOnce(Bench) -> F) {
    let folder = TempDir::new().unwrap();
    let bench = Bench { store: open(folder.path()), open, folder };
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    threads.block_on(behaviour(bench));
}

/// How the suite's entries are linked.
pub fn link(before: &Digest, seq: u64, body: &[u8]) -> Digest {
    Digest::of(&[b"comity/suite/v1\n", &before.0, &seq.to_be_bytes(), body])
}

fn tenant() -> Tenant {
    "acme".parse().unwrap()
}

fn stranger() -> Tenant {
    "rival".parse().unwrap()
}

fn run_id(number: u64) -> RunId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RunId::from_bytes(bytes)
}

fn commit(run: RunId, fence: Fence, ops: Vec<Op>) -> Commit {
    Commit { tenant: tenant(), run, fence, at: Timestamp::from_millis(2_000), expect: Vec::new(), ops }
}

fn opening(run: RunId) -> Commit {
    let open = Op::OpenRun { namespace: Namespace::default_name(), owner: "first".into() };
    Commit { at: Timestamp::from_millis(1_000), ..commit(run, Fence::New, vec![open]) }
}

fn append(body: impl AsRef<[u8]>) -> Op {
    Op::Append(Append { body: body.as_ref().into(), payloads: Vec::new() })
}

fn payload(slot: u8, body: &[u8]) -> Payload {
    Payload { slot, codec: 1, subject: None, salt: [slot; 32], body: body.into() }
}

fn tokens(tokens: u64) -> Amounts {
    Amounts { tokens, ..Amounts::ZERO }
}

fn account(number: u8) -> AccountId {
    AccountId([number; 16])
}

/// Makes an account with a cap in tokens and none in the other units.
fn ensure(account: AccountId, cap: u64) -> Op {
    let caps = Amounts { tokens: cap, ..Amounts::UNLIMITED };
    Op::EnsureAccount { account, label: "purse".into(), caps }
}

fn hold(accounts: &[AccountId], amounts: Amounts) -> Op {
    Op::Hold { accounts: Arc::from(accounts), amounts }
}

fn settle(accounts: &[AccountId], held: Amounts, spent: Amounts) -> Op {
    Op::Settle { accounts: Arc::from(accounts), held, spent }
}

/// Fails unless the entries are numbered from zero and linked one to the next.
fn assert_chain(entries: &[EntryRow]) -> Digest {
    entries.iter().enumerate().fold(Digest::ZERO, |before, (place, entry)| {
        assert_eq!(entry.seq, place as u64, "a gap in the sequence");
        let hash = link(&before, entry.seq, &entry.body);
        assert_eq!(entry.hash, hash.0, "entry {place} is linked to its predecessor");
        hash
    })
}
