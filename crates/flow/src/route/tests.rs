use super::*;
use crate::compile;
use crate::plan::tests::kinds::{COMMAND, PERSON};
use crate::shared::{Rules, Shared};
use comity_core::Taint;
use serde_json::{Value, json};

fn plan(source: &str) -> Plan {
    compile(source, &[&COMMAND, &PERSON]).unwrap_or_else(|invalid| panic!("{}", invalid.render("f", source)))
}

/// `b` may go on to `c` or `d`, name `a` or `e`, and goes back to `a` while `again` holds.
fn crossing() -> Plan {
    plan(
        "policy: {max_replans: 2}\nnodes:\n  a: {kind: person}\n  b: {kind: person, routes: [e, a]}\n  \
         c: {kind: person}\n  d: {kind: person}\n  e: {kind: person}\nedges:\n  - a -> b\n  \
         - {from: b, to: c, condition: n > 1}\n  - b -> d\nloop_edges:\n  \
         - {from: b, to: a, condition: again, max_iterations: 4}\n",
    )
}

/// Where the end of `b` leads with this output.
fn leads(plan: &Plan, output: &Value) -> Result<Routing, Lost> {
    let shared = Shared::default().after(1, output, Taint::NONE, &Rules::new());
    let facts = Facts { task: "t", iteration: 0, own: ("b", output), earlier: &[], shared: &shared };
    decide(plan, plan.step(1).unwrap(), &facts)
}

fn lost(plan: &Plan, output: &Value) -> (ReasonCode, String) {
    let lost = leads(plan, output).unwrap_err();
    (lost.reason, lost.message)
}

/// The names of the steps that are led to.
fn followed(plan: &Plan, routing: &Routing) -> Vec<String> {
    let edges = plan.step(1).unwrap().outgoing.iter().enumerate();
    let edges = edges.filter(|(place, _)| routing.follows(*place)).map(|(_, edge)| plan.edges()[*edge].to);
    edges.map(|to| plan.step(to).unwrap().name.to_string()).collect()
}

#[test]
fn edges_are_followed_by_their_conditions_and_routes_only_when_named() {
    let plan = crossing();
    for (output, expected) in [
        (json!({"again": false, "n": 2}), vec!["c", "d"]),
        (json!({"again": false, "n": 1}), vec!["d"]),
        (json!({"again": false, "n": 2, "next_node": null}), vec!["c", "d"]),
        (json!({"next_node": "e"}), vec!["e"]),
    ] {
        let routing = leads(&plan, &output).unwrap();
        let mut names = followed(&plan, &routing);
        names.sort();
        assert_eq!(
            (routing.back, names),
            (None, expected.into_iter().map(str::to_owned).collect()),
            "{output}"
        );
        assert_eq!(routing.named, output["next_node"] == "e", "{output}");
    }
}

#[test]
fn a_way_back_goes_before_every_edge() {
    let plan = crossing();
    let (conditional, routed) =
        (leads(&plan, &json!({"again": true})), leads(&plan, &json!({"next_node": "a"})));
    let (conditional, routed) = (conditional.unwrap(), routed.unwrap());
    assert!(followed(&plan, &conditional).is_empty() && followed(&plan, &routed).is_empty());
    let when = |routing: &Routing| &plan.loops()[routing.back.unwrap()].when;
    assert!(matches!(when(&conditional), When::If(_)) && matches!(when(&routed), When::Routed));
}

#[test]
fn whoever_names_the_wrong_step_is_lost() {
    let plan = crossing();
    for (next, expected) in [
        (json!("c"), "`b` names `c` as its next step, which is not among its `routes`"),
        (json!(""), "`b` names `` as its next step, which is not among its `routes`"),
        (json!(7), "`b` names as its next step `7`, which is not a name"),
        (json!(["e"]), "`b` names as its next step `[\"e\"]`, which is not a name"),
    ] {
        let lost = lost(&plan, &json!({"again": false, "n": 1, "next_node": next}));
        assert_eq!(lost, (ReasonCode::RouteUnknown, expected.to_owned()));
    }
    let long = lost(&plan, &json!({"next_node": "é".repeat(5_000)}));
    assert!(long.1.chars().count() < 200, "{}", long.1);
}

