//! One configuration file: TOML with the keys of the settings, each checked where it stands.

use super::{KEYS, Key, Origin, Said, Shape, checked};
use crate::error::Error;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most bytes of a configuration file.
const LIMIT: u64 = 64 << 10;

/// What a file says; `None` if there is none.
pub fn read(path: &Path, shown: &str) -> Result<Option<Vec<Said>>, Error> {
    match crate::files::text(path, LIMIT) {
        Ok(text) => parse(&text, shown).map(Some),
        Err(Error::NoFile(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(text: &str, shown: &str) -> Result<Vec<Said>, Error> {
    let place = |span: Range<usize>| place(text, span.start);
    let fault = |span: Range<usize>, what: String| {
        let (line, column) = place(span);
        Error::Config { file: shown.to_owned(), line, column, what }
    };
    let table = DeTable::parse(text).map_err(|error| {
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        fault(error.span().unwrap_or(0..0), what)
    })?;
    let mut said = Vec::new();
    for (name, value) in table.get_ref() {
        let Some(key) = KEYS.iter().find(|key| key.name == name.get_ref()) else {
            return Err(fault(name.span(), unknown(name.get_ref())));
        };
        let (line, column) = place(name.span());
        let value = said_in(key, value.get_ref()).map_err(|what| fault(value.span(), what))?;
        let origin = Origin::File { file: shown.to_owned(), line, column };
        said.push(Said { key: key.name, value, origin });
    }
    Ok(said)
}

fn said_in(key: &Key, value: &DeValue<'_>) -> Result<OsString, String> {
    let text = match (key.shape, value) {
        (Shape::Witnesses, DeValue::Array(all)) => return listed(key, all),
        (Shape::Witnesses, _) => return Err(format!("`{}` takes a list of texts in quotes", key.name)),
        (Shape::Flag, DeValue::Boolean(flag)) => return Ok(flag.to_string().into()),
        (Shape::Path | Shape::Word(_) | Shape::Interval, DeValue::String(text)) if !text.is_empty() => text,
        (Shape::Flag, _) => return Err(format!("`{}` takes true or false", key.name)),
        (Shape::Path | Shape::Word(_) | Shape::Interval, _) => {
            return Err(format!("`{}` takes a text in quotes, and not an empty one", key.name));
        }
    };
    checked(key, text.as_ref().as_ref()).map_err(|what| format!("`{}`: {what}", key.name))
}

/// A list, as it is kept in one text.
fn listed(key: &Key, all: &[Spanned<DeValue<'_>>]) -> Result<OsString, String> {
    let mut texts = Vec::with_capacity(all.len());
    for one in all {
        match one.get_ref() {
            DeValue::String(text) if !text.contains(';') && !text.trim().is_empty() => {
                texts.push(text.trim().to_owned());
            }
            _ => return Err(format!("`{}` takes texts in quotes, each `URL KEY`", key.name)),
        }
    }
    checked(key, texts.join(";").as_ref()).map_err(|what| format!("`{}`: {what}", key.name))
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(60).collect();
    let closest = KEYS.iter().map(|key| (strsim::osa_distance(name, key.name), key.name)).min();
    match closest {
        Some((distance, known)) if distance <= 2 => {
            format!("unknown key `{shown}`: did you mean `{known}`?")
        }
        _ => {
            let known: Vec<String> = KEYS.iter().map(|key| format!("`{}`", key.name)).collect();
            format!("unknown key `{shown}`: known are {}", known.join(", "))
        }
    }
}

/// Line and column of a byte, counted from 1.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}
