//! A witness in a process of its own, and what it answers.

use comity_ledger::log::note::{Signature, Verifier};
use comity_testkit::grown::Grown;
use comity_witness::request::Request;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The folder of a witness, which outlives its processes.
pub struct State(tempfile::TempDir);

/// A process.
pub struct Service {
    process: Child,
    address: String,
    key: Verifier,
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// A cosignature that fits.
    Cosigned,
    /// The size it is at.
    Size(u64),
    /// Another status.
    Refused(u16),
}

impl State {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("state")
    }

    /// How many pieces of evidence are kept.
    pub fn evidence(&self) -> usize {
        std::fs::read_dir(self.folder().join("evidence")).unwrap().count()
    }

    /// Starts a witness that trusts one log, and that dies at a point if one is named.
    pub fn start(&self, trust: &Verifier, dies: Option<&str>) -> Service {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comity-crash"));
        command.args(["witness", "-o", "ndjson", "--listen", "127.0.0.1:0", "--trust", &trust.to_string()]);
        command.arg("--state").arg(self.folder()).current_dir(self.0.path());
        if let Some(point) = dies {
            command.env("COMITY_CRASH", point);
        }
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        // What it says later has to go somewhere.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Service { process, address: text("address"), key: text("key").parse().unwrap() }
    }
}

impl Service {
    /// Whom to ask, as a configuration writes it.
    pub fn setting(&self) -> String {
        format!("http://{} {}", self.address, self.key)
    }

    /// The key its cosignatures are checked by.
    pub fn key(&self) -> &Verifier {
        &self.key
    }

    /// Asks for a cosignature; `None` if it went away instead of answering.
    pub fn ask(&self, log: &Grown, old: u64, new: u64) -> Option<Asked> {
        let proof = if old == 0 { Vec::new() } else { log.proof(old, new) };
        let mut note = log.note(new);
        let body = Request::body(old, &proof, &note.to_bytes());
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        match head.split(' ').nth(1)?.parse().ok()? {
            200 => {
                note.add(Signature::parse_lines(body).ok()?.remove(0)).unwrap();
                note.verify(std::slice::from_ref(&self.key)).expect("a cosignature that fits");
                Some(Asked::Cosigned)
            }
            409 => Some(Asked::Size(body.trim().parse().ok()?)),
            status => Some(Asked::Refused(status)),
        }
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.process);
        // It may have died already.
        let _ = kill_process(id, signal);
    }

    /// Kills it.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Asks it to end, and says how it did.
    pub fn end(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.process.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
