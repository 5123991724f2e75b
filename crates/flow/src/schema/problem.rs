//! What is wrong with an output, in words that a person or a model can act on.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// The most problems that are told at once.
const MAX_PROBLEMS: usize = 3;
/// Longest piece of somebody else's text in a message, in characters.
const MAX_QUOTE: usize = 60;
/// Longest path, in characters.
const MAX_PATH: usize = 120;

/// The first problems, each with its place, and how many more there are.
pub(super) fn of_output<'e>(mut errors: impl Iterator<Item = ValidationError<'e>>) -> String {
    let told: Vec<String> = errors.by_ref().take(MAX_PROBLEMS).map(|error| of_one(&error)).collect();
    match errors.count() {
        _ if told.is_empty() => "root: it does not fit".to_owned(),
        0 => told.join("; "),
        more => format!("{}; and {more} more", told.join("; ")),
    }
}

/// Why a schema is none.
pub(super) fn of_schema(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Referencing(_) => format!("a reference leads elsewhere: {}", cut(&error.to_string(), 120)),
        Kind::Format { format } if format == "regex" => {
            let place = path(error.instance_path());
            format!("{place}: {} is not a pattern", shown(error.instance()))
        }
        _ => of_one(error),
    }
}

fn of_one(error: &ValidationError<'_>) -> String {
    format!("{}: {}", path(error.instance_path()), what(error.kind(), error.instance()))
}

/// `root.items[3].name`.
fn path(location: &Location) -> String {
    let mut path = "root".to_owned();
    for segment in location.segments() {
        match segment {
            LocationSegment::Property(name) => path.push_str(&format!(".{}", cut(&name, MAX_QUOTE))),
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    cut(&path, MAX_PATH)
}

fn what(kind: &Kind, value: &Value) -> String {
    match kind {
        Kind::Required { property } => format!("missing required field {}", shown(property)),
        Kind::Type { kind } => format!("expected {}, got {}", expected(kind), name(value)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let first = unexpected.first().map(String::as_str).unwrap_or_default();
            format!("unexpected field {}", quote(first))
        }
        Kind::Enum { options } => {
            format!("{} is not one of {}", shown(value), cut(&options.to_string(), 120))
        }
        Kind::Constant { expected_value } => format!("{} is not {}", shown(value), shown(expected_value)),
        Kind::Minimum { limit } => format!("{} is less than {limit}", shown(value)),
        Kind::Maximum { limit } => format!("{} is more than {limit}", shown(value)),
        Kind::ExclusiveMinimum { limit } => format!("{} is not more than {limit}", shown(value)),
        Kind::ExclusiveMaximum { limit } => format!("{} is not less than {limit}", shown(value)),
        Kind::MultipleOf { multiple_of } => format!("{} is not a multiple of {multiple_of}", shown(value)),
        Kind::MinLength { limit } => format!("{} has fewer than {limit} characters", shown(value)),
        Kind::MaxLength { limit } => format!("{} has more than {limit} characters", shown(value)),
        Kind::Pattern { pattern } => format!("{} does not match {}", shown(value), quote(pattern)),
        Kind::Format { format } => format!("{} is not of the format {}", shown(value), quote(format)),
        Kind::MinItems { limit } => format!("has fewer than {limit} items"),
        Kind::MaxItems { limit } => format!("has more than {limit} items"),
        Kind::AdditionalItems { limit } => format!("has more than {limit} items"),
        Kind::UniqueItems => "has the same item twice".to_owned(),
        Kind::Contains => "has no item of the kind it must contain".to_owned(),
        Kind::MinProperties { limit } => format!("has fewer than {limit} fields"),
        Kind::MaxProperties { limit } => format!("has more than {limit} fields"),
        Kind::PropertyNames { error } => format!("has a field whose name will not do: {}", of_one(error)),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "is of none of the kinds it may be".to_owned(),
        Kind::OneOfMultipleValid { .. } => "is of more than one of the kinds it may be".to_owned(),
        Kind::Not { .. } => "is of a kind that it may not be".to_owned(),
        Kind::FalseSchema => format!("no {} may be here", name(value)),
        other => format!("does not satisfy `{}`", other.keyword()),
    }
}

fn expected(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.as_str().to_owned(),
        TypeKind::Multiple(set) => set.iter().map(JsonType::as_str).collect::<Vec<_>>().join(" or "),
    }
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A value in back-ticks; of maps and lists, what they are.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(_) | Value::Object(_) => name(value).to_owned(),
        _ => quote(&value.to_string()),
    }
}

/// Somebody else's text in back-ticks: one line, and not long.
pub(super) fn quote(text: &str) -> String {
    format!("`{}`", cut(text, MAX_QUOTE))
}

/// At most so many characters, none of which breaks a line.
fn cut(text: &str, most: usize) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String = text.chars().take(most).map(plain).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}
