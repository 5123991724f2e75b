//! Both large tables read side by side, each once and in the order of its row numbers.

use super::Sqlite;
use super::codec::loaded;
use super::proof::leaf_row;
use super::read::run_row;
use crate::commit::MAX_PAYLOADS;
use crate::error::Error;
use crate::scan::{EntryRef, Page, PayloadRef, SCAN_LEAVES, SCAN_PAGE, Scan, Scanned};
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Rows};
use std::ffi::c_int;

/// More steps than the check of pages takes beside one for each page.
const SPARE: i64 = 4_096;

/// The tables that grow with the number of entries; every other is small beside them.
const LARGE: &str = "'entries', 'payloads'";

impl Sqlite {
    /// Reads the next page of a scan. Stops early, with [`Page::Odd`], as soon as `visit` says no.
    pub async fn scan(
        &self,
        scan: &mut Scan,
        mut visit: impl FnMut(Scanned<'_>) -> bool + Send,
    ) -> Result<Page, Error> {
        if scan.entry.is_none() && !self.read_alone(is_sound)? {
            return Ok(Page::Odd);
        }
        self.read(|connection| match page(connection, scan, &mut visit)? {
            None => Ok(Page::Odd),
            Some(SCAN_PAGE) => Ok(Page::More),
            Some(_) => Ok(if is_whole(connection, scan)? { Page::Whole } else { Page::Odd }),
        })
    }
}

/// Whether the file's structure is sound, and the rows and indexes of the small tables are what they may be.
///
/// The rows of the large tables are looked at while they are read, each column as the type it has to have, and their
/// index is compared on the way: asking SQLite takes another reading, and a search for each of them.
fn is_sound(connection: &mut Connection) -> rusqlite::Result<bool> {
    let is_pinned = !connection.is_autocommit();
    if !is_structured(connection)? || is_pinned == connection.is_autocommit() {
        return Ok(false);
    }
    let is_ok = |sql: &str| connection.query_row(sql, [], |row| Ok(text(row, 0)? == "ok"));
    let sql = format!(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ({LARGE}) AND name NOT LIKE 'sqlite_%'"
    );
    let mut tables = connection.prepare(&sql)?;
    let names: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        if !is_ok(&format!("PRAGMA integrity_check(\"{}\")", name.replace('"', "\"\"")))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether every page of the file is used once, and each tree is in order: what `quick_check` looks at first.
///
/// Afterwards it reads every row. It is stopped there: SQLite asks whether to go on each `NUM` pages that it checks
/// and, later, each `NUM` steps of its program. With a number that is larger than the file, it asks only once the
/// pages are done. A fault ends the check of the pages before it could ask.
fn is_structured(connection: &mut Connection) -> rusqlite::Result<bool> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let beyond = pages.checked_add(SPARE).and_then(|number| c_int::try_from(number).ok());
    if let Some(beyond) = beyond {
        connection.progress_handler(beyond, Some(|| true))?;
    }
    let answer = connection.query_row("PRAGMA quick_check(1)", [], |row| Ok(text(row, 0)? == "ok"));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match answer {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(true),
        answer => answer,
    }
}

/// Reads a page; how many entries it had, or `None` if something is odd.
fn page(
    connection: &Connection,
    scan: &mut Scan,
    visit: &mut impl FnMut(Scanned<'_>) -> bool,
) -> rusqlite::Result<Option<usize>> {
    let mut entries = connection.prepare_cached(
        "SELECT id, run, tenant, seq, body, hash FROM entries WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut payloads = connection.prepare_cached(
        "SELECT id, tenant, codec, subject, salt, body FROM payloads WHERE id > ?1 ORDER BY id",
    )?;
    let mut rows = entries.query((scan.entry.unwrap_or(i64::MIN), SCAN_PAGE as i64))?;
    let mut texts = payloads.query([scan.payload.unwrap_or(i64::MIN)])?;
    texts.advance()?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        if !entry(connection, row, scan, visit)? || !texts_of(row.get(0)?, &mut texts, scan, visit)? {
            return Ok(None);
        }
        count += 1;
    }
    // At the end of the entries, no payload may be left.
    Ok(if count < SCAN_PAGE && texts.get().is_some() { None } else { Some(count) })
}

fn entry(
    connection: &Connection,
    row: &Row<'_>,
    scan: &mut Scan,
    visit: &mut impl FnMut(Scanned<'_>) -> bool,
) -> rusqlite::Result<bool> {
    let (id, run, place): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(3)?);
    scan.entry = Some(id);
    scan.entries += 1;
    scan.places.add((run, place, id));
    if place == 0 {
        let mut query = connection.prepare_cached(
            "SELECT key, tenant, namespace, epoch, owner, status, next_seq, head, opened_ms, updated_ms,
                 anchored, due, id FROM runs WHERE key = ?1",
        )?;
        let Some(opened) = query.query_row([run], run_row).optional()? else { return Ok(false) };
        scan.runs += 1;
        if !visit(Scanned::Run(opened)) || !leaves_of(connection, run, visit)? {
            return Ok(false);
        }
    }
    let (tenant, body, hash) = (text(row, 2)?, bytes(row, 4)?, bytes(row, 5)?);
    Ok(visit(Scanned::Entry(run, EntryRef { id, tenant, seq: loaded(row, 3)?, body, hash })))
}

/// Visits the leaves of one run.
fn leaves_of(
    connection: &Connection,
    run: i64,
    visit: &mut impl FnMut(Scanned<'_>) -> bool,
) -> rusqlite::Result<bool> {
    let mut query = connection.prepare_cached(
        "SELECT l.position, r.id, l.size, l.kind, l.root, l.frontier FROM leaves l JOIN runs r ON r.key = l.run
         WHERE l.run = ?1 ORDER BY l.size LIMIT ?2",
    )?;
    let mut rows = query.query((run, SCAN_LEAVES as i64 + 1))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        if !visit(Scanned::Leaf(run, leaf_row(row)?)) {
            return Ok(false);
        }
    }
    Ok(count <= SCAN_LEAVES)
}

/// Visits the payloads of one entry; no other may come before them.
fn texts_of(
    entry: i64,
    texts: &mut Rows<'_>,
    scan: &mut Scan,
    visit: &mut impl FnMut(Scanned<'_>) -> bool,
) -> rusqlite::Result<bool> {
    while let Some(row) = texts.get() {
        let id: i64 = row.get(0)?;
        let slot = id.rem_euclid(MAX_PAYLOADS as i64);
        match id.div_euclid(MAX_PAYLOADS as i64) {
            whose if whose > entry => return Ok(true),
            whose if whose < entry => return Ok(false),
            _ => {}
        }
        let payload = PayloadRef {
            slot: u8::try_from(slot).unwrap_or(u8::MAX),
            tenant: text(row, 1)?,
            codec: row.get(2)?,
            subject: match row.get_ref(3)? {
                ValueRef::Null => None,
                _ => Some(bytes(row, 3)?),
            },
            salt: bytes(row, 4)?,
            body: bytes(row, 5)?,
        };
        scan.payload = Some(id);
        if !visit(Scanned::Payload(payload)) {
            return Ok(false);
        }
        texts.advance()?;
    }
    Ok(true)
}

/// Whether nothing was left out: by the index of the entries, by the runs, or by the numbers of the rows.
fn is_whole(connection: &Connection, scan: &Scan) -> rusqlite::Result<bool> {
    let mut index = scan.places.anew();
    let mut query =
        connection.prepare("SELECT run, seq, id FROM entries INDEXED BY entries_by_run ORDER BY run, seq")?;
    let (mut rows, mut before, mut found) = (query.query([])?, None, 0);
    while let Some(row) = rows.next()? {
        let place: (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if before >= Some((place.0, place.1)) {
            return Ok(false);
        }
        (before, found) = (Some((place.0, place.1)), found + 1);
        index.add(place);
    }
    let count = |sql: &str| connection.query_row(sql, [], |row| loaded(row, 0));
    let stray_leaves =
        count("SELECT count(*) FROM leaves l LEFT JOIN runs r ON r.key = l.run WHERE r.key IS NULL")?;
    Ok(found == scan.entries
        && index.agrees(&scan.places)
        && count("SELECT count(*) FROM runs")? == scan.runs
        && u64::try_from(scan.entry.unwrap_or(0)) == Ok(scan.entries)
        && stray_leaves == 0)
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    let value = row.get_ref(column)?;
    value.as_str().map_err(|_| odd(value, column))
}

fn bytes<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    let value = row.get_ref(column)?;
    value.as_blob().map_err(|_| odd(value, column))
}

fn odd(value: ValueRef<'_>, column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, column.to_string(), value.data_type())
}

#[cfg(test)]
mod tests;
