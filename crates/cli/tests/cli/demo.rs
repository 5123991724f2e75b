use crate::sandbox::{Ended, Sandbox};
use std::path::Path;

/// The workflow files that are shipped as examples.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn demo(sandbox: &Sandbox) -> Ended {
    sandbox.comity(&["demo", "--fast"]).expect(0)
}

/// The lines, with one space where there are several.
fn squeezed(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().flat_map(|text| ["\n".to_owned(), line(text)]).collect()
}

#[test]
fn the_demo_is_refused_once_approved_once_and_verified() {
    let sandbox = Sandbox::new();
    let ended = demo(&sandbox);
    let run = ended.run_id();
    assert!(
        ended.err.starts_with("sandbox: no provider key is set: agents use the sandbox; prices"),
        "{ended:#?}"
    );
    assert!(
        ended.err.contains("\ngate was approved by the demo, because nobody is at the terminal\n"),
        "{ended:#?}"
    );
    assert!(squeezed(&ended.err).contains("\nsettled critic#2 "), "{}", ended.err);
    for part in [
        "Office lease  clause 4.1",
        " of $0.50, simulated: at list prices, nothing is billed\n",
        "17 steps: 1 denied, 1 approved\n",
        "\ndenied    researcher/mail_supplier (risk.tier): step ",
        "\napproved  gate: approved by the demo, because nobody is at the terminal\n",
        " entries, chain verified, head ",
        &format!("\n  comity explain {run} researcher/mail_supplier "),
        "\n  comity demo tamper ",
    ] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    sandbox.comity(&["trace", &run]).expect(0);
    sandbox.comity(&["replay", &run]).expect(0);
    let why = sandbox.comity(&["explain", &run, "researcher/mail_supplier"]).expect(0).out;
    assert!(why.contains("comity demo --keep demo"), "{why}");
    assert_eq!(std::fs::read_dir(sandbox.path("")).unwrap().count(), 1, "only the database was written");
}

#[test]
fn the_demo_says_the_same_each_time() {
    let sandbox = Sandbox::new();
    let words = |ended: &Ended| ended.out.split("\nSTEP").next().unwrap().to_owned();
    let (first, second) = (demo(&sandbox), demo(&sandbox));
    assert_eq!(words(&first), words(&second));
    assert_ne!(first.run_id(), second.run_id());
    let ended =
        Ended::of(sandbox.command(&["demo", "--fast"]).env("OPENAI_API_KEY", "sk-1").output().unwrap());
    let ended = ended.expect(0);
    assert!(ended.err.starts_with("sandbox: the demo never uses OPENAI_API_KEY: "), "{}", ended.err);
    let quiet = sandbox.comity(&["demo", "--fast", "--no-input"]).expect(0);
    assert!(quiet.out.contains("because nobody is to be asked"), "{}", quiet.out);
    sandbox.comity(&["verify"]).expect(0);
}

#[test]
fn the_demo_is_data_too() {
    let sandbox = Sandbox::new();
    let ended = sandbox.comity(&["demo", "--fast", "-o", "ndjson"]).expect(0);
    let events = ended.lines();
    assert_eq!(events[0]["type"], "run_started");
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["status"]), (&"run_finished".into(), &"completed".into()));
    assert_eq!(events.iter().filter(|event| event["type"] == "step_denied").count(), 1);
    let report = sandbox.comity(&["demo", "--fast", "-o", "json"]).expect(0).json();
    assert_eq!((&report["status"], &report["verified"]), (&"completed".into(), &true.into()));
    assert_eq!(report["output"]["simulated"], true);
    let report = sandbox.comity(&["demo", "tamper", "-o", "json"]).expect(9).json();
    assert_eq!((&report["verify"]["valid"], &report["original_valid"]), (&false.into(), &true.into()));
    assert_eq!(report["verify"]["bad_seq"], report["seq"]);
}

#[test]
fn a_changed_byte_is_found_and_the_original_is_untouched() {
    let sandbox = Sandbox::new();
    let run = demo(&sandbox).run_id();
    let before = sandbox.comity(&["trace", &run, "-o", "json"]).expect(0).out;
    for _ in 0..2 {
        let ended = sandbox.comity(&["demo", "tamper"]).expect(9);
        assert!(ended.out.contains("`\"risk\":3` is now `\"risk\":2`, in entry 12 of "), "{}", ended.out);
        assert!(ended.out.contains(&format!("\nbroken: {run} entry 12: its hash is not")), "{}", ended.out);
        assert!(ended.out.contains("\noriginal  .comity/comity.db: valid, 37 entries"), "{}", ended.out);
        assert!(ended.err.contains("\n\nhint: "), "{}", ended.err);
    }
    sandbox.comity(&["verify"]).expect(0);
    assert_eq!(sandbox.comity(&["trace", &run, "-o", "json"]).expect(0).out, before);
    sandbox.comity(&["verify", "--db", ".comity/comity.db.tampered"]).expect(9);
}

