//! Every edge between crates of the workspace is one that `ARCHITECTURE.md` allows.
//!
//! Edges come from `cargo metadata`, so renamed, inherited and platform-only dependencies are seen as cargo sees them.

use super::Finding;
use crate::{
    architecture::{self, Room},
    tree::{self, Tree},
};
use serde_json::Value;

const METADATA: &[&str] = &["metadata", "--no-deps", "--offline", "--format-version=1"];
const PREFIX: &str = "comity-";
const TESTKIT: &str = "testkit";

/// One dependency of one member of the workspace on another.
#[derive(Debug)]
struct Edge {
    manifest: String,
    line: usize,
    from: String,
    to: String,
    dev: bool,
}

/// Findings for edges the table does not allow, and for a table that contradicts itself or the workspace.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let text = tree.text(architecture::FILE).unwrap_or_default();
    let rooms = match architecture::ladder(text) {
        Ok(rooms) => rooms,
        Err((line, what)) => return vec![Finding::new(architecture::FILE, line, what, "restore the table")],
    };
    match tree::cargo(&tree.root, METADATA)
        .and_then(|json| serde_json::from_str(&json).map_err(|e| e.to_string()))
    {
        Ok(metadata) => findings(tree, &rooms, &metadata),
        Err(said) => vec![Finding::new("Cargo.toml", 1, said, "mend what makes `cargo metadata` fail")],
    }
}

fn findings(tree: &Tree, rooms: &[Room], metadata: &Value) -> Vec<Finding> {
    let packages = list(metadata, "packages");
    let members: Vec<&str> =
        packages.iter().filter_map(|package| package.get("name")?.as_str()).map(short).collect();
    let mut findings: Vec<Finding> =
        rooms.iter().flat_map(|room| row_findings(room, rooms, &members)).collect();
    for package in packages {
        findings.extend(package_findings(tree, rooms, &members, package));
    }
    findings
}

/// A row may name only known crates on lower rungs, and never testkit.
fn row_findings(room: &Room, rooms: &[Room], members: &[&str]) -> Vec<Finding> {
    let at = |what: String, mend: &str| Finding::new(architecture::FILE, room.line, what, mend);
    let mut findings = Vec::new();
    if !members.contains(&room.name.as_str()) {
        findings
            .push(at(format!("crate `{}` is not in the workspace", room.name), "correct or remove the row"));
    }
    for used in &room.may_use {
        let Some(used) = rooms.iter().find(|other| other.name == *used) else {
            findings.push(at(format!("`{}` may use `{used}`, which has no row", room.name), "add its row"));
            continue;
        };
        let is_lower = used.rung.is_some() && room.rung.is_none_or(|rung| used.rung < Some(rung));
        if !is_lower {
            let what = format!("`{}` may use `{}`, which is not on a lower rung", room.name, used.name);
            findings.push(at(what, "a crate uses only what is below it; move the wall, not the rung"));
        }
    }
    findings
}

fn package_findings(tree: &Tree, rooms: &[Room], members: &[&str], package: &Value) -> Vec<Finding> {
    let Some(name) = package.get("name").and_then(Value::as_str).map(short) else { return Vec::new() };
    let path = manifest_path(tree, package);
    let Some(room) = rooms.iter().find(|room| room.name == name) else {
        let what = format!("crate `{name}` has no row in `{}`", architecture::FILE);
        return vec![Finding::new(&path, 1, what, "add its row to the ladder")];
    };
    let edges =
        list(package, "dependencies").iter().filter_map(|dependency| edge(tree, &path, name, dependency));
    edges
        .filter(|edge| members.contains(&edge.to.as_str()) && !is_allowed(room, edge))
        .map(|edge| denied(&edge))
        .collect()
}

fn is_allowed(room: &Room, edge: &Edge) -> bool {
    room.may_use.contains(&edge.to) || (edge.dev && edge.to == TESTKIT)
}

fn denied(edge: &Edge) -> Finding {
    let kind = if edge.dev { "may not use, even in tests," } else { "may not use" };
    let what = format!("`{}` {kind} `{}`", edge.from, edge.to);
    let mend = format!(
        "move the code to a crate that may, or change the ladder in `{}` and say why",
        architecture::FILE
    );
    Finding::new(&edge.manifest, edge.line, what, mend)
}

/// A dependency on another package by path; one from a registry is not ours.
fn edge(tree: &Tree, manifest: &str, from: &str, dependency: &Value) -> Option<Edge> {
    dependency.get("path")?.as_str()?;
    let name = dependency.get("name")?.as_str()?;
    let key = dependency.get("rename").and_then(Value::as_str).unwrap_or(name);
    let dev = dependency.get("kind").and_then(Value::as_str) == Some("dev");
    let line = line_of(tree.text(manifest).unwrap_or_default(), key, dev);
    Some(Edge { manifest: manifest.to_owned(), line, from: from.to_owned(), to: short(name).to_owned(), dev })
}

/// The line that names the dependency in a section of the right kind, or the first.
fn line_of(manifest: &str, key: &str, dev: bool) -> usize {
    let mut section = "";
    for (index, line) in manifest.lines().map(str::trim).enumerate() {
        section = if line.starts_with('[') { line } else { section };
        let named = line
            .trim_start_matches('"')
            .strip_prefix(key)
            .or_else(|| line.split_once(&format!(".{key}")).map(|(_, rest)| rest));
        let whole = named
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')));
        if whole && section.contains("dependencies") && section.contains("dev-dependencies") == dev {
            return index + 1;
        }
    }
    1
}

