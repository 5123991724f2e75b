//! The JSON Schema that `comity schema` prints, against the loader: on every workflow file in the repository, with
//! the kinds of step that this build has.

#![expect(clippy::unwrap_used, reason = "an integration test, all of it")]

use comity_flow::{Code, compile, json_schema};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What shows in one place of a file; the rest takes knowing the whole, which a schema does not.
const SHOWS: &[Code] = &[
    Code::SHAPE,
    Code::UNKNOWN_KEY,
    Code::MISSING_KEY,
    Code::UNENFORCED_POLICY,
    Code::UNKNOWN_KIND,
    Code::LATER_KIND,
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => files(&path, found),
            Some("yaml" | "yml") => found.push(path),
            _ => {}
        }
    }
}

/// Folders whose files are for people to run.
const SHOWN: &[&str] = &["examples", "crates/cli/templates"];
/// Files with every key; some of them are for stand-ins of the kinds, and wrong for the real ones.
const FORMS: &[&str] = &["crates/flow/tests/files"];

/// Every workflow file in these folders, with its document as an editor reads it.
fn documents(folders: &[&str]) -> Vec<(String, String, Value)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut found = Vec::new();
    for folder in folders {
        files(&Path::new(root).join(folder), &mut found);
    }
    found.sort();
    let read = |path: PathBuf| {
        let source = std::fs::read_to_string(&path).unwrap();
        let document = serde_saphyr::from_str(&source).unwrap();
        (path.display().to_string(), source, document)
    };
    found.into_iter().map(read).collect()
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&json_schema(&comity_runtime::kinds())).unwrap()
}

fn loads(source: &str) -> Result<(), Vec<Code>> {
    let kinds = comity_runtime::kinds();
    compile(source, &kinds)
        .map(drop)
        .map_err(|invalid| invalid.diagnostics.iter().map(|it| it.code).collect())
}

#[test]
fn every_file_is_right_for_both() {
    let validator = validator();
    let documents = documents(SHOWN);
    assert!(documents.len() >= 5, "{}", documents.len());
    for (name, source, document) in documents {
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!((errors, loads(&source)), (Vec::new(), Ok(())), "{name}");
    }
}

/// Places of every map in a document.
fn maps(value: &Value, at: &str, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) => {
            found.push(at.to_owned());
            map.iter().for_each(|(key, value)| maps(value, &format!("{at}/{}", escape(key)), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, value)| maps(value, &format!("{at}/{place}"), found));
        }
        _ => {}
    }
}

/// The document with each of its maps changed in some way, one at a time.
fn mutants(document: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    maps(document, "", &mut places);
    let mut mutants = Vec::new();
    let mut change = |at: &str, what: String, change: &dyn Fn(&mut Map<String, Value>)| {
        let mut mutant = document.clone();
        change(mutant.pointer_mut(at).unwrap().as_object_mut().unwrap());
        mutants.push((format!("{what} at {at:?}"), mutant));
    };
    for at in &places {
        change(at, "a key of nobody".to_owned(), &|map| drop(map.insert("zzz".to_owned(), json!(1))));
        for key in document.pointer(at).unwrap().as_object().unwrap().keys() {
            change(at, format!("no `{key}`"), &|map| drop(map.remove(key)));
            for other in [json!({"zzz": 1}), json!([["zzz"]]), json!(null), json!(true)] {
                change(at, format!("`{key}` is {other}"), &|map| {
                    drop(map.insert(key.clone(), other.clone()))
                });
            }
        }
    }
    mutants
}

#[test]
fn every_change_that_shows_in_one_place_is_wrong_for_both_or_right_for_both() {
    let validator = validator();
    let (mut wrong, mut right) = (0, 0);
    let mut apart = Vec::new();
    for (name, _, document) in [documents(SHOWN), documents(FORMS)].concat() {
        for (what, mutant) in mutants(&document) {
            // What is JSON is YAML too.
            let loaded = loads(&mutant.to_string());
            let shows = matches!(&loaded, Err(codes) if codes.iter().any(|code| SHOWS.contains(code)));
            match (validator.is_valid(&mutant), &loaded) {
                (true, Err(_)) if !shows => {}
                (true, Ok(())) => right += 1,
                (false, Err(_)) => wrong += 1,
                (valid, _) => apart.push(format!("{name}: {what}: schema {valid}, loader {loaded:?}")),
            }
        }
    }
    assert!(apart.is_empty(), "{} apart\n{}", apart.len(), apart.join("\n"));
    assert!(wrong > 500 && right > 100, "{wrong} {right}");
}
