//! The pages under `docs/src`: what they show is run, and what they list is what there is.

mod errors;
mod script;
mod tables;

use std::path::PathBuf;

/// A page, by its path under `docs/src`.
fn path(page: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "/../../docs/src/", page].concat().into()
}

fn text(page: &str) -> String {
    std::fs::read_to_string(path(page)).unwrap_or_else(|error| panic!("docs/src/{page}: {error}"))
}

/// The pages of a folder under `docs/src`, in order of name.
fn pages(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names.map(|name| format!("{folder}/{name}")).collect();
    pages.sort();
    pages
}

/// Runs what these pages show, and says everything that is not as they say.
fn run(pages: &[String]) {
    let wrong: Vec<String> = pages.iter().flat_map(|page| script::run(page, &text(page))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_introduction_shows_what_happens() {
    run(&["introduction.md".to_owned()]);
}

#[test]
fn the_tutorial_shows_what_happens() {
    run(&pages("tutorial"));
}

#[test]
fn the_reference_shows_what_happens() {
    run(&pages("reference"));
}

#[test]
fn operations_shows_what_happens() {
    run(&pages("operations"));
}
