use super::*;
use proptest::prelude::*;
use serde_json::json;

fn scope() -> Value {
    json!({
        "confidence": 0.6, "approved": true, "rejected": false, "count": 3, "content": "Clause 7 is a TRAP ",
        "items": ["a", "b", [1, 2]], "ctx": {"risk": 0.9, "deep": {"k": 1}, "get": 5}, "nothing": null,
        "large": 9_007_199_254_740_993_u64, "below": -1, "umlaut": "größe",
    })
}

fn decide_on(condition: &Condition, scope: &Value) -> Result<bool, Undecided> {
    let values: Vec<Option<&Value>> = condition.names().iter().map(|name| scope.get(&**name)).collect();
    condition.decide(&values)
}

fn decide(text: &str) -> Result<bool, String> {
    let condition = Condition::parse(text).map_err(|bad| format!("{text}: {bad:?}"))?;
    decide_on(&condition, &scope()).map_err(|undecided| undecided.0)
}

#[track_caller]
fn check(expected: bool, texts: &[&str]) {
    for text in texts {
        assert_eq!(decide(text), Ok(expected), "{text}");
    }
}

#[test]
fn decides_what_python_decides() {
    check(
        true,
        &[
            "confidence < 0.8 and approved == True",
            "0.5 <= confidence < 0.8",
            "not rejected and 'TRAP' in content",
            "ctx.get('risk', 0) > 0.85 and ctx['risk'] == ctx.risk and ctx.deep.k == 1 and ctx.get == 5",
            "ctx.get('none') is None and ctx.get('none', 3) == 3 and ctx.get(3) is None",
            "len(items) == 3 and len(content) > 3 and len(umlaut) == 5 and len(ctx) == 3 and len(()) == 0",
            "items[0] == 'a' and items[-1] == [1, 2] and items[True] == 'b' and umlaut[2] == 'ö'",
            "True == 1 and 1 == 1.0 and 1 != '1' and [1] != (1,) and (1, 2) == (1.0, 2) and nothing != 0",
            "large != 9007199254740992.0 and large > 9007199254740992.0 and 9007199254740992 == 9007199254740992.0",
            "'b' in items and [1, 2] in items and 3 not in items and 'risk' in ctx and 3 not in ctx",
            "'risk' in (ctx) and () not in ctx and '' in '' and 'a' not in ('b', 'c',)",
            "nothing is None and approved is True and 1 is not True and rejected is not None",
            "content.strip().lower().endswith('trap') and content.startswith('Clause')",
            r#"'\n\t\\\'\"' == "\x0a\x09\x5c\x27\u0022""#,
            "'\\x41\\u00e9' == 'Aé' and \"it's\" == 'it\\'s'",
            "1e3 == 1000 and .5 == 0.5 and 5. == 5 and 1_000 == 1000 and 1e-1 == 0.1 and 0_0 == 00",
            "-1 == below and - -1 == 1 and +True == 1 and -approved == -1 and -0.0 == 0",
            "'a' < 'b' and 'Z' < 'a' and 'z' < 'ö' and '' < 'a'",
            "(approved and\n not rejected)",
            "  approved\n",
            "not not approved == True",
        ],
    );
    check(
        false,
        &[
            "confidence < 0.8 and approved == False",
            "0.5 > confidence < nosuch",
            "rejected and nosuch",
            "not approved or rejected",
            "1 == 'a'",
            "None == False",
            "'a' in 'b' or 'x' in items",
        ],
    );
}

#[test]
fn says_why_it_cannot_decide() {
    let cases = [
        ("undefined_var > 0.5", "`undefined_var` is not defined"),
        ("approved and nosuch", "`nosuch` is not defined"),
        ("confidence", "`confidence` is a number, not True or False"),
        ("content and approved", "`content` is a text, not True or False"),
        ("approved and content", "`content` is a text, not True or False"),
        ("not items", "`items` is a list, not True or False"),
        ("approved or (1, 2)", "True"),
        ("(1, 2)", "`(1, 2)` is a tuple, not True or False"),
        ("1 < 'a'", "`1` and `'a'` have no order: a number and a text"),
        ("None < 1", "`None` and `1` have no order: None and a number"),
        ("[1] < [2]", "`[1]` and `[2]` have no order: a list and a list"),
        ("1 in 'a'", "`1` is a number: only a text can be in a text"),
        ("1 in 5", "`5` is a number: nothing can be in it"),
        ("[1] in ctx", "`[1]` is a list, which cannot be a key"),
        ("ctx.get(([1],)) is None", "`([1],)` is a tuple, which cannot be a key"),
        ("ctx['nosuch'] == 1", "`ctx['nosuch']` does not exist"),
        ("ctx[1] == 1", "`ctx[1]` does not exist"),
        ("ctx.deep.nosuch == 1", "`ctx.deep.nosuch` does not exist"),
        ("content.k == 1", "`content` is a text, which has no keys"),
        ("items[3] == 1", "`items[3]` does not exist"),
        ("items[-4] == 1", "`items[-4]` does not exist"),
        ("items[1.0] == 1", "`1.0` is a number: a place in a list is a whole number"),
        ("count[0] == 1", "`count` is a number, which has no places"),
        ("len(3) == 1", "`3` is a number, which has no length"),
        ("-content == 1", "`-content` puts a sign before a text"),
        ("count.lower() == 'a'", "`count` is a number, which has no `.lower()`"),
        ("content.startswith(1)", "`1` is a number: `.startswith()` takes a text"),
    ];
    for (text, message) in cases {
        let said =
            decide(text).map_or_else(|said| said, |bool| if bool { "True" } else { "False" }.to_owned());
        assert_eq!(said, message, "{text}");
    }
}

