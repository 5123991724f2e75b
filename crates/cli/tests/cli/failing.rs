use crate::sandbox::{Ended, Sandbox};

const RUN: &str = "run_01KAGH0000000000000000000A";
const ONE: &str = "nodes:\n  a: {kind: echo, text: hi}\n";

/// The code, and that the error and its hint are where they belong.
#[track_caller]
fn fails(ended: Ended, code: i32, what: &str) {
    let ended = ended.expect(code);
    assert!(ended.out.is_empty() && ended.err.contains(what), "{ended:#?}");
    let (error, hint) = ended.err.split_once("\n\nhint: ").unwrap_or_else(|| panic!("{ended:#?}"));
    assert!(error.starts_with("error") && hint.lines().count() == 1, "{ended:#?}");
}

#[test]
fn files_that_cannot_be_run_are_3() {
    let sandbox = Sandbox::new();
    sandbox.write("empty.yaml", "");
    sandbox.write("edge.yaml", "nodes:\n  a: {kind: echo}\nedges:\n  - a -> b\n");
    sandbox.write("program.yaml", "nodes:\n  a: {kind: command, command: ['']}\n");
    sandbox.write("bytes.yaml", b"\xff\xfe");
    sandbox.write("large.yaml", "#".repeat((1 << 20) + 1));
    for (file, what) in [
        ("empty.yaml", "error[CM01"),
        ("edge.yaml", "edge.yaml:4:10"),
        ("program.yaml", "step `a`: `command` starts with an empty word"),
        ("bytes.yaml", "is not UTF-8 text"),
        ("large.yaml", "has more than 1048576 bytes"),
        ("missing.yaml", "there is no file `missing.yaml`"),
        (".", "cannot read `.`"),
    ] {
        fails(sandbox.comity(&["run", file]), 3, what);
        fails(sandbox.comity(&["validate", file]), 3, what);
    }
    assert!(!sandbox.path(".comity").exists(), "a file that is wrong left a database");
}

#[test]
fn a_program_that_is_missing_is_a_failed_step() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run("nodes:\n  a: {kind: command, command: [no-such-program]}\n").expect(1);
    assert!(ended.out.contains("cannot start `no-such-program`: no such program"), "{}", ended.out);
}

#[test]
fn words_that_mean_nothing_are_2() {
    let sandbox = Sandbox::new();
    for words in [
        vec![],
        vec!["fly"],
        vec!["run"],
        vec!["trace", "run_x"],
        vec!["approve", "apr_x"],
        vec!["runs", "--limit", "0"],
        vec!["runs", "-o", "xml"],
        vec!["resume", RUN, "--approve", "--reject"],
    ] {
        let ended = sandbox.comity(&words).expect(2);
        assert!(ended.out.is_empty() && !ended.err.is_empty(), "{ended:?}");
    }
}

#[test]
fn nothing_makes_a_database_but_a_run() {
    let sandbox = Sandbox::new();
    for words in [
        vec!["runs"],
        vec!["verify"],
        vec!["verify", RUN],
        vec!["trace", RUN],
        vec!["approve", RUN],
        vec!["resume", RUN, "--approve"],
    ] {
        fails(sandbox.comity(&words), 1, "error: there is no database at `.comity/comity.db` [CM0210]");
    }
    assert!(!sandbox.path(".comity").exists());
}

#[test]
fn a_run_that_is_not_there_is_1_and_not_a_broken_ledger() {
    let sandbox = Sandbox::new();
    sandbox.run(ONE).expect(0);
    for words in [vec!["trace", RUN], vec!["verify", RUN], vec!["approve", RUN], vec!["resume", RUN]] {
        fails(sandbox.comity(&words), 1, &format!("error: there is no run `{RUN}` [CM0230]"));
    }
    fails(sandbox.comity(&["approve", "apr_01KAGH0000000000000000000A"]), 1, "there is no approval");
}

#[test]
fn databases_that_cannot_be_used_say_why() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", ONE);
    sandbox
        .write("text.db", "this is not a database, and long enough to look like something else ".repeat(20));
    sandbox.write("file", "");
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    for (database, code, what) in [
        ("mysql://me:secret@host/db", 2, "`mysql://…` names a backend that this build does not have"),
        ("postgres://me:secret@127.0.0.1:1/db", 5, "`postgres://me@127.0.0.1:1/db` cannot be reached"),
        ("text.db", 9, "is damaged"),
        ("folder", 1, "it is a folder"),
        ("file/a.db", 1, "cannot open the database"),
        ("/proc/a.db", 1, "error: "),
    ] {
        let ended = sandbox.comity(&["run", "flow.yaml", "--db", database]);
        assert!(!ended.err.contains("secret"), "{ended:?}");
        fails(ended, code, what);
    }
    fails(sandbox.comity(&["runs", "--db", "mysql://me:secret@host/db"]), 2, "`mysql://…`");
    fails(sandbox.comity(&["verify", "--db", "text.db"]), 9, "is damaged");
}

#[test]
fn a_changed_byte_is_9() {
    let sandbox = Sandbox::new();
    let run = sandbox.run("nodes:\n  a: {kind: echo, text: hi, risk: external-io}\n").expect(0).run_id();
    let path = sandbox.path(".comity/comity.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let word = b"\"principal\":\"local:";
    let mut changed = 0;
    for at in 0..bytes.len() - word.len() {
        if &bytes[at..at + word.len()] == word {
            bytes[at + word.len()] ^= 1;
            changed += 1;
        }
    }
    assert!(changed > 0, "the entries are not where they were looked for");
    std::fs::write(&path, bytes).unwrap();
    let ended = sandbox.comity(&["verify"]).expect(9);
    assert!(ended.out.starts_with("broken: ") && ended.err.contains("\n\nhint: "), "{ended:#?}");
    let ended = sandbox.comity(&["verify", &run, "-o", "json"]).expect(9);
    assert_eq!((&ended.json()["valid"], &ended.json()["bad_run"]), (&false.into(), &run.into()), "{ended:?}");
}
