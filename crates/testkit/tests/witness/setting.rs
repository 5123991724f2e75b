//! Witnesses and a second place that are set up: asked by themselves, and never in the way.

use crate::service::{Service, State};
use crate::split::{House, errors};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// What a setting in `comity.toml` is, beside a witness.
const COPIES: &str = "copies";

impl House {
    fn set(&self, text: &str) {
        std::fs::write(self.path().join("comity.toml"), text).unwrap();
    }

    fn witnessed_by(&self, service: &Service, more: &str) {
        self.set(&format!("db = \"a.db\"\nwitness = [\"{}\"]\n{more}", service.setting()));
    }

    fn json(&self, words: &[&str]) -> Value {
        let ended = self.comity(&[words, &["-o", "json"]].concat());
        serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{words:?}: {}", errors(&ended)))
    }

    fn guards(&self) -> Vec<Value> {
        self.json(&["verify"])["guards"].as_array().cloned().unwrap_or_default()
    }
}

/// How many leaves each checkpoint is of that was copied there.
fn copies(folder: &Path) -> Vec<u64> {
    let mut found = Vec::new();
    for store in folder.read_dir().unwrap().flatten() {
        let checkpoints = store.path().join("local/log/checkpoints");
        found.extend(
            checkpoints
                .read_dir()
                .unwrap()
                .flatten()
                .map(|file| file.file_name().to_str().unwrap().parse::<u64>().unwrap()),
        );
    }
    found.sort_unstable();
    found
}

#[test]
fn a_witness_that_is_set_up_is_asked_at_the_end_of_each_run_and_missed_ones_are_made_up_for() {
    let (house, state) = (House::new(), State::new());
    let service = state.start(&house.key(), None);
    house.witnessed_by(&service, "");
    let ended = house.comity(&["run", "flow.yaml"]);
    assert!(ended.status.success() && !errors(&ended).contains("warning:"), "{}", errors(&ended));
    let [guard] = house.guards().try_into().unwrap();
    assert_eq!(guard["has"], guard["of"], "{guard}");

    service.kill();
    let ended = house.comity(&["run", "flow.yaml"]);
    let said = errors(&ended);
    assert_eq!(ended.status.code(), Some(0), "what was done is done: {said}");
    assert!(said.contains("warning: not protected by witness"), "{said}");
    let reported = house.json(&["run", "flow.yaml"]);
    assert_eq!(reported["status"], "completed");
    assert!(reported["unprotected"][0].as_str().unwrap().contains("cannot be reached"), "{reported}");
    let [guard] = house.guards().try_into().unwrap();
    assert!(guard["has"].as_u64() < guard["of"].as_u64() && guard["since_ms"].is_u64(), "{guard}");
    let verified = String::from_utf8(house.comity(&["verify"]).stdout).unwrap();
    assert!(verified.contains("unprotected: witness") && verified.contains("none since 2"), "{verified}");
    let looked = house.json(&["doctor"]);
    let check = looked["checks"].as_array().unwrap().iter().find(|check| check["check"] == "guards").unwrap();
    assert_eq!(check["level"], "note", "{looked}");

    // It is asked at its own address only: the next one takes its place there, with the same folder.
    let service = state.start(&house.key(), None);
    house.witnessed_by(&service, "");
    assert!(house.comity(&["run", "flow.yaml"]).status.success());
    let [guard] = house.guards().try_into().unwrap();
    assert_eq!(guard["has"], guard["of"], "the next checkpoint covers all before it: {guard}");
}

#[test]
fn a_run_that_goes_another_way_than_the_witness_saw_ends_with_an_alarm_and_is_recorded() {
    let (house, state) = (House::new(), State::new());
    let service = state.start(&house.key(), None);
    house.witnessed_by(&service, "");
    house.copy("b.db");
    assert!(house.comity(&["run", "flow.yaml"]).status.success());
    let ended = house.comity(&["run", "flow.yaml", "--db", "b.db", "-o", "json"]);
    assert_eq!(ended.status.code(), Some(9), "{}", errors(&ended));
    assert!(errors(&ended).contains("[CM0314]"), "{}", errors(&ended));
    assert_eq!(serde_json::from_slice::<Value>(&ended.stdout).unwrap()["status"], "completed");
    assert_eq!(state.evidence(), 1);
}

