//! A folder with a workflow in it, and the program run there.

use crate::oracle::{Fact, Oracle, Reply, reply};
use comity_api::{RunSummary, TraceRow, VerifyReport};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use tempfile::TempDir;

/// The program under test, and the steps' note-taker.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_comity-crash");

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/contract-review");

/// How long a command may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that goes away with its test.
pub struct Sandbox {
    folder: TempDir,
    /// The address of its database, if that is on a server.
    server: Option<String>,
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
    /// Starts the command and waits for its end.
    pub fn by(command: &mut Command) -> Self {
        Self::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits for its end. One that does not end is killed, and fails the test.
    pub fn of(child: Child) -> Self {
        let pid = Pid::from_child(&child);
        let (over, is_over) = channel::<()>();
        let watchdog = std::thread::spawn(move || {
            let late = is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            late.then(|| kill_process(pid, Signal::KILL)).is_some()
        });
        let output = child.wait_with_output().unwrap();
        drop(over);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ended = Self { status: output.status, out: text(output.stdout), err: text(output.stderr) };
        assert!(!watchdog.join().unwrap(), "it does not end within {PATIENCE:?}: {ended:#?}");
        ended
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
        Self { folder, server: None, facts }
    }

    /// The same, with its database on a server.
    pub fn on(self, url: &str) -> Self {
        Self { server: Some(url.to_owned()), ..self }
    }

    /// The same, with a further file beside the workflow.
    pub fn with(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
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
        self.server.as_ref().map_or_else(|| self.path("comity.db"), PathBuf::from)
    }

    pub fn oracle(&self) -> Oracle {
        Oracle(self.path("oracle"))
    }

    /// The program with these words on this folder's database.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--db").arg(self.database());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["COMITY_DB", "COMITY_DURABILITY", "COMITY_CRASH", "COMITY_POINTS_FILE", "NOTICE_MAILER"]
        {
            command.env_remove(name);
        }
        command.env("XDG_DATA_HOME", comity_testkit::keys::data_home());
        command
    }

    pub fn comity(&self, words: &[&str]) -> Ended {
        Ended::by(&mut self.command(words))
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

    /// The flags that give this reply.
    pub fn flags(&self, reply: &Reply) -> Vec<String> {
        let words = match reply {
            Reply::Approve(step) => vec!["--approve", "--step", step],
            Reply::NotHappened(step) => vec!["--step", step, "--not-happened"],
            Reply::Happened(step) => {
                let file = self.path("found.txt");
                std::fs::write(&file, step).unwrap();
                vec!["--step", step, "--happened", "found.txt"]
            }
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// Answers everything that is asked until the run has ended well.
    pub fn finish(&self, run: &str) {
        let mut flags = Vec::new();
        for _ in 0..100 {
            let words: Vec<&str> = ["resume", run, "-o", "json"].into_iter().chain(words(&flags)).collect();
            let ended = self.comity(&words);
            if ended.code() == Some(0) {
                return;
            }
            flags = self.flags(&reply(&ended.expect(8).json(), &self.oracle()).unwrap());
        }
        panic!("{run} does not end");
    }
}

pub fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// The shipped workflow, with `comity-crash --oracle FILE STEP --` before every program.
fn example(oracle: &Path) -> (String, Vec<Fact>) {
    let source = std::fs::read_to_string(Path::new(EXAMPLE).join("flow.yaml")).unwrap();
    let mut text = String::new();
    let mut name = "";
    for line in source.lines() {
        let is_step = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
        name = if is_step { line.trim().trim_end_matches(':') } else { name };
        let wrapper = format!("command: [{PROGRAM}, --oracle, {}, {name}, --, ", oracle.display());
        let _ = writeln!(text, "{}", line.replace("command: [", &wrapper));
    }
    let fact =
        |name: &str, idempotent, price, notes| Fact { name: name.to_owned(), idempotent, price, notes };
    let facts = vec![
        fact("clauses", true, 2_000, true),
        fact("traps", true, 2_000, true),
        fact("dates", true, 2_000, true),
        fact("send_notice", false, 2_000, true),
        fact("review", true, 0, false),
        fact("report", true, 2_000, true),
    ];
    (text, facts)
}

/// Thirty steps: one, fourteen beside each other, one that joins them, thirteen, and one at the end. Every
/// other one is idempotent, and each has a price of its own.
pub fn graph(oracle: &Path) -> (String, Vec<Fact>) {
    let names: Vec<String> = std::iter::once("start".to_owned())
        .chain((1..=14).map(|branch| format!("a{branch:02}")))
        .chain(["join".to_owned()])
        .chain((1..=13).map(|branch| format!("b{branch:02}")))
        .chain(["end".to_owned()])
        .collect();
    let mut text = "name: graph\nnodes:\n".to_owned();
    let mut facts = Vec::new();
    for (name, place) in names.iter().zip(1u64..) {
        let (idempotent, price) = (place % 2 == 1, 100 + place);
        // Some are under way for a while, so that a kill finds several of them.
        let then =
            if place % 5 == 0 { format!(", --, sh, -c, 'sleep 0.03; echo {name}'") } else { String::new() };
        let _ = writeln!(
            text,
            "  {name}: {{kind: command, command: [{PROGRAM}, --oracle, {}, {name}{then}], risk: read-only, \
             idempotent: {idempotent}, price_usd: 0.{price:06}}}",
            oracle.display()
        );
        facts.push(Fact { name: name.clone(), idempotent, price, notes: true });
    }
    text.push_str("edges:\n");
    (1..=14).for_each(|branch| _ = writeln!(text, "  - start -> a{branch:02} -> join"));
    (1..=13).for_each(|branch| _ = writeln!(text, "  - join -> b{branch:02} -> end"));
    (text, facts)
}
