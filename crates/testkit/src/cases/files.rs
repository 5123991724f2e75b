//! `workflow_yaml.jsonl` and `lint.jsonl`: what is read in a workflow file, and what is found wrong with it.

use super::{Case, Stance, Suite, nothing, same};
use comity_flow::{Code, Invalid, LoopPlan, Plan, When, compile};
use serde_json::{Value, json};

const LATER: &str = "`kind: python` comes with a later package";
const POSTURE: &str = "`mode`: postures come with policy as code";
const GUARDIAN: &str = "`enable_guardian`: a guard of every step comes with the detectors";
const COMPLIANCE: &str = "`compliance` comes with the detectors";

pub(super) const WORKFLOW_YAML: Suite = Suite {
    name: "workflow_yaml",
    text: include_str!("../../tests/cases/workflow_yaml.jsonl"),
    decided: &[(
        "workflow_yaml-0015",
        "an error: an edge from a step to itself, without a loop, would wait forever",
    )],
    pending: &[
        ("workflow_yaml-0003", LATER),
        ("workflow_yaml-0004", LATER),
        ("workflow_yaml-0005", LATER),
        ("workflow_yaml-0009", POSTURE),
        ("workflow_yaml-0010", POSTURE),
        ("workflow_yaml-0011", POSTURE),
        ("workflow_yaml-0012", COMPLIANCE),
        ("workflow_yaml-0013", POSTURE),
        ("workflow_yaml-0014", COMPLIANCE),
        ("workflow_yaml-0017", GUARDIAN),
    ],
    judge: read,
    meanwhile: asks_for_more,
};

pub(super) const LINT: Suite = Suite {
    name: "lint",
    text: include_str!("../../tests/cases/lint.jsonl"),
    decided: &[(
        "lint_yaml-0007",
        "an error, not a warning: a condition that cannot be read is no condition",
    )],
    pending: &[],
    judge: lint,
    meanwhile: nothing,
};

/// What each finding of theirs comes to here, by its path; the last is about a file that is not there, whose
/// name ours reads as a workflow.
const FINDINGS: &[(&str, Code)] = &[
    ("edges[0].to", Code::EDGE_UNKNOWN_STEP),
    ("nodes.a.kind", Code::UNKNOWN_KIND),
    ("nodes.http_step.url", Code::MISSING_KEY),
    ("name", Code::NO_NAME),
    ("file", Code::SHAPE),
];

fn load(yaml: &str) -> Result<Plan, Invalid> {
    compile(yaml, &comity_runtime::kinds())
}

fn yaml(case: &Case) -> &str {
    case.input["yaml"].as_str().expect("a file is a text")
}

fn read(case: &Case) -> Result<(), String> {
    let loaded = load(yaml(case));
    if case.stance == Stance::Decided {
        return same("errors", &codes(&loaded), &vec![("error".to_owned(), Code::SELF_EDGE)]);
    }
    if case.expected.get("raises").is_some() {
        return loaded.map_or(Ok(()), |_| Err("ours finds nothing wrong with it".to_owned()));
    }
    let plan = loaded.map_err(|invalid| invalid.render(&case.id, yaml(case)))?;
    reads_as(&plan, &case.expected)
}

/// What a pending file asks for is refused by name; without it, the file is read as people expect.
fn asks_for_more(case: &Case) -> Result<(), String> {
    let (code, asked): (Code, &[&str]) = match case.why {
        LATER => (Code::LATER_KIND, &[]),
        COMPLIANCE => (Code::UNENFORCED_POLICY, &["compliance:", "  frameworks:", "  block_on", "  mode:"]),
        GUARDIAN => (Code::UNENFORCED_POLICY, &["  enable_guardian:"]),
        _ => (Code::UNENFORCED_POLICY, &["  mode:", "  enable_"]),
    };
    let found = codes(&load(yaml(case)));
    if found.is_empty() || found.iter().any(|(severity, other)| severity == "error" && *other != code) {
        return Err(format!("ours finds {found:?}, and only {code:?} is wanted"));
    }
    if asked.is_empty() {
        return Ok(());
    }
    let kept = yaml(case).lines().filter(|line| !asked.iter().any(|asked| line.starts_with(asked)));
    let kept = kept.collect::<Vec<_>>().join("\n");
    let plan = load(&kept).map_err(|invalid| invalid.render(&case.id, &kept))?;
    let mut expected = case.expected.clone();
    expected["compliance_guard"] = json!(false);
    reads_as(&plan, &expected)
}

