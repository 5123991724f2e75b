//! The views: what is recomputed from entries, and what nothing says.

use crate::fixture::{hex, hex_of, wait};
use crate::{BYSTANDER, Copy, NEWEST, OLDEST, STRANGER};
use comity_core::{Namespace, RunId, Tenant};
use comity_ledger::account;

fn run_row(run: RunId) -> String {
    format!("id = x'{}'", hex(run))
}

/// Flips the column of every run's row in turn. The fault names the run, unless the row cannot be told
/// from one of another run any more.
fn run_column(column: &str, named: bool) {
    for run in [OLDEST, NEWEST, BYSTANDER, STRANGER] {
        let report = Copy::new().flip("runs", column, &run_row(run)).verify();
        let fault = report.fault.unwrap_or_else(|| panic!("runs.{column} went unseen"));
        if named {
            assert_eq!(fault.run, Some(run), "{}", fault.what);
        }
    }
}

#[test]
fn the_columns_of_a_run_that_entries_tell_are_covered() {
    for column in ["next_seq", "head", "epoch", "status", "namespace", "key"] {
        run_column(column, true);
    }
    run_column("id", false);
    run_column("tenant", false);
}

#[test]
fn a_status_that_is_none_is_a_fault_and_no_error() {
    for status in ["300", "7", "-1"] {
        let sql = format!("UPDATE runs SET status = {status} WHERE {}", run_row(OLDEST));
        assert!(Copy::new().execute(&sql).verify().fault.is_some());
    }
}

fn accounts() -> Vec<String> {
    let (local, acme) = (Tenant::local(), "acme".parse::<Tenant>().unwrap());
    let (here, there) = (Namespace::default_name(), "lab".parse::<Namespace>().unwrap());
    let accounts = [
        account::of_run(OLDEST),
        account::of_run(STRANGER),
        account::of_namespace(&local, &here),
        account::of_namespace(&local, &there),
        account::of_namespace(&acme, &here),
        account::of_tenant(&local),
        account::of_tenant(&acme),
    ];
    accounts.into_iter().map(|id| format!("id = x'{}'", hex_of(id))).collect()
}

#[test]
fn what_every_account_holds_and_has_spent_is_covered_in_every_unit() {
    for side in ["held", "spent"] {
        for unit in ["micro_usd", "millis", "steps", "tokens"] {
            for row in accounts() {
                let report = Copy::new().flip("accounts", &format!("{side}_{unit}"), &row).verify();
                assert!(report.fault.is_some(), "{side}_{unit} where {row} went unseen");
            }
        }
    }
}

#[test]
fn whether_an_account_is_frozen_is_covered() {
    for row in accounts() {
        let report = Copy::new().flip("accounts", "frozen", &row).verify();
        assert!(report.fault.is_some(), "frozen where {row} went unseen");
    }
}

#[test]
fn an_account_that_is_another_s_or_gone_or_new_is_a_fault() {
    for row in accounts() {
        let moved = Copy::new().flip("accounts", "tenant", &row).verify();
        assert!(moved.fault.is_some(), "tenant where {row} went unseen");
        let gone = Copy::new().execute(&format!("DELETE FROM accounts WHERE {row}")).verify();
        assert!(gone.fault.is_some(), "a missing account where {row} went unseen");
    }
    let more = Copy::new().execute(
        "INSERT INTO accounts SELECT tenant, x'09', label, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
         FROM accounts LIMIT 1",
    );
    assert!(more.verify().fault.is_some());
}

#[test]
fn what_entries_tell_of_an_approval_is_covered() {
    let mine = format!("run = (SELECT key FROM runs WHERE {})", run_row(OLDEST));
    for state in [0, 1, 2, 3, 4, 9] {
        let one = format!("{mine} AND state <> {state}");
        let count = Copy::new().number(&format!("SELECT count(*) FROM approvals WHERE {one}"));
        assert!(count > 0);
        let copy = Copy::new().execute(&format!("UPDATE approvals SET state = {state} WHERE {one}"));
        assert!(copy.verify().fault.is_some(), "state {state} went unseen");
    }
    for column in ["step", "expires_ms", "asked_seq", "run", "id", "tenant"] {
        let fault = Copy::new().flip("approvals", column, &format!("{mine} AND state = 0")).verify().fault;
        let fault = fault.unwrap_or_else(|| panic!("approvals.{column} went unseen"));
        assert_eq!(fault.run, Some(OLDEST), "{}", fault.what);
    }
    let gone = Copy::new().execute(&format!("DELETE FROM approvals WHERE {mine} AND state = 0"));
    assert_eq!(gone.verify().fault.map(|fault| fault.run), Some(Some(OLDEST)));
}

#[test]
fn the_caps_of_a_run_s_account_are_covered() {
    for column in ["cap_micro_usd", "cap_millis", "cap_steps", "cap_tokens"] {
        let fault = Copy::new().flip("accounts", column, &run_row(OLDEST)).verify().fault;
        assert_eq!(fault.map(|fault| fault.run), Some(Some(OLDEST)), "{column}");
    }
}

/// Stated in the module's own words: no entry says these, so nothing can be compared.
#[test]
fn what_no_entry_says_is_not_covered() {
    let run = run_row(OLDEST);
    for (table, column, row) in [
        ("runs", "owner", &*run),
        ("runs", "opened_ms", &run),
        ("runs", "updated_ms", &run),
        ("accounts", "label", &run),
        ("approvals", "binding", "state = 0 AND run = 1"),
    ] {
        assert_eq!(Copy::new().flip(table, column, row).verify().fault, None, "{table}.{column}");
    }
    let breaker = Copy::new().execute("INSERT INTO breakers VALUES ('local', 'x', 9, 9, 9)");
    assert_eq!(breaker.verify().fault, None);
}

#[test]
fn one_run_is_verified_without_the_others() {
    let copy = Copy::new().flip("runs", "head", &run_row(NEWEST));
    assert_eq!(copy.one(&Tenant::local(), OLDEST).fault, None);
    assert_eq!(copy.one(&Tenant::local(), NEWEST).fault.and_then(|fault| fault.run), Some(NEWEST));
    let store = copy.store();
    assert!(wait(store.run(&Tenant::local(), OLDEST)).unwrap().is_some());
}
