//! Copies of runs and of their log, in folders, and in buckets of an S3 server of another maker's.

#![expect(clippy::disallowed_methods, reason = "tests of a program against a server: both are processes")]

#[cfg(test)]
mod bucket;
#[cfg(test)]
mod command;
#[cfg(test)]
mod log;
#[cfg(test)]
mod second;
#[cfg(test)]
mod server;