#[test]
fn copies_that_are_set_up_are_made_at_the_end_of_each_run_and_show_a_database_that_was_set_back() {
    let house = House::new();
    let folder = house.path().join(COPIES);
    house.set("db = \"a.db\"\ncheckpoint_to = \"copies/\"\n");
    let ended = house.comity(&["run", "flow.yaml"]);
    assert_eq!(ended.status.code(), Some(0));
    let said = errors(&ended);
    assert!(said.contains("not protected by copies in copies/") && said.contains("no such folder"), "{said}");
    assert!(!folder.exists(), "a disk that is not there is not made");
    let [guard] = house.guards().try_into().unwrap();
    assert!(guard["why"].as_str().unwrap().contains("no such folder"), "{guard}");

    std::fs::create_dir(&folder).unwrap();
    let [guard] = house.guards().try_into().unwrap();
    assert!(guard["has"].is_null() && guard["since_ms"].is_u64(), "{guard}");
    assert!(house.comity(&["run", "flow.yaml"]).status.success());
    assert_eq!(copies(&folder).len(), 1);
    let [guard] = house.guards().try_into().unwrap();
    assert_eq!(guard["has"], guard["of"], "{guard}");

    house.copy("old.db");
    assert!(house.comity(&["checkpoint"]).status.success(), "it is there already");
    assert!(house.comity(&["run", "flow.yaml"]).status.success());
    assert_eq!(copies(&folder).len(), 2);
    let ended = house.comity(&["verify", "--db", "old.db"]);
    assert_eq!(ended.status.code(), Some(9), "an older copy: {}", errors(&ended));
    assert!(errors(&ended).contains("rolled back"), "{}", errors(&ended));
    let ended = house.comity(&["run", "flow.yaml", "--db", "old.db"]);
    assert_eq!(ended.status.code(), Some(9), "of this size there is another: {}", errors(&ended));
    assert!(errors(&ended).contains("[CM0322]"), "{}", errors(&ended));
}

#[test]
fn a_file_that_is_set_up_holds_the_newest_checkpoint_and_is_never_set_back() {
    let house = House::new();
    house.set("db = \"a.db\"\ncheckpoint_to = \"kept.txt\"\n");
    let kept = || std::fs::read_to_string(house.path().join("kept.txt")).unwrap();
    assert!(house.comity(&["run", "flow.yaml"]).status.success());
    house.copy("old.db");
    let first = kept();
    assert!(house.comity(&["run", "flow.yaml"]).status.success());
    let second = kept();
    assert_ne!(first, second);
    assert!(house.comity(&["verify", "--checkpoint", "kept.txt"]).status.success());
    for words in [&["checkpoint", "--db", "old.db"][..], &["run", "flow.yaml", "--db", "old.db"]] {
        let ended = house.comity(words);
        assert_eq!(ended.status.code(), Some(9), "{words:?}: {}", errors(&ended));
        assert!(errors(&ended).contains("[CM0322]"), "{}", errors(&ended));
        assert_eq!(kept(), second, "what was kept stays");
    }
}

