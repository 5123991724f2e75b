//! `comity fork`: what is taken over, what is done again, and what shall be otherwise.

use crate::sandbox::{Ended, Sandbox};
use serde_json::{Value, json};
use std::process::Stdio;

/// Each step that is a program writes its name into `done`. `write` has three passes; `send` waits for a person.
const DRAFT: &str = r#"name: draft
nodes:
  plan: {kind: command, command: [sh, -c, 'echo plan >> done; echo the plan'], price_usd: 0.01}
  facts: {kind: command, command: [sh, -c, 'echo facts >> done; echo the facts'], price_usd: 0.02}
  write:
    kind: command
    command: [sh, -c, 'echo write >> done; cat > given; echo "{\"content\": \"x\", \"confidence\": 0.$(grep -c write done)}"']
    idempotent: true
    price_usd: 0.001
  ask: {kind: human, prompt: 'Ship it?'}
  send: {kind: command, command: [sh, -c, 'echo send >> done; cat'], price_usd: 0.03}
edges:
  - plan -> write -> ask -> send
  - facts -> send
loop_edges:
  - {from: write, to: write, condition: "confidence < 0.3", max_iterations: 5}
"#;

/// A sandbox with a run of [`DRAFT`] that has ended.
fn drafted() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", DRAFT);
    let run = sandbox.comity(&["run", "flow.yaml", "--task", "a poem"]).expect(8).run_id();
    sandbox.comity(&["resume", &run, "--approve"]).expect(0);
    assert_eq!(done(&sandbox), ["facts", "plan", "send", "write", "write", "write"]);
    (sandbox, run)
}

/// What programs have done, by name.
fn done(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path("done")).unwrap();
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// What was done since `done` was read.
fn since(sandbox: &Sandbox, before: &[String]) -> Vec<String> {
    let mut rest = done(sandbox);
    for name in before {
        rest.remove(rest.iter().position(|other| other == name).unwrap());
    }
    rest
}

/// The id of the newest run.
fn newest(sandbox: &Sandbox) -> String {
    sandbox.comity(&["runs", "-o", "json"]).expect(0).json()[0]["run_id"].as_str().unwrap().to_owned()
}

/// A run's entries, with their texts.
fn entries(sandbox: &Sandbox, run: &str) -> Vec<Value> {
    sandbox.comity(&["trace", run, "-v", "-o", "ndjson"]).expect(0).lines()
}

/// Names of steps by the kind of entry.
fn named(entries: &[Value], kind: &str) -> Vec<String> {
    let about = entries.iter().filter(|entry| entry["kind"] == kind);
    about
        .map(|entry| {
            let pass = entry.get("pass").map(|pass| format!("#{pass}")).unwrap_or_default();
            format!("{}{pass}", entry["step"].as_str().unwrap())
        })
        .collect()
}

fn fork(sandbox: &Sandbox, run: &str, words: &[&str]) -> Ended {
    sandbox.comity(&[&["fork", run, "--yes"], words].concat())
}

#[test]
fn results_before_the_step_are_taken_over_and_the_rest_is_done_anew() {
    let (sandbox, run) = drafted();
    let before = done(&sandbox);
    let ended = fork(&sandbox, &run, &["--from", "ask"]).expect(8);
    assert!(
        ended.err.contains(&format!("takes over 5 results of {run}: plan, facts, write, write#2, write#3")),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("reused     plan  from run_"), "{}", ended.err);
    let forked = newest(&sandbox);
    assert_ne!(forked, run);
    assert_eq!(since(&sandbox, &before), [""; 0], "the person is asked again before anything is done");
    sandbox.comity(&["resume", &forked, "--approve"]).expect(0);
    assert_eq!(since(&sandbox, &before), ["send"]);
    let rows = entries(&sandbox, &forked);
    let mut reused = named(&rows, "reused");
    reused.sort();
    assert_eq!(reused, ["facts", "plan", "write", "write#2", "write#3"]);
    assert_eq!(named(&rows, "settled"), ["ask", "send"]);
    // Only what was done costs anything, and the run it came from is as it was.
    let runs = sandbox.comity(&["runs", "-o", "json"]).expect(0).json();
    assert_eq!((&runs[0]["cost_usd"], &runs[0]["forked_from"]), (&json!(0.03), &json!(run)));
    assert_eq!((&runs[1]["cost_usd"], runs[1].get("forked_from")), (&json!(0.063), None));
    let (old, new) = (entries(&sandbox, &run), rows);
    let send = |rows: &[Value]| {
        let settled = rows.iter().find(|row| row["kind"] == "settled" && row["step"] == "send");
        settled.unwrap()["output"].clone()
    };
    assert!(send(&new)["context"]["facts"].is_string(), "{}", send(&new));
    assert_eq!(send(&old)["context"]["facts"], send(&new)["context"]["facts"]);
    sandbox.comity(&["verify"]).expect(0);
}

