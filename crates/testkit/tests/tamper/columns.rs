//! Every column of entries and payloads on a server, changed in several entries of a run. Those of a file are
//! changed in the ledger's own tests.

use crate::place::{Kind, Place};
use crate::{Kept, MIDDLE, found, kept, wait};
use comity_core::Tenant;
use comity_store::EntryRow;

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

/// Changes each column of `row` but one, one at a time, and puts it right again. Each change is noticed.
fn each_is_noticed(place: &Place, table: &str, row: &str, known: &[&str], but: Option<&str>) {
    let columns = columns(place, table);
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, known, "the columns of {table}");
    place.execute(&format!(
        "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM {table} WHERE {row}"
    ));
    assert_eq!(place.texts("SELECT count(*) FROM kept"), ["1"], "{row}");
    for (column, kind) in columns.iter().filter(|(name, _)| Some(name.as_str()) != but) {
        for other in others(column, kind) {
            place.execute(&format!(
                "DELETE FROM {table} WHERE {row};
                 INSERT INTO {table} SELECT * FROM kept;
                 UPDATE {table} SET {column} = {other} WHERE id = (SELECT id FROM kept)"
            ));
            assert!(found(place).is_some(), "{table}.{column} = {other} went unseen where {row}");
            let changed =
                if column == "id" { other.replace("id", "(SELECT id FROM kept)") } else { "NULL".into() };
            place.execute(&format!(
                "DELETE FROM {table} WHERE id IN ((SELECT id FROM kept), {changed});
                 INSERT INTO {table} SELECT * FROM kept"
            ));
        }
    }
    assert_eq!(found(place), None, "everything was put right");
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
        let known = ["id", "tenant", "run", "seq", "body", "hash"];
        // It is what the texts hang from, and on a server it has gaps: without texts it says nothing to anybody.
        let but = texts_of(&place, &id).is_empty().then_some("id");
        each_is_noticed(&place, "entries", &format!("id = {id}"), &known, but);
    }
}

#[test]
fn the_number_of_an_entry_without_texts_is_nothing_that_is_read() {
    let kept = kept(Kind::Postgres);
    let place = kept.now.copy();
    let bare = format!(
        "run = {} AND seq = (SELECT min(seq) FROM entries e WHERE e.run = {} AND NOT EXISTS
         (SELECT FROM payloads p WHERE p.id / 8 = e.id))",
        kept.run(1),
        kept.run(1)
    );
    let shown = || {
        wait(async {
            let (store, mut shown) = (place.store(), Vec::new());
            let cell = store.run(&Tenant::local(), kept.runs[1]).await.unwrap().unwrap();
            let see =
                |row: EntryRow| shown.push((row.tenant, row.seq, row.body, row.hash, row.payloads.len()));
            store.entries(&cell, 0, 1_000, see).await.unwrap();
            shown
        })
    };
    let before = shown();
    let numbers = || place.texts(&format!("SELECT id::text FROM entries WHERE {bare}"));
    let number = numbers();
    place.execute(&format!("UPDATE entries SET id = id + 1000003 WHERE {bare}"));
    assert_ne!(numbers(), number);
    assert_eq!(shown(), before);
    assert_eq!((found(&place), kept.against(&place)), (None, None));
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
