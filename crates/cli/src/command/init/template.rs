//! The files of each template. They stand in `templates/`, as they are written.

use super::Template;

/// A file's name, and its text.
pub type Text = (&'static str, &'static str);

macro_rules! file {
    ($folder:literal, $name:literal) => {
        ($name, include_str!(concat!("../../../templates/", $folder, "/", $name)))
    };
    ($folder:literal, $name:literal as $shown:literal) => {
        ($shown, include_str!(concat!("../../../templates/", $folder, "/", $name)))
    };
}

const HELLO: &[Text] = &[
    file!("hello", "flow.yaml"),
    file!("hello", "card.awk"),
    file!("hello", "greeting.txt"),
    file!("hello", "README.md"),
    file!("hello", "comity.toml"),
    file!("hello", "gitignore" as ".gitignore"),
];

const RESEARCH: &[Text] = &[
    file!("research", "flow.yaml"),
    file!("research", "findings.awk"),
    file!("research", "notes.txt"),
    file!("research", "README.md"),
    file!("research", "comity.toml"),
    file!("research", "gitignore" as ".gitignore"),
];

const CODING: &[Text] = &[
    file!("coding", "flow.yaml"),
    file!("coding", "cases.txt"),
    file!("coding", "lint.awk"),
    file!("coding", "report.awk"),
    file!("coding", "slug.awk"),
    file!("coding", "test.awk"),
    file!("coding", "README.md"),
    file!("coding", "comity.toml"),
    file!("coding", "gitignore" as ".gitignore"),
];

const LEGAL: &[Text] = &[
    file!("legal", "flow.yaml"),
    file!("legal", "contract.txt"),
    file!("legal", "dates.awk"),
    file!("legal", "memo.awk"),
    file!("legal", "traps.awk"),
    file!("legal", "README.md"),
    file!("legal", "comity.toml"),
    file!("legal", "gitignore" as ".gitignore"),
];

/// The files of a template, the one to open first in front.
pub fn files(template: Template) -> &'static [Text] {
    match template {
        Template::Hello => HELLO,
        Template::Research => RESEARCH,
        Template::Coding => CODING,
        Template::Legal => LEGAL,
    }
}

/// A task to run it with.
pub fn task(template: Template) -> &'static str {
    match template {
        Template::Hello => "Say hello",
        Template::Research => "What do we know?",
        Template::Coding => "Ship the slug function",
        Template::Legal => "Review before signing",
    }
}
