//! How to call what is not ours: a program, a service, a person, an echo.
//!
//! This room calls and reports what came back. It knows no flows, no agents and no ledger, and decides
//! nothing: it is handed a permit and keeps to it. Start with [`Adapter`], then [`ADAPTERS`].

mod adapter;
mod error;
mod keys;

mod command;
mod echo;
mod http;
mod human;

pub use adapter::{ADAPTERS, Adapter, AdapterKind, Build, Setup, find};
pub use error::Error;
pub use http::{Post, Posted};
