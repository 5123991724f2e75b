//! The `traceparent` header of W3C Trace Context: which trace a run belongs to, and who called it.

use crate::{Digest, RunId, StepId};
use std::fmt;

/// One place in a trace, as a `traceparent` header carries it from a caller to whom it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The whole trace; never all zero.
    pub trace_id: [u8; 16],
    /// The span that calls; never all zero.
    pub parent_id: [u8; 8],
    /// Whether the caller may have recorded it.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a header; `None` if it is not one, and then a fresh trace is to be begun.
    ///
    /// Version 00 has one exact form. A later one may say more behind a further dash, which is left out.
    /// Source: W3C Trace Context, section 3.2.
    pub fn parse(header: &str) -> Option<Self> {
        let (version, rest) = header.split_once('-')?;
        let (trace_id, rest) = rest.split_once('-')?;
        let (parent_id, rest) = rest.split_once('-')?;
        let (flags, more) = match rest.split_once('-') {
            Some((flags, more)) => (flags, Some(more)),
            None => (rest, None),
        };
        let [version] = hex::<1>(version)?;
        if version == 0xff || (version == 0 && more.is_some()) {
            return None;
        }
        let [flags] = hex::<1>(flags)?;
        let context = Self { trace_id: hex(trace_id)?, parent_id: hex(parent_id)?, sampled: flags & 1 == 1 };
        (context.trace_id != [0; 16] && context.parent_id != [0; 8]).then_some(context)
    }

    /// The trace of a run that nobody called from within one: always the same for the same run.
    pub fn of_run(run: RunId) -> Self {
        let trace = Digest::of(&[b"comity/trace/v1\n", run.bytes()]);
        let span = Digest::of(&[b"comity/trace-root/v1\n", run.bytes()]);
        Self { trace_id: front(trace), parent_id: front(span), sampled: true }
    }

    /// The same trace, for whom the span `span` calls. A span of zeroes is none, and leaves this one.
    pub fn child(self, span: [u8; 8]) -> Self {
        if span == [0; 8] { self } else { Self { parent_id: span, ..self } }
    }

    /// The span that one attempt at a step is, within this trace; always the same for the same step.
    pub fn of_step(self, step: StepId) -> Self {
        let span = Digest::of(&[b"comity/span/v1\n", &self.trace_id, &self.parent_id, step.bytes()]);
        self.child(front(span))
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.parent_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", u8::from(self.sampled))
    }
}

/// Reads exactly `N` bytes of lower-case hex.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(character.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    }
}

/// The first bytes of a digest. They are not all zero: the last is set should chance have it so.
fn front<const N: usize>(digest: Digest) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, from) in bytes.iter_mut().zip(digest.0) {
        *byte = from;
    }
    if let (true, Some(last)) = (bytes == [0; N], bytes.last_mut()) {
        *last = 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4acfb0b93ef77b63e365393ffff15623-6eeb77fa761ac8c4-01";

    #[test]
    fn a_header_is_read_and_written_alike() {
        let context = TraceContext::parse(HEADER).unwrap();
        assert_eq!(context.to_string(), HEADER);
        assert_eq!((context.trace_id[0], context.parent_id[7], context.sampled), (0x4a, 0xc4, true));
        let unsampled = HEADER.replace("-01", "-00");
        assert_eq!(TraceContext::parse(&unsampled).unwrap().to_string(), unsampled);
    }

    #[test]
    fn flags_that_nobody_knows_are_not_handed_on() {
        for (flags, written) in [("ff", "01"), ("fe", "00"), ("02", "00"), ("03", "01")] {
            let context = TraceContext::parse(&HEADER.replace("-01", &format!("-{flags}"))).unwrap();
            assert!(context.to_string().ends_with(&format!("-{written}")), "{flags}");
        }
    }

    #[test]
    fn a_later_version_may_say_more_and_is_answered_in_ours() {
        let later = HEADER.replace("00-4", "cc-4");
        for header in [later.clone(), format!("{later}-what-else"), format!("{later}-")] {
            assert_eq!(TraceContext::parse(&header).unwrap().to_string(), HEADER, "{header}");
        }
        assert_eq!(TraceContext::parse(&format!("{later}.what")), None);
    }

    #[test]
    fn what_is_no_header_is_none() {
        let zeroes = "0".repeat(32);
        for header in [
            String::new(),
            "not-a-traceparent".to_owned(),
            format!("{HEADER}-more"),
            format!("{HEADER}-"),
            format!(" {HEADER}"),
            format!("{HEADER} "),
            HEADER.to_uppercase(),
            HEADER.replace("00-4", "ff-4"),
            HEADER.replace("00-4", "0-4"),
            HEADER.replace("00-4", "000-4"),
            HEADER.replace("-01", "-1"),
            HEADER.replace("-01", "-001"),
            HEADER.replace("-01", "-0g"),
            HEADER.replace("-01", ""),
            HEADER.replace('-', "_"),
            HEADER.replace("4acf", "4ac"),
            HEADER.replace("4acf", "4Acf"),
            HEADER.replace("4acf", "4ä"),
            HEADER.replace("6eeb", "6eebb"),
            HEADER.replace("4acfb0b93ef77b63e365393ffff15623", &zeroes),
            HEADER.replace("6eeb77fa761ac8c4", "0000000000000000"),
        ] {
            assert_eq!(TraceContext::parse(&header), None, "{header}");
        }
    }

    #[test]
    fn a_run_has_one_trace_of_its_own() {
        let (one, other) = (RunId::from_bytes([1; 16]), RunId::from_bytes([2; 16]));
        let context = TraceContext::of_run(one);
        assert_eq!(context, TraceContext::of_run(one));
        assert_ne!(context.trace_id, TraceContext::of_run(other).trace_id);
        assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        // Another value here would tear apart the traces of runs that are resumed.
        let digest = Digest::of(&[b"comity/trace/v1\n", one.bytes()]).hex();
        assert_eq!(context.to_string().split('-').nth(1), digest.get(..32));
    }

    #[test]
    fn steps_are_spans_of_the_trace_they_are_in() {
        let context = TraceContext::parse(HEADER).unwrap();
        let step = context.of_step(StepId::from_bytes([3; 16]));
        assert_eq!((step.trace_id, step.sampled), (context.trace_id, context.sampled));
        assert_ne!(step.parent_id, context.parent_id);
        assert_ne!(step, context.of_step(StepId::from_bytes([4; 16])));
        assert_eq!(context.child([7; 8]).parent_id, [7; 8]);
        assert_eq!(context.child([0; 8]), context);
    }

    #[test]
    fn no_id_is_all_zero_even_by_chance() {
        assert_eq!(front::<8>(Digest::ZERO), [0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
