//! `workflow_run.jsonl`: what a run does, on the real runtime and a real database.
//!
//! Each node becomes a `native` agent whose `sandbox` says what the node says.

use super::{Case, Stance, Suite, same};
use comity_api::{RunReport, TraceRow};
use comity_core::Unwatched;
use comity_runtime::{Durability, Hooks, Request, Runtime, Settings, no_files, system_world};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// A step that names the next one.
const NEXT_NODE: &str = "workflow_run-0023";
const TOKEN_BUDGET: &str = "workflow_run-0022";
const TWO_GATES: &str = "workflow_run-0018";
/// An agent that is hardly sure of itself.
const LOW_CONFIDENCE: &str = "workflow_run-0019";

pub(super) const WORKFLOW_RUN: Suite = Suite {
    name: "workflow_run",
    text: include_str!("../../tests/cases/workflow_run.jsonl"),
    decided: &[
        (
            "workflow_run-0011",
            "followed: a failed step fails the run only if a terminal step fails with it, and here the file says \
             that the other branch is what counts",
        ),
        (
            TWO_GATES,
            "both gates wait, as there; a run that has not ended has no output, where theirs shows the last step's",
        ),
        (
            TOKEN_BUDGET,
            "the second step is refused, not the third: what a step may spend is held before it begins, so no \
             token above the budget is ever spent; theirs spends 900 of 500",
        ),
        (
            NEXT_NODE,
            "followed for a step that declares `routes: [c]`; without it nothing is steered: an output is not \
             trusted to choose where a run goes",
        ),
    ],
    pending: &[
        (LOW_CONFIDENCE, "a pause over low confidence comes with the detectors (uncertainty)"),
        ("workflow_run-0024", "an injected task is refused once there are detectors (guardian)"),
    ],
    judge,
    meanwhile,
};

/// How a case went here, in the words of the cases.
#[derive(Debug)]
struct Went {
    completed: bool,
    /// Steps that came before the gate, in order.
    ran: Vec<String>,
    skipped: Vec<String>,
    blocked: Vec<String>,
    paused: Vec<String>,
    /// The text of the run's output; empty when there is none.
    output: String,
    /// Why the steps that failed or were refused did.
    reasons: Vec<String>,
    /// The same, in words.
    messages: Vec<String>,
    tokens: u64,
}

fn judge(case: &Case) -> Result<(), String> {
    match (case.id.as_str(), case.stance) {
        (NEXT_NODE, _) => {
            is_as(&case.input, &play(case, &[("a", "c")])?, &case.expected)?;
            let unsteered = json!({"completed": true, "ran": ["a", "b", "c"], "skipped": []});
            is_as(&case.input, &play(case, &[])?, &unsteered)
        }
        (TOKEN_BUDGET, _) => {
            let went = play(case, &[])?;
            let ours = json!({"completed": false, "ran": ["n0", "n1"], "skipped": ["n2", "n3"],
                "blocked": ["n1"], "paused": []});
            is_as(&case.input, &went, &ours)?;
            same("reasons", &went.reasons, &vec!["budget.tokens".to_owned()])?;
            same("tokens", &went.tokens, &300)
        }
        (TWO_GATES, _) => {
            let mut expected = case.expected.clone();
            expected["output"] = json!("");
            is_as(&case.input, &play(case, &[])?, &expected)
        }
        (_, Stance::Diverge) => diverges(case),
        _ => is_as(&case.input, &play(case, &[])?, &case.expected),
    }
}

/// Until there are detectors, neither a low confidence nor an injected task stops anything.
fn meanwhile(case: &Case) -> Result<(), String> {
    let ran = if case.id == LOW_CONFIDENCE { json!(["a", "b"]) } else { json!(["a"]) };
    let as_if_nothing = json!({"completed": true, "ran": ran, "blocked": [], "paused": [], "output": "ok"});
    is_as(&case.input, &play(case, &[])?, &as_if_nothing)
}

fn diverges(case: &Case) -> Result<(), String> {
    match (case.ours.as_str(), play(case, &[])) {
        (Some("load_error"), went) => went.map_or(Ok(()), |went| Err(format!("it loads: {went:?}"))),
        (Some("error"), went) => {
            // The only name that stands for nothing in these files.
            let names = |went: &Went| went.messages.iter().any(|message| message.contains("`nosuch`"));
            let went = went?;
            same("names what is undefined", &(went.completed, names(&went)), &(false, true))
        }
        (None, went) if case.ours.is_object() => {
            let went = went?;
            if case.ours.get("raises").is_some() {
                same("ends over the loop", &went.reasons, &vec!["loop.limit".to_owned()])?;
                same("completed", &went.completed, &false)?;
            }
            is_as(&case.input, &went, &case.ours)
        }
        (ours, _) => Err(format!("nobody has said what {ours:?} is")),
    }
}

/// Errs unless a run went as `wanted` says, as far as it says something.
fn is_as(input: &Value, went: &Went, wanted: &Value) -> Result<(), String> {
    let list = |key: &str| -> Option<Vec<String>> {
        let names = wanted.get(key)?.as_array()?.iter();
        Some(names.map(|name| name.as_str().unwrap_or_default().to_owned()).collect())
    };
    if let Some(completed) = wanted.get("completed") {
        same("completed", &json!(went.completed), completed)?;
    }
    for (key, ours) in [("skipped", &went.skipped), ("blocked", &went.blocked), ("paused", &went.paused)] {
        if let Some(wanted) = list(key) {
            same(key, ours, &wanted)?;
        }
    }
    if let Some(output) = wanted.get("output") {
        same("output", &json!(went.output), output)?;
    }
    list("ran").map_or(Ok(()), |wanted| in_order(input, &went.ran, &wanted))
}

