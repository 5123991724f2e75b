//! For development only: workloads, and the seeded simulator.
//!
//! No other room may use this one outside its tests. Start with [`flows`], then [`sim`].

pub mod fixture;
pub mod flows;
#[cfg(feature = "sim")]
pub mod sim;
