use super::*;
use crate::entry::tests::{KINDS, STEP_KINDS, full};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The slow way: whatever serde reads and writes back as the same bytes.
fn slow(body: &[u8]) -> Option<Entry> {
    let entry: Entry = serde_json::from_slice(body).ok()?;
    (entry.v == VERSION && entry.to_bytes() == body).then_some(entry)
}

fn fast(body: &[u8]) -> Option<Entry> {
    let entry = entry(body)?;
    assert_eq!(format!("{:?}", Glance::read(body)), format!("{:?}", Some(Glance::of(&entry))));
    Some(entry)
}

/// Entries with any subset of their optional members.
fn entries() -> impl Strategy<Value = Entry> {
    let text = prop_oneof![Just("local:a".to_owned()), ".*", "[\\x00-\\x1f\"\\\\/é\u{2028}\u{1f600}]*"];
    let numbers = prop_oneof![Just(0u64), Just(u64::MAX), 0..=Amounts::MAX];
    let kinds = (select(KINDS.as_slice()), select(STEP_KINDS.as_slice()), select(RunStatus::ALL.as_slice()));
    let reasons = select(ReasonCode::ALL);
    (text, numbers, kinds, reasons, any::<u32>()).prop_map(
        |(text, number, (kind, step, status), reason, keep)| {
            let mut entry = full(&text, number);
            (entry.kind, entry.status, entry.reason) = (kind, Some(status), Some(reason));
            let keeps = |place: u32| keep >> place & 1 == 0;
            entry.step = entry.step.map(|known| StepRef {
                kind: step,
                attempt: keep,
                risk: keep as u8,
                idempotent: keeps(20),
                parent: known.parent.filter(|_| keeps(21)),
                ..known
            });
            entry.checks.push(CheckMark(text.into(), Verdict::Deny));
            entry.approval = entry.approval.filter(|_| keeps(0));
            entry.caps = entry.caps.filter(|_| keeps(1));
            entry.checks.truncate(if keeps(2) { 3 } else { (keep >> 30) as usize });
            entry.expires = entry.expires.filter(|_| keeps(3));
            entry.hold = entry.hold.filter(|_| keeps(4));
            entry.part = entry.part.filter(|_| keeps(5));
            entry.policy = entry.policy.filter(|_| keeps(6));
            entry.reason = entry.reason.filter(|_| keeps(7));
            entry.release = entry.release.filter(|_| keeps(8));
            entry.status = entry.status.filter(|_| keeps(9));
            entry.step = entry.step.filter(|_| keeps(10));
            entry.usage = entry.usage.filter(|_| keeps(11));
            entry.used = entry.used.filter(|_| keeps(12));
            entry.origin = entry.origin.filter(|_| keeps(19));
            entry.payloads = Commitments::default();
            for (place, slot) in
                Slot::ALL.into_iter().enumerate().filter(|(place, _)| keeps(13 + *place as u32))
            {
                entry.payloads.set(slot, Digest::of(&[&[place as u8]]));
            }
            entry
        },
    )
}

/// Changes that keep most of the text as it is: those that a careless reader would not see.
fn mangled(mut body: Vec<u8>, at: Index, what: usize, byte: u8) -> Vec<u8> {
    let at = at.index(body.len());
    match what {
        0 => body[at] = byte,
        1 => body.insert(at, byte),
        2 => _ = body.remove(at),
        3 => body.truncate(at),
        4 => body.insert(at, b' '),
        5 => {
            // A member twice, or a list's item.
            let from = body[..at].iter().rposition(|byte| *byte == b',').unwrap_or(0);
            let part = body[from..at].to_vec();
            body.splice(at..at, part);
        }
        6 => {
            // One character in another spelling.
            let escaped = format!("\\u{:04x}", body[at]).into_bytes();
            body.splice(at..=at, escaped);
        }
        _ => body.swap(at, at / 2),
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn reads_what_is_written_as_the_slow_way_does(entry in entries()) {
        let body = entry.to_bytes();
        prop_assert_eq!(fast(&body), Some(entry));
    }

    #[test]
    fn accepts_nothing_that_the_slow_way_does_not(
        entry in entries(),
        at in any::<Index>(),
        what in 0usize..8,
        byte in prop_oneof![any::<u8>(), select(b"\"\\,:{}[]0159aefu-+. \n".as_slice())],
    ) {
        let body = mangled(entry.to_bytes(), at, what, byte);
        prop_assert_eq!(fast(&body), slow(&body), "{}", String::from_utf8_lossy(&body));
    }
}

/// Mistakes that chance finds seldom.
#[test]
fn spellings_that_are_not_canonical_are_left_alone() {
    let text = String::from_utf8(full("local:\u{1}\n", 5).to_bytes()).unwrap();
    assert!(fast(text.as_bytes()).is_some());
    for (from, to) in [
        ("\"caps\":{", "\"caps\":null,\"caps\":{"),
        ("\"expires\":5", "\"expires\":05"),
        ("\"expires\":5", "\"expires\":5.0"),
        ("\"expires\":5", "\"expires\":5e0"),
        ("\"expires\":5", "\"expires\":-0"),
        ("\"expires\":5", "\"expires\":18446744073709551616"),
        ("\"expires\":5,", "\"expires\":null,"),
        ("\\u0001", "\\u0001\\u000a"),
        ("\\u0001", "\\u007f"),
        ("\\u0001", "\\/"),
        ("\\u0001", "\\u001F"),
        ("\\n", "\\u000a"),
        ("\"risk\":2", "\"risk\":256"),
        ("\"attempt\":1", "\"attempt\":4294967296"),
        ("\"tenant\":\"local\"", "\"tenant\":\"Local\""),
        ("\"tenant\":\"local\"", "\"tenant\":\"l\\u006fcal\""),
        ("\"v\":1", "\"v\":2"),
        ("\"checks\":[[\"budget\",\"pass\"],", "\"checks\":[,"),
        ("run_0", "run_8"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        assert_eq!(fast(bad.as_bytes()), None, "{to}");
        assert_eq!(slow(bad.as_bytes()), None, "{to}");
    }
}
