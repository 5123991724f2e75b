//! How the walk is steered: the shared context, and which model agents take.

use super::{
    fields::Fields,
    table::{CONTEXT_BUS, Form, MODEL_ROUTER, TIERS},
};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::{Control, Merge, ModelRouter},
    tree::Entry,
    value,
};
use std::collections::BTreeMap;

/// Reads `context_bus`: that it is there turns the shared context on.
pub(super) fn context_bus(entry: &Entry, control: &mut Control, findings: &mut Findings) {
    control.shares = true;
    let Some(fields) = Fields::open(&entry.value, &CONTEXT_BUS, entry.key_mark, findings) else { return };
    let Some((doc, entry)) = fields.iter().find(|(doc, _)| doc.name == "merge_strategies") else { return };
    let Form::WordMap(words) = doc.form else { return };
    let entries = findings.value(entry, value::map(&entry.value, "a map of strategies by key"));
    for entry in entries.unwrap_or_default() {
        if let Some(word) = findings.value(entry, value::word(&entry.value, words)) {
            control.merge.insert(entry.key.clone(), merge(word));
        }
    }
}

fn merge(word: &str) -> Merge {
    match word {
        "append" => Merge::Append,
        "select_highest_confidence" => Merge::SelectHighestConfidence,
        "logical_and" => Merge::LogicalAnd,
        "logical_or" => Merge::LogicalOr,
        _ => Merge::Overwrite,
    }
}

/// Reads `model_router`.
pub(super) fn model_router(entry: &Entry, findings: &mut Findings) -> Option<ModelRouter> {
    let fields = Fields::open(&entry.value, &MODEL_ROUTER, entry.key_mark, findings)?;
    let fallback = match fields.entry("fallback") {
        Some(_) => fields.word("fallback", findings)?,
        None => "medium",
    };
    let listed = fields.entry("tiers")?;
    let found = Fields::open(&listed.value, &TIERS, listed.key_mark, findings)?;
    let mut tiers = BTreeMap::new();
    for doc in TIERS.keys {
        if let Some(model) = found.text(doc.name, findings) {
            tiers.insert(doc.name.to_owned(), model.to_owned());
        }
    }
    if found.entry(fallback).is_none() {
        let mark = fields.entry("fallback").map_or(listed.key_mark, |entry| entry.value.mark);
        let message = format!("the fallback {} is not one of `tiers`", quote(fallback));
        let help = format!("give `tiers` a model for `{fallback}`, or name another `fallback`");
        findings.advise(Code::BAD_VALUE, mark, message, help);
    }
    Some(ModelRouter { fallback: fallback.to_owned(), tiers })
}
