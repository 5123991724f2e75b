//! Every column of entries and payloads, flipped in the first, a middle and the last entry of a run.

use crate::fixture::{BARE, LENGTH, entry, payload};
use crate::{Copy, NEWEST, OLDEST, STRANGER};
use comity_core::RunId;

const PLACES: [u64; 5] = [0, 3, 4, LENGTH / 2, LENGTH - 1];

/// Flips the column in each place of each run, and expects exactly that entry to be named.
fn named(table: &str, column: &str, row: fn(RunId, u64) -> String) {
    for run in [OLDEST, NEWEST, STRANGER] {
        for seq in PLACES {
            let report = Copy::new().flip(table, column, &row(run, seq)).verify();
            let fault = report.fault.unwrap_or_else(|| panic!("{table}.{column} of entry {seq} went unseen"));
            assert_eq!((fault.run, fault.seq), (Some(run), Some(seq)), "{column}: {}", fault.what);
        }
    }
}

/// The same for a column that says which chain, or which place in it, the entry belongs to. Of a last
/// entry that is gone only the run is known.
fn missed(column: &str) {
    for run in [OLDEST, NEWEST, STRANGER] {
        for seq in PLACES {
            let report = Copy::new().flip("entries", column, &entry(run, seq)).verify();
            let fault = report.fault.unwrap_or_else(|| panic!("entries.{column} of {seq} went unseen"));
            assert_eq!(fault.run, Some(run), "{}", fault.what);
            if seq + 1 < LENGTH {
                assert_eq!(fault.seq, Some(seq), "{}", fault.what);
            }
        }
    }
}

#[test]
fn an_untouched_copy_verifies() {
    let report = Copy::new().verify();
    assert_eq!(report.fault, None);
    assert_eq!((report.runs, report.entries, report.accounts), (4, 4 * LENGTH, 4 + 3 + 2));
    assert_eq!(report.payloads, 4 * (LENGTH + 1 + 2 - 1));
}

#[test]
fn the_row_number_of_an_entry_is_covered() {
    named("entries", "id", entry);
}

#[test]
fn the_tenant_of_an_entry_is_covered() {
    named("entries", "tenant", entry);
}

/// No payload stands beside it, whose own columns would give the change away.
#[test]
fn the_columns_of_an_entry_without_payloads_are_covered() {
    for run in [OLDEST, NEWEST, STRANGER] {
        for change in ["tenant = 'other'", "id = -5", "id = 0"] {
            let copy =
                Copy::new().execute(&format!("UPDATE entries SET {change} WHERE {}", entry(run, BARE)));
            let fault = copy.verify().fault.unwrap_or_else(|| panic!("{change} went unseen"));
            assert_eq!((fault.run, fault.seq), (Some(run), Some(BARE)), "{change}: {}", fault.what);
        }
        // A larger number is only odd beside the next one.
        let fault = Copy::new().flip("entries", "id", &entry(run, BARE)).verify().fault.unwrap();
        assert_eq!((fault.run, fault.seq), (Some(run), Some(BARE + 1)), "{}", fault.what);
    }
}

#[test]
fn the_run_of_an_entry_is_covered() {
    missed("run");
}

#[test]
fn the_place_of_an_entry_is_covered() {
    missed("seq");
}

#[test]
fn the_body_of_an_entry_is_covered() {
    named("entries", "body", entry);
}

#[test]
fn the_hash_of_an_entry_is_covered() {
    named("entries", "hash", entry);
}

#[test]
fn the_row_number_of_a_payload_is_covered() {
    named("payloads", "id", payload);
}

#[test]
fn the_tenant_of_a_payload_is_covered() {
    named("payloads", "tenant", payload);
}

#[test]
fn the_codec_of_a_payload_is_covered() {
    named("payloads", "codec", payload);
}

#[test]
fn the_subject_of_a_payload_is_covered() {
    named("payloads", "subject", payload);
}

#[test]
fn the_salt_of_a_payload_is_covered() {
    named("payloads", "salt", payload);
}

#[test]
fn the_body_of_a_payload_is_covered() {
    named("payloads", "body", payload);
}

#[test]
fn a_short_hash_or_salt_is_a_fault_and_no_error() {
    for (table, column, row) in
        [("entries", "hash", entry(OLDEST, 3)), ("payloads", "salt", payload(OLDEST, 3))]
    {
        let report =
            Copy::new().execute(&format!("UPDATE {table} SET {column} = x'01' WHERE {row}")).verify();
        let fault = report.fault.unwrap();
        assert_eq!((fault.run, fault.seq), (Some(OLDEST), Some(3)), "{}", fault.what);
    }
}
