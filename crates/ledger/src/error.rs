//! What can go wrong when the ledger is read.

/// A failure to read the ledger.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] comity_store::Error),
    /// An entry is not what this program writes.
    #[error("entry {seq} of the run cannot be read: {why}")]
    BadEntry {
        /// Its place in the chain.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A payload is not what its entry committed to.
    #[error("the `{slot}` text of entry {seq} cannot be read: {why}")]
    BadPayload {
        /// The place of its entry in the chain.
        seq: u64,
        /// Which text.
        slot: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key kept outside the database did not do what was asked of it.
    #[error(transparent)]
    Keys(#[from] crate::keys::KeyFault),
    /// A text is not there any more: its key was destroyed.
    #[error("the `{slot}` text of entry {seq} was erased")]
    Erased {
        /// The place of its entry in the chain.
        seq: u64,
        /// Which text.
        slot: &'static str,
    },
    /// Nothing can be written into the run any more: the key of its texts was destroyed.
    #[error("the texts of the run were erased")]
    RunErased,
}
