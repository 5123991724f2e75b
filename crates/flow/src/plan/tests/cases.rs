//! Workflow files that people have for MeshFlow, and what it reads in them.

use super::kinds::ALL;
use crate::{Code, Invalid, Plan, When, compile};
use serde_json::{Value, json};

const READ: &str = include_str!("../../../tests/cases/workflow_yaml.jsonl");
const LINT: &str = include_str!("../../../tests/cases/lint.jsonl");

/// Files that ask for what this build does not have: the refusal, and the lines that ask for it.
const PENDING: &[(&str, Code, &[&str])] = &[
    ("workflow_yaml-0003", Code::LATER_KIND, &[]),
    ("workflow_yaml-0004", Code::LATER_KIND, &[]),
    ("workflow_yaml-0005", Code::LATER_KIND, &[]),
    // Postures come with policy as code.
    ("workflow_yaml-0009", Code::UNENFORCED_POLICY, &["  mode: dev"]),
    ("workflow_yaml-0010", Code::UNENFORCED_POLICY, &["  mode: standard"]),
    ("workflow_yaml-0011", Code::UNENFORCED_POLICY, &["  mode: standard"]),
    ("workflow_yaml-0013", Code::UNENFORCED_POLICY, &["  mode: standard"]),
    // A guard of every step comes with the detectors.
    ("workflow_yaml-0017", Code::UNENFORCED_POLICY, &["  enable_guardian: true"]),
    // Compliance comes with the detectors.
    ("workflow_yaml-0012", Code::UNENFORCED_POLICY, &[]),
    ("workflow_yaml-0014", Code::UNENFORCED_POLICY, &[]),
];

/// Files that are wrong here and right there.
const DIVERGE: &[(&str, Code)] = &[
    // An edge from a step to itself, without a loop, waits forever.
    ("workflow_yaml-0015", Code::SELF_EDGE),
    // A condition that cannot be read is no condition.
    ("lint_yaml-0007", Code::BAD_CONDITION),
];

fn rows(text: &str) -> Vec<(String, String, Value)> {
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["stance"], "follow");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&row["id"]), text(&row["input"]["yaml"]), row["expected"].clone())
    };
    text.lines().map(row).collect()
}

/// What a plan says, in the words of the cases.
fn said(plan: &Plan) -> Value {
    let name = |step: usize| plan.steps()[step].name.to_string();
    let edge = |from: usize, to: usize, when: &When| {
        let mut edge = json!({"from": name(from), "to": name(to)});
        if let When::If(condition) = when {
            edge["condition"] = json!(condition.text());
        }
        edge
    };
    let edges: Vec<Value> = plan.edges().iter().map(|it| edge(it.from, it.to, &it.when)).collect();
    let back = |it: &crate::LoopPlan| {
        let mut back = edge(it.from, it.to, &it.when);
        back["max_iterations"] = json!(it.max_iterations);
        back
    };
    let nodes =
        plan.steps().iter().map(|it| json!({"id": &*it.name, "kind": it.kind.name, "risk": it.risk.level()}));
    let start = plan.steps().iter().find(|step| step.after.is_empty()).unwrap();
    json!({
        "edges": edges,
        "entry": &*start.name,
        "loop_edges": plan.loops().iter().map(back).collect::<Vec<_>>(),
        "metadata": plan.metadata(),
        "name": plan.name(),
        "nodes": nodes.collect::<Vec<_>>(),
        "budget": plan.policy().budget_usd.micros() as f64 / 1e6,
        "max_steps": plan.policy().max_steps,
        "terminal": plan.terminal().iter().map(|step| name(*step)).collect::<Vec<_>>(),
    })
}

fn expected(row: &Value, said: &Value) -> Value {
    let mut expected =
        json!({"budget": row["policy"]["budget_usd"], "max_steps": row["policy"]["max_steps"]});
    for key in ["edges", "entry", "loop_edges", "metadata", "name", "nodes", "terminal"] {
        expected[key] = row[key].clone();
    }
    if expected["terminal"] == json!([]) {
        // Nothing was said, so that every end is terminal.
        expected["terminal"] = said["terminal"].clone();
    }
    assert_eq!((&row["version"], &row["compliance_guard"]), (&json!("1"), &json!(false)));
    expected
}

fn first(result: Result<Plan, Invalid>) -> Option<Code> {
    result.err().map(|invalid| invalid.diagnostics[0].code)
}

#[test]
fn files_are_read_as_people_expect() {
    for (id, yaml, row) in rows(READ) {
        let mut yaml = yaml;
        if let Some((_, code)) = DIVERGE.iter().find(|(other, _)| *other == id) {
            assert_eq!(first(compile(&yaml, ALL)), Some(*code), "{id}");
            continue;
        }
        if let Some((_, code, lines)) = PENDING.iter().find(|(other, ..)| *other == id) {
            assert_eq!(first(compile(&yaml, ALL)), Some(*code), "{id}");
            if lines.is_empty() {
                continue;
            }
            yaml = yaml.lines().filter(|line| !lines.contains(line)).collect::<Vec<_>>().join("\n");
        }
        if row.get("raises").is_some() {
            assert!(compile(&yaml, ALL).is_err(), "{id}");
            continue;
        }
        let plan =
            compile(&yaml, ALL).unwrap_or_else(|invalid| panic!("{id}\n{}", invalid.render(&id, &yaml)));
        let said = said(&plan);
        assert_eq!(said, expected(&row, &said), "{id}");
    }
}

#[test]
fn mistakes_are_found_that_people_know() {
    let codes = |yaml: &str| -> Vec<(String, Code)> {
        let found = match compile(yaml, ALL) {
            Ok(plan) => plan.warnings().to_vec(),
            Err(invalid) => invalid.diagnostics,
        };
        found.into_iter().map(|found| (found.severity.to_string(), found.code)).collect()
    };
    // What each of their rows comes to here; a row without a path is about a file that is not there.
    let ours = [
        ("edges[0].to", Code::EDGE_UNKNOWN_STEP),
        ("nodes.a.kind", Code::UNKNOWN_KIND),
        ("nodes.http_step.url", Code::MISSING_KEY),
        ("name", Code::NO_NAME),
        ("file", Code::SHAPE),
    ];
    for (id, yaml, row) in rows(LINT) {
        if let Some((_, code)) = DIVERGE.iter().find(|(other, _)| *other == id) {
            assert_eq!(codes(&yaml), [("error".to_owned(), *code)], "{id}");
            continue;
        }
        let expected: Vec<(String, Code)> = row
            .as_array()
            .unwrap()
            .iter()
            .map(|found| {
                let path = found["path"].as_str().unwrap();
                let code = ours.iter().find(|(other, _)| *other == path).expect(path).1;
                (found["severity"].as_str().unwrap().to_owned(), code)
            })
            .collect();
        assert_eq!(codes(&yaml), expected, "{id}");
    }
}
