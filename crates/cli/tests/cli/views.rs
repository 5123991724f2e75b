use crate::golden::review;
use crate::sandbox::{Ended, Sandbox};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A step that waits until somebody writes into `gate`, one that is refused, and one that is skipped.
const GATED: &str = "policy: {max_risk_tier: internal}\nnodes:\n  a: {kind: echo, price_usd: 0.002}\n  \
                     b: {kind: command, command: [cat, gate], price_usd: 0.001}\n  \
                     c: {kind: echo, risk: irreversible}\n  d: {kind: echo}\nedges: [a -> b, a -> c -> d]\n";
const ASKS: &str = "name: asks\nnodes:\n  ask: {kind: human, prompt: 'Ship it?'}\n";
const PRICED: &str = "policy: {budget_usd: 0.01}\nnodes:\n  a: {kind: echo, price_usd: 0.004}\n  b: {kind: echo, price_usd: 0.004}\n";

/// A sandbox with [`GATED`] in it, and a gate that nobody has opened.
fn gated() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", GATED);
    let made = Command::new("mkfifo").arg(sandbox.path("gate")).status().unwrap();
    assert!(made.success());
    sandbox
}

fn start(sandbox: &Sandbox, words: &[&str]) -> Child {
    let mut command = sandbox.command(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads lines until one has this in it. Returns all of them, and the rest of the pipe.
fn until(child: &mut Child, part: &str) -> (String, BufReader<std::process::ChildStdout>) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut all = String::new();
    while !all.contains(part) {
        assert!(out.read_line(&mut all).unwrap() > 0, "no `{part}` in {all}");
    }
    (all, out)
}

fn rest(mut out: impl Read) -> String {
    let mut all = String::new();
    out.read_to_string(&mut all).unwrap();
    all
}

fn run_of(line: &str) -> String {
    serde_json::from_str::<Value>(line.lines().next().unwrap()).unwrap()["run_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn types(text: &str) -> Vec<String> {
    let kind = |line: &str| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned();
    text.lines().map(kind).collect()
}

#[test]
fn a_replay_is_byte_for_byte_what_the_run_said() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", GATED.replace("[cat, gate]", "[echo, hello]"));
    let ran = sandbox.comity(&["run", "flow.yaml", "-o", "ndjson"]);
    let run = run_of(&ran.out);
    let replayed = sandbox.comity(&["replay", &run, "-o", "ndjson"]).expect(0);
    assert_eq!(replayed.out, ran.out);
    let paced = sandbox.comity(&["replay", &run, "-o", "ndjson", "--speed", "1000"]).expect(0);
    assert_eq!(paced.out, ran.out);
    let watched = sandbox.comity(&["watch", &run, "-o", "ndjson"]).expect(ran.code);
    assert_eq!(watched.out, ran.out);
    sandbox.comity(&["replay", &run, "--speed", "0"]).expect(2);
}

#[test]
fn another_process_sees_what_the_run_says_while_it_runs() {
    let sandbox = gated();
    let mut run = start(&sandbox, &["stream", "flow.yaml"]);
    let (told, out) = until(&mut run, "\"step_started\",\"run_id\":\"");
    let id = run_of(&told);
    let mut watch = start(&sandbox, &["watch", "-o", "ndjson"]);
    let (mut seen, eyes) = until(&mut watch, "\"step\":\"d\"");
    std::fs::write(sandbox.path("gate"), "through").unwrap();
    let told = told + &rest(out);
    seen.push_str(&rest(eyes));
    let (ended, watched) = (run.wait().unwrap(), watch.wait().unwrap());
    assert_eq!(seen, told);
    assert_eq!((ended.code(), watched.code()), (Some(0), Some(0)), "{told}");
    let after = sandbox.comity(&["watch", &id, "--from", "4", "-o", "ndjson"]).expect(0);
    let first: Value = serde_json::from_str(after.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["seq"], 5, "{}", after.out);
    assert!(told.ends_with(&after.out));
}

#[test]
fn a_watch_goes_on_through_a_pause_when_it_is_told_to() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(ASKS).expect(8).run_id();
    let ended = sandbox.comity(&["watch", &run]).expect(8);
    assert!(ended.err.contains(&format!("comity resume {run} --approve")), "{}", ended.err);
    let mut watch = start(&sandbox, &["watch", &run, "--keep"]);
    let (seen, eyes) = until(&mut watch, "waiting");
    sandbox.comity(&["resume", &run, "--approve"]).expect(0);
    let seen = seen + &rest(eyes);
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    let words: Vec<&str> = seen.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(
        words,
        ["running", "held", "waiting", "approved", "running", "running", "settled", "completed"]
    );
}

