//! A workflow file, checked in one pass that reports everything wrong with it.

pub(crate) mod edges;
mod graph;
mod keys;
mod policy;
mod step;

use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::{EdgePlan, StepPlan},
    tree::{Entry, Mark, Node},
    value::{self, Wrong},
};
use comity_core::KindSpec;
use comity_govern::Policy;
use edges::Names;
use std::collections::HashSet;

/// Steps that one file may have.
const MAX_STEPS: usize = 20_000;

/// Keys at the top of a file.
const KEYS: &[&str] = &["edges", "name", "nodes", "policy", "terminal", "version"];
/// Keys that a later build reads there.
const LATER: &[&str] = &["compliance", "context_bus", "entry", "loop_edges", "metadata", "model_router"];

/// What a file says. Complete only when nothing was reported.
pub(crate) struct File {
    pub(crate) name: Option<String>,
    pub(crate) policy: Policy,
    pub(crate) steps: Vec<StepPlan>,
    pub(crate) edges: Vec<EdgePlan>,
    pub(crate) terminal: Vec<usize>,
}

/// Checks a file. `None`, or anything reported, means that it must not run.
pub(crate) fn read(root: &Node, kinds: &[&'static KindSpec], findings: &mut Findings) -> Option<File> {
    let what = || "a workflow file".to_owned();
    let entries = findings.item(what, root, value::map(root, "a map with the key `nodes`"))?;
    let find = |key: &str| entries.iter().find(|entry| entry.key == key);
    keys::refuse_stray(entries, "at the top of a file", KEYS, LATER, findings);
    let name = find("name").and_then(|entry| name(entry, findings));
    if let Some(entry) = find("version") {
        check_version(entry, findings);
    }
    let policy = find("policy").map(|entry| policy::read(entry, findings)).unwrap_or_default();
    let drafts = match find("nodes") {
        Some(entry) => drafts(entry, kinds, findings)?,
        None => {
            findings.report(Code::MISSING_KEY, Mark::START, "the file lacks the key `nodes`");
            return None;
        }
    };
    let names = Names::of(drafts.iter().map(|(name, _)| *name));
    let edges = find("edges").map(|entry| edges::read(entry, &names, findings)).unwrap_or_default();
    let terminal = find("terminal").and_then(|entry| terminal(entry, &names, findings));
    let graph = graph::build(&names, &edges, findings);
    let terminal = terminal.unwrap_or_else(|| graph.ends());
    let steps = drafts.into_iter().map(|(_, step)| step).collect::<Option<Vec<_>>>()?;
    let (steps, edges) = graph.into_steps(steps, &edges);
    Some(File { name, policy, steps, edges, terminal })
}

fn name(entry: &Entry, findings: &mut Findings) -> Option<String> {
    let name = findings.value(entry, value::text(&entry.value))?;
    let length = name.chars().count();
    if length == 0 || length > 200 || name.chars().any(char::is_control) {
        let message = format!("the name {} is not 1 to 200 characters of one line", quote(name));
        findings.report(Code::BAD_NAME, entry.value.mark, message);
    }
    Some(name.to_owned())
}

fn check_version(entry: &Entry, findings: &mut Findings) {
    let version = findings.value(entry, value::text(&entry.value));
    if let Some(version) = version.filter(|version| *version != "1") {
        let message = format!("version {} is not known: this build reads version `1`", quote(version));
        findings.report(Code::VERSION, entry.value.mark, message);
    }
}

/// Every step under its name, in file order; a step that is wrong has a name and nothing else.
fn drafts<'a>(
    entry: &'a Entry,
    kinds: &[&'static KindSpec],
    findings: &mut Findings,
) -> Option<Vec<(&'a str, Option<StepPlan>)>> {
    let nodes = findings.value(entry, value::map(&entry.value, "a map of steps by name"))?;
    if nodes.is_empty() {
        findings.report(Code::NO_STEPS, entry.key_mark, "the workflow has no steps");
        return None;
    }
    if nodes.len() > MAX_STEPS {
        let message = format!("the workflow has {} steps, and at most {MAX_STEPS} are read", nodes.len());
        findings.report(Code::TOO_LARGE, entry.key_mark, message);
        return None;
    }
    Some(nodes.iter().map(|node| (node.key.as_str(), step::read(node, kinds, findings))).collect())
}

fn terminal(entry: &Entry, names: &Names<'_>, findings: &mut Findings) -> Option<Vec<usize>> {
    let expected = "a list of at least one step name";
    let listed = value::list(&entry.value, expected);
    let listed =
        listed.and_then(|items| if items.is_empty() { Err(Wrong::Shape(expected)) } else { Ok(items) });
    let items = findings.value(entry, listed)?;
    let mut seen = HashSet::new();
    for item in items {
        let what = || "an item of `terminal`".to_owned();
        let Some(name) = findings.item(what, item, value::text(item)) else { continue };
        let Some(step) = names.find(name) else {
            let message = format!("`terminal` names a step that does not exist: {}", quote(name));
            findings.misspelt(Code::TERMINAL_UNKNOWN_STEP, item.mark, message, name, names.iter());
            continue;
        };
        if !seen.insert(step) {
            let message = format!("`terminal` names step {} twice", quote(name));
            findings.report(Code::TERMINAL_TWICE, item.mark, message);
        }
    }
    let mut steps: Vec<usize> = seen.into_iter().collect();
    steps.sort_unstable();
    Some(steps)
}
