//! The keys of one map, read by the table of its place.

use super::table::{Form, KeyDoc, Place};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    tree::{Entry, Mark, Node},
    value::{self, Wrong},
};
use comity_core::{MicroUsd, RiskTier};
use serde_json::{Map, Value};
use std::time::Duration;

/// Keys that were found where they may stand, each under the name that the table has for it.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    found: Vec<(KeyDoc, &'a Entry)>,
}

/// Whose keys are read, for a message.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'o> {
    /// `an edge`, or ``step `a` of kind `echo` ``.
    pub(crate) what: &'o str,
    pub(crate) mark: Mark,
}

impl<'a> Fields<'a> {
    /// Takes the keys of a map; reports those that do not belong there and those that are missing.
    pub(crate) fn open(
        node: &'a Node,
        place: &'static Place,
        at: Mark,
        findings: &mut Findings,
    ) -> Option<Self> {
        let what = || place.name.to_owned();
        let entries = findings.item(what, node, value::map(node, "a map"))?;
        let mut fields = Self { found: Vec::new() };
        for entry in entries {
            match place.key(&entry.key) {
                Some(doc) => fields.add(*doc, entry, findings),
                None => refuse(entry, place, findings),
            }
        }
        fields.require(place.keys.iter(), Owner { what: place.name, mark: at }, findings);
        Some(fields)
    }

    /// Takes one more key; reports it if it is there already in another spelling.
    pub(crate) fn add(&mut self, doc: KeyDoc, entry: &'a Entry, findings: &mut Findings) {
        if let Some(first) = self.entry(doc.name) {
            let message = format!("{} says again what {} says", quote(&entry.key), quote(&first.key));
            let help = format!("it is already on line {}", first.key_mark.line);
            return findings.advise(Code::TWO_SPELLINGS, entry.key_mark, message, help);
        }
        self.found.push((doc, entry));
    }

    /// Reports each of these keys that is required and not there.
    pub(crate) fn require<'k>(
        &self,
        keys: impl Iterator<Item = &'k KeyDoc>,
        owner: Owner<'_>,
        findings: &mut Findings,
    ) {
        for key in keys.filter(|key| key.required && self.entry(key.name).is_none()) {
            let message = format!("{} lacks the key `{}`", owner.what, key.name);
            let help = format!("`{}`: {}", key.name, key.about.trim_end_matches('.'));
            findings.advise(Code::MISSING_KEY, owner.mark, message, help);
        }
    }

    /// The key with this name, and its value.
    pub(crate) fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.found.iter().find(|(doc, _)| doc.name == name).map(|(_, entry)| *entry)
    }

    /// The keys in the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&KeyDoc, &'a Entry)> {
        self.found.iter().map(|(doc, entry)| (doc, *entry))
    }

    pub(crate) fn text(&self, name: &str, findings: &mut Findings) -> Option<&'a str> {
        let entry = self.entry(name)?;
        findings.value(entry, value::text(&entry.value))
    }

    pub(crate) fn flag(&self, name: &str, findings: &mut Findings) -> Option<bool> {
        let entry = self.entry(name)?;
        findings.value(entry, value::flag(&entry.value))
    }

    /// A number in the range that the table has for its key.
    pub(crate) fn count(&self, name: &str, findings: &mut Findings) -> Option<u64> {
        let (doc, entry) = self.iter().find(|(doc, _)| doc.name == name)?;
        let Form::Count(least, most) = doc.form else { return None };
        findings.value(entry, value::count(&entry.value, least..=most))
    }

    /// A number whose range ends before that of `u32` does.
    pub(crate) fn small(&self, name: &str, findings: &mut Findings) -> Option<u32> {
        self.count(name, findings).and_then(|count| u32::try_from(count).ok())
    }

    pub(crate) fn seconds(&self, name: &str, findings: &mut Findings) -> Option<Duration> {
        let entry = self.entry(name)?;
        findings.value(entry, value::seconds(&entry.value))
    }

    pub(crate) fn money(&self, name: &str, findings: &mut Findings) -> Option<MicroUsd> {
        let entry = self.entry(name)?;
        findings.value(entry, value::money(&entry.value))
    }

    pub(crate) fn tier(&self, name: &str, findings: &mut Findings) -> Option<RiskTier> {
        let entry = self.entry(name)?;
        findings.value(entry, value::tier(&entry.value))
    }

    pub(crate) fn tier_or_none(&self, name: &str, findings: &mut Findings) -> Option<Option<RiskTier>> {
        let entry = self.entry(name)?;
        findings.value(entry, value::tier_or_none(&entry.value))
    }

    /// One of the words that the table has for its key.
    pub(crate) fn word(&self, name: &str, findings: &mut Findings) -> Option<&'static str> {
        let (doc, entry) = self.iter().find(|(doc, _)| doc.name == name)?;
        let Form::Word(words) = doc.form else { return None };
        findings.value(entry, value::word(&entry.value, words))
    }

    pub(crate) fn map(&self, name: &str, findings: &mut Findings) -> Option<Map<String, Value>> {
        let entry = self.entry(name)?;
        findings.value(entry, value::any_map(&entry.value))
    }

    /// The names in a list, each with its place; one that stands twice is reported.
    pub(crate) fn names(&self, name: &str, findings: &mut Findings) -> Vec<(&'a str, Mark)> {
        let Some(entry) = self.entry(name) else { return Vec::new() };
        let listed = findings.value(entry, value::some_items(&entry.value, "a list of at least one name"));
        let mut names: Vec<(&str, Mark)> = Vec::new();
        for item in listed.unwrap_or_default() {
            let what = || format!("an item of {}", quote(name));
            let Some(text) = findings.item(what, item, value::text(item)) else { continue };
            names.push((text, item.mark));
        }
        distinct(name, names, findings)
    }

    /// The value of a key of a kind, by the form of its key.
    pub(crate) fn shaped(doc: &KeyDoc, entry: &Entry, findings: &mut Findings) -> Option<Value> {
        let node = &entry.value;
        match doc.form {
            Form::Text => findings.value(entry, value::text(node)).map(Value::from),
            Form::Texts => texts(entry, findings),
            Form::Flag => findings.value(entry, value::flag(node)).map(Value::from),
            Form::Count(least, most) => {
                findings.value(entry, value::count(node, least..=most)).map(Value::from)
            }
            Form::Seconds => findings.value(entry, value::seconds(node)).map(millis),
            Form::Word(words) => findings.value(entry, value::word(node, words)).map(Value::from),
            _ => findings.value(entry, value::any(node)),
        }
    }
}

