//! What is not written yet is not pretended: no `todo!`, no `unimplemented!`, no ignored test.

use super::Finding;
use crate::{
    lexer::{self, Token},
    syntax::{self, Attribute},
    tree::{SourceFile, Tree},
};

const PLACEHOLDERS: &[&str] = &["todo", "unimplemented"];

/// Findings for placeholders and ignored tests.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(file_findings).collect()
}

fn file_findings(file: &SourceFile) -> Vec<Finding> {
    let tokens = lexer::tokens(&file.text);
    let placeholders = tokens.windows(3).filter_map(placeholder).map(|token| {
        Finding::new(
            &file.path,
            token.line,
            format!("`{}!` in code", token.text),
            "write it, or leave it out",
        )
    });
    let attributes = syntax::attributes(&tokens);
    let ignored = attributes.iter().filter(|attribute| ignores(attribute)).map(|attribute| {
        let mend = "make it pass, or remove it; a test that cannot run here prints `SKIPPED: name: reason`";
        Finding::new(&file.path, attribute.line, "an ignored test", mend)
    });
    placeholders.chain(ignored).collect()
}

fn placeholder<'w, 'a>(window: &'w [Token<'a>]) -> Option<&'w Token<'a>> {
    let [word, mark, open] = window else { return None };
    let is_call = mark.text == "!" && matches!(open.text, "(" | "[" | "{");
    (is_call && PLACEHOLDERS.contains(&word.text)).then_some(word)
}

fn ignores(attribute: &Attribute<'_, '_>) -> bool {
    attribute.is("ignore") || (attribute.is("cfg_attr") && attribute.holds(&[",", "ignore"]))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lines, *};
    use crate::tree::testing::tree;

    fn check_text(text: &str, expected: &[&str]) {
        assert_eq!(lines(&check(&tree(&[("a.rs", text)]))), expected, "{text}");
    }

    #[test]
    fn denies_placeholders() {
        check_text("fn a() {\n    todo!()\n}", &["a.rs:2: `todo!` in code"]);
        check_text("fn a() { std::unimplemented!(\"later\") }", &["a.rs:1: `unimplemented!` in code"]);
        check_text("fn a() { todo ! [] }", &["a.rs:1: `todo!` in code"]);
    }

    #[test]
    fn denies_ignored_tests() {
        check_text("#[test]\n#[ignore]\nfn a() {}", &["a.rs:2: an ignored test"]);
        check_text("#[ignore = \"slow\"]\nfn a() {}", &["a.rs:1: an ignored test"]);
        check_text("#[cfg_attr(miri, ignore)]\nfn a() {}", &["a.rs:1: an ignored test"]);
    }

    #[test]
    fn allows_talk_of_them() {
        check_text("// todo!()\n/* #[ignore] */ const S: &str = \"todo!() #[ignore]\";", &[]);
        check_text("/// unimplemented!()\nfn a(todo: u8) -> bool { todo != 1 }", &[]);
        check_text("#[derive(Debug)]\n#[expect(ignore_me, reason = \"x\")]\nstruct A { ignore: u8 }", &[]);
    }
}
