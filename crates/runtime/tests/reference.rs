//! The reference page in the docs is the one that the loader's table makes.

#![expect(clippy::disallowed_methods, reason = "the page is written again when asked for")]

use comity_core::KindSpec;

#[test]
fn reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reference/workflow.md");
    let mut kinds: Vec<&KindSpec> = comity_runtime::kinds();
    let own = comity_flow::KINDS
        .iter()
        .filter(|own| !comity_runtime::kinds().iter().any(|kind| kind.name == own.name));
    kinds.extend(own);
    kinds.sort_by_key(|kind| kind.name);
    let made = comity_flow::reference(&kinds);
    if std::env::var_os("COMITY_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let line = made.lines().zip(kept.lines()).position(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "docs/src/reference/workflow.md is not what the table of keys makes (first at line {}); write it again with \
         `COMITY_BLESS=1 cargo test -p comity-runtime --test reference`",
        line.unwrap_or(kept.lines().count()) + 1
    );
}
