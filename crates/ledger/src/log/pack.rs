//! The body of an entry, shorter: for files that are handed around.
//!
//! Canonical bodies have no byte below 0x20, and UTF-8 none above 0xf7, so these stand for what bodies are mostly made
//! of: the phrases of [`PHRASES`], digests and ids. Every body has one packed form, and what is not that form is not read.

use comity_core::{ApprovalId, Digest, RunId, StepId};

/// What the bytes 0x00 to 0x1b and, from the 29th on, 0xf8 to 0xff stand for. Part of the format of proofs: a change needs another first line.
pub const PHRASES: [&str; 36] = [
    r#"{"at":"#,
    r#","at":"#,
    r#"{"approval":""#,
    r#","caps":{"micro_usd":"#,
    r#","checks":[["approval",""#,
    r#"pass"],["breaker","pass"],["budget","pass"],["deadline","pass"],["depth","pass"],["input_size","pass"],["risk",""#,
    r#"pass"],["step_limit","pass"]]"#,
    r#"pass"],[""#,
    r#","expires":"#,
    r#","hold":{"micro_usd":"#,
    r#","millis":"#,
    r#","steps":"#,
    r#","tokens":"#,
    r#","kind":""#,
    r#"","namespace":"default","payloads":{"act":""#,
    r#"","namespace":"default","payloads":{"output":""#,
    r#"","namespace":""#,
    r#""},"policy":""#,
    r#"","principal":""#,
    r#""},"principal":""#,
    r#"","release":{"micro_usd":"#,
    r#"},"run":""#,
    r#"","run":""#,
    r#"","step":{"attempt":1,"contract":""#,
    r#"","id":""#,
    r#"","idempotent":true,"iteration":0,"kind":"tool_call","ordinal":"#,
    r#","risk":1},"tenant":""#,
    r#"usage":{"micro_usd":"#,
    r#"","note":""#,
    r#"","status":""#,
    r#"","reason":""#,
    r#"","idempotent":true,"iteration":0,"kind":""#,
    r#"","parent":""#,
    r#","ordinal":"#,
    r#""breaker","pass"],["budget","pass"],["deadline","pass"],["depth","pass"],["input_size","pass"],["risk","pass"],["step_limit","pass"]]"#,
    r#""},"reason":""#,
];

/// How many phrases stand below the digests and ids; the others stand above all text.
const LOW: u8 = 0x1c;
/// From the first phrase above to the place of its code.
const LIFT: u8 = 0xf8 - LOW;

/// The byte that stands for the phrase at this place.
pub const fn code(place: u8) -> u8 {
    if place < LOW { place } else { place + LIFT }
}

fn phrase(byte: u8) -> Option<&'static str> {
    let place = if byte < LOW { byte } else { byte.checked_sub(LIFT).filter(|place| *place >= LOW)? };
    PHRASES.get(usize::from(place)).copied()
}

/// Before 32 bytes: 64 lower-case hex digits.
const DIGEST: u8 = 0x1c;
/// Before 16 bytes: the id of a run, with its prefix.
const RUN: u8 = 0x1d;
/// Before 16 bytes: the id of a step.
const STEP: u8 = 0x1e;
/// Before 16 bytes: the id of an approval.
const APPROVAL: u8 = 0x1f;

/// A digest in hex.
const DIGITS: usize = 64;
/// An id with its prefix.
const LETTERS: usize = 30;

/// The packed form; `None` for what no entry has: a control character.
pub fn pack(body: &str) -> Option<Vec<u8>> {
    let (mut rest, mut out) = (body.as_bytes(), Vec::new());
    while let Some(first) = rest.first() {
        let taken = match value(rest, &mut out) {
            Some(taken) => taken,
            None if *first < 0x20 => return None,
            None => {
                out.push(*first);
                1
            }
        };
        rest = rest.get(taken..)?;
    }
    Some(out)
}

