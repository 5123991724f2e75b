//! A tenant's log: one Merkle tree over how far each of its runs had come, and what is proved by it.
//!
//! Pure functions of bytes, and two files that read the store: [`sequence`] extends the log, [`prove`] makes proofs.
//! Start with [`merkle`], then [`leaf`], [`checkpoint`], [`note`], [`proof`] and [`check`].

pub mod check;
pub mod checkpoint;
pub mod consistency;
pub mod leaf;
pub mod merkle;
pub mod note;
pub mod pack;
pub mod proof;
pub mod prove;
pub mod sequence;
pub mod text;