#[test]
fn a_step_without_routes_names_nothing() {
    let plan = plan("nodes: {a: {kind: person}, b: {kind: person}, c: {kind: person}}\nedges: [a -> b -> c]");
    for next in [json!("a"), json!(7)] {
        let routing = leads(&plan, &json!({"next_node": next})).unwrap();
        assert_eq!((routing.named, followed(&plan, &routing)), (false, vec!["c".to_owned()]));
    }
}

#[test]
fn what_cannot_be_decided_names_the_edge() {
    let plan = crossing();
    let (reason, message) = lost(&plan, &json!({"again": false}));
    assert_eq!(reason, ReasonCode::ConditionUndecided);
    assert!(message.starts_with("condition `n > 1` on `b -> c` cannot be decided: "), "{message}");
    let (_, message) = lost(&plan, &json!({"again": 1, "n": 2}));
    assert!(message.starts_with("condition `again` on `b -> a` cannot be decided: "), "{message}");
}

#[test]
fn nobody_goes_back_or_elsewhere_too_often() {
    let plan = crossing();
    let step = plan.step(1).unwrap();
    let limits = |turns: u32, replans: u32| Limits { turns: vec![turns; step.loops.len()], replans };
    let check = |output: Value, limits: Limits| {
        let checked = within(&plan, step, &leads(&plan, &output).unwrap(), &limits);
        checked.err().map(|lost| (lost.reason, lost.message))
    };
    let (again, elsewhere, back) =
        (json!({"again": true}), json!({"next_node": "e"}), json!({"next_node": "a"}));
    let looped = "the loop from `b` back to `a` has run 4 times, the most it may, and would go on";
    let replanned = "`b` names a next step, and steps of this run have done so 2 times, the most it may";
    assert_eq!(check(again.clone(), limits(1, 0)), None);
    assert_eq!(check(again, limits(0, 9)), Some((ReasonCode::LoopLimit, looped.to_owned())));
    assert_eq!(check(elsewhere.clone(), limits(0, 1)), None);
    for output in [elsewhere, back.clone()] {
        assert_eq!(check(output, limits(9, 0)), Some((ReasonCode::ReplanLimit, replanned.to_owned())));
    }
    assert_eq!(check(back, limits(1, 1)), None);
    assert_eq!(check(json!({"again": false, "n": 1}), limits(0, 0)), None);
}

#[test]
fn only_a_person_s_no_that_somebody_asks_about_is_heard() {
    let edge = |kind: &str, condition: &str| {
        let source = format!(
            "nodes: {{a: {{kind: person}}, b: {{kind: {kind}}}, c: {{kind: person}}}}\nedges:\n  - a -> b\n  \
             - {{from: b, to: c, condition: \"{condition}\"}}\n"
        );
        let plan = plan(&source.replace("{kind: command}", "{kind: command, argv: [x]}"));
        (is_plain(&plan, plan.step(1).unwrap()), hears_no(&plan, plan.step(1).unwrap()))
    };
    assert_eq!(edge("person", "approved == False"), (false, true));
    assert_eq!(edge("person", "structured.get('approved')"), (false, true));
    assert_eq!(edge("person", "confidence > 0.5"), (false, false));
    assert_eq!(edge("command", "approved == False"), (false, false));
    let plan = crossing();
    let plain: Vec<bool> = plan.steps().iter().map(|step| is_plain(&plan, step)).collect();
    assert_eq!(plain, [true, false, true, true, true]);
    let mut names: Vec<&str> = mentioned(&plan, plan.step(1).unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["again", "n"]);
}
