//! Measures, beside the peers and in the same run: only ratios from one run count.

mod condition;
mod lab;
mod ledger;
mod path;
#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    dead_code,
    reason = "a server to measure; tests need more of it"
)]
#[path = "../../crates/testkit/src/postgres.rs"]
mod postgres;
mod proofs;
mod table;

use std::process::ExitCode;

/// Runs one family of benches.
pub fn run(arguments: &[String]) -> ExitCode {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let result = match arguments.first().map(String::as_str) {
        Some("path") => path::run(!has("--no-peers"), has("--quick")),
        Some("ledger") => ledger::run(!has("--no-peers"), has("--quick")),
        Some("condition") => condition::run(),
        Some("proofs") => proofs::run(),
        _ => Err("usage: cargo xtask bench path|ledger [--no-peers] [--quick] | cargo xtask bench condition|proofs"
            .to_owned()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
