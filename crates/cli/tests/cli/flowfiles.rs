//! Commands about workflow files: validate, schema, fmt.

use crate::sandbox::Sandbox;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const UNTIDY: &str = "nodes:\n- {id: a, kind: echo}  # first\nname: n\n";
const TIDY: &str = "name: n\nnodes:\n  a:  # first\n    kind: echo\n";

#[test]
fn formatting_rewrites_a_file_once() {
    let sandbox = Sandbox::new();
    sandbox.write("f.yaml", UNTIDY);
    assert_eq!(sandbox.comity(&["fmt", "--check", "f.yaml"]).expect(1).out, "not tidy: f.yaml\n");
    assert_eq!(std::fs::read_to_string(sandbox.path("f.yaml")).unwrap(), UNTIDY);
    assert_eq!(sandbox.comity(&["fmt", "f.yaml"]).expect(0).out, "formatted: f.yaml\n");
    assert_eq!(std::fs::read_to_string(sandbox.path("f.yaml")).unwrap(), TIDY);
    assert_eq!(sandbox.comity(&["fmt", "--check", "f.yaml"]).expect(0).out, "");
    let report = sandbox.comity(&["fmt", "f.yaml", "-o", "ndjson"]).expect(0).json();
    assert_eq!(report["changed"], false);
}

#[test]
fn a_file_that_is_wrong_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("f.yaml", "nodes: {a: {kind: ech}}");
    let ended = sandbox.comity(&["fmt", "f.yaml"]).expect(3);
    assert!(ended.err.contains("error[CM0112]"), "{ended:?}");
}

#[test]
fn warnings_are_shown_and_do_not_fail() {
    let sandbox = Sandbox::new();
    sandbox.write("f.yaml", "nodes: {a: {kind: echo}}");
    sandbox.write("g.yaml", "name: g\nnodes: {a: {kind: ech}}");
    let ended = sandbox.comity(&["validate", "f.yaml"]).expect(0);
    assert!(ended.err.contains("warning[CM0141]: the workflow has no name"), "{ended:?}");
    let report = sandbox.comity(&["validate", "f.yaml", "-o", "json"]).expect(0).json();
    assert_eq!((&report["valid"], &report["warnings"][0]["code"]), (&true.into(), &"CM0141".into()));
    let both = sandbox.comity(&["validate", "f.yaml", "g.yaml"]).expect(3);
    assert_eq!(both.out, "ok: f.yaml: 1 step\n");
    let reports = sandbox.comity(&["validate", "f.yaml", "g.yaml", "-o", "ndjson"]).expect(3).lines();
    assert_eq!((&reports[0]["valid"], &reports[1]["valid"]), (&true.into(), &false.into()));
}

#[test]
fn the_schema_is_json() {
    let schema = Sandbox::new().comity(&["schema"]).expect(0).json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["$defs"]["step_echo"]["properties"]["kind"]["const"] == "echo", "{schema}");
}

#[test]
fn a_watched_file_is_checked_again_when_it_changes() {
    let sandbox = Sandbox::new();
    sandbox.write("f.yaml", "name: n\nnodes: {a: {kind: echo}}");
    let mut command = sandbox.command(&["validate", "--watch", "f.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ok: 1 step");
    sandbox.write("f.yaml", "name: n\nnodes: {a: {kind: echo}, b: {kind: echo}}");
    assert_eq!(lines.next().unwrap().unwrap(), "ok: 2 steps");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_shows_only_when_steps_are_built_has_its_place_too() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "flow.yaml",
        "name: m\nnodes:\n  c: {kind: http, url: 'ftp://x'}\n  d: {kind: native, max_turns: 99}\n",
    );
    let wrong = sandbox.comity(&["validate", "flow.yaml"]).expect(3);
    for (step, line) in [("c", "flow.yaml:3:3"), ("d", "flow.yaml:4:3")] {
        assert!(wrong.err.contains(&format!("error[CM0207]: step `{step}`: ")), "{}", wrong.err);
        assert!(wrong.err.contains(line), "{}", wrong.err);
    }
    sandbox
        .write("flow.yaml", "name: m\nnodes:\n  a: {kind: echo}\n  s: {kind: subgraph, workflow: no.yaml}\n");
    let wrong = sandbox.comity(&["validate", "flow.yaml", "-o", "json"]).expect(3);
    assert_eq!(wrong.json()["errors"][0]["line"], 4);
    sandbox.write("part.yaml", "name: p\nnodes:\n  x: {kind: http, url: 'ftp://x'}\n");
    sandbox.write("flow.yaml", "name: m\nnodes:\n  s: {kind: subgraph, workflow: part.yaml}\n");
    let wrong = sandbox.comity(&["run", "flow.yaml"]).expect(3);
    assert!(wrong.err.contains("part.yaml:3:3"), "{}", wrong.err);
}
