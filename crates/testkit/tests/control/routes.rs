//! Steps that name the next one, and where a walk begins and ends.

use crate::house::{House, calls, given, stands};

fn flow(says: &str, policy: &str) -> String {
    format!(
        "name: t\n{policy}nodes:\n  a: {{kind: say, as: a}}\n  \
         b: {{kind: say, as: b, say: [{says}], routes: [a, d]}}\n  c: {{kind: say, as: c}}\n  \
         d: {{kind: say, as: d}}\nedges: [a -> b -> c]\n"
    )
}

#[test]
fn a_step_may_name_the_next_one() {
    let house = House::new();
    let report = house.run(&flow("{next_node: d}", ""));
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b d".to_owned()));
    assert_eq!(stands(&report, "c"), "skipped condition.false");
    let house = House::new();
    let report = house.run(&flow("{done: 1}", ""));
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b c".to_owned()));
    assert_eq!(stands(&report, "d"), "skipped condition.false");
}

#[test]
fn a_step_may_send_the_run_back() {
    let house = House::new();
    let report = house.run(&flow("{next_node: a}, {next_node: d}", ""));
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b a b d".to_owned()));
}

#[test]
fn a_run_is_sent_elsewhere_only_so_often() {
    let house = House::new();
    let report = house.run(&flow("{next_node: a}", "policy: {max_replans: 2}\n"));
    assert_eq!((report.status.as_str(), calls().join(" ")), ("failed", "a b a b a b".to_owned()));
    assert_eq!(stands(&report, "b"), "failed replan.limit");
}

#[test]
fn only_a_declared_route_is_taken() {
    let house = House::new();
    let report = house.run(&flow("{next_node: c}", ""));
    assert_eq!(stands(&report, "b"), "failed route.unknown");
    // A step without routes may say what it likes: what it says steers nothing.
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  a: {kind: say, as: a, say: [{next_node: c}]}\n  b: {kind: say, as: b}\n  \
         c: {kind: say, as: c}\nedges: [a -> b -> c]\n",
    );
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b c".to_owned()));
}

#[test]
fn terminal_steps_are_the_runs_output_and_entry_is_where_it_begins() {
    let house = House::new();
    let report = house.run(
        "name: t\nentry: a\nterminal: b\nnodes:\n  a: {kind: say, as: a}\n  b: {kind: say, as: b}\n  \
         c: {kind: say, as: c}\nedges: [a -> b -> c]\n",
    );
    assert_eq!(report.output, "b");
    let message = House::new().refused(
        "name: t\nentry: a\nnodes:\n  a: {kind: say, as: a}\n  lost: {kind: say, as: lost}\nedges: []\n",
    );
    assert!(message.contains("lost"), "{message}");
}

/// `hub` begins, and `left` and `right` may send the run back to it.
fn hub(edges: &str, hub: &str, left: &str, right: &str) -> String {
    format!(
        "name: t\nnodes:\n  hub: {{kind: say, as: hub, say: [{hub}], routes: [left, right, done]}}\n  \
         left: {{kind: say, as: left, say: [{left}], routes: [hub]}}\n  \
         right: {{kind: say, as: right, say: [{right}], routes: [hub]}}\n  \
         done: {{kind: say, as: done}}\n{edges}"
    )
}

#[test]
fn a_hub_may_send_the_run_to_each_of_its_steps_in_turn() {
    for (first, second) in [("left", "right"), ("right", "left")] {
        let house = House::new();
        let says = format!("{{next_node: {first}}}, {{next_node: {second}}}, {{next_node: done}}");
        let policy = "policy: {max_replans: 9}\n";
        let report = house.run(&(hub("", &says, "{next_node: hub}", "{next_node: hub}") + policy));
        assert_eq!(report.status, "completed");
        assert_eq!(calls().join(" "), format!("hub {first} hub {second} hub done"));
        assert_eq!(report.output, "done");
    }
}

#[test]
fn steps_beside_each_other_go_back_together() {
    let house = House::new();
    let edges = "edges: [hub -> left, hub -> right, hub -> done]\npolicy: {max_replans: 9}\n";
    let source = hub(edges, "{}", "{next_node: hub}, {next_node: hub}, {}", "{next_node: hub}, {}");
    let report = house.run(&source.replace(", routes: [left, right, done]", ""));
    assert_eq!(report.status, "completed");
    let mut calls = calls();
    for pass in 0..3 {
        calls[pass * 3 + 1..pass * 3 + 3].sort();
    }
    assert_eq!(calls.join(" "), "hub left right hub left right hub left right done");
    let senders = |pass: usize| -> Vec<String> {
        given("hub")[pass]["context"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        (senders(1), senders(2)),
        (vec!["left".to_owned(), "right".to_owned()], vec!["left".to_owned()])
    );
}

#[test]
fn the_output_is_of_the_last_pass() {
    let house = House::new();
    let report = house.run(
        "name: t\nterminal: [b, d]\nnodes:\n  a: {kind: say, as: a, say: [{go: true}, {go: false}]}\n  \
         b: {kind: say, as: b}\n  c: {kind: say, as: c, say: [{more: true}, {more: false}]}\n  \
         d: {kind: say, as: d}\nedges:\n  - {from: a, to: b, condition: go}\n  - a -> c\n  - b -> c\n  \
         - c -> d\nloop_edges: [{from: c, to: a, condition: more}]\n",
    );
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b c a c d".to_owned()));
    assert_eq!((stands(&report, "b"), report.output), ("skipped condition.false".to_owned(), "d".into()));
}
