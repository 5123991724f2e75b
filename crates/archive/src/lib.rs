//! Places outside the database where copies are kept: a bucket of S3-compatible storage, or a folder.
//!
//! A place only ever gains objects: each is made once, and a second one of the same name with other bytes is an
//! error. This room does not know what the bytes mean; it knows names, and how the tiles of a log are laid out.
//!
//! Start with [`Place`], then [`Address`] (where a place is) and [`tiles`] (the layout of a log).

mod address;
mod error;
mod folder;
mod key;
mod place;
mod s3;
pub mod tiles;

pub use address::Address;
pub use error::Error;
pub use key::Key;
pub use place::{Kept, Options, Place, Probe};
