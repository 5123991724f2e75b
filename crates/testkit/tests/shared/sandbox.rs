//! A folder with a workflow in it, and the program run there.

use crate::oracle::{Fact, Oracle};
use comity_api::{RunReport, RunSummary, TraceRow, VerifyReport};
use serde::de::DeserializeOwned;
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The program under test, and the steps' note-taker.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_comity-crash");

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/contract-review");

/// A folder that goes away with its test.
pub struct Sandbox {
    folder: TempDir,
    pub facts: Vec<Fact>,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status, out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// Checks the code and returns self, so that what was printed is seen when it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl Sandbox {
    /// A folder whose workflow is the text that `flow` writes, told where the oracle's file will be.
    pub fn new(flow: impl FnOnce(&Path) -> (String, Vec<Fact>)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (text, facts) = flow(&folder.path().join("oracle"));
        std::fs::write(folder.path().join("flow.yaml"), text).unwrap();
        Self { folder, facts }
    }

    /// The example that is shipped, with every program wrapped so that the oracle hears of it.
    pub fn example() -> Self {
        let sandbox = Self::new(example);
        for file in std::fs::read_dir(EXAMPLE).unwrap().flatten() {
            if file.file_name() != "flow.yaml" {
                std::fs::copy(file.path(), sandbox.path(file.file_name().to_str().unwrap())).unwrap();
            }
        }
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder where it is, for whoever looks into a failure.
    pub fn keep(&mut self) {
        self.folder.disable_cleanup(true);
    }

    pub fn database(&self) -> PathBuf {
        self.path("comity.db")
    }

    pub fn oracle(&self) -> Oracle {
        Oracle(self.path("oracle"))
    }

    /// The program with these words on this folder's database.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--db").arg(self.database());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["COMITY_DB", "COMITY_DURABILITY", "COMITY_CRASH", "COMITY_POINTS_FILE", "NOTICE_MAILER"] {
            command.env_remove(name);
        }
        command
    }

    pub fn comity(&self, words: &[&str]) -> Ended {
        Ended::of(self.command(words).output().unwrap())
    }

    /// `run` on the workflow. Its path names the folder, so that its programs can be found by it.
    pub fn run(&self) -> Vec<String> {
        vec!["run".to_owned(), self.path("flow.yaml").display().to_string()]
    }

    pub fn runs(&self) -> Vec<RunSummary> {
        self.comity(&["runs", "-o", "json"]).expect(0).json()
    }

    pub fn trace(&self, run: &str) -> Vec<TraceRow> {
        self.comity(&["trace", run, "-o", "json"]).expect(0).json()
    }

    /// Fails unless the whole ledger is as it was written.
    pub fn verify(&self) {
        let report: VerifyReport = self.comity(&["verify", "-o", "json"]).expect(0).json();
        assert!(report.valid, "{report:?}");
    }

    /// Answers everything that is asked, until the run has ended; what nobody saw is looked up at the oracle.
    pub fn finish(&self, run: &str) {
        let mut words = vec!["resume".to_owned(), run.to_owned()];
        for _ in 0..100 {
            let words: Vec<&str> = std::mem::take(&mut words).leak_all();
            let ended = self.comity(&[&words[..], &["-o", "json"]].concat());
            if ended.code() == Some(0) {
                return;
            }
            let report: RunReport = ended.expect(8).json();
        }
        panic!("{run} does not end");
    }
}
