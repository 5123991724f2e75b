use super::*;
use crate::shared::Rules;
use comity_core::Taint;
use serde_json::json;

/// What a name stands for after `step` with this output; `plan` and `other` ran before, and `both` is shared.
fn find(output: &Value, name: &str) -> Option<Value> {
    let rules = Rules::new();
    let wrote = json!({"both": "shared", "lone": "shared", "plan_output": "shared", "task": "shared"});
    let shared =
        Shared::default().after(0, &wrote, Taint::NONE, &rules).after(1, output, Taint::NONE, &rules);
    let earlier =
        [(Arc::from("plan"), Arc::new(json!("planned"))), (Arc::from("other"), Arc::new(json!({"n": 1})))];
    let facts =
        Facts { task: "the task", iteration: 2, own: ("step", output), earlier: &earlier, shared: &shared };
    facts.find(name).map(Cow::into_owned)
}

fn agent() -> Value {
    json!({"content": "text", "confidence": 0.5, "structured": {"both": "own", "task": "own", "content": "own",
        "other_output": "own", "step_output": "own"}})
}

#[test]
fn a_name_stands_for_the_first_thing_that_has_it() {
    for (name, expected) in [
        // The names that are part of the language go before everything that is written.
        ("task", json!("the task")),
        ("content", json!("text")),
        ("output", json!("text")),
        ("confidence", json!(0.5)),
        ("structured", agent()["structured"].clone()),
        // Then what the step wrote, before what a step is called, before what is shared.
        ("both", json!("own")),
        ("step_output", json!("own")),
        ("other_output", json!("own")),
        ("plan_output", json!("planned")),
        ("lone", json!("shared")),
    ] {
        assert_eq!(find(&agent(), name), Some(expected), "{name}");
    }
    assert_eq!(find(&agent(), "nothing"), None);
    assert_eq!(find(&agent(), "ctx").unwrap()["lone"], "shared");
    assert_eq!(find(&agent(), "ctx").unwrap()["both"], "own", "with what the step wrote");
}

#[test]
fn a_step_that_ran_before_is_named_by_its_output() {
    assert_eq!(find(&json!("said"), "step_output"), Some(json!("said")));
    assert_eq!(find(&json!("said"), "other_output"), Some(json!({"n": 1})));
    assert_eq!(find(&json!("said"), "_output"), None);
    assert_eq!(
        (step_of("a_output_output"), step_of("_output"), step_of("a")),
        (Some("a_output"), None, None)
    );
}

#[test]
fn outputs_of_every_form_have_a_text_and_values() {
    for (output, content, out, structured) in [
        (json!("said"), json!("said"), json!("said"), json!({})),
        (json!(null), json!("null"), json!(null), json!({})),
        (json!([1]), json!("[1]"), json!([1]), json!({})),
        (json!({"n": 1}), json!("{\"n\":1}"), json!({"n": 1}), json!({"n": 1})),
        (json!({"content": "t", "structured": null}), json!("t"), json!("t"), json!({})),
        (json!({"content": "t", "structured": {"k": 1}}), json!("t"), json!("t"), json!({"k": 1})),
        (
            json!({"structured": [1]}),
            json!("{\"structured\":[1]}"),
            json!({"structured": [1]}),
            json!({"structured": [1]}),
        ),
    ] {
        let found = ["content", "output", "structured"].map(|name| find(&output, name).unwrap());
        assert_eq!(found, [content, out, structured], "{output}");
    }
}

#[test]
fn a_confidence_is_a_number_or_none() {
    assert_eq!(find(&json!({"confidence": 1}), "confidence"), Some(json!(1)));
    assert_eq!(find(&json!({"confidence": "high"}), "confidence"), None);
    assert_eq!(find(&json!("sure"), "confidence"), None);
}
