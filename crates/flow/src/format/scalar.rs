//! How one scalar is written.

use crate::tree::{Scalar, Style};
use std::fmt::Write as _;

/// A scalar on one line.
pub(super) fn inline(scalar: &Scalar) -> String {
    match scalar.style {
        _ if scalar.is_null() => "null".to_owned(),
        Style::Plain if !scalar.text.contains('\n') => scalar.text.clone(),
        _ => quoted(&scalar.text),
    }
}

/// The lines of a text that is best written as a block, and the sign that begins it.
pub(super) fn block(scalar: &Scalar) -> Option<(&'static str, Vec<&str>)> {
    let text = scalar.text.as_str();
    let (sign, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    let lines: Vec<&str> = body.split('\n').collect();
    let is_plain = |line: &&str| {
        line.chars().all(|character| character == '\t' || is_printable(character))
            && (line.is_empty() || !line.trim().is_empty())
    };
    let begins = lines.first().is_some_and(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
    let ends = lines.last().is_some_and(|line| !line.is_empty());
    (text.contains('\n') && begins && ends && lines.iter().all(is_plain)).then_some((sign, lines))
}

/// Whether a scalar on one line may stand between `[` and `]` as it stands on its own.
pub(super) fn fits_in_brackets(scalar: &Scalar) -> bool {
    let harmless = |character: char| character.is_alphanumeric() || " _./+=%()@^~*<>!$;-".contains(character);
    let bare = scalar.text.strip_prefix(['-', '.', '/']).unwrap_or(&scalar.text);
    let begins = bare.chars().next().is_some_and(|first| first.is_alphanumeric() || "_(".contains(first));
    let quoted = scalar.style == Style::Quoted || scalar.text.contains('\n');
    quoted || scalar.is_null() || (begins && scalar.text.chars().all(harmless))
}

/// A key.
pub(super) fn key(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_null = name.eq_ignore_ascii_case("null");
    if begins && !is_null && name.bytes().all(plain) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        let _infallible = match character {
            '"' | '\\' => write!(out, "\\{character}"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            '\r' => write!(out, "\\r"),
            other if is_printable(other) => write!(out, "{other}"),
            other if u32::from(other) <= 0xFF => write!(out, "\\x{:02X}", u32::from(other)),
            other if u32::from(other) <= 0xFFFF => write!(out, "\\u{:04X}", u32::from(other)),
            other => write!(out, "\\U{:08X}", u32::from(other)),
        };
    }
    out.push('"');
    out
}

/// Whether a character shows, and every reader of YAML takes it for itself.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}
