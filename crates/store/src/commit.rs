//! A transaction as data.

use crate::cells::{AccountCell, ApprovalCell, ApprovalState, BreakerChange, RunCell};
use comity_core::{
    Amounts, ApprovalId, Digest, Namespace, RunId, StepId, SubjectId, Tenant, Timestamp, Unit,
};
use std::fmt;
use std::sync::Arc;

/// The most operations one commit may hold.
pub const MAX_OPS: usize = 64;
/// The most payloads one entry may carry: a payload's row number is its entry's times this, plus its slot.
pub const MAX_PAYLOADS: usize = 8;
/// The most rows one operation may list: leaves of an anchor, keys that are wrapped anew or erased.
pub const MAX_LISTED: usize = 1_000;
/// The longest text, in bytes, that a small row may hold: a label, a note, a wrapped key.
pub const MAX_TEXT: usize = 64 << 10;

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
        /// The accounts, innermost first: that of the run, and then those it shares with others.
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
    /// Tells an endpoint's circuit breaker what happened. Makes it if it is not there.
    Breaker {
        /// The endpoint.
        endpoint: Arc<str>,
        /// What happened.
        change: BreakerChange,
    },
    /// Keeps a new key that texts are encrypted under; refused when there is one of this id.
    AddSubject(Box<NewSubject>),
    /// Replaces wrapped keys of the tenant, of whatever run. Refused when one is not there, or is not wrapped by
    /// the key that is named.
    Rewrap(Vec<Rewrapped>),
    /// Deletes wrapped keys of the tenant, of whatever run; one that is not there is passed over.
    EraseSubjects(Vec<SubjectId>),
    /// Appends leaves to the tenant's log, and keeps the checkpoint that covers them. Without leaves it replaces
    /// the checkpoint of the log's present size.
    Anchor(Box<Anchor>),
    /// Sets a value of the tenant once; refused when another one stands there.
    Pin {
        /// Which.
        name: &'static str,
        /// The value.
        value: Arc<[u8]>,
    },
}

/// A key to keep, wrapped.
#[derive(Clone, Debug)]
pub struct NewSubject {
    /// Whose it is.
    pub id: SubjectId,
    /// What sort of subject, as the rooms above number them.
    pub class: u8,
    /// Whether it belongs to the commit's run.
    pub of_run: bool,
    /// The key.
    pub wrapped: WrappedKey,
    /// What it is called, sealed; or nothing.
    pub label: Vec<u8>,
}

/// Names a key that wraps others and is not in the database. Printed as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// Reads what it prints: 16 lower-case hex digits; anything else is `None`.
    pub fn from_hex(text: &str) -> Option<Self> {
        let lower = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let number = u64::from_str_radix(text, 16).ok().filter(|_| lower && text.len() == 16)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key, wrapped by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// The key that wraps it.
    pub by: KeyId,
    /// The wrapped bytes.
    pub bytes: Vec<u8>,
}

/// A key that is wrapped anew.
#[derive(Clone, Debug)]
pub struct Rewrapped {
    /// Whose it is.
    pub id: SubjectId,
    /// The key it must have been wrapped by so far.
    pub from: KeyId,
    /// The key, wrapped anew.
    pub wrapped: WrappedKey,
    /// Its label, sealed anew.
    pub label: Vec<u8>,
}

/// New leaves of a tenant's log.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// How many leaves the log must have so far.
    pub from: u64,
    /// The leaves, in order.
    pub leaves: Vec<NewLeaf>,
    /// The hashes they complete, in the order of the log's stored hashes.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint of the log with these leaves.
    pub note: Arc<[u8]>,
}

/// A leaf to append.
#[derive(Clone, Debug)]
pub struct NewLeaf {
    /// The run it is about.
    pub run: RunId,
    /// How many of the run's entries it covers.
    pub size: u64,
    /// What it says of the run, as the rooms above number it.
    pub kind: u8,
    /// Root of the tree over the entries it covers.
    pub root: Digest,
    /// What that tree grows from.
    pub frontier: Vec<u8>,
}

/// A row that a commit names: it has to be loaded before the commit is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'c> {
    /// A run.
    Run(RunId),
    /// An account, all of it.
    Account(AccountId),
    /// An account that other runs spend from too: as much of it as is needed.
    Share(AccountId),
    /// An account, of which it only matters whether it is there.
    Known(AccountId),
    /// An approval.
    Approval(ApprovalId),
    /// An endpoint's circuit breaker.
    Breaker(&'c Arc<str>),
    /// A wrapped key.
    Subject(SubjectId),
    /// The tenant's log.
    Log,
    /// A value that is set once.
    Pin(&'static str),
}

impl Commit {
    /// Tells `visit` every row of the tenant that this commit reads or writes; some may be told twice.
    pub fn names<'c>(&'c self, visit: &mut dyn FnMut(Named<'c>)) {
        visit(Named::Run(self.run));
        for expect in &self.expect {
            match expect {
                Expect::Approval(id, _) => visit(Named::Approval(*id)),
                Expect::NotFrozen(account) => visit(Named::Account(*account)),
                Expect::Status(_) => {}
            }
        }
        self.ops.iter().for_each(|op| op.names(visit));
    }
}

impl Op {
    fn names<'c>(&'c self, visit: &mut dyn FnMut(Named<'c>)) {
        match self {
            Self::EnsureAccount { account, .. } => visit(Named::Known(*account)),
            Self::Freeze(account) => visit(Named::Account(*account)),
            Self::Hold { accounts, .. } | Self::Settle { accounts, .. } => {
                if let Some((own, shared)) = accounts.split_first() {
                    visit(Named::Account(*own));
                    shared.iter().for_each(|account| visit(Named::Share(*account)));
                }
            }
            Self::AskApproval { approval, .. } | Self::SetApproval(approval, _) => {
                visit(Named::Approval(*approval));
            }
            Self::Breaker { endpoint, .. } => visit(Named::Breaker(endpoint)),
            Self::AddSubject(new) => visit(Named::Subject(new.id)),
            Self::Rewrap(keys) => keys.iter().for_each(|key| visit(Named::Subject(key.id))),
            Self::EraseSubjects(ids) => ids.iter().for_each(|id| visit(Named::Subject(*id))),
            Self::Anchor(anchor) => {
                visit(Named::Log);
                anchor.leaves.iter().for_each(|leaf| visit(Named::Run(leaf.run)));
            }
            Self::Pin { name, .. } => visit(Named::Pin(name)),
            Self::OpenRun { .. } | Self::TakeOver { .. } | Self::SetStatus(_) | Self::Append(_) => {}
        }
    }
}

/// One entry to append.
#[derive(Clone, Debug)]
pub struct Append {
    /// The entry's body, exactly as it is hashed.
    pub body: Arc<[u8]>,
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
    /// Whose key it is encrypted under; `None` when it is not.
    pub subject: Option<SubjectId>,
    /// The salt of the commitment.
    pub salt: [u8; 32],
    /// The encoded text.
    pub body: Arc<[u8]>,
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
    /// The accounts it touched, as they stand after it; not those that its run shares with others.
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
    /// The log has another size.
    Log {
        /// How many leaves it has.
        size: u64,
    },
    /// The key is there already, or is not there, or is wrapped by another one than was expected.
    Subject(SubjectId),
    /// Another value stands there.
    Pinned(Arc<[u8]>),
    /// An earlier commit of this owner failed; the run has to be taken over before it goes on.
    Broken,
    /// The commit itself is malformed: too much in it, or arithmetic that leaves its range.
    Malformed(&'static str),
}
