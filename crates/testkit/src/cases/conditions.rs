//! `edge_conditions.jsonl`: whether an edge is followed.

use super::{Case, Suite, nothing, same};
use comity_flow::Condition;
use serde_json::{Map, Value};

/// The case with a name that stands for nothing.
const UNDEFINED: &str = "edge_condition-0010";

pub(super) const EDGE_CONDITIONS: Suite = Suite {
    name: "edge_conditions",
    text: include_str!("../../tests/cases/edge_conditions.jsonl"),
    decided: &[(
        UNDEFINED,
        "an error that names the name: taken as false, a misspelt name leaves out half of a workflow without a word",
    )],
    pending: &[],
    judge,
    meanwhile: nothing,
};

/// The built-in names, then the keys of the structured output, then those of the shared context.
fn scope(input: &Value) -> Map<String, Value> {
    let part = |key: &str| input[key].as_object().cloned().unwrap_or_default();
    let mut scope = part("ctx");
    scope.extend(part("structured"));
    for key in ["content", "confidence", "structured", "ctx"] {
        scope.insert(key.to_owned(), input[key].clone());
    }
    scope.insert("output".to_owned(), input["content"].clone());
    scope.insert("task".to_owned(), input["ctx"]["task"].clone());
    scope
}

fn decide(input: &Value) -> Result<bool, String> {
    let text = input["condition"].as_str().expect("a condition is a text");
    let condition = Condition::parse(text).map_err(|bad| bad.message)?;
    let scope = scope(input);
    let values: Vec<Option<&Value>> = condition.names().iter().map(|name| scope.get(&**name)).collect();
    condition.decide(&values).map_err(|undecided| undecided.0)
}

fn judge(case: &Case) -> Result<(), String> {
    let wanted = match case.id.as_str() {
        UNDEFINED => Err("`undefined_var` is not defined".to_owned()),
        _ => Ok(case.expected.as_bool().ok_or("the case expects no truth value")?),
    };
    same("decision", &decide(&case.input), &wanted)
}
