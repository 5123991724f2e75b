//! A tenant's log over a real database: what goes into it, what is proved by it, and what shows when somebody changes
//! the database behind its back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the subject is a file that somebody else writes")]

mod house;
mod prove;
mod sequence;
mod tamper;
