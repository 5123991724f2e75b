//! A file is named after its idea: no `mod.rs`, and none of the names that say nothing.

use super::Finding;
use crate::{
    lexer,
    tree::{SourceFile, Tree},
};

const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "managers", "util", "utils"];
const MEND: &str = "name it after the one idea it holds";

/// Findings for files, folders and modules with a name that says nothing.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|file| path_findings(&file.path).into_iter().chain(module_findings(file))).collect()
}

fn path_findings(path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if path.split('/').next_back() == Some("mod.rs") {
        findings.push(Finding::new(path, 1, "file `mod.rs`", "use `foo.rs` beside `foo/`"));
    }
    let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let empty = parts.filter(|part| EMPTY_NAMES.contains(part));
    findings
        .extend(empty.map(|name| Finding::new(path, 1, format!("a file or folder called `{name}`"), MEND)));
    findings
}

fn module_findings(file: &SourceFile) -> Vec<Finding> {
    let tokens = lexer::tokens(&file.text);
    let names =
        tokens.iter().zip(tokens.iter().skip(1)).filter(|(word, _)| word.text == "mod").map(|(_, name)| name);
    let empty = names.filter(|name| EMPTY_NAMES.contains(&name.text.trim_start_matches("r#")));
    empty
        .map(|name| Finding::new(&file.path, name.line, format!("a module called `{}`", name.text), MEND))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::tree;

    fn check_file(path: &str, text: &str, expected: &[&str]) {
        assert_eq!(lines(&check(&tree(&[(path, text)]))), expected, "{path}: {text}");
    }

    #[test]
    fn denies_mod_rs() {
        check_file("crates/a/src/b/mod.rs", "", &["crates/a/src/b/mod.rs:1: file `mod.rs`"]);
    }

    #[test]
    fn denies_empty_names() {
        for name in ["utils", "helpers", "manager", "common"] {
            let path = format!("crates/a/src/{name}.rs");
            check_file(&path, "", &[&format!("{path}:1: a file or folder called `{name}`")]);
            let path = format!("crates/a/{name}/b.rs");
            check_file(&path, "", &[&format!("{path}:1: a file or folder called `{name}`")]);
            check_file(
                "a.rs",
                &format!("\npub mod {name} {{}}"),
                &[&format!("a.rs:2: a module called `{name}`")],
            );
        }
    }

    #[test]
    fn allows_names_that_say_something() {
        check_file(
            "crates/a/src/model.rs",
            "mod common_ground; // mod utils;\nlet manager = \"mod utils\";",
            &[],
        );
        check_file("docs/common/notes.md", "mod utils;", &[]);
    }
}
