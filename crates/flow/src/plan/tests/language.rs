//! What the parts of a file come to in the plan, and what is wrong with them.

use super::kinds::{ALL, FILES};
use crate::{Code, Merge, OnTimeout, Plan, When, compile};
use comity_core::MicroUsd;
use serde_json::{Value, json};
use std::time::Duration;

fn plan(source: &str) -> Plan {
    compile(source, ALL).unwrap_or_else(|invalid| panic!("{}", invalid.render("f", source)))
}

fn file(name: &str) -> Plan {
    plan(FILES.iter().find(|(file, _)| *file == name).unwrap().1)
}

fn found(source: &str) -> Vec<(&'static str, u32, u32)> {
    let found = compile(source, ALL).expect_err(source).diagnostics;
    found.iter().map(|found| (found.code.as_str(), found.line, found.column)).collect()
}

fn check(cases: &[(&str, &str, u32, u32)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(source, code, line, column)| found(source) != [(*code, *line, *column)])
        .map(|(source, code, ..)| {
            format!("{code}\n{source}\n{}", compile(source, ALL).unwrap_err().render("f", source))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_is_read() {
    for (name, source) in FILES {
        assert_eq!(plan(source).warnings(), [], "{name}");
    }
}

#[test]
fn reads_how_the_walk_is_steered() {
    let plan = file("research");
    let control = plan.control();
    assert_eq!((control.max_replans, control.max_forecast), (2, Some(MicroUsd::new(400_000))));
    assert!(control.shares);
    let merges: Vec<(&str, Merge)> =
        control.merge.iter().map(|(key, merge)| (key.as_str(), *merge)).collect();
    assert_eq!(merges, [("approved", Merge::LogicalAnd), ("findings", Merge::Append)]);
    let router = control.router.as_ref().unwrap();
    assert_eq!((router.fallback.as_str(), router.tiers["large"].as_str()), ("small", "huge-1"));
    assert_eq!(
        Value::Object(plan.metadata().clone()),
        json!({"owner": "alice", "tags": ["compliance", "1.10"]})
    );
}

#[test]
fn reads_tools_and_who_may_call_them() {
    let plan = file("research");
    let [search, shout] = plan.tools() else { panic!("two tools") };
    assert_eq!(
        (&*search.name, search.kind.name, search.about.as_str()),
        ("search", "http", "Looks a word up.")
    );
    assert_eq!((search.price, search.timeout), (MicroUsd::new(1000), Some(Duration::from_secs(5))));
    assert!(search.idempotent && search.config["url"] == "https://example.com/search");
    assert_eq!((shout.about.as_str(), &shout.config["text"]), ("Says what it is told.", &json!("HELLO")));
    assert_eq!(plan.step(1).unwrap().tools, [0, 1]);
}

#[test]
fn reads_how_often_a_step_is_tried() {
    let plan = file("research");
    let step = plan.step(1).unwrap();
    assert_eq!((step.on_timeout, step.retry.max), (OnTimeout::Retry, 3));
    assert_eq!(
        (step.retry.backoff, step.retry.longest),
        (Duration::from_millis(500), Duration::from_secs(8))
    );
    assert!(step.schema.as_ref().unwrap().source()["properties"]["confidence"]["type"] == "number");
    let tries = |keys: &str, policy: &str| {
        plan_of(&format!("nodes: {{a: {{kind: echo{keys}}}}}\npolicy: {{{policy}}}\n")).retry.max
    };
    assert_eq!(tries("", ""), 0);
    assert_eq!(tries(", retry_on_fail: true", ""), 3);
    assert_eq!(tries(", retry_on_fail: true", "max_retries: 7"), 7);
    assert_eq!(tries(", max_retries: 2", "max_retries: 7"), 2);
    assert_eq!(tries(", retry_on_fail: true, max_retries: 0", ""), 0);
    assert_eq!(tries(", on_timeout: retry", "max_retries: 5"), 5);
    assert_eq!(tries(", retry_on_fail: false", "max_retries: 7"), 0);
}

fn plan_of(source: &str) -> crate::StepPlan {
    plan(source).step(0).unwrap().clone()
}

#[test]
fn a_list_of_steps_is_a_map_of_steps() {
    let list = file("list");
    let names: Vec<&str> = list.steps().iter().map(|step| &*step.name).collect();
    assert_eq!((names, list.terminal()), (vec!["ask", "fetch", "tell"], &[2][..]));
    assert_eq!(list.step(2).unwrap().after, [0, 1]);
    let fetch = &list.step(1).unwrap().config;
    assert_eq!(fetch["headers"], json!({"x-count": 1.5, "x-flag": true}));
    assert_eq!(fetch["body"], json!({"a": [1, "010", "no", null]}));
    let map = plan("name: x\nnodes: {a: {kind: echo}, b: {kind: echo}}\nedges: [a -> b]\n");
    let same =
        plan("name: x\nnodes: [{id: a, kind: echo}, {kind: echo, id: b}]\nedges: [{from: a, to: b}]\n");
    assert_eq!(crate::format::said(&map), crate::format::said(&same));
}

#[test]
fn loops_know_their_bodies() {
    let research = file("research");
    let [back] = research.loops() else { panic!("one loop") };
    assert_eq!((back.from, back.to, back.max_iterations, back.body.as_slice()), (3, 2, 5, &[2, 3][..]));
    assert!(matches!(&back.when, When::If(condition) if condition.text().starts_with("confidence < 0.8")));
    let times = file("times");
    let bodies: Vec<&[usize]> = times.loops().iter().map(|back| back.body.as_slice()).collect();
    assert_eq!(bodies, [&[4][..], &[0, 3, 4][..]]);
    assert_eq!((times.loops()[0].max_iterations, times.step(4).unwrap().loops.as_slice()), (10, &[0, 1][..]));
}

#[test]
fn routes_lead_forward_and_back() {
    let hub = file("hub");
    let edges: Vec<(usize, usize, bool)> =
        hub.edges().iter().map(|edge| (edge.from, edge.to, matches!(edge.when, When::Routed))).collect();
    assert_eq!(edges, [(0, 1, true), (0, 2, true), (0, 3, true)]);
    let loops: Vec<_> = hub
        .loops()
        .iter()
        .map(|back| (back.from, back.to, back.max_iterations, back.body.as_slice()))
        .collect();
    // The ways over `left` and over `right` are one loop: what one pass left out, the next may choose.
    assert_eq!(loops, [(1, 0, 3, &[0, 1, 2][..]), (2, 0, 3, &[0, 1, 2][..])]);
    // `entry` leads, wherever it stands.
    let late = plan(
        "name: x\nnodes: {w: {kind: echo, routes: [hub]}, hub: {kind: echo, routes: [w]}}\nentry: hub\nterminal: w\n",
    );
    assert_eq!((late.edges()[0].from, late.loops()[0].from), (1, 0));
    let own = plan("name: x\nnodes: {a: {kind: echo, routes: [a]}}\npolicy: {max_replans: 4}\n");
    assert!(own.edges().is_empty());
    assert_eq!((own.loops()[0].body.as_slice(), own.loops()[0].max_iterations), (&[0][..], 4));
    let both = plan("name: x\nnodes: {a: {kind: echo, routes: [b]}, b: {kind: echo}}\nedges: [a -> b]\n");
    assert_eq!((both.edges().len(), both.step(1).unwrap().after.as_slice()), (2, &[0][..]));
    assert_eq!(both.step(1).unwrap().incoming, [0, 1]);
}

#[test]
fn a_loop_may_wait_for_another() {
    let head = "nodes: {a: {kind: echo}, b: {kind: echo}, c: {kind: echo}, d: {kind: echo}}\n";
    let loops = "loop_edges: [{from: b, to: a, condition: x}, {from: d, to: c, condition: x}]\n";
    for edges in ["a -> d", "b -> c", "a -> c, b -> d", "c -> b", "d -> a"] {
        let source = format!("{head}edges: [a -> b, c -> d, {edges}]\n{loops}");
        assert!(compile(&source, ALL).is_ok(), "{source}");
    }
}

#[test]
fn edges_and_loops_are_checked() {
    let head = "nodes: {a: {kind: echo}, b: {kind: echo}, c: {kind: echo}, d: {kind: echo}}\n";
    let cases = [
        ("edges: [a -> b]\nloop_edges: [{from: a, to: b, condition: x}]\n", "CM0125", 3, 28),
        ("edges: [a -> b]\nloop_edges: [{from: b, to: a}]\n", "CM0111", 3, 14),
        (
            "edges: [a -> b]\nloop_edges: [{from: b, to: a, condition: x, max_iterations: 0}]\n",
            "CM0121",
            3,
            61,
        ),
        ("edges: [a -> b]\nloop_edges: [{from: b, to: x, condition: x}]\n", "CM0102", 3, 28),
        ("edges: [a -> b]\nloop_edges: [{from: b, to: b, condition: x >}]\n", "CM0127", 3, 45),
        (
            "edges: [a -> b -> c]\nloop_edges:\n- {from: b, to: a, condition: x}\n- {from: c, to: b, condition: x}\n",
            "CM0126",
            5,
            17,
        ),
        // What leads out of a loop waits until it is over: these would wait for each other.
        (
            "edges: [a -> b, c -> d, a -> d, c -> b]\nloop_edges:\n- {from: b, to: a, condition: x}\n- {from: d, to: c, condition: x}\n",
            "CM0126",
            5,
            17,
        ),
        (
            "edges: [a -> b]\nloop_edges:\n- {from: b, to: a, condition: x}\n- {from: b, to: a, condition: y}\n",
            "CM0118",
            5,
            17,
        ),
        ("edges: [{from: [a, c], to: b}]\n", "CM0107", 2, 16),
        ("edges:\n- {from: a, to: b, condition: c_output == 1 or a_output == 1}\n", "CM0128", 3, 31),
        ("edges:\n- a -> b\n- {from: b, to: c, condition: \"a_output == d_output\"}\n", "CM0128", 4, 44),
        ("edges: [a -> b, {from: b, to: c, condition: d_x == 1}, {from: a, to: b}]\n", "CM0118", 2, 70),
        ("entry: e\n", "CM0129", 2, 8),
        ("edges: [a -> b -> c -> d]\nentry: b\n", "CM0130", 3, 8),
        ("edges: [a -> b -> c]\nentry: a\n", "CM0131", 1, 60),
        ("terminal: [a, a]\n", "CM0123", 2, 15),
    ];
    let sources: Vec<(String, &str, u32, u32)> = cases
        .iter()
        .map(|(tail, code, line, column)| (format!("{head}{tail}"), *code, *line, *column))
        .collect();
    let cases: Vec<(&str, &str, u32, u32)> =
        sources.iter().map(|(source, code, line, column)| (source.as_str(), *code, *line, *column)).collect();
    check(&cases);
}

#[test]
fn a_circle_says_where_it_belongs() {
    let source = "nodes: {a: {kind: echo}, b: {kind: echo}}\nedges: [a -> b -> a]\n";
    let shown = compile(source, ALL).unwrap_err().render("f", source);
    assert!(shown.contains("= help: write the edge that goes back under `loop_edges`"), "{shown}");
}

#[test]
fn steps_and_tools_are_checked() {
    check(&[
        ("nodes: [{kind: echo}]", "CM0111", 1, 9),
        ("nodes: [{id: a, kind: echo}, {id: a, kind: echo}]", "CM0124", 1, 35),
        ("nodes: {a: {id: a, kind: echo}}", "CM0108", 1, 13),
        ("nodes: {a: {kind: native, agent: {role: x}, role: y}}", "CM0140", 1, 45),
        ("nodes: {a: {kind: native, agent: {rol: x}}}", "CM0108", 1, 35),
        ("nodes: {a: {kind: echo, agent: {role: x}}}", "CM0108", 1, 25),
        ("nodes: {a: {kind: native, prompt: x, task_description: y}}", "CM0140", 1, 38),
        ("nodes: {a: {kind: native, price_usd: 1}}", "CM0134", 1, 27),
        ("nodes: {a: {kind: timer, after_s: 1, price_usd: 1}}", "CM0134", 1, 38),
        ("nodes: {a: {kind: subgraph, workflow: x, price_usd: 1}}", "CM0134", 1, 42),
        ("nodes: {a: {kind: subgraph}}", "CM0111", 1, 9),
        ("nodes: {a: {kind: timer}}", "CM0138", 1, 9),
        ("nodes: {a: {kind: timer, after_s: 1, cron: x}}", "CM0138", 1, 38),
        ("nodes: {a: {kind: timer, after_s: 1, timezone: x}}", "CM0134", 1, 38),
        ("nodes: {a: {kind: timer, after_s: 0}}", "CM0121", 1, 35),
        ("nodes: {a: {kind: timer, until: tomorrow}}", "CM0121", 1, 33),
        ("nodes: {a: {kind: timer, cron: 99 * * * *}}", "CM0121", 1, 32),
        ("nodes: {a: {kind: timer, cron: 0 9 * * *, timezone: Mars/Olympus}}", "CM0121", 1, 53),
        ("nodes: {a: {kind: echo, tools: [t]}}\ntools: {t: {kind: echo}}", "CM0134", 1, 25),
        ("nodes: {a: {kind: native, tools: [s]}}\ntools: {t: {kind: echo}}", "CM0135", 1, 35),
        ("nodes: {a: {kind: native, tools: [t, t]}}\ntools: {t: {kind: echo}}", "CM0139", 1, 38),
        ("nodes: {a: {kind: native}}\ntools: {t: {kind: human}}", "CM0136", 2, 19),
        ("nodes: {a: {kind: native}}\ntools: {t: {kind: mcp}}", "CM0113", 2, 19),
        ("nodes: {a: {kind: native}}\ntools: {-t: {kind: echo}}", "CM0114", 2, 9),
        ("nodes: {a: {kind: native}}\ntools: {t: {kind: http}}", "CM0111", 2, 9),
        ("nodes: {a: {kind: native}}\ntools: {t: {kind: echo, on_timeout: skip}}", "CM0108", 2, 25),
        ("nodes: {a: {kind: native, on_timeout: skip}}", "CM0133", 1, 39),
        ("nodes: {a: {kind: native}}\npolicy: {step_timeout_action: retry}", "CM0133", 2, 31),
        ("nodes: {a: {kind: echo, retry_on_fail: false, max_retries: 1}}", "CM0121", 1, 60),
        ("nodes: {a: {kind: echo, max_retries: 101}}", "CM0121", 1, 38),
        ("nodes: {a: {kind: echo, retry_backoff_s: 2, retry_max_backoff_s: 1}}", "CM0121", 1, 66),
        ("nodes: {a: {kind: echo, routes: [b]}}", "CM0137", 1, 34),
        ("nodes: {a: {kind: http, url: x, method: put}}", "CM0121", 1, 41),
        ("nodes: {a: {kind: http, url: x, body: }}", "CM0107", 1, 33),
        ("nodes: {a: {kind: echo, output_schema: [x]}}", "CM0107", 1, 40),
        ("nodes: {a: {kind: echo}}\ncontext_bus: {merge_strategies: {k: add}}", "CM0121", 2, 37),
        ("nodes: {a: {kind: echo}}\nmodel_router: {tiers: {small: x}}", "CM0121", 2, 16),
        ("nodes: {a: {kind: echo}}\nmodel_router: {fallback: medum, tiers: {medium: x}}", "CM0121", 2, 26),
        ("nodes: {a: {kind: echo}}\nmetadata: x", "CM0107", 2, 11),
    ]);
}

#[test]
fn agents_have_another_spelling() {
    let step = plan_of("nodes: {a: {kind: native, agent: {role: r, model: m}, task_description: t}}");
    assert_eq!(Value::Object(step.config), json!({"role": "r", "model": "m", "prompt": "t"}));
}

#[test]
fn a_schema_is_refused_when_it_does_not_compile() {
    for (schema, written) in [
        (json!({"type": "object"}), "{type: object}"),
        (json!({"type": "nothing"}), "{type: nothing}"),
        (json!({"minimum": "0x1"}), "{minimum: 0x1}"),
    ] {
        let source = format!("nodes: {{a: {{kind: echo, output_schema: {written}}}}}");
        let refused = crate::OutputSchema::compile(schema).is_err();
        let codes = compile(&source, ALL).map_err(|invalid| invalid.diagnostics[0].code);
        assert_eq!(codes.err(), refused.then_some(Code::BAD_SCHEMA), "{written}");
    }
}

#[test]
fn what_is_off_is_off() {
    let off = "policy: {guardian: false, enable_uncertainty: false, human_approval_tier: none}";
    plan(&format!("name: x\n{off}\nnodes: {{a: {{kind: echo}}}}"));
    for (policy, column) in [
        ("{guardian: \"false\"}", 10),
        ("{guardian: no}", 10),
        ("{mode: false}", 10),
        ("{enable_x: 1}", 10),
        ("standard", 9),
    ] {
        assert_eq!(
            found(&format!("name: x\npolicy: {policy}\nnodes: {{a: {{kind: echo}}}}")),
            [("CM0110", 2, column)]
        );
    }
}

#[test]
fn warnings_do_not_keep_a_file_from_running() {
    let warned = plan("nodes: {a: {kind: echo}, b: {kind: echo}}\nterminal: b\n");
    let codes: Vec<(&str, u32, u32)> =
        warned.warnings().iter().map(|found| (found.code.as_str(), found.line, found.column)).collect();
    assert_eq!(codes, [("CM0141", 1, 1), ("CM0142", 1, 9)]);
    let looping = "name: x\nnodes: {a: {kind: echo}, b: {kind: echo, routes: [b]}}\nterminal: a\n";
    assert_eq!(plan(looping).warnings(), []);
}

#[test]
fn later_kinds_name_what_brings_them() {
    let source = "nodes: {a: {kind: crewai, ref: x}}";
    let message = &compile(source, ALL).unwrap_err().diagnostics[0].message;
    assert_eq!(
        message,
        "kind `crewai` comes with the Python package `comity`, which this build does not have"
    );
}
