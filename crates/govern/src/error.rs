//! What can go wrong at the gate. A refusal is not one of these.

use comity_core::{ApprovalId, RunId, StepId};
use comity_store::{CommitError, Refused};

/// A failure of the gate's own work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] comity_store::Error),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] comity_ledger::Error),
    /// The rules of a policy cannot be read, or cannot be asked.
    #[error(transparent)]
    Rules(#[from] comity_rules::Error),
    /// Another process owns the run now.
    #[error("run `{run}` was taken over by `{owner}`: this process has stopped working on it")]
    TakenOver {
        /// The run.
        run: RunId,
        /// Its new owner.
        owner: String,
    },
    /// An earlier commit of the run failed, so that nothing may follow it.
    #[error("run `{run}` was stopped: {why}")]
    Stopped {
        /// The run.
        run: RunId,
        /// What failed.
        why: String,
    },
    /// The texts of the run were erased: there is nothing to go on from.
    #[error("the texts of run `{0}` were erased: it cannot be gone on with")]
    Erased(RunId),
    /// A legal hold keeps what should be erased.
    #[error("{hold} keeps it from being erased")]
    OnHold {
        /// The hold, in words.
        hold: String,
    },
    /// There is no such legal hold.
    #[error("there is no legal hold {0}")]
    NoHold(u64),
    /// Another process writes into the tenant's book.
    #[error("process `{owner}` is erasing, or has just changed what may be erased")]
    Erasing {
        /// Its name.
        owner: String,
    },
    /// A live process works on what should be erased.
    #[error("run `{run}` is being worked on by process `{owner}`: what is alive is not erased")]
    Alive {
        /// The run.
        run: RunId,
        /// The process.
        owner: String,
    },
    /// Nothing that is not erased already.
    #[error("there is nothing to erase: no run is meant, or all of it is erased already")]
    NothingToErase,
    /// More than one erasure takes on.
    #[error("{keys} keys would go, and one erasure takes {most} at most")]
    TooMuch {
        /// How many.
        keys: usize,
        /// The most.
        most: usize,
    },
    /// The book itself is not erased.
    #[error("this run is the tenant's book, which says what was erased: it is not erased itself")]
    TheBook,
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoRun(RunId),
    /// The run has ended.
    #[error("run `{run}` has ended: it is {status}")]
    Ended {
        /// The run.
        run: RunId,
        /// How.
        status: &'static str,
    },
    /// A resumed step was given other input, or is done in another way, than before.
    #[error("step `{step}` was resumed with {what} than before: the run is held")]
    Changed {
        /// The step.
        step: StepId,
        /// What differs.
        what: &'static str,
    },
    /// A result that is to be taken over from another run is not there as it was.
    #[error("run `{run}`, from which this one was forked, {what}")]
    Origin {
        /// The other run.
        run: RunId,
        /// What is the matter with it.
        what: String,
    },
    /// There is no such approval.
    #[error("there is no approval `{0}`")]
    NoApproval(ApprovalId),
    /// The approval was decided already.
    #[error("approval `{id}` is already {state}")]
    Decided {
        /// The approval.
        id: ApprovalId,
        /// Where it stands.
        state: &'static str,
    },
    /// The step does not wait to be told how it ended.
    #[error("step `{0}` does not wait to be told how it ended")]
    NotUnknown(StepId),
    /// A step does not stand where its id says.
    #[error("step `{0}` does not stand where its id says")]
    Misplaced(StepId),
    /// A step is being done, or answered for, at this moment.
    #[error("step `{0}` is under way already")]
    Busy(StepId),
    /// The tenant's log was signed with another key so far.
    #[error("the log of tenant `{tenant}` is signed by `{known}`, and the key here is `{found}`")]
    OtherKey {
        /// Whose log.
        tenant: comity_core::Tenant,
        /// The public key it was first signed with.
        known: String,
        /// The public key of the one at hand.
        found: String,
    },
    /// Others extended the tenant's log again and again.
    #[error("the log of tenant `{0}` is being extended by others without end: no checkpoint was made")]
    Overtaken(comity_core::Tenant),
    /// A commit was refused for a reason that only a defect can cause.
    #[error("run `{run}`: a commit was refused that never should be: {why}")]
    Defect {
        /// The run.
        run: RunId,
        /// The refusal.
        why: String,
    },
}

impl Error {
    /// What a failed commit means for its run.
    pub fn of_commit(run: RunId, error: CommitError) -> Self {
        match error {
            CommitError::Failed(error) => Self::Store(error),
            CommitError::Refused(refused) => Self::of_refusal(run, &refused),
        }
    }

    /// What a refusal means that is not part of a decision.
    pub fn of_refusal(run: RunId, refused: &Refused) -> Self {
        match refused {
            Refused::NoRun => Self::NoRun(run),
            Refused::Fenced(cell) => Self::TakenOver { run, owner: cell.owner.to_string() },
            Refused::Broken => Self::Stopped { run, why: "an earlier commit of it failed".to_owned() },
            Refused::Status(number) => {
                let status = comity_ledger::RunStatus::from_number(*number);
                Self::Ended {
                    run,
                    status: status.map_or("in an unknown state", comity_ledger::RunStatus::word),
                }
            }
            other => Self::Defect { run, why: format!("{other:?}") },
        }
    }
}
