//! Reads: each names a tenant, touches an index, and returns at most a page.

use super::codec::{self, account_cell, approval_cell, breaker_cell, loaded, parsed, run_cell, stored};
use super::{Inner, Sqlite, fail, open};
use crate::cells::{BreakerCell, RunCell};
use crate::commit::{AccountId, MAX_PAYLOADS};
use crate::error::Error;
use crate::rows::{AccountRow, ApprovalRow, EntryRow, PAGE, PayloadRow, RunRow, Totals};
use comity_core::{ApprovalId, RunId, Tenant};
use rusqlite::{Connection, OptionalExtension, Row, Statement};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

impl Sqlite {
    /// The store as it is now, for reads that must fit together: what is committed later does not show.
    ///
    /// While it lives, the write-ahead log cannot start again.
    pub async fn snapshot(&self) -> Result<Self, Error> {
        let fail = |error| fail::explain(error, &self.inner.path, self.inner.patience);
        let connection = self.inner.reader().map_err(fail)?;
        // The first read is what fixes the moment.
        connection.execute_batch("BEGIN; SELECT count(*) FROM migrations").map_err(fail)?;
        Ok(Self { inner: Arc::clone(&self.inner), pinned: Some(Arc::new(Mutex::new(connection))) })
    }

    /// Writes the database as it is now into a new file at `path`; other processes may go on writing to this one.
    ///
    /// The copy holds nothing but its rows: what was once written over is not in it. Errors if there is a file
    /// at `path` that is not empty.
    pub async fn copy_to(&self, path: &Path) -> Result<(), Error> {
        let patience = self.inner.patience;
        let connection =
            self.inner.reader().map_err(|error| fail::explain(error, &self.inner.path, patience))?;
        let name = path
            .to_str()
            .ok_or_else(|| Error::Open { path: path.to_owned(), why: "its name is not UTF-8".to_owned() })?;
        connection
            .execute("VACUUM INTO ?1", [name])
            .map(|_| ())
            .map_err(|error| fail::explain(error, path, patience))
    }

    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.read_alone(|connection| query(connection))
    }

    /// The same for a query that sets up its connection.
    pub(super) fn read_alone<T>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        match &self.pinned {
            None => self.inner.read(query),
            Some(pinned) => {
                let mut connection = pinned.lock().unwrap_or_else(PoisonError::into_inner);
                query(&mut connection)
                    .map_err(|error| fail::explain(error, &self.inner.path, self.inner.patience))
            }
        }
    }
}

impl Inner {
    fn read<T>(&self, query: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let fail = |error| fail::explain(error, &self.path, self.patience);
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => self.reader().map_err(fail)?,
        };
        let result = query(&mut connection).map_err(fail);
        let mut pool = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < 4 {
            pool.push(connection);
        }
        result
    }

    fn reader(&self) -> rusqlite::Result<Connection> {
        let connection = open::connect_to_read(&self.path, self.frozen)?;
        connection.busy_timeout(self.patience)?;
        connection.execute_batch("PRAGMA cache_size = -8000; PRAGMA trusted_schema = OFF;")?;
        Ok(connection)
    }
}