#[test]
fn without_a_run_there_is_nothing_to_tamper_with() {
    let sandbox = Sandbox::new();
    let ended = sandbox.comity(&["demo", "tamper"]).expect(1);
    assert!(ended.err.contains("[CM0283]\n\nhint: run `comity demo` first\n"), "{ended:?}");
    assert!(!sandbox.path(".comity").exists());
    let run = sandbox.run("nodes:\n  a: {kind: echo}\n").expect(0).run_id();
    let ended = sandbox.comity(&["demo", "tamper"]).expect(9);
    assert!(ended.out.contains(&format!("\nbroken: {run} entry 3: ")), "{}", ended.out);
}

#[test]
fn the_workflow_of_the_demo_can_be_kept_and_run() {
    let sandbox = Sandbox::new();
    sandbox.comity(&["demo", "--keep", "mine"]).expect(0);
    let kept = std::fs::read_to_string(sandbox.path("mine/flow.yaml")).unwrap();
    assert_eq!(kept, std::fs::read_to_string(format!("{EXAMPLES}/demo/flow.yaml")).unwrap());
    sandbox.comity(&["demo", "--keep", "mine"]).expect(1);
    sandbox.comity(&["demo", "--keep", "other", "tamper"]).expect(2);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    // A folder in /proc cannot be made by anybody, whoever runs the tests.
    let ended = sandbox.comity(&["demo", "--db", "/proc/none/a.db"]).expect(1);
    assert!(ended.err.contains("error: cannot open the database `/proc/none/a.db`"), "{ended:?}");
    assert!(ended.err.contains("\n\nhint: ") && ended.out.is_empty(), "{ended:?}");
}

#[test]
fn agents_do_not_start_behind_the_back_of_a_key() {
    let sandbox = Sandbox::new();
    sandbox.write("inner.yaml", "nodes:\n  a: {kind: native}\n");
    sandbox.write(
        "flow.yaml",
        "nodes:\n  deep: {kind: subgraph, workflow: inner.yaml}\n  ask: {kind: human, prompt: ok?}\n",
    );
    let with = |words: &[&str], name: &str| {
        Ended::of(sandbox.command(words).env("ANTHROPIC_API_KEY", "sk-1").env(name, "1").output().unwrap())
    };
    let ended = with(&["run", "flow.yaml"], "UNUSED").expect(2);
    assert!(ended.err.starts_with("error: ANTHROPIC_API_KEY is set, and this build"), "{ended:?}");
    assert!(
        ended.err.contains("[CM0209]\n\nhint: pass `--sandbox`") && !ended.err.contains("sk-1"),
        "{ended:?}"
    );
    assert!(!sandbox.path(".comity").exists());
    with(&["stream", "flow.yaml"], "UNUSED").expect(2);
    let ended = with(&["run", "flow.yaml", "--sandbox"], "UNUSED").expect(8);
    assert!(ended.err.starts_with("sandbox: as asked: agents use the sandbox; "), "{}", ended.err);
    let resume = ["resume", &ended.run_id(), "--approve"];
    with(&resume, "UNUSED").expect(2);
    with(&resume, "COMITY_SANDBOX").expect(0);
    let ended = sandbox.comity(&["run", "flow.yaml"]).expect(8);
    assert!(ended.err.starts_with("sandbox: no provider key is set: "), "{}", ended.err);
    let plain = "nodes:\n  a: {kind: echo}\n";
    sandbox.write("plain.yaml", plain);
    assert!(!with(&["run", "plain.yaml"], "UNUSED").expect(0).err.contains("sandbox"));
}

/// Every workflow file below a folder.
fn flows(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            flows(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn every_example_is_valid_without_a_warning() {
    let mut found = Vec::new();
    flows(Path::new(EXAMPLES), &mut found);
    assert!(found.len() >= 4, "{found:?}");
    for flow in found {
        let ended = Sandbox::new().comity(&["validate", &flow]).expect(0);
        assert!(!ended.out.contains("warning") && ended.err.is_empty(), "{ended:#?}");
    }
}

#[test]
fn the_research_example_runs_to_its_end() {
    let sandbox = Sandbox::new();
    let flow = format!("{EXAMPLES}/research/flow.yaml");
    let ended = sandbox.comity(&["run", &flow, "--task", "What makes a ledger trustworthy?"]).expect(0);
    for part in ["\nsettled dig/", "\nsettled pause ", "\nsettled critic#2 ", "\nskipped give_up "] {
        assert!(squeezed(&ended.err).contains(part), "{part}: {}", ended.err);
    }
}
