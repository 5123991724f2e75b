//! Workflows in workflows.

use crate::entries;
use crate::house::{House, calls, given, stands};
use comity_runtime::Ruling;
use serde_json::json;

const OUTER: &str = "name: outer\nnodes:\n  first: {kind: say, as: first}\n  \
                     sub: {kind: subgraph, workflow: inner.yaml}\n  last: {kind: say, as: last}\n\
                     edges: [first -> sub -> last]\n";

#[test]
fn a_workflow_runs_inside_another_with_its_lineage() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\nnodes:\n  x: {kind: say, as: x, price_usd: 0.01}\n  y: {kind: say, as: y}\nedges: [x -> y]\n",
    );
    let report = house.run(OUTER);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "first x y last".to_owned()));
    // What the step is given goes to the first steps inside; what the inner workflow produces comes out.
    assert_eq!(given("x")[0]["context"], json!({"first": "first"}));
    assert_eq!(given("x")[0]["task"], json!("the task"));
    assert_eq!(given("last")[0]["context"], json!({"sub": "y"}));
    assert_eq!(report.cost_usd, 0.01);
    let rows = entries(&house.trace(&report.run_id));
    let inside =
        ["admitted sub", "admitted sub/x", "settled sub/x", "admitted sub/y", "settled sub/y", "settled sub"];
    assert_eq!(rows[2..8], inside);
}

#[test]
fn a_workflow_inside_spends_no_more_than_its_own_policy_allows() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\npolicy: {budget_usd: 0.015}\nnodes:\n  x: {kind: say, as: x, price_usd: 0.01}\n  \
         y: {kind: say, as: y, price_usd: 0.01}\nedges: [x -> y]\n",
    );
    let report = house.run(OUTER);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("failed", "first x".to_owned()));
    assert_eq!(report.cost_usd, 0.01);
    let rows = entries(&house.trace(&report.run_id));
    assert!(rows.contains(&"denied sub/y".to_owned()), "{rows:?}");
}

#[test]
fn the_stricter_policy_holds_inside() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\npolicy: {max_risk_tier: 2}\nnodes:\n  x: {kind: say, as: x, risk: 3}\n",
    );
    let report = house.run(OUTER);
    assert_eq!(report.status, "failed");
    assert!(entries(&house.trace(&report.run_id)).contains(&"denied sub/x".to_owned()));
    let strict = OUTER.replace("name: outer\n", "name: outer\npolicy: {max_risk_tier: 2}\n");
    let house = House::new().with("inner.yaml", "name: inner\nnodes:\n  x: {kind: say, as: x, risk: 3}\n");
    assert_eq!(house.run(&strict).status, "failed");
}

#[test]
fn a_person_asked_inside_holds_the_run_and_what_was_done_is_not_done_again() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\nnodes:\n  x: {kind: say, as: x, price_usd: 0.01}\n  \
         ask: {kind: human, prompt: 'Go on?'}\n  y: {kind: say, as: y, price_usd: 0.02}\nedges: [x -> ask -> y]\n",
    );
    let waiting = house.run(OUTER);
    assert_eq!((waiting.status.as_str(), calls().join(" ")), ("waiting", "first x".to_owned()));
    assert_eq!(stands(&waiting, "sub"), "suspended nested.waiting");
    assert_eq!(waiting.approvals.len(), 1);
    assert_eq!(waiting.approvals[0].step, "sub/ask");
    house.rule(&waiting.run_id, "sub/ask", Ruling::Approve);
    let report = house.resume(&waiting.run_id);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "first x y last".to_owned()));
    assert_eq!(report.cost_micro_usd, 30_000);
}

#[test]
fn an_approved_workflow_is_not_asked_about_again_when_it_goes_on() {
    let house =
        House::new().with("inner.yaml", "name: inner\nnodes:\n  ask: {kind: human, prompt: 'Go on?'}\n");
    let outer = OUTER
        .replace("name: outer\n", "name: outer\npolicy: {human_approval_tier: 4}\n")
        .replace("workflow: inner.yaml", "workflow: inner.yaml, risk: 4");
    let waiting = house.run(&outer);
    house.rule(&waiting.run_id, "sub", Ruling::Approve);
    let waiting = house.resume(&waiting.run_id);
    assert_eq!(waiting.approvals[0].step, "sub/ask");
    house.rule(&waiting.run_id, "sub/ask", Ruling::Approve);
    assert_eq!(house.resume(&waiting.run_id).status, "completed");
}

#[test]
fn a_timer_inside_suspends_and_goes_on() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\nnodes:\n  x: {kind: say, as: x}\n  rest: {kind: timer, after_s: 0.2}\n  \
         y: {kind: say, as: y, fails: 1, max_retries: 1, retry_backoff_s: 0.05}\nedges: [x -> rest -> y]\n",
    );
    let report = house.run(OUTER);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "first x y y last".to_owned()));
}

#[test]
fn a_workflow_inside_that_failed_begins_anew_when_it_is_tried_again() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\nnodes:\n  x: {kind: say, as: x}\n  y: {kind: say, as: y, fails: 1}\nedges: [x -> y]\n",
    );
    let report =
        house.run(&OUTER.replace("inner.yaml}", "inner.yaml, max_retries: 1, retry_backoff_s: 0.002}"));
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "first x y x y last".to_owned()));
}

