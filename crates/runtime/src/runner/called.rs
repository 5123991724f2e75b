//! What plans may call, found again by the contract that entries name.

use super::{doer, toolbox};
use crate::bundle::Bundle;
use comity_core::{Digest, StepKind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Something that is called: a program, a service, or a built-in act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// The name in its file.
    pub(crate) name: String,
    /// The kind of step: `command`, `http`, `echo`.
    pub(crate) kind: &'static str,
    /// What it does, in its file's words.
    pub(crate) about: String,
    /// Digest of how it is declared to whoever may call it: canonical JSON of its name, its kind, what it does, and
    /// the schema of what it answers where it has one.
    pub(crate) schema: Digest,
    /// Scheme, host and port, for what is called over the network.
    pub(crate) origin: Option<String>,
}

/// Everything that the plans of a bundle may call, by contract.
pub(crate) fn called(bundle: &Bundle) -> BTreeMap<Digest, Called> {
    let mut out = BTreeMap::new();
    for plan in bundle.plans() {
        for tool in plan.tools() {
            let (kind, config) = (tool.kind.name, &tool.config);
            out.insert(toolbox::contract(tool), Called::of(&tool.name, kind, &tool.about, None, config));
        }
        for step in plan.steps().iter().filter(|step| step.kind.step == StepKind::ToolCall) {
            let schema = step.schema.as_ref().map(|schema| schema.source());
            let made = Called::of(&step.name, step.kind.name, step.kind.about, schema, &step.config);
            out.insert(doer::contract(step, None), made);
        }
    }
    out
}

impl Called {
    fn of(
        name: &str,
        kind: &'static str,
        about: &str,
        schema: Option<&Value>,
        config: &Map<String, Value>,
    ) -> Self {
        let mut told = json!({"about": about, "kind": kind, "name": name});
        if let (Some(keys), Some(schema)) = (told.as_object_mut(), schema) {
            keys.insert("output".to_owned(), schema.clone());
        }
        // A schema that cannot be written as canonical JSON was not read from a file.
        let told = serde_json_canonicalizer::to_vec(&told).unwrap_or_default();
        let origin = config.get("url").and_then(Value::as_str).and_then(origin);
        Self { name: name.to_owned(), kind, about: about.to_owned(), schema: Digest::of(&[&told]), origin }
    }
}

/// Where an address leads, without what is asked there: a path or a query may hold what is nobody's business.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    // Workflow files may not hold users and passwords here; if one did, it would not be told on.
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_tells_nothing_of_what_is_asked() {
        for (url, expected) in [
            ("https://api.example.com/v1/send?key=secret", Some("https://api.example.com")),
            ("http://127.0.0.1:80", Some("http://127.0.0.1:80")),
            ("https://jo:secret@example.com/x", Some("https://example.com")),
            ("https:///x", None),
            ("example.com", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }
}