#[test]
fn a_watch_ends_when_the_process_it_watches_was_killed() {
    let sandbox = gated();
    let mut run = start(&sandbox, &["stream", "flow.yaml"]);
    let (told, _out) = until(&mut run, "\"step\":\"d\"");
    let mut watch = start(&sandbox, &["watch"]);
    let (_, eyes) = until(&mut watch, "skipped");
    run.kill().unwrap();
    run.wait().unwrap();
    rest(eyes);
    let ended = Ended::of(watch.wait_with_output().unwrap()).expect(130);
    assert!(ended.err.contains(&format!("to go on: comity resume {}", run_of(&told))), "{}", ended.err);
    let explained = sandbox.comity(&["explain", &run_of(&told), "b"]).expect(0).out;
    assert!(explained.contains("was under way when the run was cut off"), "{explained}");
}

#[test]
fn a_stream_begins_and_ends_with_its_run_however_it_ends() {
    let sandbox = gated();
    let mut run = start(&sandbox, &["stream", "flow.yaml"]);
    let (told, out) = until(&mut run, "\"step\":\"d\"");
    let stopped = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let told = told + &rest(out);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let types = types(&told);
    assert_eq!(
        (types.first().unwrap().as_str(), types.last().unwrap().as_str()),
        ("run_started", "run_finished")
    );
    assert!(told.lines().last().unwrap().contains("\"status\":\"interrupted\""), "{told}");
    sandbox.write("bad.yaml", "nodes: {}\n");
    assert_eq!(sandbox.comity(&["stream", "bad.yaml"]).expect(3).out, "");
    sandbox.write("poor.yaml", PRICED.replace("0.01}", "0.001}"));
    let poor = sandbox.comity(&["stream", "poor.yaml"]).expect(7).out;
    assert!(poor.lines().last().unwrap().contains("\"status\":\"exhausted\""), "{poor}");
}

#[test]
fn an_explanation_is_data_too() {
    let (sandbox, run) = review();
    let told = sandbox.comity(&["explain", &run, "record", "-o", "json"]).expect(0).json();
    assert_eq!((&told["status"], &told["reason"]), (&"skipped".into(), &"unreachable".into()));
    let causes: Vec<&Value> =
        told["facts"]["causes"].as_array().unwrap().iter().map(|cause| &cause["step"]).collect();
    assert_eq!(causes, ["archive", "send_notice"]);
    assert_eq!(told["facts"]["limits"]["max_risk_tier"], 3);
    let first = sandbox.comity(&["explain", &run, "draft#1", "-o", "json"]).expect(0).json();
    assert_eq!((&first["pass"], &first["facts"]["step"]["attempt"]), (&1.into(), &1.into()));
    let none = sandbox.comity(&["explain", &run, "drafd"]).expect(1);
    assert!(none.err.contains("has no step `drafd`"), "{}", none.err);
    sandbox.comity(&["explain", &run, "draft#0"]).expect(2);
    sandbox.comity(&["explain", &run, "draft#3"]).expect(1);
}

#[test]
fn balances_at_a_step_are_those_of_its_entry() {
    let (sandbox, run) = review();
    let at = |step: &str| sandbox.comity(&["trace", &run, "--at", step, "-o", "json"]).expect(0).json();
    let first = at("plan");
    let dollars = &first["account"][0];
    assert_eq!(
        (&dollars["cap"], &dollars["held"], &dollars["spent"]),
        (&500_000.into(), &2_000.into(), &0.into())
    );
    assert_eq!(first["settled"].as_array().unwrap().len(), 0);
    let second = at("draft#2");
    assert_eq!((&second["attempt"], &second["given"]["context"]["pass"]), (&2.into(), &2.into()));
    let settled: Vec<&Value> =
        second["settled"].as_array().unwrap().iter().map(|settled| &settled["step"]).collect();
    assert_eq!(settled, ["plan", "draft", "check"]);
    assert_eq!(second["account"][0]["spent"], 12_000);
    assert_eq!(at("researcher/search")["account"][0]["held"], 50_000);
    let ended = sandbox.comity(&["trace", &run, "--at", "done"]).expect(1);
    assert!(ended.err.contains("has not been reached yet"), "{}", ended.err);
}

