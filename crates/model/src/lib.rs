//! What language models cost and how they are asked; today by one provider, the sandbox.
//!
//! This room knows no agents, no budgets and no sockets, and waits for nothing: a request is a value, and so
//! is what comes back. Start with [`Request`], then [`price`] and [`sandbox`].

mod error;
pub mod price;
mod request;
mod role;
pub mod sandbox;
pub mod tokens;

pub use error::Error;
pub use price::{PRICES, Price, bound};
pub use request::{Message, Reply, Request, ToolCall, ToolSpec, Usage};
pub use role::{BadRole, Role};
pub use sandbox::Script;