#[test]
fn files_that_name_each_other_or_are_not_there_are_refused() {
    let house =
        House::new().with("inner.yaml", "name: inner\nnodes:\n  s: {kind: subgraph, workflow: inner.yaml}\n");
    assert!(house.refused(OUTER).contains("names itself"), "{}", house.refused(OUTER));
    assert!(House::new().refused(OUTER).contains("cannot be read"));
    let house = House::new().with("inner.yaml", "name: inner\nnodes:\n  s: {kind: nope}\n");
    assert!(house.refused(OUTER).starts_with("inner.yaml: "), "{}", house.refused(OUTER));
}

#[test]
fn a_workflow_inside_keeps_to_its_own_time() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\npolicy: {timeout_s: 0.05}\nnodes:\n  x: {kind: say, as: x, stalls: 1}\n",
    );
    let report = house.run(OUTER);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("failed", "first x".to_owned()));
    // And not when the time of the run around it was over.
    let sub = report.steps.iter().find(|step| step.step == "sub").unwrap();
    assert!(sub.duration_ms.unwrap() < 30_000, "{sub:?}");
    let house = House::new()
        .with("inner.yaml", "name: inner\npolicy: {budget_seconds: 5}\nnodes:\n  x: {kind: say, as: x}\n");
    assert!(house.refused(OUTER).contains("budget_seconds"), "{}", house.refused(OUTER));
}

#[test]
fn a_forecast_above_its_ceiling_starts_nothing_here_or_inside() {
    let dear = "policy: {max_forecast_usd: 0.01}\nnodes:\n  x: {kind: say, as: x, price_usd: 0.011}\n";
    let house = House::new();
    assert!(house.refused(&format!("name: t\n{dear}")).contains("max_forecast_usd"));
    let house = House::new().with("inner.yaml", &format!("name: inner\n{dear}"));
    assert!(house.refused(OUTER).contains("max_forecast_usd"));
    assert_eq!(calls().len(), 0);
    let cheap = dear.replace("0.011", "0.009");
    let house = House::new();
    assert_eq!(house.run(&format!("name: t\n{cheap}")).status, "completed");
}

#[test]
fn a_refusal_inside_is_not_tried_again_and_keeps_its_reason() {
    let inner =
        "name: inner\npolicy: {budget_usd: 0.005}\nnodes:\n  x: {kind: say, as: x, price_usd: 0.01}\n";
    let house = House::new().with("inner.yaml", inner);
    let outer = OUTER.replace("inner.yaml}", "inner.yaml, max_retries: 2, retry_backoff_s: 0.002}");
    let report = house.run(&outer);
    assert_eq!(stands(&report, "sub"), "failed budget.usd");
    let rows = entries(&house.trace(&report.run_id));
    assert_eq!(rows.iter().filter(|row| *row == "admitted sub").count(), 1, "{rows:?}");
    let ask = "name: inner\nnodes:\n  ask: {kind: human, prompt: 'Go on?'}\n";
    let house = House::new().with("inner.yaml", ask);
    let waiting = house.run(&outer);
    house.rule(&waiting.run_id, "sub/ask", Ruling::Reject);
    assert_eq!(stands(&house.resume(&waiting.run_id), "sub"), "failed approval.rejected");
}

#[test]
fn what_runs_out_of_time_inside_ends_as_the_step_around_it_says() {
    let house = House::new()
        .with("inner.yaml", "name: inner\nnodes:\n  x: {kind: say, as: x, stalls: 1, timeout_s: 0.05}\n");
    let report = house.run(&OUTER.replace("inner.yaml}", "inner.yaml, on_timeout: skip}"));
    assert_eq!(
        (report.status.as_str(), stands(&report, "last").as_str()),
        ("completed", "skipped condition.false")
    );
}

#[test]
fn what_may_do_harm_inside_is_not_begun_anew() {
    let house = House::new().with(
        "inner.yaml",
        "name: inner\nnodes:\n  x: {kind: say, as: x, idempotent: false}\n  \
         y: {kind: say, as: y, fails: 1}\nedges: [x -> y]\n",
    );
    let report =
        house.run(&OUTER.replace("inner.yaml}", "inner.yaml, max_retries: 1, retry_backoff_s: 0.002}"));
    assert_eq!((report.status.as_str(), calls().join(" ")), ("failed", "first x y".to_owned()));
}

#[test]
fn an_agent_with_a_tool_that_may_do_harm_is_not_asked_twice() {
    let agent = |idempotent: bool| {
        let house = House::new();
        let report = house.run(&format!(
            "name: t\ntools: {{send: {{kind: say, as: send, idempotent: {idempotent}}}}}\nnodes:\n  \
             a: {{kind: native, tools: [send], sandbox: {{calls: [{{tool: send}}], content: 'no json'}}, \
             output_schema: {{type: object, required: [n]}}}}\n"
        ));
        assert_eq!(stands(&report, "a"), "failed output.schema");
        calls().len()
    };
    assert_eq!((agent(true), agent(false)), (2, 1));
}

#[test]
fn files_that_multiply_are_refused_before_they_do() {
    let many: String = (0..20).map(|n| format!("  s{n}: {{kind: subgraph, workflow: NEXT}}\n")).collect();
    let mut house = House::new().with("f5.yaml", "name: f\nnodes:\n  x: {kind: say, as: x}\n");
    for n in 0..5 {
        let source = format!("name: f\nnodes:\n{}", many.replace("NEXT", &format!("f{}.yaml", n + 1)));
        house = house.with(&format!("f{n}.yaml"), &source);
    }
    let message = house.refused(&OUTER.replace("inner.yaml", "f0.yaml"));
    assert!(message.contains("20000 steps"), "{message}");
}
