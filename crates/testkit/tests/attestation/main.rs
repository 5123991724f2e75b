//! What is attested of a run, judged by the public libraries of in-toto, DSSE and CycloneDX.

#![expect(clippy::unwrap_used, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the judge is a process, and is handed files")]

use comity_core::Unwatched;
use comity_ledger::dsse::{Envelope, IN_TOTO};
use comity_ledger::log::note::{Kind, SecretKey};
use comity_runtime::view::Attestation;
use comity_runtime::{Durability, Hooks, Request, Runtime, Settings, no_files, system_world};
use comity_testkit::python;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attestation");

/// Two models, a tool that settles, one that is refused, a service nobody answers at, and a plain step.
const FLOW: &str = "\
name: attested
policy: {budget_usd: 0.5, max_risk_tier: external-io}
tools:
  search: {kind: echo, about: Finds clauses., trust: trusted, risk: read-only, idempotent: true, price_usd: 0.002, text: found}
  erase: {kind: echo, about: Erases clauses., risk: irreversible}
nodes:
  notify: {kind: http, url: 'http://127.0.0.1:9/hook?key=a-secret', allow_private: true}
  researcher:
    kind: native
    role: researcher
    tools: [search, erase]
    sandbox:
      turns:
        - calls: [{tool: search, arguments: {query: renewal}}]
        - calls: [{tool: erase, arguments: {}}]
        - content: Two contracts.
  writer: {kind: native, role: executor, sandbox: {content: The brief.}}
  file: {kind: echo, text: filed}
edges: [researcher -> writer -> file, researcher -> notify]
terminal: [file]
";

struct House {
    folder: TempDir,
}

