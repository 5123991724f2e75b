//! Outputs against their schemas, as users of another tool know it.

use comity_flow::OutputSchema;
use serde_json::Value;

const CASES: &str = include_str!("cases/output_schema.jsonl");

/// The name in a message that stands in quotes: theirs are single, ours are back-ticks.
fn named(message: &str, quote: char) -> Option<&str> {
    message.split(quote).nth(1)
}

/// Ours says `object` where theirs has the name of a type of its language.
fn words(message: &str) -> String {
    message.replace("dict", "object").replace('\'', "`")
}

#[test]
fn cases_are_followed() {
    let mut driven = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&case["kind"], &case["stance"]), (&"output_schema".into(), &"follow".into()), "{line}");
        let schema = OutputSchema::compile(case["input"]["schema"].clone()).unwrap();
        let checked = schema.check(&case["input"]["text"]);
        assert_eq!(Value::from(checked.is_ok()), case["expected"]["valid"], "{line}: {checked:?}");
        let theirs = case["expected"]["error"].as_str().unwrap();
        let ours = checked.err().unwrap_or_default();
        assert_eq!(named(&ours, '`'), named(theirs, '\''), "{line}: {ours}");
        assert_eq!(ours, words(theirs), "{line}");
        driven += 1;
    }
    assert_eq!(driven, 9);
}
