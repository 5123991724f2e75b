//! How a note is spelled.

use super::{BadNote, MAX_BYTES, MAX_SIGNATURES, Note, Signature, key};
use base64::{Engine, engine::general_purpose::STANDARD};

pub(super) const TOO_MANY: BadNote = BadNote::Malformed("it has more than 100 signatures");

/// Whether this can stand above signatures.
pub(super) fn check(text: &str) -> Result<(), BadNote> {
    if text.len() > MAX_BYTES {
        return Err(BadNote::Malformed("it is longer than 256 KiB"));
    }
    if !text.ends_with('\n') || text == "\n" {
        return Err(BadNote::Malformed("its text does not end with a newline, or says nothing"));
    }
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(BadNote::Malformed("it has control characters"));
    }
    Ok(())
}

pub(super) fn parse(bytes: &[u8]) -> Result<Note, BadNote> {
    if bytes.len() > MAX_BYTES {
        return Err(BadNote::Malformed("it is longer than 256 KiB"));
    }
    let whole = std::str::from_utf8(bytes).map_err(|_| BadNote::Malformed("it is not UTF-8"))?;
    // The last empty line parts them: a text may have empty lines of its own.
    let no_end = BadNote::Malformed("it has no blank line before its signatures");
    let (before, lines) = whole.rsplit_once("\n\n").ok_or(no_end)?;
    let text = format!("{before}\n");
    check(&text)?;
    Ok(Note { text, signatures: signatures(lines)? })
}

/// One line a signature, each ended by a newline; at least one.
pub(super) fn signatures(lines: &str) -> Result<Vec<Signature>, BadNote> {
    let lines = lines.strip_suffix('\n').ok_or(BadNote::Malformed("its last line has no end"))?;
    if lines.split('\n').nth(MAX_SIGNATURES).is_some() {
        return Err(TOO_MANY);
    }
    let wrong = BadNote::Malformed("a line under it is not a signature");
    lines.split('\n').map(|line| signature(line).ok_or(wrong.clone())).collect()
}

fn signature(line: &str) -> Option<Signature> {
    let (name, packed) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = STANDARD.decode(packed).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    let well = key::is_name(name) && !bytes.is_empty();
    well.then(|| Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

pub(super) fn line(signature: &Signature) -> String {
    let packed = STANDARD.encode([signature.id.as_slice(), &signature.bytes].concat());
    format!("— {} {packed}\n", signature.name)
}
