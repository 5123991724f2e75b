//! Where a walk begins, and where it ends.

use super::{edges::Names, fields::Fields, graph::Graph, reach, step::Draft};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::LoopPlan,
    tree::{Body, Entry, Mark, Node},
    value::{self, Wrong},
};
use std::{collections::HashSet, slice};

/// The step that `entry` names.
pub(super) fn entry(top: &Fields<'_>, names: &Names<'_>, findings: &mut Findings) -> Option<(usize, Mark)> {
    names.field(top, "entry", (Code::ENTRY_UNKNOWN_STEP, "`entry`"), findings)
}

/// The steps that `terminal` names, ascending.
pub(super) fn terminal(entry: &Entry, names: &Names<'_>, findings: &mut Findings) -> Option<Vec<usize>> {
    let items = findings.value(entry, one_or_more(&entry.value))?;
    let mut seen = HashSet::new();
    for item in items {
        let what = || "an item of `terminal`".to_owned();
        let Some(name) = findings.item(what, item, value::text(item)) else { continue };
        let named = (Code::TERMINAL_UNKNOWN_STEP, "`terminal`");
        let Some(step) = names.resolve(name, item.mark, named, findings) else { continue };
        if !seen.insert(step) {
            let message = format!("`terminal` names step {} twice", quote(name));
            findings.report(Code::TERMINAL_TWICE, item.mark, message);
        }
    }
    let mut steps: Vec<usize> = seen.into_iter().collect();
    steps.sort_unstable();
    Some(steps)
}

fn one_or_more(node: &Node) -> Result<&[Node], Wrong> {
    match &node.body {
        Body::Scalar(scalar) if !scalar.is_null() => Ok(slice::from_ref(node)),
        _ => value::some_items(node, "the name of a step, or a list of at least one"),
    }
}

/// Reports an entry that waits for something, and every step that it does not lead to.
pub(super) fn check_reach(
    (entry, mark): (usize, Mark),
    graph: &Graph,
    drafts: &[Draft<'_>],
    findings: &mut Findings,
) {
    let name = |step: usize| drafts.get(step).map(|draft| draft.name).unwrap_or_default();
    if let Some(before) = graph.after().get(entry).and_then(|after| after.first()) {
        let message = format!("`entry` names step `{}`, which waits for `{}`", name(entry), name(*before));
        findings.advise(Code::ENTRY_WAITS, mark, message, "a walk begins with a step that waits for nothing");
        return;
    }
    let reached = reach::from(entry, graph.before());
    for (step, draft) in drafts.iter().enumerate().filter(|(step, _)| !reached.contains(*step)) {
        let message =
            format!("step `{}` cannot be reached from `{}`, where the walk begins", name(step), name(entry));
        findings.advise(
            Code::UNREACHABLE,
            draft.mark,
            message,
            "write an edge that leads to it, or take it out",
        );
    }
}

/// Warns of steps whose outputs go nowhere.
pub(super) fn warn_dead_ends(
    terminal: &[usize],
    graph: &Graph,
    loops: &[LoopPlan],
    drafts: &[Draft<'_>],
    findings: &mut Findings,
) {
    let goes_back: HashSet<usize> = loops.iter().map(|back| back.from).collect();
    for step in graph
        .ends()
        .into_iter()
        .filter(|step| terminal.binary_search(step).is_err() && !goes_back.contains(step))
    {
        let Some(draft) = drafts.get(step) else { continue };
        let message = format!("step {} leads nowhere and is not `terminal`", quote(draft.name));
        findings.warn(
            Code::DEAD_END,
            draft.mark,
            message,
            "add it to `terminal`, or write an edge that leads from it",
        );
    }
}
