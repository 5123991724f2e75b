//! The synchronisation the queue is built on. The model checker compiles the queue against its own twin.

pub use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