#[test]
fn a_trace_is_one_object_for_each_entry_with_its_texts_when_they_are_asked_for() {
    let (sandbox, run) = review();
    let rows = sandbox.comity(&["trace", &run, "-o", "ndjson"]).expect(0).lines();
    for (row, next) in rows.iter().zip(rows.iter().skip(1)) {
        assert_eq!(next["prev"], row["hash"]);
        assert!(row.get("output").is_none() && row.get("input").is_none(), "{row}");
    }
    let one = sandbox.comity(&["trace", &run, "-o", "ndjson", "--step", "draft#2"]).expect(0).lines();
    assert!(one.iter().all(|row| row["step"] == "draft" && row["pass"] == 2), "{one:?}");
    assert!(one.last().unwrap()["output"].as_str().unwrap().starts_with("Second draft"), "{one:?}");
    sandbox.comity(&["trace", &run, "--step", "nobody"]).expect(1);
}

#[test]
fn runs_are_found_by_how_they_stand_and_by_name() {
    let sandbox = Sandbox::new();
    sandbox.run(PRICED).expect(0);
    let asks = sandbox.run(ASKS).expect(8).run_id();
    let found = |words: &[&str]| {
        let all: Vec<&str> = ["runs", "-o", "json"].iter().chain(words).copied().collect();
        let runs = sandbox.comity(&all).expect(0).json();
        runs.as_array()
            .unwrap()
            .iter()
            .map(|run| run["run_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&["--status", "waiting"]), std::slice::from_ref(&asks));
    assert_eq!(found(&["--status", "waiting", "--status", "completed"]).len(), 2);
    assert_eq!(found(&["--name", "ASK"]), [asks]);
    assert!(found(&["--name", "ask", "--status", "failed"]).is_empty());
    let runs = sandbox.comity(&["runs", "-o", "json", "--status", "completed"]).expect(0).json();
    assert_eq!(runs[0]["steps"], 2);
    sandbox.comity(&["runs", "--status", "asleep"]).expect(2);
}

#[test]
fn a_forecast_promises_nothing_that_a_workflow_inside_cannot_keep() {
    let sandbox = Sandbox::new();
    let part = |usd: &str| {
        format!(
            "name: p\npolicy: {{budget_usd: {usd}}}\nnodes:\n  a: {{kind: echo, price_usd: 0.015}}\n  \
             b: {{kind: echo, price_usd: 0.015}}\nedges: [a -> b]\n"
        )
    };
    sandbox.write("flow.yaml", "name: x\nnodes:\n  s: {kind: subgraph, workflow: part.yaml}\n");
    for (usd, fits) in [("0.02", false), ("0.03", true)] {
        sandbox.write("part.yaml", part(usd));
        let told = sandbox.comity(&["forecast", "flow.yaml", "-o", "json"]).expect(0).json();
        assert_eq!(told["fits"], fits, "{told}");
    }
}

#[test]
fn a_forecast_says_what_a_run_may_cost_and_makes_no_database() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", PRICED);
    let shown = sandbox.comity(&["forecast", "flow.yaml"]).expect(0).out;
    assert!(shown.contains("✓ fits") && shown.contains("budget: $0.01, "), "{shown}");
    let told = sandbox.comity(&["forecast", "flow.yaml", "-o", "json"]).expect(0).json();
    assert_eq!((&told["most"]["micro_usd"], &told["least"]["steps"]), (&8_000.into(), &2.into()));
    sandbox.write("flow.yaml", PRICED.replace("0.01}", "0.005}"));
    let shown = sandbox.comity(&["forecast", "flow.yaml"]).expect(0).out;
    assert!(shown.contains("! may not fit"), "{shown}");
    assert!(!sandbox.path(".comity").exists());
    sandbox.comity(&["watch"]).expect(1);
}
