//! Copies in a bucket, judged by an S3 server of another maker's.

#![expect(clippy::disallowed_methods, reason = "tests of a program against a server: both are processes")]

#[cfg(test)]
mod bucket;
#[cfg(test)]
mod command;
#[cfg(test)]
mod server;