#[test]
fn each_taken_over_result_names_the_very_entry_it_came_from() {
    let (sandbox, run) = drafted();
    fork(&sandbox, &run, &["--from", "write#2"]).expect(8);
    let forked = newest(&sandbox);
    let (old, new) = (entries(&sandbox, &run), entries(&sandbox, &forked));
    for row in new.iter().filter(|row| row["kind"] == "reused") {
        let origin = &row["origin"];
        let there = &old[origin["seq"].as_u64().unwrap() as usize];
        assert_eq!((&origin["run_id"], &origin["hash"]), (&json!(run), &there["hash"]));
        assert_eq!((&there["kind"], &there["step"]), (&json!("settled"), &row["step"]));
        assert_eq!(there["output"], row["output"]);
        assert!(row.get("cost_usd").is_none(), "{row}");
    }
    let last = old.last().unwrap();
    let (origin, seq) = (&new[0]["origin"], old.len() as u64 - 1);
    assert_eq!(
        (&origin["run_id"], &origin["hash"], &origin["seq"]),
        (&json!(run), &last["hash"], &json!(seq))
    );
    // The first pass is before the second one; the third is not.
    let mut reused = named(&new, "reused");
    reused.sort();
    assert_eq!(reused, ["facts", "plan", "write"]);
    let shown = sandbox.comity(&["trace", &forked]).expect(0).out;
    assert!(shown.contains(&format!("forked from {run} at write#2\n")), "{shown}");
    assert!(shown.contains(&format!("from {run}")), "{shown}");
    let why = sandbox.comity(&["explain", &forked, "plan"]).expect(0).out;
    assert!(why.contains(&format!("of {run}: it was not done again. Nothing was spent.")), "{why}");
    let at = sandbox.comity(&["trace", &forked, "--at", "plan", "-o", "json"]).expect(0).json();
    assert_eq!(at["decision"], "reused");
    let replayed = sandbox.comity(&["replay", &forked]).expect(0).out;
    assert!(replayed.contains("reused     plan  from run_"), "{replayed}");
}

#[test]
fn what_may_do_harm_is_not_done_again_unasked() {
    let (sandbox, run) = drafted();
    let before = done(&sandbox);
    let refused = sandbox.comity(&["fork", &run, "--from", "plan"]).expect(2);
    assert!(refused.err.contains("done again: plan, send"), "{}", refused.err);
    assert!(refused.err.contains("[CM0245]"), "{}", refused.err);
    assert_eq!((newest(&sandbox), since(&sandbox, &before).len()), (run.clone(), 0));
    // What is idempotent, a person's, or not reached again, asks nothing.
    let sandbox = Sandbox::new();
    let flow = "nodes:\n  a: {kind: echo, text: x}\n  b: {kind: human, prompt: 'ok?'}\nedges: [a -> b]\n";
    let run = sandbox.run(flow).expect(8).run_id();
    let ended = sandbox.comity(&["fork", &run, "--from", "a"]).expect(8);
    assert!(!ended.err.contains("done again"), "{}", ended.err);
}

#[test]
fn another_task_is_for_what_is_done_anew() {
    let (sandbox, run) = drafted();
    let before = done(&sandbox);
    fork(&sandbox, &run, &["--from", "write", "--edit", "task=a song"]).expect(8);
    assert_eq!(since(&sandbox, &before), ["write"], "the third pass of the first run, and so the last");
    let given: Value = serde_json::from_slice(&std::fs::read(sandbox.path("given")).unwrap()).unwrap();
    assert_eq!((&given["task"], &given["iteration"]), (&json!("a song"), &json!(2)));
    let rows = entries(&sandbox, &newest(&sandbox));
    let plan = rows.iter().find(|row| row["kind"] == "reused" && row["step"] == "plan").unwrap();
    assert_eq!(plan["input"]["task"], "a poem");
}

#[test]
fn a_result_that_is_replaced_says_who_did_it_and_what_follows_is_done_anew() {
    let (sandbox, run) = drafted();
    let before = done(&sandbox);
    let edit = ["--from", "ask", "--edit", "plan.output={\"mine\":true}"];
    fork(&sandbox, &run, &edit).expect(8);
    let forked = newest(&sandbox);
    let rows = entries(&sandbox, &forked);
    let mut reused = named(&rows, "reused");
    reused.sort();
    assert_eq!(reused, ["facts", "plan"]);
    assert_eq!(since(&sandbox, &before), ["write"], "sure at once: there are three passes before it");
    let given: Value = serde_json::from_slice(&std::fs::read(sandbox.path("given")).unwrap()).unwrap();
    assert_eq!(given["context"]["plan"], json!({"mine": true}));
    let plan = rows.iter().find(|row| row["kind"] == "reused" && row["step"] == "plan").unwrap();
    assert_eq!((&plan["reason"], &plan["output"]), (&json!("edited"), &json!({"mine": true})));
    let by = plan["origin"]["edited_by"].as_str().unwrap();
    assert_eq!(plan["principal"], *by);
    let shown = sandbox.comity(&["trace", &forked]).expect(0).out;
    assert!(shown.contains(&format!("edited by {by}")), "{shown}");
    // The step at the point itself is not done when its result is given.
    fork(&sandbox, &run, &["--from", "facts", "--edit", "facts.output=mine"]).expect(0);
    let rows = entries(&sandbox, &newest(&sandbox));
    assert_eq!(named(&rows, "admitted"), ["send"]);
    sandbox.comity(&["verify"]).expect(0);
}