fn millis(span: Duration) -> Value {
    Value::from(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn texts(entry: &Entry, findings: &mut Findings) -> Option<Value> {
    let items = findings.value(entry, value::some_items(&entry.value, "a list of at least one text"))?;
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        let what = || format!("an item of {}", quote(&entry.key));
        texts.extend(findings.item(what, item, value::text(item)));
    }
    Some(Value::from(texts))
}

/// Each name once; the others are reported.
fn distinct<'a>(list: &str, names: Vec<(&'a str, Mark)>, findings: &mut Findings) -> Vec<(&'a str, Mark)> {
    let mut seen = std::collections::HashSet::new();
    let mut kept = Vec::with_capacity(names.len());
    for (name, mark) in names {
        if seen.insert(name) {
            kept.push((name, mark));
        } else {
            let message = format!("{} names {} twice", quote(list), quote(name));
            findings.report(Code::NAME_TWICE, mark, message);
        }
    }
    kept
}

/// Reports a key that is not read in this place.
fn refuse(entry: &Entry, place: &Place, findings: &mut Findings) {
    let key = entry.key.as_str();
    let refused = place.refused.iter().find(|refused| refused.name == key);
    let is_switch = refused.map_or(is_open(place, key), |refused| refused.may_be_off);
    if is_switch && matches!(value::flag(&entry.value), Ok(false)) {
        return;
    }
    if refused.is_none() && !is_switch {
        return refuse_unknown(entry, &format!("in {}", place.name), place.names(), findings);
    }
    let key = quote(key);
    let message = match place.name {
        "`policy`" => format!("policy key {key} is not enforced yet by this build"),
        _ => format!("key {key} is not enforced yet by this build"),
    };
    if is_switch {
        return findings.advise(
            Code::UNENFORCED_POLICY,
            entry.key_mark,
            message,
            "only `false` is true of it here",
        );
    }
    findings.report(Code::UNENFORCED_POLICY, entry.key_mark, message);
}

/// Whether the place takes switches that nobody has heard of, as long as they are off.
fn is_open(place: &Place, key: &str) -> bool {
    place.name == "`policy`" && key.starts_with("enable_")
}

/// Reports a key that no build reads.
pub(crate) fn refuse_unknown<'k>(
    entry: &Entry,
    place: &str,
    known: impl Iterator<Item = &'k str>,
    findings: &mut Findings,
) {
    let message = format!("unknown key {} {place}", quote(&entry.key));
    findings.misspelt(Code::UNKNOWN_KEY, entry.key_mark, message, &entry.key, known);
}

/// Reports a value of another shape than its key takes.
pub(crate) fn refuse_shape(entry: &Entry, expected: &'static str, findings: &mut Findings) {
    findings.value(entry, Err::<(), _>(Wrong::Shape(expected)));
}