/// The condition, then carets under what is meant, the message and the help.
fn shown(text: &str) -> String {
    let Err(BadCondition { at, width, message, help }) = Condition::parse(text) else {
        return format!("{text}: no error");
    };
    let help = help.map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{text}\n{}{} {message}{help}", " ".repeat(at), "^".repeat(width))
}

#[test]
fn points_at_what_is_wrong() {
    let cases = [
        "(a == 1\n^ `(` is never closed",
        "f(a == [1)\n^ the function `f` is not part of conditions (the only function is `len`)",
        "a == [1)\n       ^ `)` cannot close `[` (write `]`)",
        "a == 1)\n      ^ `)` closes nothing",
        "ä && b\n^ `ä` cannot be part of a name in a condition (read it as a key: `structured['…']`)",
        "'ä' == a && b\n         ^^ `&&` is not part of conditions (write `and`)",
        "a || b\n  ^^ `||` is not part of conditions (write `or`)",
        "!a\n^ `!` is not part of conditions (write `not`)",
        "a = 1\n  ^ `=` is not part of conditions (write `==` to compare)",
        "a === 1\n  ^^^ `===` is not part of conditions (write `==`)",
        "a == true\n     ^^^^ `true` is not a name (did you mean `True`?)",
        "a is null\n     ^^^^ `null` is not a name (did you mean `None`?)",
        "a == 1 AND b == 2\n       ^^^ `AND` cannot follow here (write `and`)",
        "a == 1 b\n       ^ `b` cannot follow here (`and`, `or` or a comparison has to stand between two values)",
        "a + 1 > 2\n  ^ `+` is not part of conditions (conditions compare values, and do not calculate)",
        "a * 2 > 2\n  ^ `*` is not part of conditions (conditions compare values, and do not calculate)",
        "a == not b\n     ^^^ `not` cannot stand here (put brackets around `not …`)",
        "a if b else c\n  ^^ `if` cannot follow here (there is no `a if c else b`; write two edges)",
        "a ==\n    ^ the condition ends where a value has to stand",
        "== a\n^^ a value is missing before `==`",
        "a == 'x\n     ^ `'` is never closed",
        "a == '\\q'\n      ^^ `\\q` is not an escape of texts (write `\\\\` for a backslash, or `\\n`, `\\t`, `\\r`, \
         `\\'`, `\\\"`, `\\xNN`, `\\uNNNN`)",
        "a == '''x'''\n     ^^^ a text cannot have three quotes (write it in one `'` or `\"` on each side)",
        "a == f'x'\n     ^ a text cannot have a prefix: `f` (write the text in quotes alone)",
        "a.isdigit()\n  ^^^^^^^ `.isdigit()` is not part of conditions (there are `.endswith()`, `.get()`, `.lower()`, \
         `.startswith()`, `.strip()`, `.upper()`)",
        "a.get()\n  ^^^^^ `.get()` takes a key and, if wanted, a default",
        "a.strip('x')\n  ^^^^^^^^^^ `.strip()` takes no arguments",
        "len()\n^^^^^ `len()` takes one argument",
        "(a)(b)\n   ^ only `len` and methods can be called",
        "a is 1\n     ^ `is` takes None, True or False only (write `==` to compare values)",
        "a == 007\n     ^^^ `007` starts with a zero (write `7`)",
        "a == 1x\n     ^^ `1x` is not a number and not a name (numbers are written like `3`, `0.8` or `1e3`)",
        "a == 1e999\n     ^^^^^ `1e999` is larger than any number",
        "a == 99999999999999999999\n     ^^^^^^^^^^^^^^^^^^^^ `99999999999999999999` is too large (integers go up to \
         18446744073709551615)",
        "a.__class__ == 1\n  ^^^^^^^^^ `__class__` is a name of Python's own, which conditions do not have",
        "lambda\n^^^^^^ `lambda` cannot stand here (conditions have comparisons, `and`, `or`, `not` and `in`)",
        "a, b\n ^ `,` cannot follow here (write `and` or `or` between two conditions)",
        "a == “x”\n     ^ `“` is not part of conditions (texts stand in `'` or `\"`)",
        "\n^ the condition is empty",
    ];
    for case in cases {
        let (text, _) = case.split_once('\n').unwrap();
        assert_eq!(shown(text), case);
    }
}

