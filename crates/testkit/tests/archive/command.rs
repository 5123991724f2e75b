use crate::bucket::keys;
use crate::server::{Deed, Server, proxy};
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

const FLOW: &str = "name: x\nnodes:\n  a: {kind: echo, text: hello}\n";

/// A folder with runs in it, and the program.
struct Desk(TempDir);

impl Desk {
    fn with_runs(count: usize) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::write(desk.0.path().join("flow.yaml"), FLOW).unwrap();
        for _ in 0..count {
            desk.comity(&["run", "flow.yaml", "--durability", "process"], 0, 0).unwrap();
        }
        desk
    }

    /// What the program says on stdout as JSON, or else on stderr.
    fn comity(&self, words: &[&str], port: u16, code: i32) -> Result<Value, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comity-crash"));
        command.args(words).args(["-o", "json"]).current_dir(self.0.path()).env("HOME", self.0.path());
        command.envs(keys()).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
        let ended = command.output().unwrap();
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{words:?}: {err}");
        serde_json::from_slice(&ended.stdout).map_err(|_| err)
    }
}

const KEEP: [&str; 4] = ["archive", "--closed", "--to", "s3://books/ledger"];
const CHECK: [&str; 4] = ["archive", "--check", "--to", "s3://books/ledger"];

#[test]
fn runs_are_kept_once_and_read_back() {
    let (server, desk) = (Server::start(), Desk::with_runs(5));
    let first = desk.comity(&KEEP, server.port(), 0).unwrap();
    assert_eq!((&first["runs"], &first["there"]), (&5.into(), &0.into()));
    let again = desk.comity(&KEEP, server.port(), 0).unwrap();
    assert_eq!((&again["made"], &again["there"]), (&0.into(), &first["made"]));
    std::fs::remove_dir_all(desk.0.path().join(".comity")).unwrap();
    let checked = desk.comity(&CHECK, server.port(), 0).unwrap();
    assert_eq!((&checked["valid"], &checked["runs"]), (&true.into(), &5.into()));
}

#[test]
fn a_changed_object_is_found() {
    let (server, desk) = (Server::start(), Desk::with_runs(1));
    desk.comity(&KEEP, server.port(), 0).unwrap();
    let exported = {
        let runs = desk.comity(&["runs"], 0, 0).unwrap();
        let run = runs[0]["run_id"].as_str().unwrap().to_owned();
        desk.comity(&["export", &run], 0, 0).unwrap()
    };
    let checked = desk.comity(&CHECK, server.port(), 0).unwrap();
    assert!(checked.get("bad").is_none(), "{checked}");
    let mut changed = exported.clone();
    changed["entries"][0]["hash"] = Value::from("0".repeat(64));
    // Its name is what the check said it verified last.
    let name = object(&desk, &exported);
    server.put(&format!("/books/ledger/{name}"), changed.to_string().as_bytes());
    let found = desk.comity(&CHECK, server.port(), 9).unwrap();
    assert_eq!(found["bad"].as_str(), Some(name.as_str()));
    let refused = desk.comity(&KEEP, server.port(), 9).unwrap_err();
    assert!(refused.contains("CM0267"), "{refused}");
}

/// The name of a run's object.
fn object(desk: &Desk, export: &Value) -> String {
    let place = desk.0.path().join("copy");
    desk.comity(&["archive", "--closed", "--to", "copy"], 0, 0).unwrap();
    let database = std::fs::read_dir(&place).unwrap().next().unwrap().unwrap().file_name();
    let entries = export["entries"].as_array().unwrap().len();
    format!("{}/local/runs/{}/{entries}.json", database.to_str().unwrap(), export["run"].as_str().unwrap())
}

#[test]
fn an_upload_that_was_cut_off_goes_on_where_it_was() {
    let (server, desk) = (Arc::new(Server::start()), Desk::with_runs(12));
    // The first two uploads are the probe's.
    let port = proxy(Arc::clone(&server), Deed::Cut { from: 8 });
    let refused = desk.comity(&KEEP, port, 5).unwrap_err();
    assert!(refused.contains("CM0265"), "{refused}");
    let rest = desk.comity(&KEEP, server.port(), 0).unwrap();
    let (made, there) = (rest["made"].as_u64().unwrap(), rest["there"].as_u64().unwrap());
    assert!(there >= 2 && made >= 7, "{rest}");
    assert_eq!(rest["runs"], 12);
    assert_eq!(desk.comity(&CHECK, server.port(), 0).unwrap()["runs"], 12);
}

#[test]
fn a_server_that_is_killed_in_the_middle_is_unreachable() {
    let (server, desk) = (Arc::new(Server::start()), Desk::with_runs(3));
    let port = proxy(Arc::clone(&server), Deed::Kill { at: 4 });
    let refused = desk.comity(&KEEP, port, 5).unwrap_err();
    assert!(refused.contains("CM0265") && refused.contains("what is there already is left"), "{refused}");
}

