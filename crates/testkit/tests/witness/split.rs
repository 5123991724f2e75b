//! Two copies of one database go their own ways, and one witness sees both.

use crate::service::{Service, State};
use comity_ledger::log::note::Verifier;
use comity_runtime::Witness;
use comity_testkit::grown::Grown;
use comity_testkit::keys::data_home;
use std::path::Path;
use std::process::{Command, Output};

const FLOW: &str = "name: x\nnodes:\n  a: {kind: echo}\n  b: {kind: echo}\n";

/// A ledger with one run, in a folder of its own.
pub struct House(tempfile::TempDir);

impl House {
    pub fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        std::fs::write(house.0.path().join("flow.yaml"), FLOW).unwrap();
        house.run("a.db");
        house
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comity-crash"));
        command.args(words).current_dir(self.0.path()).env("XDG_DATA_HOME", data_home());
        command
    }

    pub fn comity(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn run(&self, database: &str) {
        let ended = self.comity(&["run", "flow.yaml", "--db", database]);
        assert!(ended.status.success(), "{}", errors(&ended));
    }

    pub fn key(&self) -> Verifier {
        let ended = self.comity(&["checkpoint", "--public-key", "--db", "a.db"]);
        String::from_utf8(ended.stdout).unwrap().trim().parse().unwrap()
    }

    /// A copy of the database, which nobody has open.
    pub fn copy(&self, name: &str) {
        std::fs::copy(self.0.path().join("a.db"), self.0.path().join(name)).unwrap();
    }

    /// Has the newest checkpoint witnessed.
    fn ask(&self, database: &str, witness: &Service) -> Output {
        self.comity(&["checkpoint", "--db", database, "--witness", &witness.setting()])
    }
}

pub fn errors(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn a_copy_that_goes_its_own_way_is_found_out() {
    let (house, state) = (House::new(), State::new());
    let service = state.start(&house.key(), None);
    for _ in 0..2 {
        let ended = house.ask("a.db", &service);
        assert!(ended.status.success() && errors(&ended).contains(" signed it"), "{}", errors(&ended));
    }
    house.copy("b.db");
    house.copy("old.db");
    house.run("a.db");
    assert!(house.ask("a.db", &service).status.success());
    assert_eq!(state.evidence(), 0);

    house.run("b.db");
    for database in ["b.db", "old.db"] {
        let ended = house.ask(database, &service);
        assert_eq!(ended.status.code(), Some(9), "{database}: {}", errors(&ended));
        assert!(errors(&ended).contains("[CM0314]"), "{database}: {}", errors(&ended));
    }
    assert_eq!(state.evidence(), 1, "both views at one size are kept");
    house.run("a.db");
    assert!(house.ask("a.db", &service).status.success(), "the first view goes on");
}

#[test]
fn a_proof_says_that_a_witness_signed() {
    let (house, state) = (House::new(), State::new());
    let service = state.start(&house.key(), None);
    assert!(house.ask("a.db", &service).status.success());
    let listed = String::from_utf8(house.comity(&["runs", "--db", "a.db"]).stdout).unwrap();
    let run = listed.split_whitespace().find(|word| word.starts_with("run_")).unwrap();
    let proved = house.comity(&["prove", run, "--db", "a.db", "--to", "proof.txt"]);
    assert!(proved.status.success(), "{}", errors(&proved));
    let check = |key: &str| {
        let log = house.key().to_string();
        house.comity(&["verify", "proof.txt", "--key", &log, "--witness", key]).status.code()
    };
    assert_eq!(check(&service.key().to_string()), Some(0));
    let stranger = State::new().start(&house.key(), None).key().to_string();
    assert_eq!(check(&stranger), Some(9), "another witness did not sign");
}

#[test]
fn a_witness_that_is_not_there_stops_nothing() {
    let (house, gone, other, there) = (House::new(), State::new(), State::new(), State::new());
    let absent = gone.start(&house.key(), None).setting();
    let unknowing = other.start(Grown::new("stranger").verifier(), None);
    let signing = there.start(&house.key(), None);
    let ended = house.comity(&[
        "checkpoint",
        "--db",
        "a.db",
        "--witness",
        &absent,
        "--witness",
        &unknowing.setting(),
        "--witness",
        &signing.setting(),
    ]);
    let said = errors(&ended);
    assert!(ended.status.success(), "{said}");
    assert!(said.contains("did not sign: cannot be reached: "), "{said}");
    assert!(said.contains("did not sign: it does not know this log"), "{said}");
    assert!(said.contains(" signed it"), "{said}");
}

#[test]
fn a_setting_names_a_witness_or_says_what_is_wrong() {
    let log = Grown::new("comity/log/local");
    let state = State::new();
    let service = state.start(log.verifier(), None);
    let key = service.key();
    for (text, why) in [
        (format!("http://a/{key}"), "there is no key"),
        (format!("ftp://a {key}"), "is neither `http` nor `https`"),
        (format!("http://a?b=c {key}"), "has a query"),
        ("http://a b+c+d".to_owned(), "not a key"),
        (format!("http://a {}", log.verifier()), "its key is that of a log"),
    ] {
        let bad = text.parse::<Witness>().unwrap_err().to_string();
        assert!(bad.contains(why), "{text}: {bad}");
    }
    assert!(format!(" https://example.com/w/  {key} ").parse::<Witness>().is_ok());
}
