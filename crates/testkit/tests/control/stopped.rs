//! Runs that are stopped on their way, and go on.

use crate::entries;
use crate::house::{House, calls, given, stands};
use comity_runtime::Ruling;
use serde_json::json;
use std::time::Duration;

const OUTER: &str = "name: outer\npolicy: {budget_usd: 0.04}\nnodes:\n  \
                     sub: {kind: subgraph, workflow: inner.yaml}\n  last: {kind: say, as: last}\n\
                     edges: [sub -> last]\n";

fn inner(first: &str) -> House {
    House::new().with(
        "inner.yaml",
        &format!(
            "name: inner\nnodes:\n  x: {{kind: say, as: x, price_usd: 0.01, {first}}}\n  \
             y: {{kind: say, as: y, price_usd: 0.01}}\nedges: [x -> y]\n"
        ),
    )
}

#[test]
fn a_step_lost_inside_a_workflow_leaves_enough_for_those_after_it() {
    let house = inner("stalls: 1");
    let stopped = house.run_into(OUTER, Duration::from_millis(150));
    assert_eq!((stopped.status.as_str(), calls().join(" ")), ("interrupted", "x".to_owned()));
    // Only the step inside was lost, and it asks nobody: doing it twice does no harm.
    assert_eq!(stopped.approvals, []);
    let report = house.resume(&stopped.run_id);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "x x y last".to_owned()));
    assert_eq!(report.cost_micro_usd, 30_000);
}

#[test]
fn an_inner_workflow_still_spends_no_more_than_its_policy_allows_when_a_step_was_lost() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\npolicy: {budget_usd: 0.02}\nnodes:\n  x: {kind: say, as: x, price_usd: 0.01, stalls: 1}\n  \
         y: {kind: say, as: y, price_usd: 0.01}\nedges: [x -> y]\n",
    );
    let stopped = house.run_into(OUTER, Duration::from_millis(150));
    let report = house.resume(&stopped.run_id);
    assert_eq!((report.status.as_str(), report.cost_micro_usd), ("failed", 20_000), "{report:?}");
}

#[test]
fn a_workflow_that_goes_on_needs_no_steps_for_what_it_has_done() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\nnodes:\n  a: {kind: say, as: a}\n  b: {kind: say, as: b}\n  c: {kind: say, as: c}\n  \
         ask: {kind: human, prompt: 'Go on?'}\n  d: {kind: say, as: d}\nedges: [a -> b -> c -> ask -> d]\n",
    );
    // Six at first; then the workflow once more; then what comes after it.
    let outer = OUTER.replace("budget_usd: 0.04", "max_steps: 8");
    let waiting = house.run(&outer);
    assert_eq!(waiting.status, "waiting", "{waiting:?}");
    house.rule(&waiting.run_id, "sub/ask", Ruling::Approve);
    let report = house.resume(&waiting.run_id);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b c d last".to_owned()));
}

#[test]
fn a_step_inside_that_is_tried_again_when_its_time_is_over_has_what_that_costs() {
    let house =
        inner("stalls: 2, timeout_s: 0.05, on_timeout: retry, max_retries: 2, retry_backoff_s: 0.002");
    let report = house.run(OUTER);
    assert_eq!(
        (report.status.as_str(), calls().join(" ")),
        ("completed", "x x x y last".to_owned()),
        "{report:#?}"
    );
    assert_eq!(report.cost_micro_usd, 40_000);
}

#[test]
fn a_backoff_goes_on_where_it_was() {
    let flow = "name: t\nnodes:\n  a: {kind: say, as: a, fails: 1, max_retries: 1, retry_backoff_s: 0.8}\n";
    let house = House::new();
    let stopped = house.run_into(flow, Duration::from_millis(100));
    assert_eq!((stopped.status.as_str(), calls().len()), ("interrupted", 1));
    let report = house.resume(&stopped.run_id);
    assert_eq!((report.status.as_str(), calls().len()), ("completed", 2));
    let rows = house.trace(&report.run_id);
    let due: Vec<u64> = rows.iter().filter_map(|row| row.due_ms).collect();
    let again = rows.iter().rfind(|row| row.kind == "admitted").unwrap();
    assert!(due.len() == 1 && again.at_ms >= due[0], "{due:?} and {}", again.at_ms);
}

#[test]
fn a_question_inside_a_loop_is_asked_in_every_pass() {
    let house = House::new();
    let flow = "name: t\nnodes:\n  ask: {kind: human, prompt: 'Go on?'}\n  \
                a: {kind: say, as: a, say: [{n: 1}, {n: 2}, {n: 3}]}\nedges: [ask -> a]\n\
                loop_edges: [{from: a, to: ask, condition: n < 3}]\n";
    let mut report = house.run(flow);
    for pass in 0..3 {
        assert_eq!((report.status.as_str(), calls().len()), ("waiting", pass));
        assert_eq!(stands(&report, "ask"), "held approval.required");
        house.rule(&report.run_id, "ask", Ruling::Approve);
        report = house.resume(&report.run_id);
    }
    assert_eq!((report.status.as_str(), calls().len()), ("completed", 3));
    assert_eq!(given("a")[2]["iteration"], json!(2));
    let rows = entries(&house.trace(&report.run_id));
    assert_eq!(rows.iter().filter(|row| *row == "approved ask").count(), 3);
}

#[test]
fn a_try_that_was_lost_takes_none_of_the_others_away() {
    let house = House::new();
    let stopped = house.run_into(
        "name: t\nnodes:\n  a: {kind: say, as: a, stalls: 1, fails: 3, max_retries: 2, retry_backoff_s: 0.002}\n",
        Duration::from_millis(100),
    );
    assert_eq!((stopped.status.as_str(), calls().len()), ("interrupted", 1));
    // One was lost, two fail, the third and last settles.
    let report = house.resume(&stopped.run_id);
    assert_eq!((report.status.as_str(), calls().len()), ("completed", 4));
}
