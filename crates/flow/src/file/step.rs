//! One step of a file.

use super::keys;
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::{OnTimeout, Retry, StepPlan},
    tree::{Entry, Node},
    value::{self, Wrong},
};
use comity_core::{Amounts, KindSpec, MicroUsd, RiskTier, Shape};
use serde_json::{Map, Value};
use std::time::Duration;

/// Keys that every kind of step has.
const KEYS: &[&str] = &["idempotent", "kind", "price_usd", "risk", "timeout_s"];
/// Keys that a later build reads.
const LATER: &[&str] = &[
    "attachments",
    "max_retries",
    "model",
    "output_schema",
    "ref",
    "retry_on_fail",
    "role",
    "url",
    "workflow",
];
/// Kinds that a later build runs.
const LATER_KINDS: &[&str] = &["autogen", "crewai", "http", "langgraph", "mcp", "native", "python"];
/// Longest name of a step, in characters.
const MAX_NAME: usize = 64;

/// Reads a step that waits for nothing yet. `None` when it is wrong; why is reported.
pub(super) fn read(entry: &Entry, kinds: &[&'static KindSpec], findings: &mut Findings) -> Option<StepPlan> {
    check_name(entry, findings);
    let what = || format!("step {}", quote(&entry.key));
    let keys = findings.item(what, &entry.value, value::map(&entry.value, "a map with the key `kind`"))?;
    let kind = kind(entry, keys, kinds, findings)?;
    let common = Common::read(keys, findings);
    let config = config(keys, kind, findings);
    refuse_missing(entry, keys, kind, findings);
    Some(StepPlan {
        name: entry.key.as_str().into(),
        kind,
        risk: common.risk.unwrap_or(kind.risk),
        idempotent: common.idempotent.unwrap_or(kind.idempotent),
        timeout: common.timeout,
        price: common.price.unwrap_or(MicroUsd::ZERO),
        config,
        on_timeout: OnTimeout::default(),
        retry: Retry::default(),
        schema: None,
        tools: Vec::new(),
        after: Vec::new(),
        before: Vec::new(),
        incoming: Vec::new(),
        outgoing: Vec::new(),
        loops: Vec::new(),
    })
}

fn check_name(entry: &Entry, findings: &mut Findings) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let name = entry.key.as_bytes();
    let fits = name.len() <= MAX_NAME
        && name.first().is_some_and(|byte| plain(*byte))
        && name.iter().all(|byte| plain(*byte) || matches!(byte, b'.' | b'-'));
    if !fits {
        let message = format!("{} is not a name of a step", quote(&entry.key));
        let help = format!(
            "a name has 1 to {MAX_NAME} of A-Z, a-z, 0-9, `_`, `.`, `-`, and starts with a letter, digit or `_`"
        );
        findings.advise(Code::BAD_NAME, entry.key_mark, message, help);
    }
}

fn kind(
    step: &Entry,
    keys: &[Entry],
    kinds: &[&'static KindSpec],
    findings: &mut Findings,
) -> Option<&'static KindSpec> {
    let Some(entry) = keys.iter().find(|entry| entry.key == "kind") else {
        let message = format!("step {} lacks the key `kind`", quote(&step.key));
        findings.report(Code::MISSING_KEY, step.key_mark, message);
        return None;
    };
    let name = findings.value(entry, value::text(&entry.value))?;
    let found = kinds.iter().copied().find(|kind| kind.name == name);
    if found.is_none() && LATER_KINDS.contains(&name) {
        let message = format!("kind {} is not in this build yet", quote(name));
        findings.report(Code::LATER_KIND, entry.value.mark, message);
    } else if found.is_none() {
        let names = || kinds.iter().map(|kind| kind.name);
        let known: Vec<String> = names().map(quote).collect();
        let message = format!("unknown kind {}: this build knows {}", quote(name), known.join(", "));
        findings.misspelt(Code::UNKNOWN_KIND, entry.value.mark, message, name, names());
    }
    found
}

/// What every step may say, whatever its kind.
#[derive(Default)]
struct Common {
    risk: Option<RiskTier>,
    idempotent: Option<bool>,
    timeout: Option<Duration>,
    price: Option<MicroUsd>,
}

impl Common {
    fn read(keys: &[Entry], findings: &mut Findings) -> Self {
        let mut common = Self::default();
        for entry in keys {
            let node = &entry.value;
            match entry.key.as_str() {
                "risk" => common.risk = findings.value(entry, value::tier(node)),
                "idempotent" => common.idempotent = findings.value(entry, value::flag(node)),
                "timeout_s" => common.timeout = findings.value(entry, value::seconds(node)),
                "price_usd" => common.price = findings.value(entry, value::money(node)),
                _ => {}
            }
        }
        common
    }
}

/// The keys of the kind; every other key is reported.
fn config(keys: &[Entry], kind: &KindSpec, findings: &mut Findings) -> Map<String, Value> {
    let mut config = Map::new();
    for entry in keys.iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
        match kind.keys.iter().find(|spec| spec.name == entry.key) {
            Some(spec) => {
                if let Some(value) = shaped(entry, spec.shape, findings) {
                    config.insert(entry.key.clone(), value);
                }
            }
            None if LATER.contains(&entry.key.as_str()) => keys::refuse_later(entry, findings),
            None => {
                let place = format!("in a step of kind `{}`", kind.name);
                let known = kind.keys.iter().map(|spec| spec.name).chain(KEYS.iter().copied());
                keys::refuse_unknown(entry, &place, known, findings);
            }
        }
    }
    config
}

fn refuse_missing(step: &Entry, keys: &[Entry], kind: &KindSpec, findings: &mut Findings) {
    for spec in kind.keys.iter().filter(|spec| spec.required) {
        if !keys.iter().any(|entry| entry.key == spec.name) {
            let message =
                format!("step {} of kind `{}` lacks the key `{}`", quote(&step.key), kind.name, spec.name);
            findings.advise(
                Code::MISSING_KEY,
                step.key_mark,
                message,
                format!("`{}`: {}", spec.name, spec.about),
            );
        }
    }
}

fn shaped(entry: &Entry, shape: Shape, findings: &mut Findings) -> Option<Value> {
    let node = &entry.value;
    match shape {
        Shape::Text => findings.value(entry, value::text(node)).map(Value::from),
        Shape::Texts => texts(entry, findings),
        Shape::Flag => findings.value(entry, value::flag(node)).map(Value::from),
        Shape::Count => findings.value(entry, value::count(node, 0..=Amounts::MAX)).map(Value::from),
        Shape::Seconds | Shape::Word(_) | Shape::Any => None,
    }
}

fn texts(entry: &Entry, findings: &mut Findings) -> Option<Value> {
    let items = findings.value(entry, some_items(&entry.value))?;
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        let what = || format!("an item of {}", quote(&entry.key));
        texts.extend(findings.item(what, item, value::text(item)));
    }
    Some(Value::from(texts))
}

fn some_items(node: &Node) -> Result<&[Node], Wrong> {
    let expected = "a list of at least one text";
    let items = value::list(node, expected)?;
    if items.is_empty() { Err(Wrong::Shape(expected)) } else { Ok(items) }
}
