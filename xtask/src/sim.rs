//! Plays seeds: the simulator itself lives in the test kit, built with its planted defects.

use std::process::{Command, ExitCode};

/// Builds and runs the simulator; 10,000 seeds unless told otherwise.
pub fn run(arguments: &[String]) -> ExitCode {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "comity-testkit",
        "--features",
        "sim",
        "--bin",
        "sim",
        "--",
    ]);
    if !arguments.iter().any(|argument| argument == "--seeds") {
        cargo.args(["--seeds", "10000"]);
    }
    match cargo.args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
