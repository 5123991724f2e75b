//! Brings a database's schema up to date: numbered texts, each applied once, whole, under its checksum.

use super::{APPLICATION, Settings, fail};
use crate::error::Error;
use crate::migrations::{self, ID, Migration, checksum};
use rusqlite::{Connection, TransactionBehavior};

/// Every migration, oldest first. A text that has been released is never changed.
const MIGRATIONS: &[Migration] = &[
    (1, "path", include_str!("../migrations/0001_path.sql")),
    (2, "proof", include_str!("../migrations/0002_proof.sql")),
];

/// The number of the newest migration: the schema of every database that is open.
pub const SCHEMA: usize = MIGRATIONS.len();

/// Applies what is missing. Each migration and its record are one transaction, so a kill leaves either
/// both or neither.
pub fn bring_up(connection: &mut Connection, settings: &Settings) -> Result<(), Error> {
    let fail = |error| fail::explain(error, &settings.path, settings.patience);
    if recorded(connection).map_err(fail)?.len() < MIGRATIONS.len() {
        apply_missing(connection, settings).map_err(fail)?;
    }
    migrations::check(&recorded(connection).map_err(fail)?, MIGRATIONS)
}

/// Refuses a database of an earlier build, which only reading cannot bring up to date.
pub fn refuse_older(connection: &Connection, settings: &Settings) -> Result<(), Error> {
    let found =
        recorded(connection).map_err(|error| fail::explain(error, &settings.path, settings.patience))?;
    if found.len() < MIGRATIONS.len() {
        let why = format!(
            "its schema is version {} of {SCHEMA}, and bringing it up to date needs to write: copy it first",
            found.len()
        );
        return Err(Error::Open { path: settings.path.clone(), why });
    }
    migrations::check(&found, MIGRATIONS)
}

fn apply_missing(connection: &mut Connection, settings: &Settings) -> rusqlite::Result<()> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION};
         CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
             checksum TEXT NOT NULL, applied_ms INTEGER NOT NULL) STRICT;"
    ))?;
    // Another process may have been first: what counts is what stands under the write lock.
    let done = recorded(&write)?;
    for (version, name, text) in MIGRATIONS {
        if done.iter().any(|(known, _)| known == version) {
            continue;
        }
        write.execute_batch(text)?;
        write.execute(
            "INSERT INTO migrations VALUES (?1, ?2, ?3, ?4)",
            (*version as i64, name, checksum(text), settings.now.millis() as i64),
        )?;
    }
    write.execute("INSERT OR IGNORE INTO pins VALUES ('', ?1, ?2)", (ID, &settings.id[..]))?;
    write.commit()
}

/// Refuses a database that holds something and is not marked as ours. Changes nothing in it.
pub fn refuse_foreign(connection: &Connection, settings: &Settings) -> Result<(), Error> {
    let ours = is_ours_or_empty(connection);
    match ours.map_err(|error| fail::explain(error, &settings.path, settings.patience))? {
        true => Ok(()),
        false => Err(Error::Foreign { path: settings.path.clone() }),
    }
}

fn is_ours_or_empty(connection: &Connection) -> rusqlite::Result<bool> {
    // One snapshot: between two, another process may bring up a database that was empty in the first.
    let read = connection.unchecked_transaction()?;
    let tables: i64 = read.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i64 = read.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(application == APPLICATION || (application == 0 && tables == 0))
}

fn recorded(connection: &Connection) -> rusqlite::Result<Vec<(u64, String)>> {
    let there: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'",
        [],
        |row| row.get(0),
    )?;
    if there == 0 {
        return Ok(Vec::new());
    }
    let mut query = connection.prepare("SELECT version, checksum FROM migrations ORDER BY version")?;
    let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)))?;
    rows.collect()
}