#[test]
fn a_line_ends_inside_brackets_only() {
    let bad = Condition::parse("a\nor b").unwrap_err();
    assert_eq!((bad.at, bad.message.as_str()), (1, "a condition is one line"));
    assert!(Condition::parse("(a\nor b)\n").is_ok());
}

#[test]
fn names_stand_once_and_in_order() {
    let condition = Condition::parse("b < a and b in c.d and len(e['a']) == len").unwrap();
    let names: Vec<&str> = condition.names().iter().map(|name| &**name).collect();
    assert_eq!(names, ["b", "a", "c", "e", "len"]);
    assert!(condition.mentions("e") && !condition.mentions("d"));
    assert_eq!(condition.text(), "b < a and b in c.d and len(e['a']) == len");
}

#[test]
fn length_and_nesting_are_bounded() {
    let long = format!("a == '{}'", "x".repeat(Condition::TEXT_LIMIT));
    assert!(Condition::parse(&long).unwrap_err().message.contains("above the limit of 4096"));
    let shapes: [fn(usize) -> String; 5] = [
        |n| format!("{}a{}", "(".repeat(n), ")".repeat(n)),
        |n| format!("{}a", "not ".repeat(n)),
        |n| format!("{}1 == 1", "-".repeat(n)),
        |n| format!("a{}", "['k']".repeat(n)),
        |n| format!("{}a{}", "len(".repeat(n), ")".repeat(n)),
    ];
    for shape in shapes {
        let message = Condition::parse(&shape(700)).unwrap_err().message;
        assert!(message.contains("nested deeper than 64 levels"), "{message}");
        assert!(Condition::parse(&shape(30)).is_ok());
    }
}

#[test]
fn work_is_bounded() {
    let scope =
        json!({"a": vec![1; 60_000], "b": vec![1; 60_000], "t": "x".repeat(7_000_000), "u": "x".repeat(99)});
    for text in ["a == b and a == b", "2 in a or 2 in b", "'y' in t", "len(t) == 0", "t.upper() == u"] {
        let said = decide_on(&Condition::parse(text).unwrap(), &scope);
        assert_eq!(said, Err(Undecided("the condition takes more than 100000 steps".to_owned())), "{text}");
    }
    for text in ["a == b", "1 in a", "'y' not in u", "t != u"] {
        assert_eq!(decide_on(&Condition::parse(text).unwrap(), &scope), Ok(true), "{text}");
    }
}

#[test]
fn values_nested_without_end_are_not_compared_without_end() {
    let nest = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let condition = Condition::parse("a == b").unwrap();
    let decide = |depth| decide_on(&condition, &json!({"a": nest(depth), "b": nest(depth)}));
    assert_eq!(decide(100), Ok(true));
    assert!(decide(1_000).is_err());
}

#[test]
fn too_few_values_are_names_that_stand_for_nothing() {
    let condition = Condition::parse("a == b").unwrap();
    assert_eq!(condition.decide(&[Some(&json!(1))]), Err(Undecided("`b` is not defined".to_owned())));
}

/// Pieces that conditions, and what people take for conditions, are made of.
const SOUP: &[&str] = &[
    "a",
    "confidence",
    "and",
    "or",
    "not",
    "in",
    "is",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "'x'",
    "\"",
    "'",
    "\\",
    "1",
    "0.5",
    "1e",
    "-",
    "+",
    "True",
    "None",
    "true",
    "len",
    "get",
    "lower",
    "&&",
    "=",
    "ö",
    "\n",
    "\u{0}",
    "__a__",
    "if",
    "lambda",
    "{",
    "}",
    "99999999999999999999",
    "0x1",
    "_",
    "…",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_read_is_read_or_pointed_at(
        text in prop_oneof![
            any::<String>(),
            prop::collection::vec(prop::sample::select(SOUP), 0..40).prop_map(|parts| parts.join(" ")),
            prop::collection::vec(prop::sample::select(SOUP), 0..40).prop_map(|parts| parts.concat()),
        ],
    ) {
        match Condition::parse(&text) {
            Ok(condition) => {
                prop_assert_eq!(condition.text(), text.as_str());
                let _total = decide_on(&condition, &scope());
            }
            Err(bad) => {
                prop_assert!(bad.at <= text.chars().count() && bad.width >= 1);
                prop_assert!(bad.at + bad.width <= text.chars().count().max(bad.at + 1));
                prop_assert!(!bad.message.contains(['\n', '\r']) && !bad.message.is_empty());
            }
        }
    }
}