impl House {
    fn open(&self) -> Runtime {
        let database = self.folder.path().join("c.db");
        let settings = Settings::local(
            database,
            Durability::Process,
            system_world(Arc::new(Unwatched)),
            comity_testkit::keys::place(),
        );
        Runtime::open(settings).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A run of [`FLOW`] to its end, and what is attested of it.
fn attested() -> (House, Attestation) {
    let house = House { folder: TempDir::new().unwrap() };
    let attestation = block(async {
        let runtime = house.open();
        let request = Request {
            source: FLOW.to_owned(),
            file: "/srv/contracts/flow.yaml".to_owned(),
            base_dir: PathBuf::new(),
            task: "a task that is nobody's business".to_owned(),
            read: no_files(),
            trace: None,
            about: None,
        };
        let run = runtime.start(request, Hooks::default()).await.unwrap().run;
        let first = runtime.attestation(run).await.unwrap();
        drop(runtime);
        let again = house.open().attestation(run).await.unwrap();
        assert_eq!(first, again, "the same entries give the same attestation");
        first
    });
    (house, attestation)
}

/// What the public libraries say of these files.
fn judge(envelope: &Path, verifier: &str, bom: &Path) -> Result<Value, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let requirements = PathBuf::from(HERE).join("requirements.txt");
    let python = python::environment(target, "attestation", &requirements).unwrap();
    let script = PathBuf::from(HERE).join("validate.py");
    let ran = Command::new(python).arg(script).arg(envelope).arg(verifier).arg(bom).output().unwrap();
    if ran.status.success() {
        Ok(serde_json::from_slice(&ran.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&ran.stderr).into_owned())
    }
}

#[test]
fn the_public_libraries_take_both_for_what_they_say() {
    let (house, Attestation { statement, bom }) = attested();
    let key = SecretKey::new("comity/test/local", Kind::Ed25519, &[9; 32]).unwrap();
    let envelope = Envelope::sign(IN_TOTO, &serde_json::to_vec(&statement).unwrap(), &key).unwrap();
    let (dsse, sbom) = (house.path("run.dsse"), house.path("run.cdx.json"));
    std::fs::write(&dsse, envelope.to_bytes()).unwrap();
    std::fs::write(&sbom, serde_json::to_vec(&bom).unwrap()).unwrap();
    let verifier = key.verifier().to_string();
    let said = judge(&dsse, &verifier, &sbom).unwrap();
    assert_eq!(said["subjects"], 3, "the run, its output as JSON and as text");
    assert_eq!(said["kinds"], serde_json::json!(["application", "data", "machine-learning-model"]));
    let other = SecretKey::new("comity/test/local", Kind::Ed25519, &[8; 32]).unwrap();
    let refused = judge(&dsse, &other.verifier().to_string(), &sbom).unwrap_err();
    assert!(refused.contains("VerificationError"), "{refused}");
    let worse = String::from_utf8(envelope.to_bytes()).unwrap();
    let payload = serde_json::from_str::<Value>(&worse).unwrap()["payload"].as_str().unwrap().to_owned();
    std::fs::write(&dsse, worse.replace(&payload, &payload.replacen('e', "f", 1))).unwrap();
    judge(&dsse, &verifier, &sbom).unwrap_err();
}

#[test]
fn it_names_every_part_of_the_run() {
    let (_house, Attestation { statement, bom }) = attested();
    let named = |role: &str| -> Vec<&str> {
        let materials = statement.predicate.materials.iter();
        let of = materials.filter(|part| part.annotations.get("role").is_some_and(|found| found == role));
        of.map(|part| part.name.as_str()).collect()
    };
    assert_eq!(named("workflow"), ["flow.yaml"]);
    assert_eq!(named("model"), ["claude-haiku-4-5", "claude-sonnet-4-6"]);
    assert_eq!(named("tool"), ["erase", "file", "notify", "search"]);
    let result = &statement.predicate.result;
    assert_eq!(result.status, "completed");
    assert_eq!(result.verdicts.get("deny"), Some(&1), "the gate refused one tool call");
    assert!(result.usage.micro_usd > 2_000 && result.usage.tokens > 0, "{:?}", result.usage);
    assert_eq!(result.entries.values().sum::<u64>(), statement.predicate.ledger.entries);
    let part = |name: &str| bom.components.iter().find(|part| part.name == name).unwrap();
    let fact = |name: &str, fact: &str| -> Option<String> {
        let found = part(name).properties.iter().find(|one| one.name == format!("comity:{fact}"));
        found.map(|one| one.value.clone())
    };
    assert_eq!(fact("claude-sonnet-4-6", "calls").as_deref(), Some("3"));
    assert_eq!(fact("claude-sonnet-4-6", "simulated").as_deref(), Some("true"));
    assert_eq!(
        (fact("search", "calls").as_deref(), fact("search", "kind").as_deref()),
        (Some("1"), Some("echo"))
    );
    assert_eq!(fact("erase", "calls").as_deref(), Some("0"), "it was refused");
    assert_eq!(fact("search", "schema").map(|digest| digest.len()), Some(64));
    assert_eq!(bom.services[0].endpoints, ["http://127.0.0.1:9"]);
    let needed = &bom.dependencies[0].depends_on;
    assert_eq!(needed.len(), bom.components.len() + bom.services.len());
}

#[test]
fn the_output_s_digest_is_that_of_the_file_a_person_holds() {
    let (house, Attestation { statement, .. }) = attested();
    let digest = |name: &str| {
        let found = statement.subject.iter().find(|subject| subject.name == name).unwrap();
        found.digest["sha256"].clone()
    };
    for (name, bytes) in [("output.txt", "filed"), ("output.json", "\"filed\"")] {
        let path = house.path(name);
        std::fs::write(&path, bytes).unwrap();
        let ran = Command::new("sha256sum").arg(&path).output().unwrap();
        assert!(String::from_utf8_lossy(&ran.stdout).starts_with(&digest(name)), "{name}");
    }
}

#[test]
fn it_tells_no_text_and_no_place() {
    let (_house, Attestation { statement, bom }) = attested();
    let all =
        format!("{}{}", serde_json::to_string(&statement).unwrap(), serde_json::to_string(&bom).unwrap());
    for text in ["nobody's business", "/srv/contracts", "a-secret", "Two contracts", "The brief", "filed"] {
        assert!(!all.contains(text), "`{text}` is told");
    }
}
