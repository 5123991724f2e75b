use super::*;
use proptest::prelude::*;

const SALT: [u8; 32] = [7; 32];
const PLACE: Place = Place { codec: 0, slot: 1, subject: SubjectId::from_bytes([3; 16]) };

fn key() -> PayloadKey {
    PayloadKey::derive(&Secret::new([1; 32]), &SALT)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_written_example_holds() {
    let stored = key().seal(PLACE, b"hello").unwrap();
    let page = include_str!("../../../../../docs/src/reference/vault-format.md");
    for shown in [
        hex(key().secret().bytes()),
        hex(&stored),
        commitment(&SALT, PLACE.codec, PLACE.subject, &stored).hex(),
    ] {
        assert!(page.contains(&shown), "the page does not show {shown}");
    }
}

#[test]
fn every_byte_and_every_circumstance_is_covered() {
    let stored = key().seal(PLACE, b"a text").unwrap();
    assert_eq!(stored.len(), 6 + OVERHEAD);
    assert_eq!(key().open(PLACE, &stored).as_deref(), Some(&b"a text"[..]));
    let digest = commitment(&SALT, PLACE.codec, PLACE.subject, &stored);
    for at in 0..stored.len() {
        let mut bad = stored.clone();
        bad[at] ^= 1;
        assert_eq!(key().open(PLACE, &bad), None, "byte {at}");
        assert_ne!(commitment(&SALT, PLACE.codec, PLACE.subject, &bad), digest, "byte {at}");
    }
    for place in [
        Place { codec: 1, ..PLACE },
        Place { slot: 0, ..PLACE },
        Place { subject: SubjectId::from_bytes([4; 16]), ..PLACE },
    ] {
        assert_eq!(key().open(place, &stored), None, "{place:?}");
    }
    let other_salt = PayloadKey::derive(&Secret::new([1; 32]), &[8; 32]);
    let other_subject = PayloadKey::derive(&Secret::new([2; 32]), &SALT);
    assert_eq!(other_salt.open(PLACE, &stored), None);
    assert_eq!(other_subject.open(PLACE, &stored), None);
    assert_ne!(commitment(&SALT, 1, PLACE.subject, &stored), digest);
    assert_ne!(commitment(&[8; 32], 0, PLACE.subject, &stored), digest);
    assert_ne!(commitment(&SALT, 0, SubjectId::from_bytes([4; 16]), &stored), digest);
    assert_eq!(key().open(PLACE, &stored[..31]), None);
    assert_eq!(key().open(PLACE, &[]), None);
}

#[test]
fn a_handed_out_key_opens_its_payload() {
    let stored = key().seal(PLACE, b"for you").unwrap();
    let handed = PayloadKey::from_secret(Secret::new(*key().secret().bytes()));
    assert_eq!(handed.open(PLACE, &stored).as_deref(), Some(&b"for you"[..]));
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_again(
        text in prop::collection::vec(any::<u8>(), 0..2000),
        subject: [u8; 32], id: [u8; 16], salt: [u8; 32], codec: u8, slot: u8,
    ) {
        let key = PayloadKey::derive(&Secret::new(subject), &salt);
        let place = Place { codec, slot, subject: SubjectId::from_bytes(id) };
        let stored = key.seal(place, &text).unwrap();
        prop_assert_eq!(key.open(place, &stored), Some(text));
    }

    #[test]
    fn whatever_is_made_up_does_not_open(stored in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(key().open(PLACE, &stored), None);
    }
}
