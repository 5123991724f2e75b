use super::*;
use serde_json::json;

fn schema(source: Value) -> OutputSchema {
    OutputSchema::compile(source).unwrap()
}

fn scored() -> OutputSchema {
    let score = json!({"type": "number", "minimum": 0, "maximum": 1});
    schema(json!({"type": "object", "required": ["score"], "properties": {"score": score}}))
}

#[test]
fn a_text_becomes_the_json_in_it() {
    for text in
        ["{\"score\": 0.5}", "So:\n```json\n{\"score\": 0.5}\n```", "I say [1], hence {\"score\": 0.5}."]
    {
        assert_eq!(scored().check(&json!(text)), Ok(json!({"score": 0.5})), "{text}");
    }
    assert_eq!(scored().check(&json!("no idea")), Err("root: no JSON was found in the text".to_owned()));
}

#[test]
fn an_answer_keeps_its_envelope_and_gets_what_fitted() {
    let found = json!({"content": "{\"score\": 1}", "confidence": 0.8, "structured": {"score": 1}});
    assert_eq!(scored().check(&json!({"content": "{\"score\": 1}", "confidence": 0.8})), Ok(found.clone()));
    let nothing = json!({"content": "{\"score\": 1}", "confidence": 0.8, "structured": null});
    assert_eq!(scored().check(&nothing), Ok(found));
    let given = json!({"content": "{\"score\": 1}", "structured": {"score": 0}});
    assert_eq!(scored().check(&given), Ok(given.clone()));
    let wrong = json!({"content": "{\"score\": 1}", "structured": {"score": "high"}});
    assert_eq!(scored().check(&wrong), Err("root.score: expected number, got string".to_owned()));
    let unsaid = schema(json!({"type": "object"})).check(&json!({"content": "no", "confidence": 1}));
    assert!(unsaid.is_err(), "{unsaid:?}");
}

#[test]
fn a_map_with_a_content_of_its_own_is_taken_as_it_is() {
    let page = json!({"content": "hello", "status": 200});
    let schema = schema(json!({"required": ["content", "status"]}));
    assert_eq!(schema.check(&page), Ok(page.clone()));
    assert!(schema.check(&json!({"content": "hello"})).is_err());
}

#[test]
fn anything_else_has_to_fit_itself() {
    assert_eq!(scored().check(&json!({"score": 0})), Ok(json!({"score": 0})));
    assert_eq!(scored().check(&json!([1])), Err("root: expected object, got array".to_owned()));
    assert_eq!(schema(json!(null)).check(&json!("as it is")), Ok(json!("as it is")));
}

#[test]
fn problems_are_told_in_one_short_line() {
    let check = |source: Value, output: Value, expected: &str| {
        assert_eq!(schema(source).check(&output).unwrap_err(), expected);
    };
    check(
        json!({"items": {"required": ["a"]}}),
        json!([{"a": 1}, {}]),
        "root[1]: missing required field `a`",
    );
    check(
        json!({"properties": {"a": {"enum": ["x", "y"]}}}),
        json!({"a": "z"}),
        "root.a: `z` is not one of [\"x\",\"y\"]",
    );
    check(
        json!({"properties": {"a": true}, "additionalProperties": false}),
        json!({"b": 1}),
        "root: unexpected field `b`",
    );
    check(json!({"minimum": 3}), json!(2), "root: `2` is less than 3");
    check(json!({"type": ["string", "null"]}), json!(2.5), "root: expected null or string, got number");
    check(
        json!({"anyOf": [{"type": "string"}, {"minimum": 3}]}),
        json!(2),
        "root: is of none of the kinds it may be",
    );
    let five = json!({"required": ["a", "b", "c", "d", "e"]});
    let told = "root: missing required field `a`; root: missing required field `b`; \
                root: missing required field `c`; and 2 more";
    check(five, json!({}), told);
    let long = format!("{}\n{}", "x".repeat(40), "y".repeat(4000));
    let error = schema(json!({"properties": {"k": {"const": 1}}})).check(&json!({"k": long})).unwrap_err();
    assert!(error.len() < 120 && !error.contains('\n'), "{error}");
}

#[test]
fn schemas_that_are_none_are_refused_with_their_fault() {
    for (source, fault) in [
        (json!([]), "a schema is a map"),
        (json!({"type": "text"}), "root.type: "),
        (json!({"$ref": "file:///etc/passwd"}), "`$ref` `file:///etc/passwd` leads elsewhere"),
        (json!({"$defs": {"a": {"$ref": "https://example.com/x"}}}), "leads elsewhere"),
        (json!({"pattern": "(?=a)b"}), "is not a pattern"),
        (json!({"pattern": "("}), "is not a pattern"),
        (json!({"enum": ["x".repeat(70_000)]}), "above the limit of 65536"),
        (nested(65), "deeper than 64 levels"),
    ] {
        let error = OutputSchema::compile(source).unwrap_err();
        assert!(error.contains(fault) && error.len() < 300 && !error.contains('\n'), "{error}");
    }
}

fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({"not": inner}))
}

#[test]
fn huge_outputs_are_refused_before_they_are_checked() {
    let huge = json!("x".repeat(MAX_OUTPUT + 1));
    assert!(scored().check(&huge).unwrap_err().contains("above the limit"));
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(schema(json!(true)).check(&deep), Err("root: nested deeper than 64 levels".to_owned()));
    let fork = schema(json!({"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}], "maxItems": 1}));
    let tower = (0..60).fold(json!([1, 2]), |inner, _| json!([inner]));
    assert_eq!(fork.check(&tower), Err("root: too large to be checked against this schema".to_owned()));
    assert!(fork.check(&json!([[1]])).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let _ = scored().check(&json!(text));
        let _ = scored().check(&json!({"content": text, "confidence": 1}));
    }

    #[test]
    fn no_heap_of_brackets_makes_it_panic(text in "[\\[\\]{}\":,`0-9a-z\\\\ \n]{0,300}") {
        let _ = scored().check(&json!(format!("```{text}```{text}")));
        if let Ok(source) = serde_json::from_str(&text) {
            let _ = OutputSchema::compile(source);
        }
    }
}
