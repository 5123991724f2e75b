//! The keys of texts, changed and taken away by somebody who writes the table they are in.

use crate::fixture::hex;
use crate::{BYSTANDER, Copy, NEWEST, OLDEST, STRANGER};
use comity_core::RunId;

/// Names the row of one key in SQL.
fn key(run: RunId, class: u8) -> String {
    format!("run = (SELECT key FROM runs WHERE id = x'{}') AND class = {class}", hex(run))
}

/// What is noticed without a key, and by whoever verifies that run alone.
fn noticed(copy: &Copy, run: RunId, what: &str) {
    let tenant = if run == STRANGER { "acme" } else { "local" }.parse().unwrap();
    let alone = copy.one(&tenant, run).fault.unwrap_or_else(|| panic!("{what} went unseen in its run"));
    assert_eq!(alone.run, Some(run), "{}", alone.what);
    let fault = copy.verify().fault.unwrap_or_else(|| panic!("{what} went unseen"));
    assert_eq!(fault.run, Some(run), "{}", fault.what);
}

#[test]
fn a_key_that_is_gone_and_that_no_erasure_names_is_a_fault() {
    for run in [OLDEST, NEWEST, BYSTANDER, STRANGER] {
        for class in [0, 1] {
            let copy = Copy::new().execute(&format!("DELETE FROM subjects WHERE {}", key(run, class)));
            noticed(&copy, run, "a DELETE");
            assert!(copy.verify().fault.unwrap().what.contains("no erasure"));
        }
    }
    assert!(Copy::new().execute("DELETE FROM subjects").verify().fault.is_some());
}

#[test]
fn whose_and_of_what_sort_a_key_is_is_covered_without_keys() {
    for run in [OLDEST, NEWEST, STRANGER] {
        for class in [0, 1] {
            let row = key(run, class);
            for column in ["tenant", "id", "run", "class"] {
                noticed(&Copy::new().flip("subjects", column, &row), run, &format!("subjects.{column}"));
            }
            for change in [
                "run = NULL".to_owned(),
                "class = 1 - class".to_owned(),
                format!("run = (SELECT key FROM runs WHERE id = x'{}')", hex(BYSTANDER)),
            ] {
                let copy = Copy::new().execute(&format!("UPDATE subjects SET {change} WHERE {row}"));
                noticed(&copy, run, &change);
            }
        }
    }
    let both = "UPDATE subjects SET class = 1 - class";
    assert!(Copy::new().execute(both).verify().fault.is_some());
}

#[test]
fn a_key_of_nobody_is_a_fault() {
    let spare = "INSERT INTO subjects SELECT tenant, randomblob(16), NULL, class, by_key, wrapped, label
                 FROM subjects LIMIT 1";
    let fault = Copy::new().execute(spare).verify().fault.expect("it went unseen");
    assert!(fault.what.contains("belongs to no run"), "{}", fault.what);
}

#[test]
fn every_column_of_a_key_is_covered_with_keys() {
    assert_eq!(Copy::new().verify_with_keys().fault, None);
    for run in [OLDEST, NEWEST, STRANGER] {
        for class in [0, 1] {
            for column in ["tenant", "id", "run", "class", "by_key", "wrapped", "label"] {
                // Only the key of its content has a name.
                if (column, class) == ("label", 1) {
                    continue;
                }
                let copy = Copy::new().flip("subjects", column, &key(run, class));
                let fault = copy.verify_with_keys().fault;
                let fault = fault.unwrap_or_else(|| panic!("subjects.{column} went unseen"));
                assert_eq!(fault.run, Some(run), "{column}: {}", fault.what);
            }
            for label in ["x''", "x'00'", "randomblob(51)"] {
                let set = format!("UPDATE subjects SET label = {label} WHERE {}", key(run, class));
                let same = (label, class) == ("x''", 1);
                assert_eq!(Copy::new().execute(&set).verify_with_keys().fault.is_none(), same, "{label}");
            }
        }
    }
    let spare = format!(
        "INSERT INTO subjects SELECT tenant, randomblob(16), run, class, by_key, wrapped, label FROM subjects WHERE {}",
        key(OLDEST, 0)
    );
    assert!(Copy::new().execute(&spare).verify_with_keys().fault.is_some(), "a key was added");
}
