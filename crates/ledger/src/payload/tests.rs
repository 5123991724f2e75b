use super::*;
use crate::vault::{Class, subject::Subject};
use std::sync::atomic::{AtomicU8, Ordering};

struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn keys() -> RunKeys {
    let entropy = Counting(100.into());
    RunKeys::new(vec![Subject::random(Class::Content, &entropy), Subject::random(Class::Structure, &entropy)])
}

fn stored(slot: Slot, text: &[u8]) -> (PayloadRow, Digest) {
    let (payload, digest) = encode(slot, text, &keys().pen().unwrap(), &Counting(7.into()));
    let row = PayloadRow {
        slot: payload.slot,
        tenant: "local".to_owned(),
        codec: payload.codec.into(),
        subject: payload.subject.map(|subject| subject.bytes().to_vec()),
        salt: payload.salt.to_vec(),
        body: payload.body.to_vec(),
    };
    (row, digest)
}

/// A text as it was stored before there was a vault.
fn clear(text: &[u8]) -> (PayloadRow, Digest) {
    let (codec, body) = compress(text);
    let digest = commitment(&[9; 32], codec, &body);
    let (tenant, salt) = ("local".to_owned(), vec![9; 32]);
    (PayloadRow { slot: 0, tenant, codec: codec.into(), subject: None, salt, body }, digest)
}

#[test]
fn texts_short_and_long_round_trip() {
    for text in [&b""[..], b"short", &[b'x'; 5000], &(0..=255u8).cycle().take(3000).collect::<Vec<_>>()] {
        for (row, digest) in [stored(Slot::Act, text), stored(Slot::Source, text), clear(text)] {
            assert_eq!(check(&row, digest), Ok(()));
            assert_eq!(decode(row, &keys()).unwrap().as_deref(), Some(text));
        }
    }
    assert_eq!(stored(Slot::Act, &[b'x'; 5000]).0.codec, 1);
}

#[test]
fn every_stored_byte_is_covered() {
    for (row, digest) in [stored(Slot::Act, &[b'x'; 2000]), clear(&[b'x'; 2000])] {
        for at in 0..row.body.len() {
            let mut bad = row.clone();
            bad.body[at] ^= 1;
            assert!(check(&bad, digest).is_err());
        }
        for at in 0..32 {
            let mut bad = row.clone();
            bad.salt[at] ^= 128;
            assert!(check(&bad, digest).is_err());
        }
        assert!(check(&PayloadRow { codec: 0, ..row.clone() }, digest).is_err());
        assert!(check(&PayloadRow { codec: 256, ..row.clone() }, digest).is_err());
        for subject in
            [None, Some(vec![1]), Some(vec![1; 16])].into_iter().filter(|other| *other != row.subject)
        {
            assert!(check(&PayloadRow { subject, ..row.clone() }, digest).is_err());
        }
    }
}

#[test]
fn equal_texts_have_unequal_commitments() {
    let entropy = Counting(1.into());
    let once = || encode(Slot::Note, b"yes", &keys().pen().unwrap(), &entropy).1;
    assert_ne!(once(), once());
}

#[test]
fn what_is_stored_does_not_show_the_text_and_goes_with_its_key() {
    let (row, digest) = stored(Slot::Output, b"a canary");
    assert!(!row.body.windows(8).any(|part| part == b"a canary"));
    let content_gone = RunKeys::new(keys().class(Class::Structure).cloned().into_iter().collect());
    assert_eq!(decode(row.clone(), &content_gone), Ok(None));
    assert_eq!(check(&row, digest), Ok(()), "it is verified all the same");
    assert!(content_gone.pen().is_none(), "nothing more is written");
    let (row, _) = stored(Slot::Policy, b"limits");
    assert_eq!(decode(row, &content_gone).unwrap().as_deref(), Some(&b"limits"[..]));
}
