//! Every key of the table is read, and none beside it.

use super::kinds::ALL;
use crate::{
    Code, compile,
    file::table::{
        AGENT, BREAKER, CONTEXT_BUS, EDGE, Form, KeyDoc, LOOP_EDGE, MODEL_ROUTER, POLICY, Place, STEP, TIERS,
        TOOL, TOP,
    },
};

/// A file with `KEYS` where the keys of a place stand.
const PLACES: &[(&Place, &str)] = &[
    (&TOP, "KEYS"),
    (&POLICY, "policy: {KEYS}"),
    (&BREAKER, "policy: {breaker: {KEYS}}"),
    (&CONTEXT_BUS, "context_bus: {KEYS}"),
    (&MODEL_ROUTER, "model_router: {KEYS}"),
    (&TIERS, "model_router: {tiers: {KEYS}}"),
    (&EDGE, "edges: [{KEYS}]"),
    (&LOOP_EDGE, "loop_edges: [{KEYS}]"),
    (&TOOL, "tools: {t: {KIND, KEYS}}"),
    (&AGENT, "nodes: {a: {kind: native, agent: {KEYS}}}"),
    (&STEP, "nodes: {a: {KIND, KEYS}}"),
];

/// A value of a shape that the key does not take.
fn wrong(form: Form) -> &'static str {
    match form {
        Form::Any => "",
        Form::Edges | Form::List(_) | Form::Steps => "3",
        _ => "[{}]",
    }
}

fn file(template: &str, kind: &str, keys: &str) -> String {
    let kind = if keys.starts_with("kind:") { String::new() } else { format!("kind: {kind}, ") };
    let nodes = if template.starts_with("nodes") || keys.starts_with("nodes:") {
        ""
    } else {
        "\nnodes: {a: {kind: echo}}"
    };
    template.replace("KIND, ", &kind).replace("KEYS", keys) + nodes
}

fn codes(source: &str) -> Vec<Code> {
    compile(source, ALL).expect_err(source).diagnostics.iter().map(|found| found.code).collect()
}

fn check(template: &str, kind: &str, key: &KeyDoc) {
    for name in [key.name, key.also].into_iter().filter(|name| !name.is_empty()) {
        let read = file(template, kind, &format!("{name}: {}", wrong(key.form)));
        assert!(codes(&read).contains(&Code::SHAPE), "{read}");
        let stray = file(template, kind, &format!("{name}q: 1"));
        assert!(codes(&stray).contains(&Code::UNKNOWN_KEY), "{stray}");
        assert!(!key.about.is_empty() && key.about.ends_with('.'), "{name}");
    }
}

#[test]
fn every_key_is_read_and_no_other() {
    for (place, template) in PLACES {
        let kind = if place.name == TOOL.name { "echo" } else { "native" };
        place.keys.iter().for_each(|key| check(template, kind, key));
    }
}

#[test]
fn every_key_of_a_kind_is_read() {
    for kind in ALL {
        for spec in kind.keys {
            check("nodes: {a: {KIND, KEYS}}", kind.name, &KeyDoc::from(spec));
        }
    }
}

#[test]
fn every_promise_that_is_not_kept_is_refused() {
    for (place, template) in PLACES {
        for refused in place.refused {
            for (value, is_fine) in [("true", false), ("false", refused.may_be_off)] {
                let source = file(template, "echo", &format!("{}: {value}", refused.name));
                let codes = compile(&source, ALL).map_err(|invalid| invalid.diagnostics[0].code);
                assert_eq!(codes.err(), (!is_fine).then_some(Code::UNENFORCED_POLICY), "{source}");
            }
        }
    }
}