/// Errs unless the same steps ran; those beside each other may have begun in either order.
fn in_order(input: &Value, ran: &[String], wanted: &[String]) -> Result<(), String> {
    if ran == wanted {
        return Ok(());
    }
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    same("ran", &sorted(ran), &sorted(wanted))?;
    let place = |name: &str| ran.iter().position(|other| other == name);
    for edge in input["edges"].as_array().into_iter().flatten() {
        let (from, to) = ends(edge);
        if place(to).is_some() && place(from) > place(to) {
            return Err(format!("ran: `{to}` began before `{from}`"));
        }
    }
    same("ran, some of it in loops", &input.get("loop_edges"), &None)
}

fn ends(edge: &Value) -> (&str, &str) {
    match edge.as_str().and_then(|edge| edge.split_once(" -> ")) {
        Some(ends) => ends,
        None => (edge["from"].as_str().unwrap_or_default(), edge["to"].as_str().unwrap_or_default()),
    }
}

/// The workflow file of a case. Of each pair in `routes` the first step may name the second as the next.
fn file(input: &Value, routes: &[(&str, &str)]) -> String {
    let mut file = json!({"name": input["name"], "nodes": {}});
    for (name, says) in input["nodes"].as_object().into_iter().flatten() {
        let mut node = node(says);
        let named: Vec<&str> = routes.iter().filter(|(from, _)| from == name).map(|(_, to)| *to).collect();
        if !named.is_empty() {
            node["routes"] = json!(named);
        }
        file["nodes"][name] = node;
    }
    for key in ["edges", "loop_edges", "terminal"] {
        if let Some(value) = input.get(key) {
            file[key] = value.clone();
        }
    }
    if let Some(limits) = input["policy"].as_object() {
        let tier = if limits["hitl"] == json!(true) { limits["hitl_tier"].clone() } else { json!("none") };
        file["policy"] = json!({"human_approval_tier": tier, "max_steps": limits["max_steps"],
            "budget_tokens": limits["budget_tokens"]});
    }
    file.to_string()
}

/// The step of a node. One that says nothing says `ok`, as their probe did.
fn node(says: &Value) -> Value {
    let mut node = json!({"kind": "native", "sandbox": {"content": "ok"}});
    for (key, value) in says.as_object().into_iter().flatten() {
        match key.as_str() {
            "content" | "confidence" | "structured" => node["sandbox"][key] = value.clone(),
            "raise" => node["sandbox"]["fail"] = value.clone(),
            "risk" => node["risk"] = json!(value.as_str().unwrap_or_default().to_lowercase()),
            // What is reported, and the most that may come back: what is held is this and the question.
            "tokens" => {
                node["sandbox"]["tokens"] = value.clone();
                node["max_output_tokens"] = value.clone();
                node["max_turns"] = json!(1);
            }
            other => panic!("nobody has said what `{other}` of a node is"),
        }
    }
    node
}

/// Plays a case on a database of its own; in words, why it was not begun.
fn play(case: &Case, routes: &[(&str, &str)]) -> Result<Went, String> {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    threads.map_err(|error| error.to_string())?.block_on(async {
        let world = system_world(Arc::new(Unwatched));
        let settings =
            Settings::local(folder.path().join("cases.db"), Durability::Process, world, crate::keys::place());
        let runtime = Runtime::open(settings).map_err(|error| error.to_string())?;
        let request = Request {
            source: file(&case.input, routes),
            file: case.id.clone(),
            base_dir: PathBuf::new(),
            task: case.input["task"].as_str().unwrap_or_default().to_owned(),
            read: no_files(),
            trace: None,
            about: None,
        };
        let text = |error: comity_runtime::Error| error.to_string();
        let finished = runtime.start(request, Hooks::default()).await.map_err(text)?;
        let report = runtime.report(finished.run).await.map_err(text)?;
        let mut rows = Vec::new();
        runtime.trace(finished.run, |row| rows.push(row)).await.map_err(text)?;
        if !report.verified {
            return Err("its chain does not verify".to_owned());
        }
        Ok(went(&report, &rows))
    })
}

fn went(report: &RunReport, rows: &[TraceRow]) -> Went {
    let stand = |words: &[&str]| -> Vec<String> {
        let steps = report.steps.iter().filter(|step| words.contains(&step.status.as_str()));
        steps.map(|step| step.step.clone()).collect()
    };
    // A step inside another has a name with a stroke in it.
    let is_own = |row: &&TraceRow| row.step.as_ref().is_some_and(|name| !name.contains('/'));
    let came = rows.iter().filter(|row| matches!(row.kind.as_str(), "admitted" | "held" | "denied"));
    let stopped = report.steps.iter().filter(|step| matches!(step.status.as_str(), "failed" | "denied"));
    Went {
        completed: report.status == "completed",
        ran: came.filter(is_own).filter_map(|row| row.step.clone()).collect(),
        skipped: stand(&["skipped"]),
        blocked: stand(&["failed", "denied"]),
        paused: stand(&["held", "suspended"]),
        output: content(&report.output),
        reasons: stopped.clone().filter_map(|step| step.reason.clone()).collect(),
        messages: stopped.filter_map(|step| step.message.clone()).collect(),
        tokens: report.tokens,
    }
}

/// The text of an agent's answer.
fn content(output: &Value) -> String {
    let none = Map::new();
    let answer = output.as_object().unwrap_or(&none);
    answer.get("content").and_then(Value::as_str).unwrap_or_default().to_owned()
}
