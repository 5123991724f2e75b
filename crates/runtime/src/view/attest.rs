//! A run as a statement that others can check: what is signed.

use super::evidence::{Evidence, moment};
use crate::error::Error;
use crate::runtime::Runtime;
use comity_api::attestation::{
    Builder, CheckpointRef, Invocation, LedgerRef, Policy, RUN_PREDICATE, Resource, RunPredicate, RunResult,
    STATEMENT_TYPE, Statement, Usage,
};
use comity_api::sbom::Bom;
use comity_core::{Digest, RunId};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who says it.
const BUILDER: &str = "https://comity.dev/attest";

/// What can be said of a run, ready to be signed or stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The in-toto statement.
    pub statement: Statement,
    /// The bill of materials.
    pub bom: Bom,
}

impl Runtime {
    /// What can be said of a run, from its entries and its log alone: the same entries give the same bytes.
    ///
    /// Errors if the run's chain is not as it was written.
    pub async fn attestation(&self, run: RunId) -> Result<Attestation, Error> {
        let evidence = self.evidence(run).await?;
        let checkpoint = self.covering(run, evidence.entries).await?;
        Ok(Attestation { bom: evidence.bom(), statement: evidence.statement(checkpoint) })
    }

    /// The first checkpoint over all of a run's entries, if there is one.
    async fn covering(&self, run: RunId, entries: u64) -> Result<Option<CheckpointRef>, Error> {
        let Some(cell) = self.store().run(self.tenant(), run).await? else { return Ok(None) };
        let leaf = self.store().last_leaf(&cell).await?.filter(|leaf| leaf.size == entries);
        let Some(leaf) = leaf else { return Ok(None) };
        let row = self.store().checkpoint(self.tenant(), Some(leaf.position.saturating_add(1))).await?;
        let note = |note| String::from_utf8(note).ok();
        Ok(row.and_then(|row| Some(CheckpointRef { size: row.size, note: note(row.note)? })))
    }
}

impl Evidence {
    fn statement(&self, checkpoint: Option<CheckpointRef>) -> Statement {
        let counts =
            |map: &BTreeMap<&str, u64>| map.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
        Statement {
            kind: STATEMENT_TYPE.to_owned(),
            subject: self.subjects(),
            predicate_type: RUN_PREDICATE.to_owned(),
            predicate: RunPredicate {
                builder: Builder { id: BUILDER.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
                invocation: Invocation {
                    run: self.run.to_string(),
                    tenant: self.tenant.clone(),
                    namespace: self.namespace.clone(),
                    opened_on: moment(self.opened),
                    workflow: self.workflow.clone(),
                    policy: Policy { version: 1, sha256: self.policy.0.hex() },
                    principals: self.principals.clone(),
                },
                materials: self.materials(),
                result: RunResult {
                    status: self.status.word().to_owned(),
                    changed_on: moment(self.changed),
                    verdicts: counts(&self.verdicts),
                    entries: self.kinds.clone(),
                    usage: Usage {
                        micro_usd: self.spent.micro_usd,
                        millis: self.spent.millis,
                        steps: self.spent.steps,
                        tokens: self.spent.tokens,
                    },
                },
                ledger: LedgerRef { entries: self.entries, head: self.head.hex(), checkpoint },
            },
        }
    }

    /// What the statement is about: the run, and what it produced, as others may hold it in their hands.
    fn subjects(&self) -> Vec<Resource> {
        let mut out = vec![Resource::sha256(self.run.to_string(), &self.head)];
        let Some(output) = &self.output else { return out };
        out.push(Resource {
            media_type: Some("application/json".to_owned()),
            ..named("output.json", &canonical(output))
        });
        if let Value::String(text) = output {
            let media_type = Some("text/plain; charset=utf-8".to_owned());
            out.push(Resource { media_type, ..named("output.txt", text.as_bytes()) });
        }
        out
    }

    fn materials(&self) -> Vec<Resource> {
        let role = |role: &str| BTreeMap::from([("role".to_owned(), role.to_owned())]);
        let files = self.files.iter().map(|(name, digest)| Resource {
            media_type: Some("application/yaml".to_owned()),
            annotations: role("workflow"),
            ..Resource::sha256(name, digest)
        });
        let policy = Resource {
            media_type: Some("application/json".to_owned()),
            annotations: role("policy"),
            ..Resource::sha256("policy", &self.policy.1)
        };
        let task = Resource {
            media_type: Some("text/plain; charset=utf-8".to_owned()),
            annotations: role("input"),
            ..Resource::sha256("task", &self.task)
        };
        let models = self.models.iter().map(|(model, used)| {
            let mut annotations = role("model");
            annotations.insert("calls".to_owned(), used.calls.to_string());
            annotations.insert("simulated".to_owned(), used.simulated.to_string());
            let uri = Some(format!("comity:model/{model}"));
            Resource { name: model.clone(), uri, annotations, ..Resource::default() }
        });
        let tools = self.tools.iter().map(|tool| {
            let mut annotations = role("tool");
            annotations.insert("calls".to_owned(), tool.calls.to_string());
            annotations.insert("risk".to_owned(), tool.risk.to_string());
            if let Some(declared) = &tool.declared {
                annotations.insert("schema".to_owned(), declared.schema.hex());
            }
            let digest = BTreeMap::from([("comityContract".to_owned(), tool.contract.hex())]);
            Resource { name: tool.name.clone(), digest, annotations, ..Resource::default() }
        });
        files.chain([policy, task]).chain(models).chain(tools).collect()
    }
}

fn named(name: &str, bytes: &[u8]) -> Resource {
    Resource::sha256(name, &Digest::of(&[bytes]))
}

/// RFC 8785: what the digest of an output is taken of.
fn canonical(value: &Value) -> Vec<u8> {
    // It was read as JSON, so it can be written as JSON.
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}
