//! Every column of entries and payloads on a server, changed in several entries of a run. Those of a file are
//! changed in the ledger's own tests.

use crate::place::{Kind, Place};
use crate::postgres_server::try_psql;
use crate::{Kept, MIDDLE, found, found_with_keys, kept};
use comity_ledger::Fault;

/// Other values for a column of this type, as SQL.
fn others(column: &str, kind: &str) -> Vec<String> {
    match kind {
        // Another first byte, and another last one.
        "bytea" => ["0", &format!("length({column}) - 1")]
            .map(|at| format!("set_byte({column}, {at}, get_byte({column}, {at}) # 1)"))
            .into(),
        // Far from those of all other rows.
        "bigint" => vec![format!("{column} + 1000003"), format!("-7 - {column}")],
        "text" => vec!["'other'".to_owned()],
        other => panic!("`{column}` is of a kind that this test does not know: {other}"),
    }
}

/// The columns of a table with their types.
fn columns(place: &Place, table: &str) -> Vec<(String, String)> {
    let sql = format!(
        "SELECT column_name || ' ' || data_type FROM information_schema.columns
         WHERE table_name = '{table}' AND table_schema = 'public' ORDER BY ordinal_position"
    );
    let split = |line: &String| line.split_once(' ').map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    place.texts(&sql).iter().filter_map(split).collect()
}

/// The columns of a table that are not computed from others.
fn written(place: &Place, table: &str) -> String {
    let sql = format!(
        "SELECT string_agg(column_name, ', ') FROM information_schema.columns
         WHERE table_name = '{table}' AND table_schema = 'public' AND is_generated = 'NEVER'"
    );
    place.texts(&sql).pop().unwrap()
}

/// Changes each column of `row` but one, one at a time, and puts it right again. Each change is noticed.
fn each_is_noticed(place: &Place, table: &str, row: &str, known: &[&str], but: Option<&str>) {
    each_is_found(place, table, row, known, but, &found);
}

/// The same, by whatever `find` finds.
fn each_is_found(
    place: &Place,
    table: &str,
    row: &str,
    known: &[&str],
    but: Option<&str>,
    find: &dyn Fn(&Place) -> Option<Fault>,
) {
    let columns = columns(place, table);
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, known, "the columns of {table}");
    place.execute(&format!(
        "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM {table} WHERE {row};
         DROP TABLE IF EXISTS whole; CREATE TABLE whole AS SELECT id FROM {table}"
    ));
    let written = written(place, table);
    let put_right = format!(
        "DELETE FROM {table} WHERE id NOT IN (SELECT id FROM whole) OR id = (SELECT id FROM kept);
         INSERT INTO {table} ({written}) SELECT {written} FROM kept"
    );
    assert_eq!(place.texts("SELECT count(*) FROM kept"), ["1"], "{row}");
    for (column, kind) in columns.iter().filter(|(name, _)| Some(name.as_str()) != but) {
        for other in others(column, kind) {
            place.execute(&format!("UPDATE {table} SET {column} = {other} WHERE id = (SELECT id FROM kept)"));
            assert!(find(place).is_some(), "{table}.{column} = {other} went unseen where {row}");
            place.execute(&put_right);
        }
    }
    assert_eq!(find(place), None, "everything was put right");
}

/// The number of an entry of the second run, as text.
fn entry(kept: &Kept, place: &Place, seq: &str) -> String {
    let sql = format!("SELECT id::text FROM entries WHERE run = {} AND seq = {seq}", kept.run(1));
    place.texts(&sql).pop().unwrap()
}

#[test]
fn every_column_of_an_entry_is_covered() {
    let kept = kept(Kind::Postgres);
    let place = kept.now.copy();
    let last = format!("(SELECT max(seq) FROM entries WHERE run = {})", kept.run(1));
    for seq in ["0", &MIDDLE.to_string(), &(MIDDLE + 1).to_string(), &last] {
        let id = entry(kept, &place, seq);
        let known = ["tenant", "run", "seq", "body", "hash", "id"];
        each_is_noticed(&place, "entries", &format!("id = {id}"), &known, Some("id"));
    }
}

#[test]
fn the_number_of_an_entry_is_what_its_run_and_its_place_make_it() {
    let kept = kept(Kind::Postgres);
    let place = kept.now.copy();
    let other = "SELECT count(*)::text FROM entries WHERE id <> ((run << 25) | seq)";
    assert_eq!(place.texts(other), ["0"]);
    let Place::Server { url, .. } = &place else { unreachable!() };
    assert!(!try_psql(url, "UPDATE entries SET id = id + 1").status.success(), "it is computed");
}

/// The numbers of an entry's texts.
fn texts_of(place: &Place, entry: &str) -> Vec<String> {
    place.texts(&format!("SELECT id::text FROM payloads WHERE id / 8 = {entry} ORDER BY id"))
}

#[test]
fn every_column_of_a_payload_is_covered() {
    let kept = kept(Kind::Postgres);
    let place = kept.now.copy();
    for seq in ["0", &MIDDLE.to_string(), &(MIDDLE + 1).to_string()] {
        let of = entry(kept, &place, seq);
        let texts = texts_of(&place, &of);
        assert!(!texts.is_empty(), "entry {seq} has texts");
        for text in texts {
            let columns = ["id", "tenant", "codec", "subject", "salt", "body"];
            each_is_noticed(&place, "payloads", &format!("id = {text}"), &columns, None);
        }
    }
}

#[test]
fn every_column_of_a_key_is_covered() {
    let kept = kept(Kind::Postgres);
    let place = kept.now.copy();
    for class in [0, 1] {
        let of =
            format!("SELECT encode(id, 'hex') FROM subjects WHERE run = {} AND class = {class}", kept.run(1));
        let row = format!("id = '\\x{}'", place.texts(&of).pop().unwrap());
        let columns = ["tenant", "id", "run", "class", "by_key", "wrapped", "label"];
        // It is empty here: no byte of it can be another. It is changed below.
        let find = |place: &Place| found_with_keys(kept, place);
        each_is_found(&place, "subjects", &row, &columns, Some("label"), &find);
        let now = || (found(&place).is_some(), find(&place).is_some());
        for (change, without_keys) in [
            ("UPDATE subjects SET run = NULL WHERE", true),
            ("UPDATE subjects SET class = 1 - class WHERE", true),
            ("DELETE FROM subjects WHERE", true),
            ("UPDATE subjects SET label = decode('00', 'hex') WHERE", false),
        ] {
            place.execute(&format!("{change} {row}"));
            assert_eq!(now(), (without_keys, true), "{change}");
            place.execute(&format!(
                "DELETE FROM subjects WHERE {row}; INSERT INTO subjects SELECT * FROM kept"
            ));
            assert_eq!(now(), (false, false), "it was put right");
        }
    }
}
