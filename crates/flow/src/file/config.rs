//! Steps and tools as maps whose keys depend on their kind.

use super::{
    fields::{Fields, Owner, refuse_unknown},
    table::{AGENT, KeyDoc, LATER_KINDS, Place},
};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    timer::Timer,
    tree::{Entry, Mark, Node},
    value,
};
use comity_core::{KindSpec, StepKind};
use serde_json::{Map, Value};

/// A map with a `kind`, and its keys by the two tables that hold for it.
pub(super) struct Typed<'a> {
    pub(super) kind: &'static KindSpec,
    /// Keys that every kind has.
    pub(super) common: Fields<'a>,
    /// Keys of the kind, read.
    pub(super) config: Map<String, Value>,
}

/// Something with a name and a map of keys.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    /// Where the name stands.
    pub(super) mark: Mark,
    pub(super) keys: &'a [Entry],
    /// A key that was read already, or nothing.
    pub(super) skip: &'static str,
}

/// Longest name of a step or a tool, in characters.
const MAX_NAME: usize = 64;

/// Reads what something of a kind says. `sort` is `step` or `tool`. `None` when its kind is not known.
pub(super) fn read<'a>(
    named: Named<'a>,
    sort: &str,
    place: &'static Place,
    kinds: &[&'static KindSpec],
    findings: &mut Findings,
) -> Option<Typed<'a>> {
    let kind = kind(named, sort, kinds, findings)?;
    let what = format!("{sort} {} of kind `{}`", quote(named.name), kind.name);
    let docs: Vec<KeyDoc> = kind.keys.iter().map(KeyDoc::from).collect();
    let (mut common, mut own) = (Fields::default(), Fields::default());
    for entry in named.keys.iter().filter(|entry| entry.key != named.skip || entry.key.is_empty()) {
        let doc =
            docs.iter().find(|doc| doc.name == entry.key || (!doc.also.is_empty() && doc.also == entry.key));
        match (place.key(&entry.key), doc) {
            (None, None) if entry.key == "agent" && nests(&docs) => lift(&mut own, entry, &docs, findings),
            (None, None) => stray(entry, sort, place, kind, kinds, findings),
            (shared, doc) => {
                shared.into_iter().for_each(|shared| common.add(*shared, entry, findings));
                doc.into_iter().for_each(|doc| own.add(*doc, entry, findings));
            }
        }
    }
    let owner = Owner { what: &what, mark: named.mark };
    common.require(place.keys.iter(), owner, findings);
    own.require(docs.iter(), owner, findings);
    let mut config = Map::new();
    for (doc, entry) in own.iter() {
        if let Some(value) = Fields::shaped(doc, entry, findings) {
            config.insert(doc.name.to_owned(), value);
        }
    }
    config.sort_keys();
    if kind.step == StepKind::Timer {
        one_moment(&own, &config, owner, findings);
    }
    Some(Typed { kind, common, config })
}

/// Reports a name that has forbidden characters, or too many.
pub(super) fn check_name(name: &str, mark: Mark, sort: &str, findings: &mut Findings) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = name.as_bytes();
    let fits = bytes.len() <= MAX_NAME
        && bytes.first().is_some_and(|byte| plain(*byte))
        && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'.' | b'-'));
    if !fits {
        let message = format!("{} is not a name of a {sort}", quote(name));
        let help = format!(
            "a name has 1 to {MAX_NAME} of A-Z, a-z, 0-9, `_`, `.`, `-`, and starts with a letter, digit or `_`"
        );
        findings.advise(Code::BAD_NAME, mark, message, help);
    }
}

fn kind(
    named: Named<'_>,
    sort: &str,
    kinds: &[&'static KindSpec],
    findings: &mut Findings,
) -> Option<&'static KindSpec> {
    let Some(entry) = named.keys.iter().find(|entry| entry.key == "kind") else {
        let message = format!("{sort} {} lacks the key `kind`", quote(named.name));
        findings.report(Code::MISSING_KEY, named.mark, message);
        return None;
    };
    let name = findings.value(entry, value::text(&entry.value))?;
    let found = kinds.iter().copied().find(|kind| kind.name == name);
    if found.is_none() {
        refuse_kind(name, &entry.value, kinds, findings);
    }
    found
}

