//! Credentials judged by a verifier that shares nothing with ours: the libraries of Digital Bazaar.

#![expect(clippy::unwrap_used, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the judge is a process")]

use comity_core::{Entropy, RiskTier, Timestamp};
use comity_identity::{Capability, Claim, Credential, SecretKey};
use comity_testkit::node;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/credentials");
const NOW: u64 = 1_796_000_000_000;
const HOUR: u64 = 3_600_000;

struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(5);
    }
}

fn credential() -> Value {
    let (issuer, subject) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
    let at = Timestamp::from_millis;
    let claim = Claim {
        subject: subject.did(),
        capabilities: vec![
            Capability::new("tool:mail", RiskTier::ExternalIo).unwrap().delegable(),
            Capability::new("model:claude-*", RiskTier::Internal).unwrap(),
        ],
        from: at(NOW - HOUR),
        until: at(NOW + HOUR),
    };
    let issued = Credential::issue(&claim, &issuer.did(), &issuer, at(NOW), &Fixed).unwrap();
    issued.document().clone()
}

/// Whether the foreign verifier takes each of these at its moment.
fn judge(cases: &[(Value, u64)]) -> Vec<Value> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let home = node::environment(target, "credentials", Path::new(HERE)).unwrap();
    let mut judge = Command::new("node");
    let mut judge = judge
        .arg("judge.mjs")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = judge.stdin.take().unwrap();
    for (credential, now) in cases {
        writeln!(input, "{}", json!({"credential": credential, "now": now})).unwrap();
    }
    drop(input);
    let told = judge.wait_with_output().unwrap();
    assert!(told.status.success());
    String::from_utf8(told.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn changed(pointer: &str, to: Value) -> Value {
    let mut document = credential();
    *document.pointer_mut(pointer).unwrap() = to;
    document
}

#[test]
fn a_foreign_verifier_takes_what_was_issued_and_nothing_that_was_changed() {
    let other = SecretKey::from_seed(&[9; 32]).did();
    let cases = [
        (credential(), NOW),
        (credential(), NOW + 2 * HOUR),
        (credential(), NOW - 2 * HOUR),
        (changed("/validUntil", json!("2099-01-01T00:00:00Z")), NOW),
        (changed("/credentialSubject/id", json!(other.as_str())), NOW),
        (changed("/credentialSubject/capability/0/maxRisk", json!("irreversible")), NOW),
        (changed("/issuer", json!(other.as_str())), NOW),
        (changed("/proof/verificationMethod", json!(other.key_id())), NOW),
    ];
    let verdicts = judge(&cases);
    let taken: Vec<bool> = verdicts.iter().map(|verdict| verdict["verified"] == true).collect();
    assert_eq!(taken, [true, false, false, false, false, false, false, false], "{verdicts:?}");
}
