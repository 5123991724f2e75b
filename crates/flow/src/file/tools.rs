//! What agents may call.

use super::{
    config::{self, Named},
    edges::Names,
    step,
    table::TOOL,
};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::ToolPlan,
    tree::{Entry, Mark},
    value,
};
use comity_core::{KindSpec, StepKind, Taint};

/// Tools that one file may have.
const MAX_TOOLS: usize = 1_000;

/// The tools of a file: their names, and those that are right.
#[derive(Default)]
pub(super) struct Tools<'a> {
    names: Names<'a>,
    pub(super) plans: Vec<ToolPlan>,
}

/// Reads `tools`.
pub(super) fn read<'a>(entry: &'a Entry, kinds: &[&'static KindSpec], findings: &mut Findings) -> Tools<'a> {
    let entries = findings.value(entry, value::map(&entry.value, "a map of tools by name"));
    let entries = entries.unwrap_or_default();
    if entries.len() > MAX_TOOLS {
        let message = format!("the workflow has {} tools, and at most {MAX_TOOLS} are read", entries.len());
        findings.report(Code::TOO_LARGE, entry.key_mark, message);
        return Tools::default();
    }
    let names = Names::of(entries.iter().map(|entry| entry.key.as_str()));
    Tools { names, plans: entries.iter().filter_map(|entry| tool(entry, kinds, findings)).collect() }
}

fn tool(entry: &Entry, kinds: &[&'static KindSpec], findings: &mut Findings) -> Option<ToolPlan> {
    let name = entry.key.as_str();
    config::check_name(name, entry.key_mark, "tool", findings);
    let what = || format!("tool {}", quote(name));
    let keys = findings.item(what, &entry.value, value::map(&entry.value, "a map with the key `kind`"))?;
    let named = Named { name, mark: entry.key_mark, keys, skip: "" };
    let typed = config::read(named, "tool", &TOOL, kinds, findings)?;
    if !is_tool(typed.kind) {
        let mark =
            keys.iter().find(|entry| entry.key == "kind").map_or(entry.key_mark, |kind| kind.value.mark);
        let known: Vec<String> =
            kinds.iter().filter(|kind| is_tool(kind)).map(|kind| quote(kind.name)).collect();
        let message = format!("kind `{}` cannot be called as a tool", typed.kind.name);
        findings.advise(Code::NOT_A_TOOL, mark, message, format!("a tool is one of {}", known.join(", ")));
    }
    Some(ToolPlan {
        name: name.into(),
        place: entry.key_mark.place(),
        kind: typed.kind,
        risk: typed.common.tier("risk", findings).unwrap_or(typed.kind.risk),
        idempotent: typed.common.flag("idempotent", findings).unwrap_or(typed.kind.idempotent),
        timeout: typed.common.seconds("timeout_s", findings),
        source: step::source(&typed.common, Taint::TOOL, Taint::TOOL, findings),
        price: step::price(typed.kind, &typed.common, findings),
        about: typed.common.text("about", findings).unwrap_or(typed.kind.about).to_owned(),
        config: typed.config,
    })
}

/// Whether a kind may stand under `tools`.
pub(crate) fn is_tool(kind: &KindSpec) -> bool {
    kind.step == StepKind::ToolCall
}

/// The places of the tools with these names; each that does not exist is reported.
pub(super) fn places(tools: &Tools<'_>, wanted: &[(&str, Mark)], findings: &mut Findings) -> Vec<usize> {
    let mut places = Vec::with_capacity(wanted.len());
    for (name, mark) in wanted {
        match tools.names.find(name) {
            Some(place) => places.push(place),
            None => {
                let message = format!("`tools` names a tool that does not exist: {}", quote(name));
                findings.misspelt(Code::UNKNOWN_TOOL, *mark, message, name, tools.names.iter());
            }
        }
    }
    places
}
