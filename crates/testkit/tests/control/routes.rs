//! Steps that name the next one, and where a walk begins and ends.

use crate::house::{House, calls, stands};

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
