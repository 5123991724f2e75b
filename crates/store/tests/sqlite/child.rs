//! This test binary, run again as another process.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROLE: &str = "COMITY_TEST_ROLE";
const FILE: &str = "COMITY_TEST_FILE";

/// Another process, in one of the roles below. It is killed when it is dropped.
pub struct Other {
    pub process: Child,
    input: ChildStdin,
    pub output: BufReader<ChildStdout>,
}

impl Other {
    pub fn start(role: &str, file: &Path) -> Self {
        Self::start_with(Command::new(std::env::current_exe().unwrap()), role, file)
    }

    /// Starts it through a command that ends in the name of this binary.
    pub fn start_with(mut command: Command, role: &str, file: &Path) -> Self {
        command.args(["--exact", "child::plays_a_role", "--nocapture", "--test-threads=1", "-q"]);
        command.env(ROLE, role).env(FILE, file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    /// The next line that is meant for us; the test harness prints lines of its own.
    pub fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The harness leaves its own line unfinished, so ours may follow on it.
            if let Some((_, said)) = line.split_once("say ") {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    pub fn go_on(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Tells the parent something, in one write.
pub fn say(text: &str) {
    std::io::stdout().write_all(format!("say {text}\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

/// Waits until the parent says so, or is gone.
pub fn hold_on() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Does nothing by itself: other tests start it in a process of its own.
#[test]
fn plays_a_role() {
    let (Some(role), Some(file)) = (std::env::var_os(ROLE), std::env::var_os(FILE)) else { return };
    let file = PathBuf::from(file);
    match role.to_str().unwrap() {
        "open" => files::tries_to_open(&file),
        "read" => files::tries_to_read(&file),
        "race" => files::opens_on_the_word(&file),
        "die in a migration" => files::dies_in_a_migration(&file),
        "hold the lock" => busy::holds_the_lock(&file),
        "append" => kill::appends_until_killed(&file),
        "die before" => kill::dies_at(comity_core::Point::BeforeCommit, &file),
        "die after" => kill::dies_at(comity_core::Point::AfterCommit, &file),
        "endure" => failing::endures(&file),
        "fill" => full::fills_a_small_disk(&file),
        other => unreachable!("no role `{other}`"),
    }
}
