//! The book holds together: every page is in its summary, says something, and its links lead somewhere.

use super::Finding;
use crate::tree::{SourceFile, Tree};
use std::collections::BTreeSet;

const SUMMARY: &str = "docs/src/SUMMARY.md";
const FOLDER: &str = "docs/src/";

/// A link of a page.
struct Link<'t> {
    line: usize,
    target: &'t str,
}

/// Findings for pages and links, of the book and of the pages at the root.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|file| is_page(&file.path));
    let mut findings: Vec<Finding> = pages.flat_map(|page| page_findings(page, tree)).collect();
    findings.extend(summary_findings(tree));
    findings
}

fn is_page(path: &str) -> bool {
    path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'))
}

fn page_findings(page: &SourceFile, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    if page.path.starts_with(FOLDER) && page.path != SUMMARY && is_empty(&page.text) {
        let mend = "begin it with `# Title` and say something below it";
        findings.push(Finding::new(&page.path, 1, "a page without a title, or with nothing else", mend));
    }
    for link in links(&page.text) {
        if let Some(what) = broken(page, &link, tree) {
            findings.push(Finding::new(
                &page.path,
                link.line,
                what,
                "name a file of the repository, or a heading of it",
            ));
        }
    }
    findings
}

fn is_empty(text: &str) -> bool {
    let mut lines = text.lines();
    let titled = lines.next().is_some_and(|line| line.starts_with("# "));
    !titled || !lines.any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// Every page is in the summary once.
fn summary_findings(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().map(|file| file.path.as_str());
    let pages: Vec<&str> =
        pages.filter(|path| path.starts_with(FOLDER) && path.ends_with(".md") && *path != SUMMARY).collect();
    let Some(summary) = tree.text(SUMMARY) else {
        let missing =
            (!pages.is_empty()).then(|| Finding::new(SUMMARY, 1, "there is no summary", "write it"));
        return missing.into_iter().collect();
    };
    let listed: Vec<(usize, String)> =
        links(summary).iter().filter_map(|link| Some((link.line, resolve(SUMMARY, link.target)?))).collect();
    let mut seen = BTreeSet::new();
    let twice = listed.iter().filter(|(_, path)| !seen.insert(path.clone()));
    let mut findings: Vec<Finding> = twice
        .map(|(line, path)| Finding::new(SUMMARY, *line, format!("`{path}` stands twice"), "list it once"))
        .collect();
    let left_out = pages.into_iter().filter(|page| !listed.iter().any(|(_, path)| path == page));
    findings.extend(left_out.map(|page| {
        Finding::new(page, 1, "a page that is not in the summary", format!("add it to {SUMMARY}"))
    }));
    findings
}

/// What is wrong with a link, if anything. Links into the web are not followed.
fn broken(page: &SourceFile, link: &Link<'_>, tree: &Tree) -> Option<String> {
    if link.target.contains("://") || link.target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.target.split_once('#').unwrap_or((link.target, ""));
    let wrong = || Some(format!("a link to `{}`, which leads nowhere", link.target));
    let Some(path) = (if path.is_empty() { Some(page.path.clone()) } else { resolve(&page.path, path) })
    else {
        return wrong();
    };
    let folder = format!("{path}/");
    let there = tree.files.iter().any(|file| file.path == path || file.path.starts_with(&folder));
    if !there {
        return wrong();
    }
    let text = tree.text(&path).unwrap_or_default();
    if !anchor.is_empty() && !headings(text).any(|heading| heading == anchor) { wrong() } else { None }
}

/// A path from the root, from one that is written in a page; `None` if it leads out of the repository.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// The lines outside of fenced blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fence && !fenced).then_some((number, line))
    })
}

fn links(text: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        // Every second part stands between backticks; a link whose words do is cut there, and goes on behind it.
        for part in line.split('`').step_by(2) {
            let targets = part.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            links.extend(targets.map(|target| Link { line: number, target }));
        }
    }
    links
}

/// The anchors of a page's headings, as they are made from their words.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| {
        let words = line.strip_prefix('#')?.trim_start_matches('#').trim();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::tree;

    const GOOD: &str = "# A\n\nSee [b](b/c.md#the-second-one) and [`x`](../../README.md).\n";

    fn check_book(a: &str, summary: &str, expected: &[&str]) {
        let files = [
            ("README.md", "[the book](docs/src/) [web](https://example.com/x)\n"),
            (SUMMARY, summary),
            ("docs/src/a.md", a),
            ("docs/src/b/c.md", "# C\n\n## The *second* one?\n\ntext\n"),
        ];
        assert_eq!(lines(&check(&tree(&files))), expected, "{a}");
    }

    const BOTH: &str = "- [A](a.md)\n  - [C](b/c.md)\n";

    #[test]
    fn passes_a_book_that_holds_together() {
        check_book(GOOD, BOTH, &[]);
        check_book("# A\n\n```\n[x](nowhere.md)\n```\n\n`[x](nowhere.md)` [a](#a)\n", BOTH, &[]);
    }

    #[test]
    fn denies_links_that_lead_nowhere() {
        let line = |target: &str| format!("docs/src/a.md:3: a link to `{target}`, which leads nowhere");
        for target in ["d.md", "b/c.md#third", "#b", "../../../x", "/b/c.md"] {
            check_book(&format!("# A\n\n[x]({target})\n"), BOTH, &[&line(target)]);
        }
    }

    #[test]
    fn denies_pages_outside_of_the_summary() {
        check_book(GOOD, "- [A](a.md)\n", &["docs/src/b/c.md:1: a page that is not in the summary"]);
        let twice = format!("{BOTH}- [A](a.md)\n");
        check_book(GOOD, &twice, &["docs/src/SUMMARY.md:3: `docs/src/a.md` stands twice"]);
    }

    #[test]
    fn denies_empty_pages() {
        for empty in ["# A\n", "# A\n\n## B\n", "text\n", ""] {
            check_book(empty, BOTH, &["docs/src/a.md:1: a page without a title, or with nothing else"]);
        }
    }
}
