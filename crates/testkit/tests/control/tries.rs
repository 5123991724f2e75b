//! Retries, time limits and output schemas.

use crate::entries;
use crate::house::{House, calls, given, stands};
use serde_json::json;

#[test]
fn a_failed_step_is_tried_again_as_often_as_it_may_be() {
    let flow = |fails: u32| {
        format!(
            "name: t\nnodes:\n  a: {{kind: say, as: a, fails: {fails}, max_retries: 2, retry_backoff_s: 0.2}}\n  \
             b: {{kind: say, as: b}}\nedges: [a -> b]\n"
        )
    };
    let house = House::new();
    let report = house.run(&flow(2));
    assert_eq!((report.status.as_str(), calls().len()), ("completed", 4));
    let rows = entries(&house.trace(&report.run_id));
    let tries = ["admitted a", "failed a", "scheduled a"].repeat(2);
    assert_eq!(rows[..6], tries);
    assert_eq!(rows[6..8], ["admitted a", "settled a"]);
    let house = House::new();
    let report = house.run(&flow(9));
    assert_eq!((report.status.as_str(), calls().len()), ("failed", 3));
}

#[test]
fn without_the_keys_nothing_is_tried_again() {
    let house = House::new();
    let report = house.run("name: t\nnodes:\n  a: {kind: say, as: a, fails: 1}\n");
    assert_eq!((report.status.as_str(), calls().len()), ("failed", 1));
}

fn late(action: &str) -> String {
    format!(
        "name: t\nnodes:\n  a: {{kind: say, as: a, stalls: 1, timeout_s: 0.05, retry_backoff_s: 0.002, {action}}}\n  \
         b: {{kind: say, as: b}}\n  c: {{kind: say, as: c}}\nedges: [a -> b]\nterminal: [b, c]\n"
    )
}

#[test]
fn a_step_whose_time_is_over_fails_or_is_passed_over_or_is_tried_again() {
    let house = House::new();
    let report = house.run(&late("on_timeout: fail"));
    assert_eq!((report.status.as_str(), stands(&report, "a").as_str()), ("failed", "failed effect.timeout"));
    let house = House::new();
    let report = house.run(&late("on_timeout: skip"));
    assert_eq!(
        (report.status.as_str(), stands(&report, "b").as_str()),
        ("completed", "skipped condition.false")
    );
    let house = House::new();
    let report = house.run(&late("on_timeout: retry"));
    assert_eq!((report.status.as_str(), stands(&report, "a").as_str()), ("completed", "settled"));
    assert_eq!(calls().iter().filter(|call| *call == "a").count(), 2);
}

const SCHEMA: &str = "output_schema: {type: object, required: [score], properties: {score: {type: number}}}";

#[test]
fn an_output_that_does_not_fit_its_schema_is_repaired_once() {
    let house = House::new();
    let report = house.run(&format!(
        "name: t\nnodes:\n  a: {{kind: say, as: a, say: ['no json', '{{\"score\": 3}}'], {SCHEMA}}}\n"
    ));
    assert_eq!((report.status.as_str(), &report.output), ("completed", &json!({"score": 3})));
    assert_eq!(given("a").len(), 2);
    assert_eq!(given("a")[1]["repair"]["output"], json!("no json"));
    let house = House::new();
    let report = house.run(&format!("name: t\nnodes:\n  a: {{kind: say, as: a, say: ['no'], {SCHEMA}}}\n"));
    assert_eq!((stands(&report, "a").as_str(), calls().len()), ("failed output.schema", 2));
}

#[test]
fn a_step_that_may_do_harm_is_not_repaired() {
    let house = House::new();
    let report = house.run(&format!(
        "name: t\nnodes:\n  a: {{kind: say, as: a, idempotent: false, say: ['no', '{{\"score\": 3}}'], {SCHEMA}}}\n"
    ));
    assert_eq!((stands(&report, "a").as_str(), calls().len()), ("failed output.schema", 1));
}

#[test]
fn no_retries_means_none_whatever_becomes_of_its_time() {
    let house = House::new();
    let report = house.run(&late("on_timeout: retry, max_retries: 0"));
    assert_eq!((report.status.as_str(), stands(&report, "a").as_str()), ("failed", "failed effect.timeout"));
    assert_eq!(calls().iter().filter(|call| *call == "a").count(), 1);
}
