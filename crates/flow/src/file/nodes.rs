//! The steps of a file, as a map by name or as a list.

use super::{
    config::Named,
    policy::Defaults,
    step::{self, Draft},
};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    tree::{Body, Entry, Mark, Node},
    value::{self, Wrong},
};
use comity_core::KindSpec;
use std::collections::HashMap;

/// Steps that one file may have.
const MAX_STEPS: usize = 20_000;

/// Every step in file order; one that is wrong has a name and nothing else.
pub(super) fn read<'a>(
    entry: &'a Entry,
    kinds: &[&'static KindSpec],
    defaults: &Defaults,
    findings: &mut Findings,
) -> Option<Vec<Draft<'a>>> {
    let count = match &entry.value.body {
        Body::Map(entries) => entries.len(),
        Body::List(items) => items.len(),
        _ => return findings.value(entry, refuse(&entry.value)),
    };
    if count == 0 {
        findings.report(Code::NO_STEPS, entry.key_mark, "the workflow has no steps");
        return None;
    }
    if count > MAX_STEPS {
        let message = format!("the workflow has {count} steps, and at most {MAX_STEPS} are read");
        findings.report(Code::TOO_LARGE, entry.key_mark, message);
        return None;
    }
    let items = match &entry.value.body {
        Body::Map(entries) => entries.iter().map(|entry| of_entry(entry, findings)).collect(),
        Body::List(items) => of_list(items, findings),
        _ => Vec::new(),
    };
    Some(items.into_iter().map(|item| item.read(kinds, defaults, findings)).collect())
}

fn refuse<T>(node: &Node) -> Result<T, Wrong> {
    let shape = Wrong::Shape("a map of steps by name, or a list of them");
    Err(if matches!(node.body, Body::Broken) { Wrong::Reported } else { shape })
}

/// The key that names a step in a list.
pub(crate) const ID: &str = "id";

/// A step with its name; without keys if they could not be read.
struct Item<'a> {
    name: &'a str,
    mark: Mark,
    keys: Option<&'a [Entry]>,
    skip: &'static str,
}

impl<'a> Item<'a> {
    fn read(self, kinds: &[&'static KindSpec], defaults: &Defaults, findings: &mut Findings) -> Draft<'a> {
        let Self { name, mark, keys, skip } = self;
        match keys {
            Some(keys) => step::read(Named { name, mark, keys, skip }, kinds, defaults, findings),
            None => Draft::broken(name, mark),
        }
    }
}

fn of_entry<'a>(entry: &'a Entry, findings: &mut Findings) -> Item<'a> {
    let what = || format!("step {}", quote(&entry.key));
    let keys = findings.item(what, &entry.value, value::map(&entry.value, "a map with the key `kind`"));
    Item { name: &entry.key, mark: entry.key_mark, keys, skip: "" }
}

/// The items that have a name; each that has none, or one that is taken, is reported.
fn of_list<'a>(items: &'a [Node], findings: &mut Findings) -> Vec<Item<'a>> {
    let mut lines: HashMap<&str, u32> = HashMap::new();
    let mut named = Vec::with_capacity(items.len());
    for item in items {
        let what = || "an item of `nodes`".to_owned();
        let keys = findings.item(what, item, value::map(item, "a map with the keys `id` and `kind`"));
        let Some(keys) = keys else { continue };
        let Some(entry) = keys.iter().find(|entry| entry.key == ID) else {
            let message = "a step in a list lacks the key `id`";
            findings.advise(Code::MISSING_KEY, item.mark, message, "`id`: the name of the step");
            continue;
        };
        let Some(name) = findings.value(entry, value::text(&entry.value)) else { continue };
        let mark = entry.value.mark;
        if let Some(first) = lines.insert(name, mark.line) {
            let message = format!("two steps have the name {}", quote(name));
            findings.advise(Code::STEP_TWICE, mark, message, format!("the other one is on line {first}"));
            continue;
        }
        named.push(Item { name, mark, keys: Some(keys), skip: ID });
    }
    named
}
