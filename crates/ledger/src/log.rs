//! A tenant's log: one Merkle tree over how far each of its runs had come, and what is proved by it.
//!
//! Everything here is a pure function of bytes. Start with [`merkle`], then [`leaf`], [`checkpoint`] and [`proof`].

pub mod checkpoint;
pub mod consistency;
pub mod leaf;
pub mod merkle;
pub mod proof;
pub mod text;
