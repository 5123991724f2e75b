//! A run as a bill of materials.

use super::evidence::{Evidence, Tool, moment};
use comity_api::sbom::{
    Bom, Component, Dependency, Hash, Lifecycle, Metadata, Property, SPEC_VERSION, Service, Tools,
};
use comity_core::Digest;

impl Evidence {
    /// Models, tools with the digests of their schemas, services, workflow files, policy and input.
    pub(super) fn bom(&self) -> Bom {
        let mut components = self.files();
        components.extend(self.models.iter().map(|(model, used)| Component {
            kind: "machine-learning-model".to_owned(),
            bom_ref: Some(format!("model:{model}")),
            name: model.clone(),
            properties: properties([
                ("calls", used.calls.to_string()),
                ("micro-usd", used.amounts.micro_usd.to_string()),
                ("simulated", used.simulated.to_string()),
                ("tokens", used.amounts.tokens.to_string()),
            ]),
            ..Component::default()
        }));
        let (remote, local): (Vec<&Tool>, Vec<&Tool>) =
            self.tools.iter().partition(|tool| origin(tool).is_some());
        components.extend(local.into_iter().map(component));
        let services: Vec<Service> = remote.into_iter().filter_map(service).collect();
        let parts = components.iter().filter_map(|part| part.bom_ref.clone());
        let parts = parts.chain(services.iter().map(|service| service.bom_ref.clone()));
        let dependencies = vec![Dependency { of: self.run.to_string(), depends_on: parts.collect() }];
        Bom {
            bom_format: "CycloneDX".to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            serial_number: serial(&self.head),
            version: 1,
            metadata: self.about(),
            components,
            services,
            dependencies,
        }
    }

    fn about(&self) -> Metadata {
        let verdicts =
            self.verdicts.iter().map(|(verdict, count)| (format!("verdict:{verdict}"), count.to_string()));
        let principals =
            self.principals.iter().map(|(who, count)| (format!("principal:{who}"), count.to_string()));
        let facts = [
            ("entries".to_owned(), self.entries.to_string()),
            ("head".to_owned(), self.head.hex()),
            ("namespace".to_owned(), self.namespace.clone()),
            ("policy".to_owned(), self.policy.0.hex()),
            ("policy-version".to_owned(), "1".to_owned()),
            ("run".to_owned(), self.run.to_string()),
            ("status".to_owned(), self.status.word().to_owned()),
            ("tenant".to_owned(), self.tenant.clone()),
        ];
        let output = self.output.as_ref().map(|output| {
            let bytes = serde_json_canonicalizer::to_vec(output).unwrap_or_default();
            ("output".to_owned(), Digest::of(&[&bytes]).hex())
        });
        let component = Component {
            kind: "application".to_owned(),
            bom_ref: Some(self.run.to_string()),
            name: self.workflow.clone().unwrap_or_else(|| self.run.to_string()),
            version: self.files.first().map(|(_, digest)| digest.hex()),
            properties: properties(facts.into_iter().chain(output).chain(principals).chain(verdicts)),
            ..Component::default()
        };
        let maker = Component {
            kind: "application".to_owned(),
            name: "comity".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..Component::default()
        };
        Metadata {
            timestamp: moment(self.changed),
            lifecycles: vec![Lifecycle { phase: "operations".to_owned() }],
            tools: Tools { components: vec![maker] },
            component,
        }
    }

    /// Workflow files, the policy and what the run is about.
    fn files(&self) -> Vec<Component> {
        let mut files: Vec<Component> = self
            .files
            .iter()
            .map(|(name, digest)| data("workflow", name, "application/yaml", digest))
            .collect();
        files.push(data("policy", "policy", "application/json", &self.policy.1));
        files.push(data("input", "task", "text/plain", &self.task));
        files
    }
}

fn data(role: &str, name: &str, mime_type: &str, digest: &Digest) -> Component {
    Component {
        kind: "data".to_owned(),
        bom_ref: Some(format!("{role}:{name}")),
        mime_type: Some(mime_type.to_owned()),
        name: name.to_owned(),
        hashes: vec![Hash { alg: "SHA-256".to_owned(), content: digest.hex() }],
        properties: properties([("role", role.to_owned())]),
        ..Component::default()
    }
}

fn component(tool: &Tool) -> Component {
    let about = tool.declared.as_ref().map(|declared| declared.about.clone());
    Component {
        kind: "application".to_owned(),
        bom_ref: Some(reference(tool)),
        name: tool.name.clone(),
        description: about.filter(|about| !about.is_empty()),
        properties: facts(tool),
        ..Component::default()
    }
}

fn service(tool: &Tool) -> Option<Service> {
    let endpoints = vec![origin(tool)?.to_owned()];
    Some(Service { bom_ref: reference(tool), name: tool.name.clone(), endpoints, properties: facts(tool) })
}

fn origin(tool: &Tool) -> Option<&str> {
    tool.declared.as_ref()?.origin.as_deref()
}

/// Two tools of one name, of two files, are two parts.
fn reference(tool: &Tool) -> String {
    format!("tool:{}:{}", tool.name, tool.contract.hex())
}

fn facts(tool: &Tool) -> Vec<Property> {
    let own = [
        ("calls", tool.calls.to_string()),
        ("contract", tool.contract.hex()),
        ("risk", tool.risk.to_string()),
    ];
    let declared = tool
        .declared
        .iter()
        .flat_map(|declared| [("kind", declared.kind.to_owned()), ("schema", declared.schema.hex())]);
    properties(own.into_iter().chain(declared))
}

/// In the order of their names, each under `comity:`.
fn properties<N: AsRef<str>>(facts: impl IntoIterator<Item = (N, String)>) -> Vec<Property> {
    let named = |(name, value): (N, String)| Property { name: format!("comity:{}", name.as_ref()), value };
    let mut out: Vec<Property> = facts.into_iter().map(named).collect();
    out.sort();
    out
}

/// A UUID of a bill's own making (RFC 9562, version 8), the same for the same chain.
fn serial(head: &Digest) -> String {
    let mut bytes = [0u8; 16];
    let digest = Digest::of(&[b"comity/sbom/v1\n", &head.0]);
    bytes.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62;
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_a_uuid_of_version_8_and_its_head_s_own() {
        let one = serial(&Digest::of(&[b"a"]));
        assert_eq!(one, serial(&Digest::of(&[b"a"])));
        assert_ne!(one, serial(&Digest::of(&[b"b"])));
        assert_eq!(one.len(), "urn:uuid:".len() + 36);
        assert_eq!(one.chars().nth(9 + 14), Some('8'), "{one}");
        assert!(matches!(one.chars().nth(9 + 19), Some('8' | '9' | 'a' | 'b')), "{one}");
    }
}
