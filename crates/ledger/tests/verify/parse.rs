//! Bytes that are nearly an entry.

use crate::fixture::entry;
use crate::{Copy, OLDEST};
use comity_ledger::{Entry, Record, RunKeys};
use comity_store::{EntryRow, PayloadRow};
use proptest::prelude::*;

fn bodies() -> Vec<Vec<u8>> {
    let copy = Copy::new();
    let query =
        format!("SELECT body FROM entries WHERE {} ORDER BY seq", entry(OLDEST, 0).replace("= 0", ">= 0"));
    let sql = copy.sql();
    let mut statement = sql.prepare(&query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Whatever is read back was written just so.
fn reads_or_refuses(bytes: &[u8]) {
    if let Ok(entry) = Entry::from_bytes(bytes) {
        assert_eq!(entry.to_bytes(), bytes);
    }
}

#[test]
fn every_single_byte_may_be_changed_or_cut() {
    for body in bodies() {
        assert!(Entry::from_bytes(&body).is_ok());
        for at in 0..body.len() {
            assert!(Entry::from_bytes(&body[..at]).is_err());
            for byte in [0, b'"', b'{', b'9', b'-', b'\\', 0x80, 0xff, body[at] ^ 1, body[at] ^ 0x20] {
                let mut bad = body.clone();
                bad[at] = byte;
                reads_or_refuses(&bad);
            }
        }
    }
}

proptest! {
    #[test]
    fn mutated_bytes_are_refused_or_read_back_the_same(
        pick in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..12),
    ) {
        let bodies = bodies();
        let mut bytes = bodies[pick.index(bodies.len())].clone();
        for (place, byte, edit) in edits {
            let at = place.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        reads_or_refuses(&bytes);
    }

    #[test]
    fn a_stored_row_of_any_bytes_opens_or_is_refused(
        body in prop::collection::vec(any::<u8>(), 0..200),
        salt in prop::collection::vec(any::<u8>(), 0..40),
        codec in any::<i64>(),
        pick in any::<prop::sample::Index>(),
    ) {
        let bodies = bodies();
        let text = PayloadRow { slot: 0, tenant: String::new(), codec, subject: None, salt, body: body.clone() };
        let row = |bytes| EntryRow {
            id: 1,
            tenant: String::new(),
            seq: 0,
            body: bytes,
            hash: vec![0; 32],
            payloads: vec![text.clone()],
        };
        prop_assert!(Record::open(row(body.clone()), &RunKeys::default()).is_err());
        let record = Record::open(row(bodies[pick.index(bodies.len())].clone()), &RunKeys::default()).unwrap();
        for slot in comity_ledger::Slot::ALL {
            prop_assert!(record.text(slot).is_ok_and(|text| text.is_none()) || record.text(slot).is_err());
        }
        let _ = comity_ledger::payload::decode(text, &RunKeys::default());
    }
}
