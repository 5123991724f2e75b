//! Exceptions from `disallowed_methods` stand only in the files that `ARCHITECTURE.md` lists as effect modules.
//!
//! Test code, `testkit` and `xtask` may touch the world as they like.

use super::Finding;
use crate::{
    architecture::{self, EffectModule},
    lexer, syntax,
    syntax::Attribute,
    tree::{SourceFile, Tree},
};

/// Names of the lint, and of the groups that hold it.
const LINTS: &[&str] = &["all", "disallowed_method", "disallowed_methods", "style"];
const EXEMPT_FOLDERS: &[&str] = &["crates/testkit/", "xtask/"];

/// Findings for exceptions outside the table, for stale rows of the table, and for crates that leave the lints.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let text = tree.text(architecture::FILE).unwrap_or_default();
    let modules = match architecture::effect_modules(text) {
        Ok(modules) => modules,
        Err((line, what)) => return vec![Finding::new(architecture::FILE, line, what, "restore the table")],
    };
    let mut findings: Vec<Finding> = tree.rust().flat_map(|file| unlisted(file, &modules)).collect();
    findings.extend(modules.iter().filter_map(|module| stale(tree, module)));
    findings.extend(tree.files.iter().filter_map(outside_the_lints));
    findings
}

fn unlisted(file: &SourceFile, modules: &[EffectModule]) -> Vec<Finding> {
    if is_exempt(&file.path) || modules.iter().any(|module| module.covers(&file.path)) {
        return Vec::new();
    }
    let tokens = lexer::tokens(&file.text);
    let test_lines = syntax::test_lines(&tokens);
    let in_test = |line: usize| test_lines.iter().any(|lines| lines.contains(&line));
    let attributes = syntax::attributes(&tokens);
    let exceptions =
        attributes.iter().filter(|attribute| is_exception(attribute) && !in_test(attribute.line));
    let mend = "take a clock, an entropy or a permit instead, or list the file under `## Effect modules`";
    exceptions
        .map(|attribute| {
            Finding::new(&file.path, attribute.line, "effect outside the listed effect modules", mend)
        })
        .collect()
}

fn is_exempt(path: &str) -> bool {
    EXEMPT_FOLDERS.iter().any(|folder| path.starts_with(folder))
        || path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn is_exception(attribute: &Attribute<'_, '_>) -> bool {
    (attribute.holds(&["allow", "("]) || attribute.holds(&["expect", "("]))
        && LINTS.iter().any(|lint| attribute.holds(&["clippy", ":", ":", lint]))
}

fn stale(tree: &Tree, module: &EffectModule) -> Option<Finding> {
    let found = tree.files.iter().any(|file| module.covers(&file.path));
    let what = format!("effect module `{}` does not exist", module.pattern);
    (!found).then(|| Finding::new(architecture::FILE, module.line, what, "correct or remove the row"))
}

/// A crate without the workspace's lints needs no exception to touch the world.
fn outside_the_lints(file: &SourceFile) -> Option<Finding> {
    let is_crate = file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml");
    let mut lines = file.text.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    let inherits = lines.find(|line| !line.is_empty()).is_some_and(|line| line == "workspace = true");
    let mend = "add `[lints]` with `workspace = true`";
    (is_crate && !inherits)
        .then(|| Finding::new(&file.path, 1, "the crate does not take the workspace's lints", mend))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::tree;

    const TABLE: (&str, &str) = (
        architecture::FILE,
        "## Effect modules\n\n| File | Touches |\n|--|--|\n| `crates/a/src/sys.rs` | clock |\n",
    );
    const EXCEPTION: &str = "fn a() {}\n#[expect(clippy::disallowed_methods, reason = \"x\")]\nfn b() {}\n";
    const FOUND: &str = "effect outside the listed effect modules";

    fn check_file(path: &str, text: &str) -> Vec<String> {
        lines(&check(&tree(&[TABLE, ("crates/a/src/sys.rs", EXCEPTION), (path, text)])))
    }

    #[test]
    fn denies_an_exception_outside_the_table() {
        assert_eq!(check_file("crates/b/src/lib.rs", EXCEPTION), [format!("crates/b/src/lib.rs:2: {FOUND}")]);
    }

    #[test]
    fn denies_every_spelling() {
        for text in [
            "#![allow(clippy::disallowed_methods)]",
            "#[expect(\n    clippy::unwrap_used,\n    clippy::disallowed_methods,\n    reason = \"x\"\n)]\nfn b() {}",
            "#[expect(clippy::all, reason = \"x\")]\nfn b() {}",
            "#[allow(clippy::style)]\nfn b() {}",
            "#[cfg_attr(unix, expect(clippy::disallowed_methods))]\nfn b() {}",
        ] {
            assert_eq!(
                check_file("crates/b/src/lib.rs", text),
                [format!("crates/b/src/lib.rs:1: {FOUND}")],
                "{text}"
            );
        }
    }

    #[test]
    fn allows_what_is_no_exception() {
        for text in [
            "// #[expect(clippy::disallowed_methods)]\nconst S: &str = \"#[allow(clippy::disallowed_methods)]\";",
            "#![deny(clippy::disallowed_methods)]",
            "#[expect(clippy::unwrap_used, reason = \"clippy::disallowed_methods\")]\nfn b() {}",
        ] {
            assert_eq!(check_file("crates/b/src/lib.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn allows_tests_testkit_and_xtask() {
        for path in [
            "crates/b/tests/kill.rs",
            "crates/b/src/foo/tests.rs",
            "crates/testkit/src/clock.rs",
            "xtask/src/main.rs",
        ] {
            assert_eq!(check_file(path, EXCEPTION), [""; 0], "{path}");
        }
        let text = format!("#[cfg(test)]\nmod tests {{\n{EXCEPTION}}}\n");
        assert_eq!(check_file("crates/b/src/lib.rs", &text), [""; 0]);
        let after = format!("#[cfg(test)]\nmod tests {{\n}}\n{EXCEPTION}");
        assert_eq!(check_file("crates/b/src/lib.rs", &after), [format!("crates/b/src/lib.rs:5: {FOUND}")]);
    }

    #[test]
    fn denies_a_stale_row() {
        assert_eq!(
            lines(&check(&tree(&[TABLE]))),
            ["ARCHITECTURE.md:5: effect module `crates/a/src/sys.rs` does not exist"]
        );
    }

    #[test]
    fn denies_when_the_table_is_gone() {
        assert_eq!(
            lines(&check(&tree(&[]))),
            ["ARCHITECTURE.md:1: there is no table under `## Effect modules`"]
        );
    }

    #[test]
    fn denies_a_crate_that_leaves_the_lints() {
        let what = "crates/b/Cargo.toml:1: the crate does not take the workspace's lints";
        assert_eq!(check_file("crates/b/Cargo.toml", "[package]\nname = \"b\"\n"), [what]);
        assert_eq!(check_file("crates/b/Cargo.toml", "[lints]\n\n[lints.rust]\n"), [what]);
        assert_eq!(check_file("crates/b/Cargo.toml", "[lints]\nworkspace = true\n"), [""; 0]);
    }
}
