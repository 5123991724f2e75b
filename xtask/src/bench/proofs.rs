//! Proofs: how large they are, how long checking one takes, and whether another verifier agrees about them.

use super::lab::number;
use super::table::Table;
use serde_json::Value;
use std::process::Command;

/// Leaves of the log, and entries of the run that is proved.
const LOG: (&str, &str) = ("10000", "500");
/// Files that both verifiers judge, and as many that something is wrong with.
const FILES: &str = "10000";

/// Measures, then compares; whether everything is within its limit.
pub fn run() -> Result<bool, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--release", "--locked", "--quiet", "--package", "comity-testkit"]);
    cargo.args(["--bin", "bench-proofs", "--", LOG.0, LOG.1]);
    let ran = cargo.output().map_err(|error| error.to_string())?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    let found: Value = serde_json::from_slice(&ran.stdout).map_err(|error| error.to_string())?;
    let mut table = Table::default();
    table.note("leaves of the log", number(&found, "leaves"), "");
    table.note("entries of the run", number(&found, "entries"), "");
    table.note("a proof, median", number(&found, "bytes_p50"), "bytes");
    table.at_most("a proof, largest", number(&found, "bytes_max"), 2048.0, "bytes");
    table.at_most("checking one, p50", number(&found, "check_us_p50"), 1000.0, "us");
    table.note("checking one, longest", number(&found, "check_us_max"), "us");
    println!("\n{}", table.text());
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "test",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "comity-testkit",
        "--test",
        "proofs",
    ]);
    let agreed = cargo.args(["--", "--nocapture"]).env("COMITY_PROOFS", FILES).status();
    Ok(agreed.map_err(|error| error.to_string())?.success() && table.is_met())
}
