//! A folder of one test's own, and the program run in it.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What would make the program behave another way here than elsewhere.
const CLEARED: [&str; 19] = [
    "ANTHROPIC_API_KEY",
    "CI",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "COMITY_COLOR",
    "COMITY_DB",
    "COMITY_DURABILITY",
    "COMITY_KEYS",
    "COMITY_NO_INPUT",
    "COMITY_OUTPUT",
    "COMITY_SANDBOX",
    "COMITY_TENANT_KEY",
    "COMITY_TENANT_KEY_NEXT",
    "LC_ALL",
    "NOTICE_MAILER",
    "NO_COLOR",
    "OPENAI_API_KEY",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];

/// A folder that goes away with its test.
pub struct Sandbox {
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The program with these words, in this folder, with nothing on stdin.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in CLEARED {
            command.env_remove(name);
        }
        command
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", comity_testkit::keys::data_home())
            .env("LC_ALL", "C.UTF-8");
        command
    }

    pub fn comity(&self, words: &[&str]) -> Ended {
        Ended::of(self.command(words).output().unwrap())
    }

    /// Runs a workflow given as text.
    pub fn run(&self, flow: &str) -> Ended {
        self.write("flow.yaml", flow);
        self.comity(&["run", "flow.yaml"])
    }
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The first run that is named.
    pub fn run_id(&self) -> String {
        let all = format!("{}{}", self.out, self.err);
        let at = all.find("run_").unwrap_or_else(|| panic!("no run in {self:?}"));
        all.get(at..at + 30).unwrap().to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Checks the code and returns self, so that what was printed is seen when it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

/// The workflow that is shipped.
pub fn example() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/contract-review/flow.yaml").to_owned()
}
