//! Files that are wrong in one known way: made from files that are right, by a table of changes.

use super::{
    Seeded,
    kinds::{ALL, FILES},
};
use crate::{
    Code, Severity, compile,
    file::table::{EDGE, Form, KeyDoc, Place, STEP, TOOL, TOP},
};
use std::collections::BTreeSet;

/// One change of one file.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) line: usize,
    pub(crate) code: Code,
}

/// A line of a file that has a key.
struct Spot {
    line: usize,
    key: String,
    value: String,
    doc: KeyDoc,
}

/// What the keys below a line are.
enum Inside {
    Place(&'static Place),
    Steps(&'static Place),
    Docs(Vec<KeyDoc>),
    Free,
}

fn spots(source: &str) -> Vec<Spot> {
    let lines: Vec<&str> = source.lines().collect();
    let mut open: Vec<(usize, Inside)> = vec![(0, Inside::Place(&TOP))];
    let mut spots = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let body = line.trim_start().trim_start_matches("- ");
        let indent = line.len() - body.len();
        let Some((key, value)) = body.split_once(':').filter(|(key, _)| !key.contains([' ', '#', '"']))
        else {
            continue;
        };
        while open.last().is_some_and(|(depth, _)| *depth > indent) {
            open.pop();
        }
        let doc = match &open.last().unwrap().1 {
            Inside::Place(place) => place.key(key).copied(),
            Inside::Docs(docs) => docs.iter().find(|doc| doc.name == key).copied(),
            Inside::Steps(_) | Inside::Free => None,
        };
        let inside = match (doc.map(|doc| doc.form), &open.last().unwrap().1) {
            (Some(Form::Map(place) | Form::List(place)), _) => Inside::Place(place),
            (Some(Form::Edges), _) => Inside::Place(&EDGE),
            (Some(Form::Steps), _) if lines[at + 1].contains("- ") => Inside::Docs(docs("native", &STEP)),
            (Some(Form::Steps), _) => Inside::Steps(&STEP),
            (Some(Form::Tools), _) => Inside::Steps(&TOOL),
            (None, Inside::Steps(place)) => {
                let kind = lines[at + 1].trim().strip_prefix("kind: ");
                kind.map_or(Inside::Free, |kind| Inside::Docs(docs(kind, place)))
            }
            _ => Inside::Free,
        };
        if let Some(doc) = doc {
            spots.push(Spot { line: at + 1, key: key.into(), value: value.trim().into(), doc });
        }
        open.push((indent + 1, inside));
    }
    spots
}

fn docs(kind: &str, place: &Place) -> Vec<KeyDoc> {
    let kind = ALL.iter().find(|spec| spec.name == kind).expect(kind);
    place.keys.iter().copied().chain(kind.keys.iter().map(KeyDoc::from)).collect()
}

/// What a value is replaced with, and what is then wrong.
fn replacements(spot: &Spot) -> Vec<(&'static str, Code)> {
    let named = match spot.key.as_str() {
        "entry" => Code::ENTRY_UNKNOWN_STEP,
        "tools" => Code::UNKNOWN_TOOL,
        "routes" => Code::ROUTE_UNKNOWN_STEP,
        "terminal" => Code::TERMINAL_UNKNOWN_STEP,
        _ => Code::EDGE_UNKNOWN_STEP,
    };
    let mut found = match spot.doc.form {
        Form::Text => vec![("null", Code::SHAPE)],
        Form::Flag => vec![("yes", Code::SHAPE), ("\"true\"", Code::SHAPE)],
        Form::Count(..) => vec![
            ("-1", Code::SHAPE),
            ("010", Code::SHAPE),
            ("many", Code::SHAPE),
            ("99999999999999999999", Code::BAD_VALUE),
        ],
        Form::Seconds => vec![("0", Code::BAD_VALUE), ("soon", Code::SHAPE)],
        Form::Money => vec![("0.12345678", Code::BAD_VALUE), ("-1", Code::BAD_VALUE)],
        Form::Tier | Form::TierOrNone => vec![("huge", Code::BAD_VALUE), ("5", Code::BAD_VALUE)],
        Form::Word(_) => vec![("hug", Code::BAD_VALUE)],
        Form::Version => vec![("7", Code::VERSION)],
        Form::Kind => vec![("natve", Code::UNKNOWN_KIND), ("crewai", Code::LATER_KIND)],
        Form::Condition => vec![("a ==", Code::BAD_CONDITION), ("exec(a)", Code::BAD_CONDITION)],
        Form::Name => vec![("nobody", named)],
        Form::Names | Form::NameOrNames => vec![("[nobody]", named), ("[]", Code::SHAPE)],
        _ => Vec::new(),
    };
    if !matches!(spot.doc.form, Form::Any | Form::AnyMap | Form::Map(_) | Form::WordMap(_)) {
        found.push(("{x: 1}", Code::SHAPE));
    }
    found.extend([("&a 1", Code::YAML_FEATURE), ("!t 1", Code::YAML_FEATURE), ("a: b: c", Code::SYNTAX)]);
    found
}

fn replaced(source: &str, line: usize, new: &str) -> String {
    let lines = source.lines().enumerate().map(|(at, old)| if at + 1 == line { new } else { old });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn of_spot(file: &str, source: &str, spot: &Spot, random: &mut Seeded) -> Vec<Case> {
    let old = source.lines().nth(spot.line - 1).unwrap();
    let case = |change: &str, code, line, new: &str| Case {
        name: format!("{file}:{} {} {change}", spot.line, spot.key),
        source: replaced(source, spot.line, new),
        line,
        code,
    };
    let mut cases = Vec::new();
    if spot.key != "kind" {
        let mut misspelt = spot.key.clone();
        misspelt.insert(1 + random.below(spot.key.len()), 'q');
        let new = old.replacen(&format!("{}:", spot.key), &format!("{misspelt}:"), 1);
        cases.push(case("is misspelt", Code::UNKNOWN_KEY, spot.line, &new));
    }
    if spot.value.is_empty() || spot.value.starts_with(['|', '>']) {
        return cases;
    }
    let twice = format!("{old}\n{}", old.replacen("- ", "  ", 1));
    cases.push(case("twice", Code::KEY_TWICE, spot.line + 1, &twice));
    for (value, code) in replacements(spot) {
        let (head, _) = old.split_once(": ").unwrap();
        cases.push(case(value, code, spot.line, &format!("{head}: {value}")));
    }
    cases
}

fn of_edge(file: &str, source: &str, line: usize, old: &str) -> Vec<Case> {
    let (first, _) = old.trim().trim_start_matches("- ").split_once("->").unwrap();
    let indent = " ".repeat(old.len() - old.trim_start().len());
    let case = |change: &str, code, at, new: &str| Case {
        name: format!("{file}:{line} edge {change}"),
        source: replaced(source, line, new),
        line: at,
        code,
    };
    vec![
        case("to nobody", Code::EDGE_UNKNOWN_STEP, line, &format!("{indent}- {first}-> nobody")),
        case("to itself", Code::SELF_EDGE, line, &format!("{indent}- {first}-> {first}")),
        case("twice", Code::EDGE_TWICE, line + 1, &format!("{old}\n{old}")),
        case("without an arrow", Code::BAD_EDGE, line, &format!("{indent}- {first}")),
        case("without an end", Code::BAD_EDGE, line, &format!("{indent}- {first}->")),
        case("as a list", Code::SHAPE, line, &format!("{indent}- [{first}]")),
        case("as a stray map", Code::UNKNOWN_KEY, line, &format!("{indent}- {{from: a, to: b, when: c}}")),
    ]
}

/// Every change of every file.
pub(crate) fn cases() -> Vec<Case> {
    let mut random = Seeded(20_260_131);
    let mut cases = Vec::new();
    for (file, source) in FILES {
        for spot in spots(source) {
            cases.extend(of_spot(file, source, &spot, &mut random));
        }
        for (at, line) in source.lines().enumerate().filter(|(_, line)| line.trim().starts_with("- ")) {
            if line.contains("->") {
                cases.extend(of_edge(file, source, at + 1, line));
            }
        }
    }
    cases
}

#[test]
fn every_malformed_file_is_refused_at_the_right_line() {
    let cases = cases();
    let codes: BTreeSet<Code> = cases.iter().map(|case| case.code).collect();
    assert!(cases.len() >= 200 && codes.len() >= 15, "{} cases, {} codes", cases.len(), codes.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let Err(invalid) = compile(&case.source, ALL) else {
            wrong.push(format!("{}: accepted", case.name));
            continue;
        };
        let is_it = |found: &crate::Diagnostic| {
            found.code == case.code && found.line as usize == case.line && found.severity == Severity::Error
        };
        if !invalid.diagnostics.iter().any(is_it) {
            let shown = invalid.render("f", &case.source);
            wrong.push(format!("{}: {} at line {} is not in\n{shown}", case.name, case.code, case.line));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
}
