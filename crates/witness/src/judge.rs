//! The decision, and nothing else: does this checkpoint follow from the last one that was cosigned?

use crate::request::Request;
use comity_ledger::log::merkle::{Head, is_consistent, roots_of_consistency};

/// What is to be done with a checkpoint that its log signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It begins with all that was cosigned: cosign it, remember it first.
    Cosign,
    /// The proof begins somewhere else than at the last size; say which that is.
    Elsewhere {
        /// The size last cosigned; 0 if none was.
        size: u64,
    },
    /// The proof shows nothing, and there is nothing it could contradict.
    Unproven,
    /// The log shows another view than the one that was cosigned.
    Split(Split),
}

/// How the two views differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Two roots at one size: the two signed checkpoints prove it.
    SameSize,
    /// The proof leads from another tree of the old size to the new root: proof and checkpoints prove it.
    OtherPast,
    /// The proof does not lead from the cosigned tree to the new one. The log may be able to show that it does.
    NotShown,
}

impl Split {
    /// Whether what was sent proves by itself that the log signed two views.
    pub const fn is_proven(self) -> bool {
        matches!(self, Self::SameSize | Self::OtherPast)
    }
}

/// Judges a request whose checkpoint the log signed, against the head last cosigned for that log.
pub fn judge(latest: Option<Head>, request: &Request) -> Judgement {
    let new = request.checkpoint.head;
    // Whatever the proof says: two roots at one size are two views.
    if latest.is_some_and(|latest| latest.size == new.size && latest.root != new.root) {
        return Judgement::Split(Split::SameSize);
    }
    let size = latest.map_or(0, |latest| latest.size);
    if request.old != size {
        return Judgement::Elsewhere { size };
    }
    match latest {
        // Every log begins with nothing; an empty one has the root of nothing.
        None | Some(Head { size: 0, .. }) => of_nothing(new, request),
        Some(latest) if is_consistent(latest, new, &request.proof) => Judgement::Cosign,
        // The same tree with a proof that nobody asked for.
        Some(latest) if latest == new => Judgement::Unproven,
        Some(latest) => Judgement::Split(unlike(latest, new, request)),
    }
}

fn of_nothing(new: Head, request: &Request) -> Judgement {
    let empty = comity_ledger::log::merkle::empty_root();
    if request.proof.is_empty() && (new.size > 0 || new.root == empty) {
        Judgement::Cosign
    } else {
        Judgement::Unproven
    }
}

/// Whether a proof that does not hold shows another past: its new end is what the log signed.
fn unlike(latest: Head, new: Head, request: &Request) -> Split {
    match roots_of_consistency(latest, new.size, &request.proof) {
        Some((old, now)) if now == new.root && old != latest.root => Split::OtherPast,
        _ => Split::NotShown,
    }
}

#[cfg(test)]
mod tests;
