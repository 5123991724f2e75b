//! An index that hides a row from those who read by it.

use crate::Copy;

/// Takes the index out of the schema, changes the table, and puts the index back as it was.
fn behind_the_index(copy: &Copy, change: &str) {
    let (name, root): (String, i64) = {
        let sql = copy.sql();
        sql.query_row("SELECT sql, rootpage FROM sqlite_schema WHERE name = 'entries_by_run'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap()
    };
    let schema = |change: &str| {
        let sql = copy.sql();
        sql.execute_batch(&format!("PRAGMA writable_schema = ON; {change}")).unwrap();
    };
    schema("DELETE FROM sqlite_schema WHERE name = 'entries_by_run'");
    copy.sql().execute_batch(change).unwrap();
    schema(&format!(
        "INSERT INTO sqlite_schema VALUES ('index', 'entries_by_run', 'entries', {root}, '{name}')"
    ));
}

#[test]
fn an_index_of_more_rows_than_its_table_is_found() {
    let copy = Copy::new();
    behind_the_index(&copy, "DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)");
    assert!(copy.verify().fault.is_some());
}

/// What the index says of the rows is changed, and the rows are as they were.
#[test]
fn an_index_of_other_places_is_found() {
    for (there, back) in [("seq = seq + 100", "seq = seq - 100"), ("run = run + 9", "run = run - 9")] {
        let copy = Copy::new();
        let last = "id = (SELECT max(id) FROM entries)";
        copy.sql().execute_batch(&format!("UPDATE entries SET {there} WHERE {last}")).unwrap();
        behind_the_index(&copy, &format!("UPDATE entries SET {back} WHERE {last}"));
        assert!(copy.verify().fault.is_some(), "{there}");
    }
}
