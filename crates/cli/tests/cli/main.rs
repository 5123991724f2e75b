//! The built binary, as people and scripts use it.

#![expect(
    clippy::disallowed_methods,
    reason = "tests of a program: they start it and write the files it reads"
)]

#[cfg(test)]
mod answers;
#[cfg(test)]
mod attest;
#[cfg(test)]
mod auditor;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod flowfiles;
#[cfg(test)]
mod fork;
mod formats;
#[cfg(test)]
mod front;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod keys;
mod ledger;
#[cfg(test)]
mod running;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod views;
