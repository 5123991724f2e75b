//! The vault: texts encrypted under keys that can be destroyed.

pub mod cipher;
