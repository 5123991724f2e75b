//! The keys of a database: others are refused, and those of the environment follow each other once.

use crate::sandbox::{Ended, Sandbox};

const FLOW: &str = "name: kept\nnodes:\n  one: {kind: echo, text: 'secret words'}\n";

fn files(sandbox: &Sandbox, name: &str) -> usize {
    let count = |path: std::path::PathBuf| walk(&path);
    fn walk(path: &std::path::Path) -> usize {
        let Ok(entries) = std::fs::read_dir(path) else { return 0 };
        entries.flatten().map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
    }
    count(sandbox.path(name))
}

fn said(ended: &Ended, part: &str) -> bool {
    format!("{}{}", ended.out, ended.err).contains(part)
}

#[test]
fn other_keys_are_refused_before_the_first_act_and_readers_go_on() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", FLOW);
    sandbox.write("db/.keep", "");
    let with =
        |keys: &str, words: &[&str]| sandbox.comity(&[words, &["--db", "db/a.db", "--keys", keys]].concat());
    let run = with("ours", &["run", "flow.yaml"]).expect(0).run_id();
    for words in [
        &["run", "flow.yaml"][..],
        &["erase", "--run", &run],
        &["erase", "--tenant"],
        &["anonymize", "--run", &run],
        &["hold", "place", "--tenant"],
        &["ledger", "retention", "--days", "3"],
        &["resume", &run],
    ] {
        let refused = with("theirs", words).expect(4);
        assert!(said(&refused, "CM0319") && said(&refused, "--keys DIR"), "{words:?}: {refused:?}");
        assert!(!said(&refused, "erased"), "{words:?}: {refused:?}");
        assert_eq!(files(&sandbox, "theirs"), 0, "{words:?} made a key");
    }
    let verified = with("ours", &["verify", "-o", "json"]).expect(0).json();
    assert_eq!((&verified["runs"], &verified["valid"]), (&1.into(), &true.into()), "{verified}");
    for words in [&["runs"][..], &["costs"], &["trace", &run], &["trace", &run, "--entries"]] {
        let read = with("theirs", words).expect(0);
        assert!(read.err.contains("is not here"), "{words:?}: {read:?}");
        assert!(!said(&read, "secret words"), "{words:?}");
        assert_eq!(files(&sandbox, "theirs"), 0, "{words:?} made a key");
    }
    assert!(said(&with("theirs", &["runs"]), "[no key]"));
    // An archive holds texts as they are stored: it takes no key, and an older checkpoint will do.
    let archived = with("theirs", &["archive", "--closed", "--to", "copies"]).expect(0);
    assert!(!said(&archived, "erased"), "{archived:?}");
    assert_eq!(files(&sandbox, "theirs"), 0, "an archive made a key");
    let export = with("theirs", &["export", &run, "--texts"]).expect(0);
    assert!(export.err.contains("have no key here") && export.err.contains("is not here"), "{export:?}");
    assert!(!said(&export, "secret words") && !said(&export, "[erased]"), "{export:?}");
    let whole = with("ours", &["export", &run, "--texts"]).expect(0);
    assert!(said(&whole, "secret words") && !said(&whole, "have no key here"), "{whole:?}");
    assert!(said(&with("ours", &["runs"]).expect(0), "kept"));
}

#[test]
fn the_keys_of_the_environment_follow_each_other_once() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", FLOW);
    // 32 bytes of 1, of 2, and of 3.
    let key = |byte: u8| {
        let (four, last) = [("AQEB", "AQE="), ("AgIC", "AgI="), ("AwMD", "AwM=")][usize::from(byte) - 1];
        format!("{}{last}", four.repeat(10))
    };
    let with = |now: u8, next: Option<u8>, words: &[&str]| {
        let mut command = sandbox.command(words);
        command.env("COMITY_TENANT_KEY", key(now));
        next.iter().for_each(|next| _ = command.env("COMITY_TENANT_KEY_NEXT", key(*next)));
        Ended::of(command.output().unwrap())
    };
    let run = |now, next| with(now, next, &["run", "flow.yaml"]).expect(0).run_id();
    let runs: Vec<String> = (0..4).map(|_| run(1, None)).collect();
    assert!(said(&with(2, None, &["run", "flow.yaml"]).expect(4), "CM0319"), "another key");
    let erase = |now, next, run: &str| with(now, next, &["erase", "--run", run, "-o", "json"]);
    assert!(said(&erase(1, None, &runs[0]).expect(2), "CM0303"), "there is no next one");
    let receipt = erase(1, Some(2), &runs[0]).expect(0).json();
    let (first, second) = (&receipt["to_be_destroyed_by_owner"][0], &receipt["tenant_key"]);
    assert_ne!(first, second);
    // The same environment in a new process: the store says that the second one is the current one.
    assert!(
        said(&erase(1, Some(2), &runs[1]).expect(2), "CM0303"),
        "it went from the first to the second again"
    );
    assert!(said(&with(1, Some(2), &["runs"]).expect(0), "kept"));
    let again = erase(2, Some(3), &runs[1]).expect(0).json();
    assert_eq!(&again["finished_before"], &serde_json::Value::Null, "{again}");
    assert_ne!(&again["tenant_key"], second);
    let last = run(3, None);
    assert!(said(&with(3, None, &["trace", &last, "--full", "-v"]).expect(0), "secret words"));
    with(3, None, &["verify"]).expect(0);
}

#[test]
fn nobody_has_no_name() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", FLOW);
    for words in [&["run", "flow.yaml"][..], &["erase"], &["anonymize"], &["hold", "place"]] {
        let refused = sandbox.comity(&[words, &["--subject", ""]].concat()).expect(2);
        assert!(refused.err.contains("--subject"), "{refused:?}");
    }
}
