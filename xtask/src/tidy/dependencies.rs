//! Packages and features that must not be in the resolved tree.
//!
//! `arbitrary_precision` turns every JSON number into text and so changes digests; the two TLS packages need a system
//! library that a new machine lacks. Packages are read from `Cargo.lock`, which covers every platform; features from
//! `cargo tree`, which knows this platform and needs no network once the packages are here.

use super::Finding;
use crate::tree::{self, Tree};

const LOCK: &str = "Cargo.lock";
const BANNED_PACKAGES: &[&str] = &["native-tls", "openssl-sys"];
const BANNED_FEATURES: &[(&str, &str)] = &[("serde_json", "arbitrary_precision")];
const TREE: &[&str] = &[
    "tree",
    "--workspace",
    "--all-features",
    "--locked",
    "--edges=normal,build,dev",
    "--prefix=none",
    "--format={p} {f}",
];

/// Findings for banned packages and features.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.text(LOCK) else {
        return vec![Finding::new(
            LOCK,
            1,
            "there is no lock file",
            "commit the `Cargo.lock` that cargo writes",
        )];
    };
    let mut findings = packages(lock);
    match tree::cargo(&tree.root, TREE) {
        Ok(listing) => findings.extend(features(&listing, lock)),
        Err(said) => findings.push(Finding::new(LOCK, 1, said, "mend what makes `cargo tree --locked` fail")),
    }
    findings
}

fn packages(lock: &str) -> Vec<Finding> {
    let present = BANNED_PACKAGES.iter().filter_map(|name| Some((name, line_of(lock, name)?)));
    present
        .map(|(name, line)| {
            let mend = format!("use rustls; `cargo tree --target all -i {name}` shows who asks for it");
            Finding::new(LOCK, line, format!("package `{name}` is in the tree"), mend)
        })
        .collect()
}

/// `listing` has lines such as `serde_json v1.0.150 alloc,default,std`.
fn features(listing: &str, lock: &str) -> Vec<Finding> {
    let on = |package: &str, feature: &str| {
        listing.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(package) && words.any(|word| word.split(',').any(|name| name == feature))
        })
    };
    let found = BANNED_FEATURES.iter().filter(|(package, feature)| on(package, feature));
    found
        .map(|(package, feature)| {
            let mend = format!("`cargo tree -e features -i {package}` shows who turns it on");
            let line = line_of(lock, package).unwrap_or(1);
            Finding::new(LOCK, line, format!("feature `{feature}` of `{package}` is on"), mend)
        })
        .collect()
}

fn line_of(lock: &str, package: &str) -> Option<usize> {
    let wanted = format!("name = \"{package}\"");
    lock.lines().position(|line| line == wanted).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::{Folder, tree};

    const LOCK_TEXT: &str = "version = 4\n\n[[package]]\nname = \"serde_json\"\nversion = \"1.0.0\"\n";

    #[test]
    fn denies_banned_packages() {
        let lock = format!(
            "{LOCK_TEXT}\n[[package]]\nname = \"openssl-sys\"\n\n[[package]]\nname = \"native-tls\"\n"
        );
        assert_eq!(
            lines(&packages(&lock)),
            [
                "Cargo.lock:11: package `native-tls` is in the tree",
                "Cargo.lock:8: package `openssl-sys` is in the tree"
            ]
        );
        assert_eq!(packages("[[package]]\nname = \"openssl-sys-extra\"\n"), []);
    }

    #[test]
    fn denies_banned_features() {
        let listing = "serde v1.0.0 default,std\nserde_json v1.0.0 alloc,arbitrary_precision,default,std\n";
        let what = "Cargo.lock:4: feature `arbitrary_precision` of `serde_json` is on";
        assert_eq!(lines(&features(listing, LOCK_TEXT)), [what]);
        let elsewhere = "other v1.0.0 arbitrary_precision\nserde_json v1.0.0 default,std (*)\n";
        assert_eq!(features(elsewhere, LOCK_TEXT), []);
    }

    #[test]
    fn denies_when_there_is_no_lock_file() {
        assert_eq!(lines(&check(&tree(&[]))), ["Cargo.lock:1: there is no lock file"]);
    }

    #[test]
    fn denies_when_cargo_cannot_answer() {
        let folder =
            Folder::with(&[("Cargo.toml", "[workspace]\nmembers = [\"gone\"]\n"), (LOCK, "version = 4\n")]);
        let findings = check(&Tree::read(&folder.0).unwrap());
        assert_eq!(findings.len(), 1, "{findings:?}");
    }

    #[test]
    fn sees_a_feature_turned_on_in_a_real_workspace() {
        let manifest = "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[lib]\npath = \"a.rs\"\n\
            [workspace]\nmembers = [\"serde_json\"]\n[dependencies.serde_json]\npath = \"serde_json\"\nfeatures = [\"arbitrary_precision\"]\n";
        let json = "[package]\nname = \"serde_json\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[lib]\npath = \"b.rs\"\n\
            [features]\narbitrary_precision = []\n";
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"serde_json\",\n]\n\n\
            [[package]]\nname = \"serde_json\"\nversion = \"1.0.0\"\n";
        let folder = Folder::with(&[
            ("Cargo.toml", manifest),
            ("a.rs", ""),
            ("serde_json/Cargo.toml", json),
            ("serde_json/b.rs", ""),
            (LOCK, lock),
        ]);
        let findings = check(&Tree::read(&folder.0).unwrap());
        assert_eq!(lines(&findings), ["Cargo.lock:11: feature `arbitrary_precision` of `serde_json` is on"]);
    }
}