impl Sqlite {
    /// One run of this tenant.
    pub async fn run(&self, tenant: &Tenant, run: RunId) -> Result<Option<RunCell>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(codec::RUN_BY_ID)?;
            query.query_row((tenant.as_str(), &run.bytes()[..]), run_cell).optional()
        })
    }

    /// This tenant's runs, newest first, older than `before`, at most a page.
    pub async fn runs(
        &self,
        tenant: &Tenant,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT key, tenant, namespace, epoch, owner, status, next_seq, head, opened_ms, updated_ms,
                     anchored, due, id FROM runs WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            )?;
            let limit = limit.min(PAGE) as i64;
            // Longer than any id, and so after all of them.
            let before = before.map_or_else(|| vec![u8::MAX; 17], |run| run.bytes().to_vec());
            let rows = query.query_map((tenant.as_str(), before, limit), run_row)?;
            rows.collect()
        })
    }

    /// A run's entries from `from` on, with their payloads, handed to `visit` one by one; at most a page.
    /// Returns how many there were.
    pub async fn entries(
        &self,
        run: &RunCell,
        from: u64,
        limit: usize,
        mut visit: impl FnMut(EntryRow) + Send,
    ) -> Result<usize, Error> {
        self.read(|connection| {
            let mut entries = connection.prepare_cached(
                "SELECT e.id, e.tenant, e.seq, e.body, e.hash FROM runs r CROSS JOIN entries e ON e.run = r.key
                 WHERE r.key = ?1 AND r.tenant = ?4 AND e.seq >= ?2 ORDER BY e.seq LIMIT ?3",
            )?;
            let mut payloads = connection.prepare_cached(
                "SELECT id, tenant, codec, subject, salt, body FROM payloads WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
            )?;
            let limit = limit.min(PAGE) as i64;
            let mut rows = entries.query((run.key, stored(from), limit, run.tenant.as_str()))?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                let mut entry = entry_row(row)?;
                entry.payloads = payload_rows(&mut payloads, entry.id)?;
                visit(entry);
                count += 1;
            }
            Ok(count)
        })
    }

    /// One approval of this tenant.
    pub async fn approval(&self, tenant: &Tenant, id: ApprovalId) -> Result<Option<ApprovalRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(codec::APPROVAL_BY_ID)?;
            let cell = query
                .query_row((tenant.as_str(), &id.bytes()[..]), |row| approval_cell(row, 0))
                .optional()?;
            Ok(cell.map(|cell| ApprovalRow { id, cell }))
        })
    }

    /// The approvals of one run, in no particular order.
    pub async fn approvals(&self, run: &RunCell) -> Result<Vec<ApprovalRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT r.id, a.step, a.binding, a.state, a.expires_ms, a.asked_seq, a.id FROM approvals a
                 JOIN runs r ON r.key = a.run WHERE a.run = ?1 AND a.tenant = ?2",
            )?;
            let rows = query.query_map((run.key, run.tenant.as_str()), |row| {
                let id: Vec<u8> = row.get(6)?;
                let id = parsed(row, 6, ApprovalId::from_slice(&id))?;
                Ok(ApprovalRow { id, cell: approval_cell(row, 0)? })
            })?;
            rows.collect()
        })
    }

    /// One account of this tenant.
    pub async fn account(&self, tenant: &Tenant, id: AccountId) -> Result<Option<AccountRow>, Error> {
        let found = self.read(|connection| {
            let mut query = connection.prepare_cached(codec::ACCOUNT_BY_ID)?;
            query.query_row((tenant.as_str(), &id.0[..]), |row| account_cell(row, 0)).optional()
        })?;
        Ok(found.map(|cell| AccountRow { id, cell }))
    }

    /// This tenant's accounts after `after`, at most a page, in the order of their ids.
    pub async fn accounts(
        &self,
        tenant: &Tenant,
        after: Option<AccountId>,
    ) -> Result<Vec<AccountRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT tenant, label, cap_micro_usd, cap_millis, cap_steps, cap_tokens, held_micro_usd,
                     held_millis, held_steps, held_tokens, spent_micro_usd, spent_millis, spent_steps,
                     spent_tokens, frozen, id
                 FROM accounts WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            )?;
            let from = after.map_or(Vec::new(), |id| id.0.to_vec());
            let rows = query.query_map((tenant.as_str(), from, PAGE as i64), |row| {
                let id: Vec<u8> = row.get(15)?;
                let id = parsed(row, 15, id.try_into().ok().map(AccountId))?;
                Ok(AccountRow { id, cell: account_cell(row, 0)? })
            })?;
            rows.collect()
        })
    }

    /// The circuit breaker of one endpoint; closed and empty when it never failed.
    pub async fn breaker(&self, tenant: &Tenant, endpoint: &str) -> Result<BreakerCell, Error> {
        let found = self.read(|connection| {
            let mut query = connection.prepare_cached(codec::BREAKER_BY_ENDPOINT)?;
            query.query_row((tenant.as_str(), endpoint), breaker_cell).optional()
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Counts what there is, and finds what belongs to nothing. Reads whole tables; the numbers belong together
    /// only in a [`Store::snapshot`].
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.read(|connection| {
            let count = |sql: &str| connection.query_row(sql, [], |row| loaded(row, 0));
            let stray_entry = "SELECT e.id, e.seq FROM entries e LEFT JOIN runs r ON r.key = e.run
                               WHERE r.key IS NULL ORDER BY e.id LIMIT 1";
            let stray_payload = "SELECT p.id FROM payloads p LEFT JOIN entries e ON e.id = p.id / ?1
                                 WHERE e.id IS NULL ORDER BY p.id LIMIT 1";
            let stray_leaf = "SELECT l.tenant, l.position FROM leaves l LEFT JOIN runs r ON r.key = l.run
                              WHERE r.key IS NULL ORDER BY l.tenant, l.position LIMIT 1";
            Ok(Totals {
                entries: count("SELECT count(*) FROM entries")?,
                payloads: count("SELECT count(*) FROM payloads")?,
                last_entry: connection
                    .query_row("SELECT coalesce(max(id), 0) FROM entries", [], |row| row.get(0))?,
                stray_entry: connection
                    .query_row(stray_entry, [], |row| Ok((row.get(0)?, loaded(row, 1)?)))
                    .optional()?,
                stray_payload: connection
                    .query_row(stray_payload, [MAX_PAYLOADS as i64], |row| row.get(0))
                    .optional()?,
                stray_leaf: connection
                    .query_row(stray_leaf, [], |row| Ok((row.get(0)?, loaded(row, 1)?)))
                    .optional()?,
            })
        })
    }

    /// The tenants that have runs, in order.
    pub async fn tenants(&self) -> Result<Vec<String>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare("SELECT DISTINCT tenant FROM runs ORDER BY tenant")?;
            let rows = query.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Asks SQLite to check the file's structure; the first complaint, if there is one.
    pub async fn integrity(&self) -> Result<Option<String>, Error> {
        self.read(|connection| {
            let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            Ok((verdict != "ok").then_some(verdict))
        })
    }
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        seq: loaded(row, 2)?,
        body: row.get(3)?,
        hash: row.get(4)?,
        payloads: Vec::new(),
    })
}

fn payload_rows(query: &mut Statement<'_>, entry: i64) -> rusqlite::Result<Vec<PayloadRow>> {
    let slots = MAX_PAYLOADS as i64;
    let Some(first) = entry.checked_mul(slots) else { return Ok(Vec::new()) };
    let rows = query.query_map((first, first + slots - 1), |row| {
        let id: i64 = row.get(0)?;
        Ok(PayloadRow {
            slot: u8::try_from(id - first).unwrap_or(u8::MAX),
            tenant: row.get(1)?,
            codec: row.get(2)?,
            subject: row.get(3)?,
            salt: row.get(4)?,
            body: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// Columns as `run_cell` reads them, and then the id.
pub(super) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let id: Vec<u8> = row.get(12)?;
    let id = parsed(row, 12, RunId::from_slice(&id))?;
    Ok(RunRow { id, cell: run_cell(row)? })
}
