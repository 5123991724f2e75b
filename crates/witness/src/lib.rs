//! A witness: it signs that a log only ever grew, and keeps the proof when one did not.
//!
//! Whoever runs a log could show one view of it to one reader and another view to the next. A witness sees the
//! checkpoints of many logs and signs each one that begins with all it signed before; so no two readers who ask
//! for its signature can be shown views that differ. It knows checkpoints and their consistency: no runs, no
//! entries and no store. The protocol is C2SP tlog-witness.
//!
//! Start with [`judge`] (the decision), then [`Witness`] (which remembers), [`server`] (which is asked) and
//! [`client`] (who asks).

pub mod client;
mod error;
pub mod judge;
pub mod request;
pub mod server;
mod state;
mod witness;

pub use comity_ledger::log::merkle::Head;
pub use comity_ledger::log::note::{BadKey, Kind, Verifier};
pub use error::Error;
pub use witness::{Answer, Options, Said, Witness};

#[cfg(test)]
mod tests;
