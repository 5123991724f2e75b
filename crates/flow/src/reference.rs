//! The reference page of the workflow file, from the loader's own table.

use crate::{
    file::{
        config::nests,
        table::{
            AGENT, BREAKER, CONTEXT_BUS, EDGE, Form, KeyDoc, LATER_KINDS, LOOP_EDGE, MODEL_ROUTER, POLICY,
            Place, STEP, TIERS, TOOL, TOP,
        },
    },
    json_schema::has,
};
use comity_core::{Amounts, KindSpec};
use std::fmt::Write as _;

const HEAD: &str = "\
# The workflow file

This page is made from the table that the loader reads by; `comity schema` prints the same as JSON Schema. A
file is one YAML document without anchors, aliases and tags. Every key that is not on this page is an error,
and so is every value of another shape.
";

/// Every key of a workflow file, as Markdown.
pub fn reference(kinds: &[&KindSpec]) -> String {
    let mut out = HEAD.to_owned();
    for place in [
        &TOP,
        &POLICY,
        &BREAKER,
        &CONTEXT_BUS,
        &MODEL_ROUTER,
        &TIERS,
        &EDGE,
        &LOOP_EDGE,
        &STEP,
        &TOOL,
        &AGENT,
    ] {
        section(&mut out, place);
    }
    let _infallible = write!(out, "\n## Kinds of step\n");
    for kind in kinds {
        of_kind(&mut out, kind);
    }
    let later: Vec<String> = LATER_KINDS.iter().map(|(kind, from)| format!("`{kind}` with {from}")).collect();
    let _infallible = write!(out, "\n## Kinds that come later\n\n{}.\n", later.join(", "));
    out
}

fn section(out: &mut String, place: &Place) {
    let _infallible = write!(out, "\n## {}\n\n{}\n", heading(place.name), place.about);
    table(out, place.keys.iter().copied());
    let named = |off: bool| {
        let names = place.refused.iter().filter(move |refused| refused.may_be_off == off);
        names.map(|refused| format!("`{}`", refused.name)).collect::<Vec<_>>().join(", ")
    };
    if !named(false).is_empty() {
        let _infallible = write!(out, "\nRefused, because nothing would enforce it: {}.\n", named(false));
    }
    if !named(true).is_empty() {
        let _infallible = write!(
            out,
            "\nMay only be `false`, because this build does not do it: `enable_…`, {}.\n",
            named(true)
        );
    }
}

/// The name of a place with a capital letter where it is words.
fn heading(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

fn of_kind(out: &mut String, kind: &KindSpec) {
    let answer = if kind.idempotent { "is" } else { "is not" };
    let _infallible = write!(
        out,
        "\n### `{}`\n\n{} Its risk is `{}`, and it {answer} idempotent, unless the step says otherwise.\n",
        kind.name,
        kind.about,
        kind.risk.name()
    );
    let docs: Vec<KeyDoc> = kind.keys.iter().map(KeyDoc::from).collect();
    if nests(&docs) {
        out.push_str("\n`agent: {role: …, model: …}` is another spelling of its keys `role` and `model`.\n");
    }
    let without: Vec<String> =
        STEP.keys.iter().filter(|key| !has(kind, key)).map(|key| format!("`{}`", key.name)).collect();
    if !without.is_empty() {
        let _infallible = write!(out, "\nIt does not take {}.\n", without.join(" and "));
    }
    table(out, docs.into_iter());
}

fn table(out: &mut String, keys: impl Iterator<Item = KeyDoc>) {
    let rows: Vec<String> = keys.map(|key| row(&key)).collect();
    if !rows.is_empty() {
        let _infallible = write!(out, "\n| Key | Value | Default | |\n|---|---|---|---|\n{}", rows.concat());
    }
}

fn row(key: &KeyDoc) -> String {
    let also = if key.also.is_empty() { String::new() } else { format!(", also `{}`", key.also) };
    let default = match (key.required, key.default) {
        (true, _) => "required",
        (false, "") => "none",
        (false, default) => default,
    };
    format!("| `{}`{also} | {} | {default} | {} |\n", key.name, spelled(key.form), key.about)
}

/// What a value looks like, in words.
fn spelled(form: Form) -> String {
    let words = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let fixed = match form {
        Form::Count(least, Amounts::MAX) => return format!("a whole number from {least}"),
        Form::Count(least, most) => return format!("a whole number from {least} to {most}"),
        Form::Word(known) => return format!("one of {}", words(known)),
        Form::WordMap(known) => return format!("a map from keys to one of {}", words(known)),
        Form::Map(place) => return format!("a map: {}", place.name),
        Form::List(place) => return format!("a list; each item is {}", place.name),
        Form::Text => "a text",
        Form::Texts => "a list of at least one text",
        Form::Flag => "`true` or `false`",
        Form::Seconds => "a number above 0, with at most three decimals",
        Form::Money => "US dollars, with at most six decimals",
        Form::Tier => "a risk tier",
        Form::TierOrNone => "a risk tier, or `none`",
        Form::Any => "any value",
        Form::AnyMap => "any map",
        Form::Version => "`1`",
        Form::Kind => "the name of a kind",
        Form::Condition => "a condition",
        Form::Name => "the name of a step",
        Form::Names => "a list of at least one name",
        Form::NameOrNames => "a name, or a list of at least one",
        Form::Steps => "a map of steps by name, or a list of steps with an `id`",
        Form::Tools => "a map of tools by name",
        Form::Edges => "a list of `a -> b`, `a -> b -> c` and maps",
    };
    fixed.to_owned()
}
