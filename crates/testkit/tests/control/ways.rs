//! Conditions on edges, and the steps that are passed by.

use crate::house::{House, calls, given, stands};
use comity_runtime::Ruling;
use serde_json::json;

#[test]
fn an_edge_is_followed_when_its_condition_holds() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  v: {kind: say, as: v, say: [{confidence: 0.5, risk: high}]}\n  \
         hi: {kind: say, as: hi}\n  lo: {kind: say, as: lo}\n\
         edges:\n  - {from: v, to: hi, condition: 'confidence >= 0.8'}\n  \
         - {from: v, to: lo, condition: \"confidence < 0.8 and risk == 'high'\"}\n",
    );
    assert_eq!((report.status.as_str(), &report.output), ("completed", &json!("lo")));
    assert_eq!(calls(), ["v", "lo"]);
    assert_eq!(stands(&report, "hi"), "skipped condition.false");
}

#[test]
fn a_join_after_a_choice_runs_with_what_led_to_it() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  v: {kind: say, as: v, say: [{confidence: 0.9}]}\n  a: {kind: say, as: a}\n  \
         b: {kind: say, as: b}\n  join: {kind: say, as: join}\n\
         edges:\n  - {from: v, to: a, condition: 'confidence < 0.8'}\n  \
         - {from: v, to: b, condition: 'confidence >= 0.8'}\n  - a -> join\n  - b -> join\n",
    );
    assert_eq!(report.status, "completed");
    assert_eq!(calls(), ["v", "b", "join"]);
    assert_eq!(given("join")[0]["context"], json!({"b": "b"}));
}

#[test]
fn a_way_not_taken_is_passed_by_to_its_end_and_fails_nothing() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  v: {kind: say, as: v}\n  x: {kind: say, as: x}\n  y: {kind: say, as: y}\n  \
         z: {kind: say, as: z}\nedges:\n  - {from: v, to: x, condition: 'False'}\n  - x -> y -> z\n",
    );
    assert_eq!((report.status.as_str(), &report.output), ("completed", &json!("v")));
    for step in ["x", "y", "z"] {
        assert_eq!(stands(&report, step), "skipped condition.false", "{step}");
    }
}

#[test]
fn an_undecidable_condition_fails_its_source_and_says_so() {
    for (condition, why) in [
        ("nosuch > 1", "`nosuch` is not defined"),
        ("content > 1", "cannot be decided"),
        ("confidence", "cannot be decided"),
    ] {
        let house = House::new();
        let report = house.run(&format!(
            "name: t\nnodes:\n  v: {{kind: say, as: v, say: [{{confidence: 1}}]}}\n  x: {{kind: say, as: x}}\n\
             edges:\n  - {{from: v, to: x, condition: {condition:?}}}\n"
        ));
        assert_eq!(report.status, "failed");
        assert_eq!(stands(&report, "v"), "failed condition.undecided");
        let message = report.steps[0].message.clone().unwrap();
        assert!(message.contains(why) && message.contains("`v -> x`"), "{message}");
        assert_eq!(calls(), ["v"]);
    }
}

#[test]
fn conditions_see_earlier_outputs_and_the_shared_context() {
    let house = House::new();
    let report = house.run(
        "name: t\nnodes:\n  a: {kind: say, as: a, say: [{level: 3}]}\n  b: {kind: say, as: b}\n  \
         c: {kind: say, as: c}\n  d: {kind: say, as: d}\nedges:\n  - a -> b\n  \
         - {from: b, to: c, condition: \"level == 3 and a_output.level == 3 and ctx.get('none', 0) == 0\"}\n  \
         - {from: b, to: d, condition: \"task == 'other' or b_output != 'b'\"}\n",
    );
    assert_eq!(calls(), ["a", "b", "c"]);
    assert_eq!(stands(&report, "d"), "skipped condition.false");
}

#[test]
fn a_persons_no_leads_where_the_file_says() {
    let house = House::new();
    let source = "name: t\nnodes:\n  ask: {kind: human, prompt: 'Ship?'}\n  ship: {kind: say, as: ship}\n  \
                  tell: {kind: say, as: tell}\nedges:\n  \
                  - {from: ask, to: ship, condition: 'approved == True'}\n  \
                  - {from: ask, to: tell, condition: 'approved == False'}\n";
    let waiting = house.run(source);
    assert_eq!(waiting.status, "waiting");
    house.rule(&waiting.run_id, "ask", Ruling::Reject);
    let report = house.resume(&waiting.run_id);
    assert_eq!((report.status.as_str(), calls()), ("completed", vec!["tell".to_owned()]));
    assert_eq!(stands(&report, "ask"), "denied approval.rejected");
}