#[test]
fn another_file_is_followed_and_only_what_it_does_in_the_same_way_is_taken_over() {
    let (sandbox, run) = drafted();
    let before = done(&sandbox);
    let other = DRAFT
        .replace("echo the facts", "echo other facts")
        .replace("nodes:\n", "nodes:\n  first: {kind: echo, text: new}\n");
    sandbox.write("other.yaml", other);
    fork(&sandbox, &run, &["--from", "ask", "--edit", "other.yaml"]).expect(8);
    assert_eq!(since(&sandbox, &before), ["facts"]);
    let rows = entries(&sandbox, &newest(&sandbox));
    let mut reused = named(&rows, "reused");
    reused.sort();
    assert_eq!(reused, ["plan", "write", "write#2", "write#3"], "by name, although every place has moved");
    assert_eq!(
        named(&rows, "admitted"),
        ["facts", "first"].map(str::to_owned).into_iter().rev().collect::<Vec<_>>()
    );
}

#[test]
fn a_new_step_before_another_one_makes_that_one_new_as_well() {
    let sandbox = Sandbox::new();
    let old =
        "nodes:\n  a: {kind: echo, text: x}\n  c: {kind: echo}\n  d: {kind: echo}\nedges: [a -> c -> d]\n";
    let run = sandbox.run(old).expect(0).run_id();
    let new = old.replace("  c: ", "  b: {kind: echo, text: y}\n  c: ").replace("[a", "[b -> c, a");
    sandbox.write("new.yaml", new);
    fork(&sandbox, &run, &["--from", "d", "--edit", "new.yaml", "--edit", "task=other"]).expect(0);
    let rows = entries(&sandbox, &newest(&sandbox));
    assert_eq!(named(&rows, "reused"), ["a"]);
    assert_eq!(named(&rows, "admitted"), ["b", "c", "d"]);
    let c = rows.iter().find(|row| row["kind"] == "admitted" && row["step"] == "c").unwrap();
    assert_eq!(c["input"]["task"], "other", "what is done anew is about the new task, wherever it stands");
}

#[test]
fn forks_that_cannot_be_are_refused_and_say_why() {
    let (sandbox, run) = drafted();
    sandbox.write("other.yaml", "nodes: {plan: {kind: echo}}\n");
    sandbox.write("bad.yaml", "nodes: {plan: {kind: imagined}}\n");
    for (words, code, said) in [
        (&["--from", "nobody"][..], 1, "has no step `nobody` [CM0233]"),
        (&["--from", "write#9"], 1, "`write` of run `"),
        (&["--from", "ask", "--edit", "other.yaml"], 1, "the other file has no step `ask` [CM0244]"),
        (&["--from", "ask", "--edit", "bad.yaml"], 3, "[CM0"),
        (&["--from", "ask", "--edit", "none.yaml"], 3, "[CM0202]"),
        (&["--from", "ask", "--edit", "send.output=1"], 1, "`send` is done anew"),
        (&["--from", "send", "--edit", "ask.output=1"], 1, "`ask` is a person's decision"),
        (&["--from", "ask", "--edit", "plan.output=1", "--edit", "plan.output=2"], 1, "replaced twice"),
        (&["--from", "ask", "--edit", "task=a", "--edit", "task=b"], 1, "the task is given twice"),
        (&["--edit", "task=a"], 2, "--from"),
    ] {
        let ended = fork(&sandbox, &run, words).expect(code);
        assert!(ended.err.contains(said), "{words:?}: {}", ended.err);
    }
    assert_eq!(newest(&sandbox), run, "nothing was opened");
}

