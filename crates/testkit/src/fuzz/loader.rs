//! Workflow files: every one of the repository, mangled.

use crate::flows;
use crate::random::Random;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Every `.yaml` of the examples and of the crates' tests, and small workloads.
static SEEDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seeds = vec![flows::chain_of(3, "ok"), flows::fan(3, 1)];
    let mut folders: Vec<PathBuf> = vec![root.join("examples"), root.join("crates")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
                seeds.extend(std::fs::read_to_string(path));
            }
        }
    }
    seeds
});

/// What a file of the language, or of YAML, may have anywhere.
const TOKENS: &[&str] = &[
    ":",
    ": ",
    "- ",
    "-> ",
    "->",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "|",
    ">",
    "? ",
    "%YAML 1.2\n",
    "---\n",
    "...\n",
    "\t",
    "\r",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
    "null",
    "~",
    "yes",
    "no",
    "1.10",
    "1e999",
    "0x10",
    "99999999999999999999",
    "-1",
    ".nan",
    "nodes:",
    "edges:",
    "kind:",
    "kind: echo",
    "from: a",
    "to: b",
    "condition: a == 1",
    "loop_edges:",
    "policy:",
    "terminal:",
    "max_retries: 3",
    "name:",
    "  ",
    "\n",
    "ö",
];

pub(super) fn input(random: &Random) -> String {
    let mut text = SEEDS.get(random.below(SEEDS.len())).cloned().unwrap_or_default();
    for _ in 0..1 + random.below(4) {
        text = mangle(random, text);
    }
    text
}

fn mangle(random: &Random, text: String) -> String {
    match random.below(8) {
        0 => flip(random, text),
        1..=4 => lines(random, &text),
        5 => nest(random, text),
        _ => insert(random, text, pick(random)),
    }
}

fn pick(random: &Random) -> &'static str {
    TOKENS.get(random.below(TOKENS.len())).copied().unwrap_or_default()
}

/// Some bytes become others.
fn flip(random: &Random, text: String) -> String {
    let mut bytes = text.into_bytes();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line goes, comes twice, changes places or moves in or out.
fn lines(random: &Random, text: &str) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let (at, other) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(5) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines.get(at).cloned().unwrap_or_default()),
        2 => lines.swap(at, other),
        3 => lines.insert(at, format!("{}{}", " ".repeat(random.below(6)), pick(random))),
        _ => {
            if let Some(line) = lines.get_mut(at) {
                *line = if random.one_in(2) { format!("  {line}") } else { line.trim_start().to_owned() };
            }
        }
    }
    lines.join("\n")
}

/// Something opens many times, and may close.
fn nest(random: &Random, text: String) -> String {
    let times = 1 + random.below(3_000);
    let (open, close) = match random.below(4) {
        0 => ("[", "]"),
        1 => ("{a: ", "}"),
        2 => ("- ", ""),
        _ => ("(", ")"),
    };
    let close = if random.one_in(2) { close } else { "" };
    insert(random, text, &format!("{}{}", open.repeat(times), close.repeat(times)))
}

fn insert(random: &Random, mut text: String, what: &str) -> String {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.insert_str(at, what);
    text
}

pub(super) fn check(source: &str, _: &Random) -> Result<(), String> {
    let Err(invalid) = comity_flow::compile(source, &comity_runtime::kinds()) else { return Ok(()) };
    // As YAML counts them, with one more for what is missing at the end.
    let lines = source.replace("\r\n", "\n").matches(['\n', '\r']).count() + 2;
    if invalid.diagnostics.is_empty() {
        return Err("it is refused without a reason".to_owned());
    }
    let outside = invalid.diagnostics.iter().find(|one| {
        let line = usize::try_from(one.line).unwrap_or(usize::MAX);
        line == 0 || line > lines || one.column == 0 || one.width == 0
    });
    if let Some(outside) = outside {
        return Err(format!("an error is outside its {lines} lines: {outside:?}"));
    }
    let shown = invalid.render("fuzz.yaml", source);
    let hostile = shown.chars().find(|c| c.is_control() && *c != '\n');
    hostile.map_or(Ok(()), |c| Err(format!("its errors print a control character: {c:?}")))
}
