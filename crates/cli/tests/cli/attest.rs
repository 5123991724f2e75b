use crate::sandbox::Sandbox;
use serde_json::Value;

const FLOW: &str = "name: greet\nnodes:\n  hello: {kind: echo, text: hello}\n";

/// A sandbox with a run that was attested into `a.dsse`, and the public key that was named.
fn attested() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.run(FLOW).expect(0);
    let runs: Value = serde_json::from_str(&sandbox.comity(&["runs", "-o", "json"]).expect(0).out).unwrap();
    let run = runs[0]["run_id"].as_str().unwrap();
    let signed = sandbox.comity(&["attest", run, "--to", "a.dsse", "--sbom", "a.json"]).expect(0);
    let key = signed.err.lines().find_map(|line| line.split_once("--key ")).unwrap().1.to_owned();
    (sandbox, key)
}

#[test]
fn it_is_checked_by_the_database_s_key_or_by_one_that_is_named() {
    let (sandbox, key) = attested();
    let own = sandbox.comity(&["verify", "a.dsse"]).expect(0);
    assert!(own.out.starts_with("valid: run_"), "{}", own.out);
    std::fs::remove_dir_all(sandbox.path(".comity")).unwrap();
    let named = sandbox.comity(&["verify", "a.dsse", "--key", &key, "-o", "json"]).expect(0);
    let report: Value = serde_json::from_str(&named.out).unwrap();
    assert_eq!((&report["valid"], &report["status"]), (&Value::from(true), &Value::from("completed")));
    assert_eq!(report["subjects"].as_object().unwrap().len(), 3);
    sandbox.comity(&["verify", "a.dsse", "--key", "no key"]).expect(2);
}

#[test]
fn one_flipped_byte_is_not_believed() {
    let (sandbox, key) = attested();
    let bytes = std::fs::read(sandbox.path("a.dsse")).unwrap();
    // Every part of it: type, payload, key id, signature. That no bit goes unseen is tested beside the format.
    for at in (12..bytes.len() - 2).step_by(bytes.len() / 12) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        sandbox.write("b.dsse", other);
        sandbox.comity(&["verify", "b.dsse", "--key", &key]).expect(9);
    }
}

#[test]
fn another_database_s_key_did_not_sign_it() {
    let (sandbox, _) = attested();
    let (other, _) = attested();
    other.write("b.dsse", std::fs::read(sandbox.path("a.dsse")).unwrap());
    let ended = other.comity(&["verify", "b.dsse"]).expect(9);
    assert!(ended.out.contains("it is signed by `comity/"), "{}", ended.out);
}

#[test]
fn a_broken_chain_is_not_attested_and_nothing_is_overwritten() {
    let (sandbox, _) = attested();
    let runs: Value = serde_json::from_str(&sandbox.comity(&["runs", "-o", "json"]).expect(0).out).unwrap();
    let run = runs[0]["run_id"].as_str().unwrap();
    sandbox.comity(&["attest", run, "--to", "a.dsse"]).expect(1);
    let script = "import sqlite3; d = sqlite3.connect('.comity/comity.db'); \
                  d.execute('UPDATE entries SET hash = zeroblob(32) WHERE seq = 1'); d.commit()";
    let ended =
        std::process::Command::new("python3").args(["-c", script]).current_dir(sandbox.path("")).status();
    assert!(ended.unwrap().success());
    let refused = sandbox.comity(&["attest", run, "--to", "c.dsse"]).expect(9);
    assert!(refused.err.contains("CM0253"), "{}", refused.err);
    assert!(!sandbox.path("c.dsse").exists());
}
