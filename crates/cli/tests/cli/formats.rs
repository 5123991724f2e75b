use crate::sandbox::Sandbox;
use serde_json::Value;

const TWO: &str = "name: pair\nnodes:\n  a: {kind: echo, text: hello, price_usd: 0.002}\n  b: {kind: echo, text: bye}\nedges: [a -> b]\n";
const ASKS: &str = "nodes:\n  ask: {kind: human, prompt: 'Ship it?'}\n";

#[test]
fn json_is_one_report_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", TWO);
    let ended = sandbox.comity(&["run", "flow.yaml", "-o", "json"]).expect(0);
    let report = ended.json();
    assert_eq!(report["status"], "completed");
    assert_eq!(report["output"], "bye");
    assert_eq!(report["cost_usd"], 0.002);
    assert_eq!(report["cost_micro_usd"], 2000);
    assert_eq!(report["verified"], true);
    assert_eq!(report["head"].as_str().unwrap().len(), 64);
    let steps: Vec<&Value> = report["steps"].as_array().unwrap().iter().map(|step| &step["status"]).collect();
    assert_eq!(steps, ["settled", "settled"]);
    assert!(ended.err.is_empty(), "{}", ended.err);
}

#[test]
fn a_question_in_json_comes_with_its_line_on_stderr() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", ASKS);
    let ended = sandbox.comity(&["run", "flow.yaml", "-o", "json"]).expect(8);
    let run = ended.json()["run_id"].as_str().unwrap().to_owned();
    assert!(ended.err.contains(&format!("comity resume {run} --approve\n")), "{}", ended.err);
}

#[test]
fn ndjson_is_every_event_in_the_order_of_the_chain() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", TWO);
    let events = sandbox.comity(&["run", "flow.yaml", "-o", "ndjson"]).expect(0).lines();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected =
        ["run_started", "step_started", "step_settled", "step_started", "step_settled", "run_finished"];
    assert_eq!(kinds, expected);
    let places: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    let last = events.last().unwrap();
    assert_eq!((&last["status"], &last["cost_usd"]), (&"completed".into(), &0.002.into()));
}

#[test]
fn ndjson_of_a_resumed_run_starts_and_finishes_too() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", ASKS);
    let events = sandbox.comity(&["run", "flow.yaml", "-o", "ndjson"]).expect(8).lines();
    let run = events[0]["run_id"].as_str().unwrap().to_owned();
    assert_eq!(events.last().unwrap()["status"], "waiting");
    let events = sandbox.comity(&["resume", &run, "--approve", "-o", "ndjson"]).expect(0).lines();
    assert_eq!(events[0]["type"], "run_started");
    assert_eq!(events.last().unwrap()["status"], "completed");
}

#[test]
fn runs_and_traces_are_lists() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(TWO).expect(0).run_id();
    sandbox.run(ASKS).expect(8);
    let runs = sandbox.comity(&["runs", "-o", "json"]).expect(0).json();
    assert_eq!((&runs[1]["run_id"], &runs[1]["name"]), (&run.clone().into(), &"pair".into()));
    assert_eq!(runs[0]["status"], "waiting");
    assert_eq!(sandbox.comity(&["runs", "-o", "ndjson", "--limit", "1"]).expect(0).lines().len(), 1);
    let table = sandbox.comity(&["runs"]).expect(0).out;
    assert!(table.starts_with("RUN ") && table.lines().count() == 3, "{table}");
    let trace = sandbox.comity(&["trace", &run, "-o", "json"]).expect(0).json();
    let kinds: Vec<&str> =
        trace.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["opened", "admitted", "settled", "admitted", "settled", "closed"]);
    let rows = sandbox.comity(&["trace", &run, "-o", "ndjson"]).expect(0).lines();
    assert_eq!(Value::Array(rows), trace);
}

#[test]
fn a_trace_shows_what_each_check_said_of_a_held_step() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(ASKS).expect(8).run_id();
    let trace = sandbox.comity(&["trace", &run, "--entries"]).expect(0).out;
    assert!(trace.contains("checks: approval hold, "), "{trace}");
}

#[test]
fn verification_says_what_it_counted_and_what_it_cannot_show() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(TWO).expect(0).run_id();
    let all = sandbox.comity(&["verify"]).expect(0).out;
    assert!(all.starts_with("valid: 1 run, 6 entries, ") && all.contains("\nnot shown: a database"), "{all}");
    let one = sandbox.comity(&["verify", &run]).expect(0).out;
    assert!(one.contains("\nhead: "), "{one}");
    assert_eq!(sandbox.comity(&["verify", "-o", "json"]).expect(0).json()["valid"], true);
}

#[test]
fn validation_lists_every_mistake() {
    let sandbox = Sandbox::new();
    sandbox.write("good.yaml", TWO);
    sandbox.write("bad.yaml", "nodes:\n  a: {kind: ecko}\nedges:\n  - a -> b\n");
    assert_eq!(sandbox.comity(&["validate", "good.yaml"]).expect(0).out, "ok: 2 steps\n");
    let report = sandbox.comity(&["validate", "good.yaml", "-o", "json"]).expect(0).json();
    assert_eq!((&report["valid"], &report["steps"]), (&true.into(), &2.into()));
    let report = sandbox.comity(&["validate", "bad.yaml", "-o", "json"]).expect(3).json();
    let codes: Vec<&str> =
        report["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["CM0112", "CM0102"], "{report}");
    assert_eq!(report["errors"][1]["line"], 4);
    let report = sandbox.comity(&["validate", "none.yaml", "-o", "ndjson"]).expect(3).json();
    assert_eq!(report["errors"][0]["code"], "CM0202");
}

#[test]
fn help_and_version_are_data() {
    let sandbox = Sandbox::new();
    let help = sandbox.comity(&["--help"]).expect(0);
    assert!(help.out.contains("Exit codes: 0 done") && help.err.is_empty(), "{help:?}");
    assert!(sandbox.comity(&["--version"]).expect(0).out.starts_with("comity "));
}
