//! What each key that steers a workflow does, on the real runtime and a real database: a test a key, which
//! fails when the key does nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the subject is what waits for real moments")]

mod house;
mod loops;
mod moments;
mod nested;
mod routes;
mod stopped;
mod tries;
mod ways;

use house::entries;