fn lint(case: &Case) -> Result<(), String> {
    let found = codes(&load(yaml(case)));
    if case.stance == Stance::Decided {
        return same("findings", &found, &vec![("error".to_owned(), Code::BAD_CONDITION)]);
    }
    let mut wanted = Vec::new();
    for theirs in case.expected.as_array().into_iter().flatten() {
        let code = FINDINGS.iter().find(|(path, _)| theirs["path"] == *path).map(|(_, code)| *code);
        let severity = theirs["severity"].as_str().unwrap_or_default().to_owned();
        wanted.push((severity, code.ok_or("nobody has said what this finding is called here")?));
    }
    same("findings", &found, &wanted)
}

/// Severity and code of everything that is found.
fn codes(loaded: &Result<Plan, Invalid>) -> Vec<(String, Code)> {
    let found = match loaded {
        Ok(plan) => plan.warnings(),
        Err(invalid) => &invalid.diagnostics,
    };
    found.iter().map(|found| (found.severity.to_string(), found.code)).collect()
}

/// Errs unless a plan says what MeshFlow reads in the same file.
fn reads_as(plan: &Plan, theirs: &Value) -> Result<(), String> {
    let said = said(plan);
    let mut wanted =
        json!({"budget": theirs["policy"]["budget_usd"], "max_steps": theirs["policy"]["max_steps"]});
    for key in ["edges", "entry", "loop_edges", "metadata", "name", "nodes", "terminal"] {
        wanted[key] = theirs[key].clone();
    }
    if wanted["terminal"] == json!([]) {
        // Nothing was said, so that every end is terminal.
        wanted["terminal"] = said["terminal"].clone();
    }
    same("version", &theirs["version"], &json!("1"))?;
    same("compliance", &theirs["compliance_guard"], &json!(false))?;
    same("file", &said, &wanted)
}

/// What a plan says, in the words of the cases.
fn said(plan: &Plan) -> Value {
    let name = |step: usize| plan.steps()[step].name.to_string();
    let edge = |from: usize, to: usize, when: &When| {
        let mut edge = json!({"from": name(from), "to": name(to)});
        if let When::If(condition) = when {
            edge["condition"] = json!(condition.text());
        }
        edge
    };
    let edges: Vec<Value> = plan.edges().iter().map(|it| edge(it.from, it.to, &it.when)).collect();
    let back = |it: &LoopPlan| {
        let mut back = edge(it.from, it.to, &it.when);
        back["max_iterations"] = json!(it.max_iterations);
        back
    };
    let nodes =
        plan.steps().iter().map(|it| json!({"id": &*it.name, "kind": it.kind.name, "risk": it.risk.level()}));
    let start = plan.steps().iter().find(|step| step.after.is_empty()).expect("a walk begins somewhere");
    json!({
        "edges": edges,
        "entry": &*start.name,
        "loop_edges": plan.loops().iter().map(back).collect::<Vec<_>>(),
        "metadata": plan.metadata(),
        "name": plan.name(),
        "nodes": nodes.collect::<Vec<_>>(),
        "budget": plan.policy().budget_usd.micros() as f64 / 1e6,
        "max_steps": plan.policy().max_steps,
        "terminal": plan.terminal().iter().map(|step| name(*step)).collect::<Vec<_>>(),
    })
}
