//! No text file names a folder of one machine: what works only there is broken everywhere else.

use super::Finding;
use crate::tree::{SourceFile, Tree};

/// Folders that one machine has and the next lacks; each spelled in two parts, so that this file passes its own rule.
const MACHINE_FOLDERS: &[&str] = &[HOME, concat!("/ro", "ot/"), concat!("/wo", "rk/")];
/// Names a machine only together with a user.
const HOME: &str = concat!("/ho", "me/");
const MEND: &str = "use a path from the root of the repository, or a variable such as `$HOME`";

/// Findings for lines that name such a folder.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().flat_map(file_findings).collect()
}

fn file_findings(file: &SourceFile) -> Vec<Finding> {
    let numbered = file.text.lines().enumerate();
    let named = numbered.flat_map(|(index, line)| {
        MACHINE_FOLDERS
            .iter()
            .filter(move |folder| names(line, folder))
            .map(move |folder| (index + 1, folder))
    });
    named
        .map(|(line, folder)| Finding::new(&file.path, line, format!("a path under `{folder}`"), MEND))
        .collect()
}

fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let (before, after) = line.split_at_checked(at).unwrap_or_default();
        let user = after
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        starts_a_path(before) && (folder != HOME || user)
    })
}

/// Whether a slash after this begins a path: after `=` or `-I` it does, after `$X` or `https:/` the path goes on.
fn starts_a_path(before: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "._-~/})>*%".contains(c);
    ["://", "-I", "-L"].iter().any(|start| before.ends_with(start)) || !before.ends_with(goes_on)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::tree;

    /// `@` stands for the first slash, so that this file passes its own rule.
    fn check_line(line: &str, red: bool) {
        let text = format!("first\n{}\n", line.replace('@', "/"));
        let findings = lines(&check(&tree(&[("docs/a.md", &text)])));
        assert_eq!(findings.len(), usize::from(red), "{line}: {findings:?}");
        assert!(
            findings.iter().all(|finding| finding.starts_with("docs/a.md:2: a path under `/")),
            "{findings:?}"
        );
    }

    #[test]
    fn denies_paths_of_a_machine() {
        for line in [
            "@work/main",
            "cd @root/.cargo",
            "x=@home/ada/x",
            "\"@home/ada\"",
            "file://@root/x",
            "(`@work/x`)",
            "-I@work/x",
        ] {
            check_line(line, true);
        }
    }

    #[test]
    fn allows_paths_that_are_not() {
        for line in [
            "https://example.com@work/x",
            "https:/@work/x",
            "./a@work/",
            "$HOME@work/",
            "${X}@work/",
            "@home/$USER",
            "@home/<user>/x",
            "@work",
        ] {
            check_line(line, false);
        }
    }
}
