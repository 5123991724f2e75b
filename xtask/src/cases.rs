//! Prints the table of compatibility: the cases, and what is done with each, live in the test kit.

use std::process::{Command, ExitCode};

/// Answers every case and prints how; fails if one is not answered as it should be.
pub fn run(arguments: &[String]) -> ExitCode {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "--package", "comity-testkit", "--bin", "cases", "--"]);
    match cargo.args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
