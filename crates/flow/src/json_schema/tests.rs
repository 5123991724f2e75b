use super::*;
use crate::{
    Code, compile,
    findings::Findings,
    plan::tests::{
        kinds::{ALL, FILES},
        malformed,
    },
    tree::{Body, Node, Style},
    yaml,
};
use jsonschema::Validator;

/// A document as an editor reads it: like the loader's own JSON, with every plain decimal as a number.
fn document(source: &str) -> Option<Value> {
    let mut findings = Findings::default();
    let root = yaml::parse(source, &mut findings)?;
    findings.is_empty().then(|| value(&root))
}

fn value(node: &Node) -> Value {
    match &node.body {
        Body::Scalar(scalar) => {
            let decimal = scalar
                .text
                .trim_start_matches('-')
                .split('.')
                .all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
            let octal =
                scalar.text.starts_with('0') && !scalar.text.starts_with("0.") && scalar.text.len() > 1;
            let number = scalar.text.parse::<f64>().ok().filter(|_| decimal && !octal);
            let own = crate::value::json(node).unwrap();
            match number {
                Some(number) if scalar.style == Style::Plain && own.is_string() => Value::from(number),
                _ => own,
            }
        }
        Body::List(items) => items.iter().map(value).collect(),
        Body::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect(),
        Body::Broken => Value::Null,
    }
}

fn validator() -> Validator {
    jsonschema::validator_for(&json_schema(ALL)).unwrap()
}

#[test]
fn the_schema_is_a_schema() {
    let schema = json_schema(ALL);
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["properties"]["policy"]["$ref"], "#/$defs/policy");
    assert!(schema["$defs"]["step_timer"]["properties"].get("price_usd").is_none());
}

#[test]
fn files_that_are_right_are_right_for_both() {
    let validator = validator();
    for (name, source) in FILES {
        let document = document(source).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
        assert!(compile(source, ALL).is_ok(), "{name}");
    }
}

/// Mistakes that show in one place of the file.
fn shows(case: &malformed::Case) -> bool {
    match case.code {
        Code::SHAPE | Code::UNKNOWN_KEY | Code::MISSING_KEY | Code::UNENFORCED_POLICY => true,
        Code::UNKNOWN_KIND | Code::LATER_KIND | Code::VERSION | Code::BAD_EDGE => true,
        Code::BAD_VALUE => !case.name.ends_with("0.12345678"),
        _ => false,
    }
}

#[test]
fn files_that_are_wrong_are_wrong_for_both() {
    let validator = validator();
    let (mut seen, mut left) = (0, 0);
    let mut wrong = Vec::new();
    for case in malformed::cases() {
        let Some(document) = document(&case.source) else { continue };
        match shows(&case) {
            true if validator.is_valid(&document) => wrong.push(case.name),
            true => seen += 1,
            // Only the loader sees these; the schema must not see them as something else.
            false => left += 1,
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(seen > 150 && left > 20, "{seen} {left}");
}

#[test]
fn names_are_only_for_the_loader() {
    let validator = validator();
    for source in [
        "nodes: {a: {kind: echo}}\nedges: [a -> b]",
        "nodes: {a: {kind: echo}, b: {kind: echo}}\nedges: [a -> b, b -> a]",
        "nodes: {a: {kind: echo, routes: [x]}}",
        "nodes: {a: {kind: native, tools: [x]}}",
        "nodes: {a: {kind: echo}}\nentry: b",
        "version: 1.0\nnodes: {a: {kind: echo}}",
    ] {
        assert!(validator.is_valid(&document(source).unwrap()), "{source}");
        assert!(compile(source, ALL).is_err(), "{source}");
    }
    for source in [
        "nodes: {a: {kind: timer}}",
        "nodes: {a: {kind: timer, after_s: 1, cron: x}}",
        "nodes: {a: {kind: echo, price: 1}}",
        "nodes: {a: {kind: native, price_usd: 1}}",
        "nodes: {a: {kind: echo, tools: [x]}}",
        "nodes: {a: {kind: native, prompt: a, task_description: b}}",
        "nodes: {-a: {kind: echo}}",
        "nodes: {a: {id: a, kind: echo}}",
        "nodes: [{kind: echo}]",
        "nodes: {}",
        "nodes: {a: {kind: echo}}\npolicy: {enable_x: true}",
        "nodes: {a: {kind: echo}}\npolicy: dev",
        "nodes: {a: {kind: echo}}\ntools: {t: {kind: human}}",
        "nodes: {a: {kind: echo}}\ncompliance: {}",
    ] {
        assert!(!validator.is_valid(&document(source).unwrap()), "{source}");
        assert!(compile(source, ALL).is_err(), "{source}");
    }
}
