//! For development only: workloads, cases of compatibility, random conditions, fuzz targets, and the seeded simulator.
//!
//! No other room may use this one outside its tests. Start with [`flows`] and [`house`], then [`sim`].

pub mod cases;
pub mod conditions;
pub mod fixture;
pub mod flows;
pub mod fuzz;
pub mod grown;
pub mod house;
pub mod keys;
pub mod node;
#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "starts servers, and fails the test if it cannot"
)]
pub mod postgres;
pub mod proofs;
pub mod python;
pub mod random;
#[cfg(feature = "sim")]
pub mod sim;
