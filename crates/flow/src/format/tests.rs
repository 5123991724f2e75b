use super::*;
use crate::plan::tests::{
    Seeded,
    kinds::{ALL, FILES},
};

fn tidy(source: &str) -> String {
    format(source, ALL).unwrap_or_else(|invalid| panic!("{}", invalid.render("f", source)))
}

#[test]
fn formatting_keeps_what_is_said_and_does_it_once() {
    for (name, source) in FILES {
        let once = tidy(source);
        let plans = [*source, once.as_str()].map(|source| said(&crate::compile(source, ALL).unwrap()));
        assert_eq!(plans[0], plans[1], "{name}\n{once}");
        assert_eq!(tidy(&once), once, "{name}");
        let comments = |text: &str| yaml::comments(text).len();
        assert_eq!(comments(source), comments(&once), "{name}\n{once}");
    }
}

#[test]
fn comments_go_where_their_keys_go() {
    let (_, source) = FILES.iter().find(|(name, _)| *name == "comments").unwrap();
    let expected = r##"name: "comments"
# The whole file.
#
# Second thought.
version: 1  # the first

# Who does it.
nodes:
  # the first step
  a:  # short
    kind: echo
    text: "# no comment"

  # the second step
  b:
    # what it is
    kind: echo
    text: |
      folded text
edges:
  # the only one
  - a -> b  # and back
terminal:
  - b  # last
# The end.
"##;
    let shown = tidy(source);
    assert_eq!(shown.replace("text: \"folded text\\n\"", "text: |\n      folded text"), expected);
}

#[test]
fn there_is_one_way_to_write_it() {
    let source = "nodes:\n- {id: a, task_description: go, agent: {model: m, role: r}, risk: 1, kind: native}\n- id: b\n  kind: \
                  echo\nedges: [{to: b, from: a}]\nterminal: b\nname: 'it''s \"x\"'\n";
    let expected = "name: \"it's \\\"x\\\"\"\nnodes:\n  a:\n    kind: native\n    role: r\n    model: m\n    prompt: go\n    risk: 1\n  \
                    b:\n    kind: echo\nedges:\n  - a -> b\nterminal: [b]\n";
    assert_eq!(tidy(source), expected);
}

#[test]
fn a_comment_is_never_lost() {
    for source in [
        "nodes: {a: {kind: echo}, b: {kind: echo}}\nedges:\n- from: a\n  to: b # lost\n",
        "nodes:\n- kind: echo\n  # lost\n  id: a\n",
        "nodes: {a: {kind: echo\n} # lost\n}\n",
        "nodes:\n  a:\n    kind: native\n    # lost\n    agent:\n      role: x\n",
    ] {
        let invalid = format(source, ALL).expect_err(source);
        assert_eq!(invalid.diagnostics[0].code, Code::LOST, "{source}");
        assert!(invalid.diagnostics[0].message.contains("lost"), "{source}");
    }
}

#[test]
fn odd_texts_come_through() {
    let texts = [
        r#""a\tb\u0007\u2028\U0001F600""#,
        r#""""#,
        "' lead'",
        "'null'",
        "'true'",
        "a b",
        "a#b",
        "'a: b'",
        "'- a'",
        "\"x\\n\\n  y\\n\"",
        "\"\\nx\"",
        "\"x\\n\\n\"",
        "\"x \\n\"",
        "|+\n      x\n\n",
        "|\n      x\n      # y\n\n      z\n",
        ">-\n      a\n      b\n",
        "plain\n      folded",
        "\"back\\\\slash\"",
        "1.10",
        "'1.10'",
        "é",
        "\"\\\n      x\"",
    ];
    for text in texts {
        let source = format!(
            "nodes:\n  a:\n    kind: echo\n    text: {text}\nmetadata:\n  m: {{k: [{{a: [[]]}}, [x, [y, {{}}]], ~]}}\n"
        );
        let once = tidy(&source);
        let [before, after] = [&source, &once].map(|source| said(&crate::compile(source, ALL).unwrap()));
        assert_eq!(before, after, "{text}\n{once}");
        assert_eq!(tidy(&once), once);
    }
}

#[test]
fn a_damaged_file_is_refused_or_keeps_what_it_says() {
    const TOKENS: &[&str] = &[
        " ", "\n", "# c\n", "  # c", "\"", "'", "|\n", ">-\n", "\t", "\\n", ": ", "- ", "[]", "{}", "~", "é",
        "\u{85}", "x", ",", "\n\n", "\r\n", "true", "\u{feff}",
    ];
    let (mut tidied, mut lost) = (0, 0);
    for seed in 0..1500 {
        let mut random = Seeded(seed);
        let mut bytes = FILES[random.below(FILES.len())].1.as_bytes().to_vec();
        for _ in 0..=random.below(2) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => drop(bytes.drain(at..(at + random.below(9)).min(bytes.len()))),
                _ => bytes.splice(at..at, TOKENS[random.below(TOKENS.len())].bytes()).for_each(drop),
            }
        }
        let source = String::from_utf8_lossy(&bytes);
        if crate::compile(&source, ALL).is_err() {
            continue;
        }
        match format(&source, ALL) {
            Ok(once) => {
                assert_eq!(format(&once, ALL).as_ref(), Ok(&once), "seed {seed}\n{source}");
                tidied += 1;
            }
            Err(invalid) => {
                let message = &invalid.diagnostics[0].message;
                assert!(message.starts_with("the comment"), "seed {seed}: {message}\n{source}");
                lost += 1;
            }
        }
    }
    assert!(tidied > 200 && lost > 0, "{tidied} {lost}");
}

#[test]
fn a_file_that_is_wrong_is_not_touched() {
    assert!(format("nodes: {a: {kind: ech}}", ALL).is_err());
}
