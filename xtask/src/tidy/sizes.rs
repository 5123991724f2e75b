//! A file holds up to 600 lines and a function up to 70; known exceptions may shrink, and never grow.

use super::Finding;
use crate::{
    lexer, syntax,
    tree::{SourceFile, Tree},
};

/// Lines such as `file 712 crates/a/src/b.rs` and `fn 83 crates/a/src/b.rs name`.
const RATCHET: &str = "xtask/tidy-ratchet.txt";
const FILE_LIMIT: usize = 600;
const FUNCTION_LIMIT: usize = 70;

/// Something above its limit, or a known exception of the same kind.
#[derive(Debug)]
struct Big {
    /// `file crates/a/src/b.rs` or `fn crates/a/src/b.rs name`.
    key: String,
    size: usize,
    /// Where it begins: in the source, or in the list of exceptions.
    file: String,
    line: usize,
    limit: usize,
}

/// Findings for what is too long, and for exceptions that no longer fit.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let (mut known, mut findings) = exceptions(tree.text(RATCHET).unwrap_or_default());
    for big in tree.rust().flat_map(too_big) {
        let exception =
            known.iter().position(|exception| exception.key == big.key).map(|at| known.remove(at));
        findings.extend(compare(&big, exception.as_ref()));
    }
    findings.extend(known.iter().map(|exception| {
        let what = format!("`{}` is within its limit now", exception.key);
        Finding::new(RATCHET, exception.line, what, "remove the line")
    }));
    findings
}

fn compare(big: &Big, exception: Option<&Big>) -> Option<Finding> {
    let Big { key, size, .. } = big;
    let Some(exception) = exception else {
        let what = format!("`{key}` has {size} lines, above the limit of {}", big.limit);
        return Some(Finding::new(&big.file, big.line, what, "look for the second idea in it and split"));
    };
    let known = exception.size;
    match size.cmp(&known) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => {
            let what = format!("`{key}` grew from {known} to {size} lines");
            Some(Finding::new(&big.file, big.line, what, "an exception may only shrink: split it"))
        }
        std::cmp::Ordering::Less => {
            let what = format!("`{key}` shrank from {known} to {size} lines");
            Some(Finding::new(RATCHET, exception.line, what, format!("write {size} there")))
        }
    }
}

fn too_big(file: &SourceFile) -> Vec<Big> {
    let tokens = lexer::tokens(&file.text);
    let whole = (format!("file {}", file.path), file.text.lines().count(), 1, FILE_LIMIT);
    let functions = syntax::functions(&tokens).into_iter().map(|function| {
        let size = function.lines.end() + 1 - function.lines.start();
        (format!("fn {} {}", file.path, function.name), size, *function.lines.start(), FUNCTION_LIMIT)
    });
    let all = std::iter::once(whole).chain(functions).filter(|(_, size, _, limit)| size > limit);
    all.map(|(key, size, line, limit)| Big { key, size, file: file.path.clone(), line, limit }).collect()
}

fn exceptions(text: &str) -> (Vec<Big>, Vec<Finding>) {
    let (mut known, mut findings) = (Vec::new(), Vec::new());
    for (index, line) in
        text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        match exception(line, index + 1) {
            Some(exception) => known.push(exception),
            None => {
                let what = format!("`{line}` is not an exception");
                findings.push(Finding::new(
                    RATCHET,
                    index + 1,
                    what,
                    "write `file SIZE PATH` or `fn SIZE PATH NAME`",
                ));
            }
        }
    }
    (known, findings)
}

fn exception(line: &str, number: usize) -> Option<Big> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (key, size, limit) = match words.as_slice() {
        ["file", size, path] => (format!("file {path}"), size, FILE_LIMIT),
        ["fn", size, path, name] => (format!("fn {path} {name}"), size, FUNCTION_LIMIT),
        _ => return None,
    };
    Some(Big { key, size: size.parse().ok()?, file: RATCHET.to_owned(), line: number, limit })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::tree;

    /// A function of so many lines, after one line of comment.
    fn function(size: usize) -> String {
        format!("// first\nfn long() {{\n{}}}\n", "    // }\n".repeat(size - 2))
    }

    fn check_file(text: &str, ratchet: &str) -> Vec<String> {
        lines(&check(&tree(&[("crates/a/src/b.rs", text), (RATCHET, ratchet)])))
    }

    #[test]
    fn denies_a_long_file() {
        assert_eq!(check_file(&"\n".repeat(600), ""), [""; 0]);
        let what = "crates/a/src/b.rs:1: `file crates/a/src/b.rs` has 601 lines, above the limit of 600";
        assert_eq!(check_file(&"\n".repeat(601), ""), [what]);
    }

    #[test]
    fn denies_a_long_function() {
        assert_eq!(check_file(&function(70), ""), [""; 0]);
        let what = "crates/a/src/b.rs:2: `fn crates/a/src/b.rs long` has 71 lines, above the limit of 70";
        assert_eq!(check_file(&function(71), ""), [what]);
    }

    #[test]
    fn denies_a_long_function_in_tests() {
        let text = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(71));
        assert_eq!(check_file(&text, "").len(), 1);
    }

    #[test]
    fn an_exception_holds_at_its_size_only() {
        let ratchet = "# comment\n\nfn 80 crates/a/src/b.rs long\n";
        assert_eq!(check_file(&function(80), ratchet), [""; 0]);
        let grew = "crates/a/src/b.rs:2: `fn crates/a/src/b.rs long` grew from 80 to 81 lines";
        assert_eq!(check_file(&function(81), ratchet), [grew]);
        let shrank = "xtask/tidy-ratchet.txt:3: `fn crates/a/src/b.rs long` shrank from 80 to 79 lines";
        assert_eq!(check_file(&function(79), ratchet), [shrank]);
        let within = "xtask/tidy-ratchet.txt:3: `fn crates/a/src/b.rs long` is within its limit now";
        assert_eq!(check_file(&function(70), ratchet), [within]);
    }

    #[test]
    fn an_exception_for_a_file_holds_too() {
        assert_eq!(check_file(&"\n".repeat(700), "file 700 crates/a/src/b.rs\n"), [""; 0]);
        assert_eq!(check_file(&"\n".repeat(701), "file 700 crates/a/src/b.rs\n").len(), 1);
    }

    #[test]
    fn one_exception_covers_one_function() {
        let twice = format!("{}{}", function(80), function(80));
        assert_eq!(check_file(&twice, "fn 80 crates/a/src/b.rs long\n").len(), 1);
    }

    #[test]
    fn denies_an_exception_it_cannot_read() {
        let what = "xtask/tidy-ratchet.txt:1: `fn many crates/a/src/b.rs long` is not an exception";
        assert_eq!(check_file("", "fn many crates/a/src/b.rs long\n"), [what]);
    }
}