#[test]
fn steps_are_given_the_shared_context_when_the_file_keeps_one() {
    let merged = |strategy: &str, one: &str, two: &str| {
        let house = House::new();
        let report = house.run(&format!(
            "name: t\ncontext_bus: {{merge_strategies: {{k: {strategy}}}}}\nnodes:\n  \
             a: {{kind: say, as: a, say: [{one}]}}\n  b: {{kind: say, as: b, say: [{two}]}}\n  \
             c: {{kind: say, as: c}}\nedges: [a -> c, b -> c]\n"
        ));
        assert_eq!(report.status, "completed");
        given("c")[0]["shared"]["k"].clone()
    };
    assert_eq!(merged("overwrite", "{k: 1}", "{k: 2}"), json!(2));
    assert_eq!(merged("append", "{k: 1}", "{k: 2}"), json!([1, 2]));
    let (sure, unsure) = ("{k: 1, confidence: 0.9}", "{k: 2, confidence: 0.1}");
    assert_eq!(merged("select_highest_confidence", sure, unsure), json!(1));
    assert_eq!(merged("logical_and", "{k: true}", "{k: false}"), json!(false));
    assert_eq!(merged("logical_or", "{k: true}", "{k: false}"), json!(true));
    let house = House::new();
    house.run("name: t\nnodes:\n  a: {kind: say, as: a}\n");
    assert_eq!(given("a")[0].get("shared"), None);
}

const REVISE: &str = "name: t\nnodes:\n  draft: {kind: say, as: draft}\n  ask: {kind: human, prompt: 'Good?'}\n  \
                      out: {kind: say, as: out}\nedges: [draft -> ask -> out]\n\
                      loop_edges: [{from: ask, to: draft, condition: approved == False, max_iterations: 1}]\n";

#[test]
fn a_persons_no_may_go_back_and_only_so_often() {
    let house = House::new();
    let waiting = house.run(REVISE);
    house.rule(&waiting.run_id, "ask", Ruling::Reject);
    let again = house.resume(&waiting.run_id);
    assert_eq!((again.status.as_str(), calls().join(" ")), ("waiting", "draft draft".to_owned()));
    house.rule(&waiting.run_id, "ask", Ruling::Reject);
    let report = house.resume(&waiting.run_id);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("failed", "draft draft".to_owned()));
}

#[test]
fn a_no_reads_the_same_when_it_is_given_and_when_it_is_read_back() {
    let house = House::new();
    let source = "name: t\nnodes:\n  ask: {kind: human, prompt: 'Ship?'}\n  tell: {kind: say, as: tell}\n  \
                  last: {kind: human, prompt: 'Sure?'}\nedges:\n  \
                  - {from: ask, to: tell, condition: not approved}\n  - tell -> last\n";
    let waiting = house.run_answering(source, Ruling::Reject);
    assert_eq!((waiting.status.as_str(), calls().join(" ")), ("waiting", "tell".to_owned()));
    // What the next step was told is what it is asked for with again.
    house.rule(&waiting.run_id, "last", Ruling::Approve);
    assert_eq!(house.resume(&waiting.run_id).status, "completed");
    assert_eq!(calls().join(" "), "tell");
}

#[test]
fn a_no_follows_only_what_asks_about_it() {
    let house = House::new();
    let source = "name: t\nnodes:\n  ask: {kind: human, prompt: 'Ship?'}\n  ship: {kind: say, as: ship}\n  \
                  also: {kind: say, as: also}\n  tell: {kind: say, as: tell}\nedges:\n  - ask -> ship\n  \
                  - {from: ask, to: also, condition: task != ''}\n  \
                  - {from: ask, to: tell, condition: not approved}\n";
    let waiting = house.run(source);
    house.rule(&waiting.run_id, "ask", Ruling::Reject);
    let report = house.resume(&waiting.run_id);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "tell".to_owned()));
}
