//! Throws mangled input at what reads files: the targets live in the test kit.

use std::process::{Command, ExitCode};

/// Builds and runs one target, for one minute unless told otherwise.
pub fn run(arguments: &[String]) -> ExitCode {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "run",
        "--release",
        "--quiet",
        "--locked",
        "--package",
        "comity-testkit",
        "--bin",
        "fuzz",
        "--",
    ]);
    match cargo.args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