#[test]
fn a_step_inside_another_is_named_by_the_one_around_it() {
    let sandbox = Sandbox::new();
    sandbox.write("inner.yaml", "nodes: {x: {kind: command, command: [sh, -c, 'echo x >> done']}}\n");
    let flow = "nodes:\n  a: {kind: echo, text: x}\n  in: {kind: subgraph, workflow: inner.yaml}\nedges: [a -> in]\n";
    let run = sandbox.run(flow).expect(0).run_id();
    let refused = fork(&sandbox, &run, &["--from", "in/x"]).expect(1);
    assert!(refused.err.contains("`in/x` is a step inside `in`"), "{}", refused.err);
    let unasked = sandbox.comity(&["fork", &run, "--from", "in"]).expect(2);
    assert!(unasked.err.contains("done again: in/x"), "{}", unasked.err);
    fork(&sandbox, &run, &["--from", "in"]).expect(0);
    assert_eq!(done(&sandbox), ["x", "x"]);
    // As a whole it is taken over as one result.
    let flow = format!("{flow}  - {{from: in, to: z}}\n")
        .replace("edges: [a -> in]\n", "  z: {kind: echo}\nedges:\n  - a -> in\n");
    let run = sandbox.run(&flow).expect(0).run_id();
    fork(&sandbox, &run, &["--from", "z"]).expect(0);
    assert_eq!(named(&entries(&sandbox, &newest(&sandbox)), "reused"), ["a", "in"]);
    assert_eq!(done(&sandbox), ["x", "x", "x"]);
}

#[test]
fn what_failed_or_was_refused_is_done_anew_with_all_that_came_of_it() {
    let sandbox = Sandbox::new();
    let flow = "nodes:\n  a: {kind: echo, text: x}\n  b: {kind: command, command: [sh, -c, 'test -e fine && echo b']}\n  \
                c: {kind: echo}\n  z: {kind: echo}\nedges: [a -> b -> c, a -> c, a -> z]\n";
    let run = sandbox.run(flow).expect(0).run_id();
    sandbox.write("fine", "");
    fork(&sandbox, &run, &["--from", "z"]).expect(0);
    let rows = entries(&sandbox, &newest(&sandbox));
    assert_eq!(named(&rows, "reused"), ["a"]);
    let mut anew = named(&rows, "admitted");
    anew.sort();
    assert_eq!(anew, ["b", "c", "z"], "`c` was given no `b` before");
}

#[test]
fn a_fork_can_be_forked() {
    let (sandbox, run) = drafted();
    fork(&sandbox, &run, &["--from", "ask"]).expect(8);
    let first = newest(&sandbox);
    fork(&sandbox, &first, &["--from", "ask"]).expect(8);
    let second = newest(&sandbox);
    let rows = entries(&sandbox, &second);
    assert_eq!(named(&rows, "reused").len(), 5);
    assert!(rows.iter().filter(|row| row["kind"] == "reused").all(|row| row["origin"]["run_id"] == *first));
    sandbox.comity(&["resume", &second, "--approve"]).expect(0);
    sandbox.comity(&["verify"]).expect(0);
}

#[test]
fn a_timer_that_is_taken_over_is_not_waited_for_again() {
    let sandbox = Sandbox::new();
    let flow = "nodes:\n  wait: {kind: timer, after_s: 1}\n  z: {kind: echo, text: x}\nedges: [wait -> z]\n";
    let run = sandbox.run(flow).expect(0).run_id();
    fork(&sandbox, &run, &["--from", "z"]).expect(0);
    let rows = entries(&sandbox, &newest(&sandbox));
    assert_eq!((named(&rows, "reused"), named(&rows, "scheduled").len()), (vec!["wait".to_owned()], 0));
}

#[test]
fn a_ledger_that_was_tampered_with_is_not_forked() {
    let (sandbox, run) = drafted();
    let path = sandbox.path(".comity/comity.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // The price of `facts`, in the entry that says what it cost.
    let said = b"\"usage\":{\"micro_usd\":20000";
    let places = bytes.windows(said.len()).enumerate().filter(|(_, window)| window == said);
    let places: Vec<usize> = places.map(|(at, _)| at + said.len() - 1).collect();
    places.iter().for_each(|at| bytes[*at] = b'1');
    assert!(!places.is_empty());
    std::fs::write(path, bytes).unwrap();
    let refused = fork(&sandbox, &run, &["--from", "ask"]).expect(9);
    assert!(refused.err.contains("[CM0253]"), "{}", refused.err);
}

#[test]
fn events_of_a_fork_say_where_results_come_from() {
    let (sandbox, run) = drafted();
    let ended = sandbox.command(&["fork", &run, "--from", "ask", "--yes", "-o", "ndjson"]);
    let events = Ended::of({ ended }.stdin(Stdio::null()).output().unwrap()).expect(8).lines();
    assert_eq!(events[0]["origin"]["run_id"], json!(run));
    let plan = events.iter().find(|event| event["step"] == "plan").unwrap();
    assert_eq!((&plan["type"], &plan["cost_usd"]), (&json!("step_settled"), &json!(0.0)));
    assert_eq!((&plan["origin"]["run_id"], plan.get("duration_ms")), (&json!(run), None));
}