/// Packs the longest phrase, or else the digest or id, that stands here; how long it was.
fn value(rest: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let fits = (0u8..).zip(PHRASES).filter(|(_, phrase)| rest.starts_with(phrase.as_bytes()));
    if let Some((place, phrase)) = fits.max_by_key(|(_, phrase)| phrase.len()) {
        out.push(code(place));
        return Some(phrase.len());
    }
    if let Some(digest) = rest.get(..DIGITS).and_then(Digest::from_hex_bytes) {
        out.push(DIGEST);
        out.extend_from_slice(&digest.0);
        return Some(DIGITS);
    }
    let text = rest.get(..LETTERS)?;
    let run = RunId::from_text(text).map(|id| (RUN, *id.bytes()));
    let step = || StepId::from_text(text).map(|id| (STEP, *id.bytes()));
    let approval = || ApprovalId::from_text(text).map(|id| (APPROVAL, *id.bytes()));
    let (code, bytes) = run.or_else(step).or_else(approval)?;
    out.push(code);
    out.extend_from_slice(&bytes);
    Some(LETTERS)
}

/// The body that [`pack`] packed so; `None` for any other bytes.
pub fn unpack(packed: &[u8]) -> Option<String> {
    let (mut rest, mut out) = (packed, Vec::new());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if let Some(phrase) = phrase(*first) {
            out.extend_from_slice(phrase.as_bytes());
            continue;
        }
        match *first {
            DIGEST => out.extend_from_slice(Digest(*take(&mut rest)?).hex().as_bytes()),
            RUN => out.extend_from_slice(RunId::from_bytes(*take(&mut rest)?).to_string().as_bytes()),
            STEP => out.extend_from_slice(StepId::from_bytes(*take(&mut rest)?).to_string().as_bytes()),
            APPROVAL => {
                out.extend_from_slice(ApprovalId::from_bytes(*take(&mut rest)?).to_string().as_bytes())
            }
            byte => out.push(byte),
        }
    }
    let body = String::from_utf8(out).ok()?;
    (pack(&body)? == packed).then_some(body)
}

fn take<'b, const N: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMITTED: &str = r#"{"at":1796099185306,"checks":[["approval","pass"],["breaker","pass"],["budget","pass"],["deadline","pass"],["depth","pass"],["input_size","pass"],["risk","pass"],["step_limit","pass"]],"hold":{"micro_usd":100,"millis":86400000,"steps":1,"tokens":0},"kind":"admitted","namespace":"default","payloads":{"act":"8666dceb261675d97243fa9ba3cee816bd2c05fb654bdf6e9b8aabd839094dbe"},"policy":"003936fdeee90fa5dda7f1778b341a3afa608043896f228c88b2e0f6019b1231","principal":"local:jo","run":"run_01M8QXN6K8BARDBB2ZBA29RW1K","step":{"attempt":1,"contract":"c05d2c3c706320aaf4a6dac518fdfe342bf63988fd2d239ea27b31b21ab8417b","id":"stp_0VKWB9TS5WNRDT2MAY9CGFHSMW","idempotent":true,"iteration":0,"kind":"tool_call","ordinal":0,"risk":1},"tenant":"local","v":1}"#;

    #[test]
    fn an_admission_is_a_third_of_what_it_was() {
        let packed = pack(ADMITTED).unwrap();
        assert_eq!(unpack(&packed).unwrap(), ADMITTED);
        assert!(packed.len() * 3 < ADMITTED.len(), "{} of {}", packed.len(), ADMITTED.len());
    }

    #[test]
    fn whatever_is_no_phrase_stands_for_itself() {
        let long = "f".repeat(200);
        for body in
            ["", "a", "é€🙂", "run_", "run_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", &long, "\u{7f}", r#"pass"],["x"#]
        {
            let packed = pack(body).unwrap();
            assert_eq!(unpack(&packed).as_deref(), Some(body), "{body}");
        }
        assert_eq!(pack("a\nb"), None);
    }

    #[test]
    fn a_body_is_read_from_one_form_only() {
        let packed = pack(ADMITTED).unwrap();
        // A phrase spelled out, a digest spelled out, a code without its bytes, and half a character.
        assert_eq!(unpack(ADMITTED.as_bytes()), None);
        assert_eq!(unpack(&[b"{\"at\":", &packed[1..]].concat()), None);
        assert_eq!(unpack("a".repeat(64).as_bytes()), None);
        for code in [DIGEST, RUN, STEP, APPROVAL] {
            assert_eq!(unpack(&[code, 1, 2, 3]), None);
        }
        assert_eq!(unpack(&[0xc3]), None);
    }

    #[test]
    fn no_phrase_hides_another() {
        for (place, phrase) in (0..).zip(PHRASES) {
            assert_eq!(pack(phrase).unwrap(), [code(place)], "{phrase}");
        }
    }
}
