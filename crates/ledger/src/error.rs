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
    /// A tenant's log is not what it was, or does not reach as far as was asked.
    #[error("the log of tenant `{tenant}`: {why}")]
    Log {
        /// Whose.
        tenant: comity_core::Tenant,
        /// What is wrong.
        why: String,
    },
    /// A checkpoint could not be signed.
    #[error("no checkpoint of `{log}` could be signed: {why}")]
    Signing {
        /// The log's name.
        log: String,
        /// What the key says.
        why: String,
    },
    /// No checkpoint covers the entry yet.
    #[error("entry {seq} of run `{run}` is under no checkpoint yet")]
    Uncovered {
        /// The run.
        run: comity_core::RunId,
        /// The entry, by its place in the chain.
        seq: u64,
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
