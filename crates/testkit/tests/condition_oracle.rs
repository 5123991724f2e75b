//! CPython decides random conditions, and so do we: one process of `python3` for all of them.
//!
//! `COMITY_ORACLE=100000` compares more, `COMITY_ORACLE_SEED` others.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the oracle is a process")]

use comity_flow::Condition;
use comity_testkit::conditions::{self, Case};
use comity_testkit::random::Random;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Command;

const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/condition_oracle/oracle.py");

/// What Python said of one case.
#[derive(Deserialize)]
struct Python {
    plain: String,
    strict: String,
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

fn ask_python(cases: &[Case]) -> Vec<Python> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for Case { text, scope, .. } in cases {
        writeln!(file, "{}", json!({"text": text, "scope": scope})).unwrap();
    }
    file.flush().unwrap();
    let ran = Command::new("python3").arg(ORACLE).arg(file.path()).env("PYTHONUTF8", "1").output();
    let ran = ran.unwrap_or_else(|error| panic!("python3 (3.10 or later) has to be on the PATH: {error}"));
    assert!(ran.status.success(), "python3 failed:\n{}", String::from_utf8_lossy(&ran.stderr));
    let out = String::from_utf8(ran.stdout).unwrap();
    let answers: Vec<Python> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len());
    answers
}

/// The verdict in Python's spelling, or why there is none; and whether the text was read at all.
fn ask_us(case: &Case) -> (String, bool) {
    let condition = match Condition::parse(&case.text) {
        Ok(condition) => condition,
        Err(bad) => return (format!("not read: {}", bad.message), false),
    };
    let values: Vec<Option<&Value>> = condition.names().iter().map(|name| case.scope.get(&**name)).collect();
    match condition.decide(&values) {
        Ok(true) => ("True".to_owned(), true),
        Ok(false) => ("False".to_owned(), true),
        Err(undecided) => (format!("undecided: {}", undecided.0), true),
    }
}

fn is_bool(verdict: &str) -> bool {
    matches!(verdict, "True" | "False")
}

/// What is wrong with our verdict, if anything.
fn judge(case: &Case, python: &Python) -> Option<String> {
    let (ours, read) = ask_us(case);
    let wrong = if is_bool(&ours) {
        // No exception: whatever we decide, Python decides the same.
        ours != python.plain
    } else {
        let python_decides = is_bool(&python.plain) && is_bool(&python.strict);
        // What the grammar wrote has to be read, whatever then becomes of it.
        python_decides || (case.whole && !read)
    };
    wrong.then(|| {
        let (Case { text, scope, .. }, Python { plain, strict }) = (case, python);
        let scope = json!(scope);
        format!("{text}\n  ours: {ours}\n  eval: {plain}\n  strict: {strict}\n  scope: {scope}")
    })
}

#[test]
fn what_we_decide_cpython_decides() {
    let (count, seed) = (number("COMITY_ORACLE", 10_000), number("COMITY_ORACLE_SEED", 1));
    let random = Random::new(seed);
    let cases: Vec<Case> = (0..count).map(|_| conditions::case(&random)).collect();
    let answers = ask_python(&cases);
    let wrong: Vec<String> =
        cases.iter().zip(&answers).filter_map(|(case, python)| judge(case, python)).collect();
    let ours: Vec<String> = cases.iter().map(|case| ask_us(case).0).collect();
    let decided = |verdict: &str| ours.iter().filter(|ours| *ours == verdict).count();
    let (yes, no) = (decided("True"), decided("False"));
    println!("seed {seed}: {count} conditions, {yes} True, {no} False, the rest undecided or not read");
    assert!(wrong.is_empty(), "seed {seed}: {} differ, such as\n{}", wrong.len(), wrong.first().unwrap());
    // A comparison of errors with errors would show nothing.
    assert!(yes * 10 > cases.len() && no * 10 > cases.len(), "seed {seed}: {yes} True, {no} False");
}
