//! A bucket as the second place of checkpoints: copied to by setting, gone for a while, and caught up with.

use crate::bucket::keys;
use crate::server::{Deed, Server, proxy};
use serde_json::Value;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;

const FLOW: &str = "name: x\nnodes:\n  a: {kind: echo, text: hello}\n";

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::write(desk.0.path().join("flow.yaml"), FLOW).unwrap();
        std::fs::write(desk.0.path().join("comity.toml"), "checkpoint_to = \"s3://books/kept\"\n").unwrap();
        desk
    }

    fn comity(&self, words: &[&str], port: u16) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comity-crash"));
        command.args(words).current_dir(self.0.path()).env("HOME", self.0.path()).env_remove("XDG_DATA_HOME");
        command.envs(keys()).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
        command.output().unwrap()
    }

    fn guard(&self, port: u16) -> Value {
        let ended = self.comity(&["verify", "-o", "json"], port);
        let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
        report["guards"][0].clone()
    }
}

fn errors(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn a_bucket_has_every_checkpoint_and_a_run_does_not_wait_for_one_that_is_gone() {
    let (server, desk) = (Server::start(), Desk::new());
    let run = |port| desk.comity(&["run", "flow.yaml"], port);
    let ended = run(server.port());
    assert!(ended.status.success() && !errors(&ended).contains("warning"), "{}", errors(&ended));
    let guard = desk.guard(server.port());
    assert_eq!((&guard["has"], &guard["of"]), (&1.into(), &1.into()), "{guard}");

    // Nobody answers there.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let before = std::time::Instant::now();
    let ended = run(port);
    assert_eq!(ended.status.code(), Some(0), "{}", errors(&ended));
    assert!(errors(&ended).contains("not protected by copies in s3://books/kept: "), "{}", errors(&ended));
    assert!(before.elapsed().as_secs() < 15, "it has a deadline");
    let guard = desk.guard(server.port());
    assert_eq!((&guard["has"], &guard["of"]), (&1.into(), &2.into()), "{guard}");
    assert!(guard["since_ms"].is_u64(), "{guard}");

    assert!(run(server.port()).status.success());
    let guard = desk.guard(server.port());
    assert_eq!((&guard["has"], &guard["of"]), (&3.into(), &3.into()), "{guard}");
}

#[test]
fn a_bucket_shows_a_database_that_was_set_back() {
    let (server, desk) = (Server::start(), Desk::new());
    let database = desk.0.path().join(".comity/comity.db");
    assert!(desk.comity(&["run", "flow.yaml"], server.port()).status.success());
    let old = std::fs::read(&database).unwrap();
    assert!(desk.comity(&["run", "flow.yaml"], server.port()).status.success());
    assert!(desk.comity(&["verify"], server.port()).status.success());
    std::fs::write(&database, old).unwrap();
    let ended = desk.comity(&["verify"], server.port());
    assert_eq!(ended.status.code(), Some(9), "{}", errors(&ended));
    assert!(errors(&ended).contains("rolled back"), "{}", errors(&ended));
    let ended = desk.comity(&["run", "flow.yaml"], server.port());
    assert_eq!(ended.status.code(), Some(9), "{}", errors(&ended));
    assert!(errors(&ended).contains("[CM0322]"), "{}", errors(&ended));
}

#[test]
fn a_bucket_that_writes_over_objects_gets_nothing() {
    let (server, desk) = (Arc::new(Server::start()), Desk::new());
    let port = proxy(Arc::clone(&server), Deed::Strip);
    let ended = desk.comity(&["run", "flow.yaml"], port);
    assert_eq!(ended.status.code(), Some(0), "{}", errors(&ended));
    assert!(errors(&ended).contains("warning: not protected by copies"), "{}", errors(&ended));
    let guard = desk.guard(server.port());
    assert!(guard["has"].is_null(), "{guard}");
}
