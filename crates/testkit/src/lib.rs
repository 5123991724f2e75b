//! For development only: workloads, and the seeded simulator.
//!
//! No other room may use this one outside its tests. Start with [`flows`] and [`house`], then [`sim`].

pub mod flows;
pub mod house;
#[cfg(feature = "sim")]
pub mod sim;
