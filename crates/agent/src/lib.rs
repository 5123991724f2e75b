//! Agents: who is asked what, with which tools, and what comes of their turn.
//!
//! This room knows no workflow and no adapter: its tools are handed in. It decides nothing: each model call
//! and each tool call of a turn is a step of its own and goes through the gate. Start with [`Agent`].

mod agent;
mod error;
mod keys;
mod prompt;
mod router;
mod tools;
mod turn;

pub use agent::Agent;
pub use error::Error;
pub use keys::SPEC;
pub use router::Router;
pub use tools::Tools;