#[test]
fn a_checkpoint_is_witnessed_while_a_run_is_still_under_way() {
    let (house, state) = (House::new(), State::new());
    let service = state.start(&house.key(), None);
    house.witnessed_by(&service, "checkpoint_interval = \"1s\"\ncheckpoint_to = \"copies/\"\n");
    std::fs::create_dir(house.path().join(COPIES)).unwrap();
    let slow = "name: x\nnodes:\n  a: {kind: echo}\n  b: {kind: command, command: [sleep, \"4\"], risk: 1}\n\
                edges: [a -> b]\n";
    std::fs::write(house.path().join("slow.yaml"), slow).unwrap();
    let mut running = house.command(&["run", "slow.yaml"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    assert!(running.try_wait().unwrap().is_none(), "it is under way");
    let found = copies(&house.path().join(COPIES));
    assert_eq!(found.len(), 1, "{found:?}");
    let [witness, copied] = house.guards().try_into().unwrap();
    assert_eq!((&witness["has"], &copied["has"]), (&witness["of"], &copied["of"]), "{witness} {copied}");
    assert!(running.wait().unwrap().success());
    assert_eq!(copies(&house.path().join(COPIES)).len(), 2);
}

#[test]
fn a_checkpoint_that_cannot_be_signed_does_not_undo_the_run() {
    let house = House::new();
    let keys = house.path().join("keys");
    house.set(&format!("db = \"c/c.db\"\nkeys = \"{}\"\n", keys.display()));
    let spoil = "name: x\nnodes:\n  a: {kind: command, command: [sh, -c, \"rm keys/*/log.key; for d \
                 in keys/*; do mkdir $d/log.key; done\"], risk: 1}\n";
    std::fs::write(house.path().join("spoil.yaml"), spoil).unwrap();
    assert!(house.comity(&["run", "flow.yaml"]).status.success());
    let ended = house.comity(&["run", "spoil.yaml"]);
    let said = errors(&ended);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.contains("warning: not protected by the checkpoint: the keys in"), "{said}");
    assert!(String::from_utf8_lossy(&ended.stdout).contains("completed"));
    let looked = String::from_utf8(house.comity(&["verify"]).stdout).unwrap();
    assert!(looked.contains("valid:") && looked.contains("since the last checkpoint"), "{looked}");
}

#[test]
fn settings_say_where_they_come_from_and_what_is_wrong_with_them() {
    let (house, state) = (House::new(), State::new());
    let service = state.start(&house.key(), None);
    house.witnessed_by(&service, "checkpoint_interval = \"5m\"\n");
    let shown = String::from_utf8(house.comity(&["config", "show", "--origin"]).stdout).unwrap();
    for wanted in ["witness ", "./comity.toml:2", "checkpoint_interval = 5m", "checkpoint_to       = none"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let setting = service.setting();
    let flags =
        ["runs", "--ask-witness", &setting, "--checkpoint-interval", "end", "--checkpoint-to", "kept/"];
    assert!(house.comity(&flags).status.success());
    for (text, why) in [
        ("witness = \"http://a b\"", "takes a list"),
        ("witness = [\"http://a\"]", "there is no key"),
        ("checkpoint_interval = \"5\"", "neither a time"),
    ] {
        house.set(text);
        let ended = house.comity(&["runs"]);
        assert_eq!(ended.status.code(), Some(3), "{text}");
        assert!(errors(&ended).contains(why), "{text}: {}", errors(&ended));
    }
    house.set("checkpoint_to = \"ftp://a/b\"");
    let ended = house.comity(&["runs", "--db", "a.db"]);
    assert!(errors(&ended).contains("[CM0323]"), "{}", errors(&ended));
}

/// What is decided about the ledger as a whole is under a checkpoint when the command that decided it ends.
#[test]
fn the_book_is_under_a_checkpoint_and_witnessed_at_once() {
    let (house, state) = (House::new(), State::new());
    let service = state.start(&house.key(), None);
    house.witnessed_by(&service, "");
    for words in [
        &["hold", "place", "--tenant", "--why", "a case"][..],
        &["hold", "lift", "1"],
        &["ledger", "retention", "--days", "30"],
        &["erase", "--tenant"],
    ] {
        let ended = house.comity(words);
        assert!(ended.status.success(), "{words:?}: {}", errors(&ended));
        let verified = house.json(&["verify"]);
        assert_eq!((&verified["valid"], &verified["unprotected"]), (&true.into(), &0.into()), "{words:?}");
        assert_eq!(verified["guards"][0]["has"], verified["guards"][0]["of"], "{words:?}: {verified}");
    }
}