#[test]
fn a_place_that_writes_over_objects_gets_nothing() {
    let (server, desk) = (Arc::new(Server::start()), Desk::with_runs(1));
    let port = proxy(Arc::clone(&server), Deed::Strip);
    let refused = desk.comity(&KEEP, port, 1).unwrap_err();
    assert!(refused.contains("CM0266"), "{refused}");
    assert!(desk.comity(&CHECK, server.port(), 9).unwrap()["fault"].as_str().unwrap().contains("nothing of"));
    let strict = Server::strict();
    assert!(desk.comity(&KEEP, strict.port(), 4).unwrap_err().contains("CM0263"));
    let other = ["archive", "--closed", "--to", "s3://papers"];
    assert!(desk.comity(&other, server.port(), 1).unwrap_err().contains("CM0264"));
}

#[test]
fn what_was_taken_away_or_emptied_is_missed_in_a_folder() {
    let desk = Desk::with_runs(2);
    let check = |code| desk.comity(&["archive", "--check", "--to", "copy"], 0, code);
    assert!(check(9).unwrap()["fault"].as_str().unwrap().contains("no such place"));
    desk.comity(&["archive", "--closed", "--to", "copy"], 0, 0).unwrap();
    check(0).unwrap();
    let copy = desk.0.path().join("copy");
    let shelf = copy.read_dir().unwrap().next().unwrap().unwrap().path().join("local");
    for (part, fault) in [
        ("runs", "no run that it is about"),
        ("log/checkpoints", "no checkpoint is there"),
        ("log", "no checkpoint is there"),
    ] {
        let aside = desk.0.path().join("aside");
        std::fs::rename(shelf.join(part), &aside).unwrap();
        let found = check(9).unwrap();
        assert!(found["fault"].as_str().unwrap().contains(fault), "{part}: {found}");
        assert!(found["bad"].as_str().unwrap().contains("/local/"), "{part}: {found}");
        std::fs::create_dir(shelf.join(part)).unwrap();
        assert!(check(9).unwrap()["fault"].as_str().unwrap().contains(fault), "emptied: {part}");
        std::fs::remove_dir(shelf.join(part)).unwrap();
        std::fs::rename(&aside, shelf.join(part)).unwrap();
        check(0).unwrap();
    }
    std::fs::remove_dir_all(copy).unwrap();
    std::fs::create_dir(desk.0.path().join("copy")).unwrap();
    assert!(check(9).unwrap()["fault"].as_str().unwrap().contains("nothing of any ledger"));
}

#[test]
fn what_was_taken_away_is_missed_in_a_bucket() {
    let (server, desk) = (Server::start(), Desk::with_runs(1));
    desk.comity(&KEEP, server.port(), 0).unwrap();
    desk.comity(&CHECK, server.port(), 0).unwrap();
    desk.comity(&["archive", "--closed", "--to", "copy"], 0, 0).unwrap();
    let copy = desk.0.path().join("copy");
    let shelf = copy.read_dir().unwrap().next().unwrap().unwrap().path().join("local");
    let below = shelf.strip_prefix(&copy).unwrap().display().to_string();
    let run = shelf.join("runs").read_dir().unwrap().next().unwrap().unwrap().path();
    let entries = run.read_dir().unwrap().next().unwrap().unwrap().file_name();
    let run = format!("runs/{}/{}", run.file_name().unwrap().display(), entries.display());
    for (part, fault) in [("log/checkpoints/1", "no checkpoint"), (run.as_str(), "no run that it is about")] {
        let object = format!("/books/ledger/{below}/{part}");
        server.delete(&object);
        let found = desk.comity(&CHECK, server.port(), 9).unwrap();
        assert!(found["fault"].as_str().unwrap().contains(fault), "{part}: {found}");
        server.put(&object, &std::fs::read(shelf.join(part)).unwrap());
        desk.comity(&CHECK, server.port(), 0).unwrap();
    }
    let empty = ["archive", "--check", "--to", "s3://books/other"];
    assert!(desk.comity(&empty, server.port(), 9).unwrap()["fault"].as_str().unwrap().contains("nothing of"));
}

#[test]
fn only_the_log_s_own_key_speaks_for_it() {
    let (desk, other) = (Desk::with_runs(1), Desk::with_runs(1));
    desk.comity(&["archive", "--closed", "--to", "copy"], 0, 0).unwrap();
    let key = |desk: &Desk| {
        let told = desk.comity(&["checkpoint"], 0, 0).unwrap();
        told["key"].as_str().unwrap().to_owned()
    };
    let check = |key: &str, code| desk.comity(&["archive", "--check", "--to", "copy", "--key", key], 0, code);
    assert_eq!(check(&key(&desk), 0).unwrap()["signed"], true);
    let found = check(&key(&other), 9).unwrap();
    assert!(found["fault"].as_str().unwrap().contains("none of the keys that were named"), "{found}");
}