fn refuse_kind(name: &str, node: &Node, kinds: &[&'static KindSpec], findings: &mut Findings) {
    if let Some((_, brings)) = LATER_KINDS.iter().find(|(later, _)| *later == name) {
        let message = format!("kind {} comes with {brings}, which this build does not have", quote(name));
        return findings.report(Code::LATER_KIND, node.mark, message);
    }
    let names = || kinds.iter().map(|kind| kind.name);
    let known: Vec<String> = names().map(quote).collect();
    let message = format!("unknown kind {}: this build knows {}", quote(name), known.join(", "));
    findings.misspelt(Code::UNKNOWN_KIND, node.mark, message, name, names());
}

/// Reports a key that neither every kind has nor this one.
fn stray(
    entry: &Entry,
    sort: &str,
    place: &'static Place,
    kind: &KindSpec,
    kinds: &[&'static KindSpec],
    findings: &mut Findings,
) {
    let of = kinds.iter().find(|kind| kind.keys.iter().any(|key| key.name == entry.key));
    if let Some(of) = of {
        let message = format!("unknown key {} in a {sort} of kind `{}`", quote(&entry.key), kind.name);
        let help = format!("{} is a key of kind `{}`", quote(&entry.key), of.name);
        return findings.advise(Code::UNKNOWN_KEY, entry.key_mark, message, help);
    }
    let known = kind.keys.iter().map(|spec| spec.name).chain(place.names());
    refuse_unknown(entry, &format!("in a {sort} of kind `{}`", kind.name), known, findings);
}

/// Whether a kind with these keys takes the nested spelling `agent: {role, model}`.
pub(crate) fn nests(docs: &[KeyDoc]) -> bool {
    AGENT.keys.iter().all(|key| docs.iter().any(|doc| doc.name == key.name))
}

/// Takes the keys of the nested spelling as if they stood in the step.
fn lift<'a>(own: &mut Fields<'a>, entry: &'a Entry, docs: &[KeyDoc], findings: &mut Findings) {
    let Some(nested) = Fields::open(&entry.value, &AGENT, entry.key_mark, findings) else { return };
    for (key, entry) in nested.iter() {
        if let Some(doc) = docs.iter().find(|doc| doc.name == key.name) {
            own.add(*doc, entry, findings);
        }
    }
}

/// Keys that name a moment; a timer has one of them.
const MOMENTS: [&str; 3] = ["after_s", "until", "cron"];

fn one_moment(own: &Fields<'_>, config: &Map<String, Value>, owner: Owner<'_>, findings: &mut Findings) {
    let given: Vec<&Entry> = MOMENTS.iter().filter_map(|name| own.entry(name)).collect();
    let help = "give one of `after_s`, `until` and `cron`";
    match given.as_slice() {
        [] => {
            let message = format!("{} says no moment", owner.what);
            return findings.advise(Code::ONE_OF, owner.mark, message, help);
        }
        [_] => {}
        [.., last] => {
            let message = format!("{} says more than one moment", owner.what);
            return findings.advise(Code::ONE_OF, last.key_mark, message, help);
        }
    }
    if let Some(zone) = own.entry("timezone").filter(|_| own.entry("cron").is_none()) {
        let message = "`timezone` means nothing without `cron`";
        return findings.report(Code::NO_MEANING, zone.key_mark, message);
    }
    let is_read = own.iter().all(|(doc, _)| config.contains_key(doc.name));
    if let (true, Err(bad)) = (is_read, Timer::parse(config)) {
        let mark = own.entry(bad.key).map_or(owner.mark, |entry| entry.value.mark);
        findings.report(Code::BAD_VALUE, mark, format!("{}: {}", quote(bad.key), bad.message));
    }
}
