//! Each error code has its page, each page its code, and what a page shows is under that code.

use super::{pages, path, script, text};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Every code with one line about it.
fn codes() -> BTreeMap<&'static str, &'static str> {
    comity_runtime::CODES.iter().chain(comity_cli::CODES).copied().collect()
}

#[test]
fn each_code_has_its_page_and_each_page_its_code() {
    let known: Vec<String> = codes().keys().map(|code| format!("errors/{code}.md")).collect();
    let mut kept = pages("errors");
    kept.retain(|page| page != "errors/index.md");
    assert_eq!(kept, known);
    for (code, about) in codes() {
        let page = text(&format!("errors/{code}.md"));
        assert!(page.starts_with(&format!("# {code}\n\n{about}\n\n")), "{code}: title and first line");
        assert!(page.contains("\n## What to do\n\n"), "{code}: what to do");
    }
}

/// The codes are what the page is about: an example shows no other.
#[test]
fn each_example_shows_the_code_of_its_page() {
    for code in codes().keys() {
        for block in script::blocks(&text(&format!("errors/{code}.md"))) {
            let shown: Vec<&str> = block.body.iter().filter_map(|line| shown(line)).collect();
            assert!(!block.is_console() || shown == [*code], "{code}: its example shows {shown:?}");
        }
    }
}

/// The code in a line that is shown: of a mistake in a file at its beginning, of an error at its end.
fn shown(line: &str) -> Option<&str> {
    let file = line.strip_prefix("error[").or(line.strip_prefix("warning["));
    let file = file.and_then(|rest| rest.split(']').next());
    file.or_else(|| line.strip_prefix("error: ")?.rsplit_once(" [")?.1.strip_suffix(']'))
}

/// All but those that no file can be made to give have an example.
#[test]
fn mistakes_in_files_have_examples() {
    let without: Vec<&str> = comity_runtime::CODES
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| {
            let blocks = script::blocks(&text(&format!("errors/{code}.md")));
            !blocks.iter().any(script::Block::is_console)
        })
        .collect();
    assert_eq!(without, ["CM0109"]);
}

#[test]
fn examples_of_mistakes_in_files_are_what_happens() {
    super::run(&pages("errors").into_iter().filter(|page| page.contains("CM01")).collect::<Vec<_>>());
}

#[test]
fn examples_of_errors_are_what_happens() {
    super::run(&pages("errors").into_iter().filter(|page| page.contains("CM02")).collect::<Vec<_>>());
}

#[test]
fn the_index_is_current() {
    let mut made = String::from(
        "# Error codes\n\n\
         This page is made from the tables of the codes. Every error has a stable code; codes are never renamed or \
         reused. `CM01` are mistakes in workflow files, `CM02` are errors of commands.\n\n\
         | Code | Means |\n|---|---|\n",
    );
    for (code, about) in codes() {
        let _ = writeln!(made, "| [{code}]({code}.md) | {about} |");
    }
    if std::env::var_os("COMITY_BLESS").is_some() {
        std::fs::write(path("errors/index.md"), &made).unwrap();
    }
    assert!(text("errors/index.md") == made, "docs/src/errors/index.md: write it again with COMITY_BLESS=1");
}
