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
}
