//! What MeshFlow 1.3.0 answers on the conditions of its own tests, and what we answer.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "an integration test, all of it")]

use comity_flow::Condition;
use serde_json::{Map, Value};

const CASES: &str = include_str!("cases/edge_conditions.jsonl");

/// Cases that we decide otherwise, and why.
///
/// `edge_condition-0010`: MeshFlow takes a condition with an undefined name as false. A misspelt name then
/// leaves out half of a workflow without a word, so here it is an error that names the name.
const DECIDED_OTHERWISE: &[(&str, &str)] = &[("edge_condition-0010", "`undefined_var` is not defined")];

/// The built-in names, then the keys of the structured output, then those of the shared context.
fn scope(input: &Map<String, Value>) -> Map<String, Value> {
    let part = |key: &str| input[key].as_object().unwrap().clone();
    let mut scope = part("ctx");
    scope.extend(part("structured"));
    for key in ["content", "confidence", "structured", "ctx"] {
        scope.insert(key.to_owned(), input[key].clone());
    }
    scope.insert("output".to_owned(), input["content"].clone());
    scope.insert("task".to_owned(), input["ctx"]["task"].clone());
    scope
}

fn decide(input: &Map<String, Value>) -> Result<bool, String> {
    let condition = Condition::parse(input["condition"].as_str().unwrap()).map_err(|bad| bad.message)?;
    let scope = scope(input);
    let values: Vec<Option<&Value>> = condition.names().iter().map(|name| scope.get(&**name)).collect();
    condition.decide(&values).map_err(|undecided| undecided.0)
}

#[test]
fn every_case_is_answered_by_its_stance() {
    let cases: Vec<Value> = CASES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), 15);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        assert_eq!((&case["kind"], &case["stance"]), (&"edge_condition".into(), &"follow".into()), "{id}");
        let otherwise = DECIDED_OTHERWISE.iter().find(|(other, _)| *other == id);
        let expected = match otherwise {
            Some((_, message)) => Err((*message).to_owned()),
            None => Ok(case["expected"].as_bool().unwrap()),
        };
        assert_eq!(decide(case["input"].as_object().unwrap()), expected, "{id}");
    }
}