fn manifest_path(tree: &Tree, package: &Value) -> String {
    let path = package.get("manifest_path").and_then(Value::as_str).unwrap_or_default();
    let root = tree.root.canonicalize().unwrap_or_default();
    path.strip_prefix(&*root.to_string_lossy()).unwrap_or(path).trim_start_matches('/').to_owned()
}

fn short(package: &str) -> &str {
    package.strip_prefix(PREFIX).unwrap_or(package)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::{Folder, tree};

    const LADDER: &str = "## The ladder\n| Rung | Crate | May use |\n|--|--|--|\n| 0 | core | – |\n| 1 | store | core |\n\
        | 2 | flow | core |\n| dev | testkit | core, store, flow |\n";

    /// A workspace of the four crates, in which `flow` has these dependency sections.
    fn check_flow(sections: &str, ladder: &str) -> Vec<String> {
        let manifest = |name: &str, rest: &str| {
            format!(
                "[package]\nname = \"comity-{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n{rest}"
            )
        };
        let root = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n[workspace.dependencies]\n\
            comity-core = { path = \"crates/core\" }\ncomity-store = { path = \"crates/store\" }\n\
            comity-testkit = { path = \"crates/testkit\" }\n";
        let mut files = vec![
            ("Cargo.toml".to_owned(), root.to_owned()),
            (architecture::FILE.to_owned(), ladder.to_owned()),
        ];
        for (name, rest) in [("core", ""), ("store", ""), ("flow", sections), ("testkit", "")] {
            files.push((format!("crates/{name}/Cargo.toml"), manifest(name, rest)));
            files.push((format!("crates/{name}/lib.rs"), String::new()));
        }
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let folder = Folder::with(&files);
        lines(&check(&Tree::read(&folder.0).unwrap()))
    }

    #[test]
    fn allows_the_edges_in_the_table() {
        let sections = "[dependencies]\ncomity-core.workspace = true\n[dev-dependencies]\ncomity-testkit.workspace = true\n";
        assert_eq!(check_flow(sections, LADDER), [""; 0]);
    }

    #[test]
    fn denies_an_edge_not_in_the_table() {
        for (sections, line) in [
            ("[dependencies]\ncomity-core.workspace = true\ncomity-store.workspace = true\n", 9),
            ("[dependencies.comity-store]\nworkspace = true\n", 7),
            ("[dependencies]\nrows = { package = \"comity-store\", path = \"../store\" }\n", 8),
            ("[build-dependencies]\ncomity-store = { path = \"../store\" }\n", 8),
            ("[target.'cfg(unix)'.dependencies]\ncomity-store.workspace = true\n", 8),
        ] {
            let expected = format!("crates/flow/Cargo.toml:{line}: `flow` may not use `store`");
            assert_eq!(check_flow(sections, LADDER), [expected], "{sections}");
        }
    }

    #[test]
    fn denies_testkit_outside_tests() {
        let expected = "crates/flow/Cargo.toml:8: `flow` may not use `testkit`";
        assert_eq!(check_flow("[dependencies]\ncomity-testkit.workspace = true\n", LADDER), [expected]);
    }

    #[test]
    fn denies_other_crates_in_tests() {
        let sections = "[dependencies]\ncomity-core.workspace = true\n[dev-dependencies]\ncomity-store.workspace = true\n";
        let expected = "crates/flow/Cargo.toml:10: `flow` may not use, even in tests, `store`";
        assert_eq!(check_flow(sections, LADDER), [expected]);
    }

    #[test]
    fn denies_a_crate_without_a_row_and_a_row_without_a_crate() {
        let ladder = LADDER.replace("| 2 | flow | core |", "| 2 | stream | core |").replace(", flow", "");
        assert_eq!(
            check_flow("", &ladder),
            [
                "ARCHITECTURE.md:6: crate `stream` is not in the workspace",
                "crates/flow/Cargo.toml:1: crate `flow` has no row in `ARCHITECTURE.md`",
            ]
        );
    }

    #[test]
    fn denies_a_table_that_climbs() {
        for (from, to, what) in [
            (
                "| 0 | core | – |",
                "| 0 | core | store |",
                "4: `core` may use `store`, which is not on a lower rung",
            ),
            (
                "| 2 | flow | core |",
                "| 1 | flow | store |",
                "6: `flow` may use `store`, which is not on a lower rung",
            ),
            (
                "| 2 | flow | core |",
                "| 2 | flow | testkit |",
                "6: `flow` may use `testkit`, which is not on a lower rung",
            ),
            ("| 2 | flow | core |", "| 2 | flow | stroe |", "6: `flow` may use `stroe`, which has no row"),
        ] {
            assert_eq!(check_flow("", &LADDER.replace(from, to)), [format!("ARCHITECTURE.md:{what}")]);
        }
    }

    #[test]
    fn denies_when_the_table_is_gone() {
        assert_eq!(lines(&check(&tree(&[]))), ["ARCHITECTURE.md:1: there is no table under `## The ladder`"]);
    }
}
