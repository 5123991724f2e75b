//! A transaction as data.

use crate::cells::{AccountCell, ApprovalCell, ApprovalState, BreakerCell, RunCell};
use comity_core::{Amounts, ApprovalId, Digest, Namespace, RunId, StepId, Tenant, Timestamp, Unit};
use std::sync::Arc;

/// The most operations one commit may hold.
pub const MAX_OPS: usize = 64;
/// The most payloads one entry may carry: a payload's row number is its entry's times this, plus its slot.
pub const MAX_PAYLOADS: usize = 8;

/// One transaction on one run: applied whole when every precondition holds, and not at all otherwise.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose run it is. Another tenant's run does not exist.
    pub tenant: Tenant,
    /// The run.
    pub run: RunId,
    /// Who may do this.
    pub fence: Fence,
    /// When, for the run's view row.
    pub at: Timestamp,
    /// What must be true beyond the fence.
    pub expect: Vec<Expect>,
    /// What to do, in order.
    pub ops: Vec<Op>,
}

/// Who may commit to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// Whoever opens it: the run must not exist.
    New,
    /// Its owner, at this epoch.
    Epoch(u64),
    /// Anybody: for appending what does not need the owner, such as a person's decision.
    Anyone,
}

/// A precondition.
#[derive(Clone, Debug)]
pub enum Expect {
    /// The approval is this run's, and in this state.
    Approval(ApprovalId, ApprovalState),
    /// The account takes holds.
    NotFrozen(AccountId),
    /// The run's status is one of these numbers.
    Status(&'static [u8]),
}

/// An operation.
#[derive(Clone, Debug)]
pub enum Op {
    /// Makes the run's row. Only under [`Fence::New`].
    OpenRun {
        /// Division of the tenant.
        namespace: Namespace,
        /// Which process owns it.
        owner: Arc<str>,
    },
    /// Makes `owner` the owner and raises the epoch, provided that the epoch is still `from`.
    TakeOver {
        /// The epoch the caller saw.
        from: u64,
        /// The new owner.
        owner: Arc<str>,
    },
    /// Sets the run's status number.
    SetStatus(u8),
    /// Appends an entry to the run's chain; sequence number and hash are given inside.
    Append(Append),
    /// Makes the account if it is not there; an account that is there keeps its caps.
    EnsureAccount {
        /// The account.
        account: AccountId,
        /// What to call it in output.
        label: Arc<str>,
        /// Its caps.
        caps: Amounts,
    },
    /// Reserves on every account at once; refused when it does not fit any one of them.
    Hold {
        /// The accounts, innermost first.
        accounts: Arc<[AccountId]>,
        /// How much.
        amounts: Amounts,
    },
    /// Ends a reservation: `held` is given back and `spent` of it is booked, on every account.
    Settle {
        /// The accounts, innermost first.
        accounts: Arc<[AccountId]>,
        /// What was reserved.
        held: Amounts,
        /// What was used.
        spent: Amounts,
    },
    /// Refuses every further hold on the account.
    Freeze(AccountId),
    /// Makes an approval that waits for a decision, asked for by the entry appended last.
    AskApproval {
        /// The approval.
        approval: ApprovalId,
        /// The step it is about.
        step: StepId,
        /// What exactly is asked for.
        binding: Digest,
        /// When it stops counting.
        expires: Timestamp,
    },
    /// Moves an approval of this run to another state. State what it must be in with [`Expect::Approval`].
    SetApproval(ApprovalId, ApprovalState),
    /// Replaces the state of an endpoint's circuit breaker.
    SetBreaker {
        /// The endpoint.
        endpoint: Arc<str>,
        /// Its new state.
        breaker: BreakerCell,
    },
}

/// One entry to append.
#[derive(Clone, Debug)]
pub struct Append {
    /// The entry's body, exactly as it is hashed.
    pub body: Vec<u8>,
    /// The texts it commits to, at most [`MAX_PAYLOADS`], by slot.
    pub payloads: Vec<Payload>,
}

/// A text kept beside its entry.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Which of the entry's commitments this is, below [`MAX_PAYLOADS`].
    pub slot: u8,
    /// How `body` is encoded.
    pub codec: u8,
    /// The salt of the commitment.
    pub salt: [u8; 32],
    /// The encoded text.
    pub body: Vec<u8>,
}

/// Names an account. Run accounts use the run's bytes, so that they lie in the order they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub [u8; 16]);

/// What a commit did.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// Sequence number and hash of each appended entry, in order.
    pub entries: Vec<(u64, Digest)>,
    /// The run's epoch after the commit.
    pub epoch: u64,
    /// The accounts it touched, as they stand after it.
    pub accounts: Vec<(AccountId, AccountCell)>,
}

/// Why a commit was not applied, with the values that stood in its way.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The run does not exist for this tenant.
    NoRun,
    /// The run exists already.
    RunExists,
    /// Another process owns the run now.
    Fenced(Box<RunCell>),
    /// The hold does not fit this account in this unit.
    Insufficient {
        /// The account, as it stands.
        account: Box<AccountCell>,
        /// Which one.
        id: AccountId,
        /// The unit that does not fit.
        unit: Unit,
    },
    /// The account is frozen.
    Frozen(AccountId),
    /// The account does not exist for this tenant.
    NoAccount(AccountId),
    /// The approval is in another state, or does not exist for this run.
    Approval(Option<Box<ApprovalCell>>),
    /// The run's status is another one.
    Status(u8),
    /// An earlier commit of this owner failed; the run has to be taken over before it goes on.
    Broken,
    /// The commit itself is malformed: too much in it, or arithmetic that leaves its range.
    Malformed(&'static str),
}
