//! Loop edges.

use crate::house::{House, calls, given, stands};
use serde_json::json;

const REFINE: &str = "name: t\nnodes:\n  gen: {kind: say, as: gen}\n  \
                      critic: {kind: say, as: critic, say: SAYS}\n  out: {kind: say, as: out}\n\
                      edges: [gen -> critic, critic -> out]\nloop_edges:\n  \
                      - {from: critic, to: gen, condition: 'confidence < 0.9', max_iterations: 3}\n";

#[test]
fn a_loop_runs_its_body_until_its_condition_fails() {
    let house = House::new();
    let report =
        house.run(&REFINE.replace("SAYS", "[{confidence: 0.1}, {confidence: 0.5}, {confidence: 0.95}]"));
    assert_eq!(report.status, "completed");
    assert_eq!(calls(), ["gen", "critic", "gen", "critic", "gen", "critic", "out"]);
    // The next pass is given what sent it back, and knows which pass it is.
    let again = &given("gen")[1];
    assert_eq!(
        (&again["context"], &again["iteration"]),
        (&json!({"critic": {"confidence": 0.1}}), &json!(1))
    );
    assert_eq!(given("out").len(), 1);
    assert_eq!(given("out")[0]["context"], json!({"critic": {"confidence": 0.95}}));
}

#[test]
fn a_loop_that_does_not_end_is_an_error_with_a_name() {
    let house = House::new();
    let report = house.run(&REFINE.replace("SAYS", "[{confidence: 0.1}]"));
    assert_eq!(report.status, "failed");
    assert_eq!(stands(&report, "critic"), "failed loop.limit");
    assert_eq!(calls().len(), 8);
    assert_eq!(calls().iter().filter(|call| *call == "out").count(), 0);
}

#[test]
fn what_leads_out_of_a_loop_waits_until_it_is_over() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  a: {kind: say, as: a}\n  b: {kind: say, as: b, say: [{more: true}, {more: false}]}\n  \
         side: {kind: say, as: side}\nedges: [a -> b, a -> side]\n\
         loop_edges: [{from: b, to: a, condition: more}]\n",
    );
    assert_eq!(report.status, "completed");
    assert_eq!(calls(), ["a", "b", "a", "b", "side"]);
}

#[test]
fn an_inner_loop_begins_anew_in_each_pass_of_the_outer() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  plan: {kind: say, as: plan}\n  work: {kind: say, as: work}\n  \
         check: {kind: say, as: check, say: [{inner: true, outer: false}, {inner: false, outer: true}, \
         {inner: true, outer: false}, {inner: false, outer: false}]}\nedges: [plan -> work -> check]\n\
         loop_edges:\n  - {from: check, to: work, condition: inner, max_iterations: 1}\n  \
         - {from: check, to: plan, condition: outer, max_iterations: 1}\n",
    );
    assert_eq!(report.status, "completed", "{report:?}");
    let expected = ["plan", "work", "check", "work", "check", "plan", "work", "check", "work", "check"];
    assert_eq!(calls(), expected);
}

#[test]
fn a_choice_inside_a_loop_is_made_anew_in_each_pass() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  a: {kind: say, as: a, say: [{left: true}, {left: false}]}\n  \
         l: {kind: say, as: l}\n  r: {kind: say, as: r}\n  end: {kind: say, as: end, say: [{go: true}, {go: false}]}\n\
         edges:\n  - {from: a, to: l, condition: left}\n  - {from: a, to: r, condition: not left}\n  \
         - l -> end\n  - r -> end\nloop_edges: [{from: end, to: a, condition: go}]\n",
    );
    assert_eq!(report.status, "completed");
    assert_eq!(calls(), ["a", "l", "end", "a", "r", "end"]);
    assert_eq!(given("end")[1]["context"], json!({"r": "r"}));
}

#[test]
fn a_condition_may_ask_which_pass_it_is() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  a: {kind: say, as: a}\n  b: {kind: say, as: b}\nedges: [a -> b]\n\
         loop_edges: [{from: b, to: a, condition: iteration < 2}]\n",
    );
    assert_eq!((report.status.as_str(), calls().len()), ("completed", 6));
}

#[test]
fn a_step_may_loop_on_itself() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  a: {kind: say, as: a, say: [{n: 1}, {n: 2}, {n: 3}]}\nedges: []\n\
         loop_edges: [{from: a, to: a, condition: n < 3}]\n",
    );
    assert_eq!((report.status.as_str(), calls().len()), ("completed", 3));
    assert_eq!(report.output, json!({"n": 3}));
}
