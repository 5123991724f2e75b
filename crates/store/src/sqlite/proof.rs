//! Reads of the log and of wrapped keys.

use super::Sqlite;
use super::codec::{self, loaded, log_cell, parsed, stored, subject_cell};
use super::read::run_row;
use crate::cells::{LogCell, RunCell};
use crate::error::Error;
use crate::migrations::ID;
use crate::rows::{CheckpointRow, LeafRow, PAGE, RunRow, SubjectRow};
use comity_core::{Digest, RunId, SubjectId, Tenant, Timestamp};
use rusqlite::{OptionalExtension, Row};

impl Sqlite {
    pub async fn id(&self) -> Result<[u8; 16], Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(codec::PIN_BY_NAME)?;
            query.query_row(("", ID), |row| {
                let bytes: Vec<u8> = row.get(0)?;
                parsed(row, 0, bytes.try_into().ok())
            })
        })
    }

    pub async fn pinned(&self, tenant: &Tenant, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(codec::PIN_BY_NAME)?;
            query.query_row((tenant.as_str(), name), |row| row.get(0)).optional()
        })
    }

    pub async fn entry_hashes(&self, run: &RunCell, from: u64, limit: usize) -> Result<Vec<Digest>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT e.hash FROM runs r CROSS JOIN entries e ON e.run = r.key
                 WHERE r.key = ?1 AND r.tenant = ?4 AND e.seq >= ?2 ORDER BY e.seq LIMIT ?3",
            )?;
            let tenant = run.tenant.as_str();
            let rows = query.query_map((run.key, stored(from), page(limit), tenant), |row| digest(row, 0))?;
            rows.collect()
        })
    }

    pub async fn log(&self, tenant: &Tenant) -> Result<LogCell, Error> {
        let found = self.read(|connection| {
            let mut query = connection.prepare_cached(codec::LOG_BY_TENANT)?;
            query.query_row([tenant.as_str()], log_cell).optional()
        })?;
        Ok(found.unwrap_or_default())
    }

    pub async fn log_hashes(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Digest>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT hash FROM hashes WHERE tenant = ?1 AND position >= ?2 ORDER BY position LIMIT ?3",
            )?;
            let rows = query.query_map((tenant.as_str(), stored(from), page(limit)), |row| digest(row, 0))?;
            rows.collect()
        })
    }

    pub async fn log_hashes_at(&self, tenant: &Tenant, places: &[u64]) -> Result<Vec<Digest>, Error> {
        self.read(|connection| {
            let mut query =
                connection.prepare_cached("SELECT hash FROM hashes WHERE tenant = ?1 AND position = ?2")?;
            let places = places.iter().take(PAGE);
            places
                .map(|place| query.query_row((tenant.as_str(), stored(*place)), |row| digest(row, 0)))
                .collect()
        })
    }

    pub async fn leaves(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<LeafRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT l.position, r.id, l.size, l.kind, l.root, l.frontier FROM leaves l
                 JOIN runs r ON r.key = l.run WHERE l.tenant = ?1 AND l.position >= ?2
                 ORDER BY l.position LIMIT ?3",
            )?;
            let rows = query.query_map((tenant.as_str(), stored(from), page(limit)), leaf_row)?;
            rows.collect()
        })
    }

    pub async fn leaf_covering(&self, run: &RunCell, seq: u64) -> Result<Option<LeafRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT l.position, r.id, l.size, l.kind, l.root, l.frontier FROM leaves l
                 JOIN runs r ON r.key = l.run WHERE l.run = ?1 AND l.size > ?2 AND l.tenant = ?3
                 ORDER BY l.size LIMIT 1",
            )?;
            query.query_row((run.key, stored(seq), run.tenant.as_str()), leaf_row).optional()
        })
    }

    pub async fn last_leaf(&self, run: &RunCell) -> Result<Option<LeafRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT l.position, r.id, l.size, l.kind, l.root, l.frontier FROM leaves l
                 JOIN runs r ON r.key = l.run WHERE l.run = ?1 AND l.tenant = ?2
                 ORDER BY l.size DESC LIMIT 1",
            )?;
            query.query_row((run.key, run.tenant.as_str()), leaf_row).optional()
        })
    }

    pub async fn due(&self, tenant: &Tenant, limit: usize) -> Result<Vec<RunRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT r.key, r.tenant, r.namespace, r.epoch, r.owner, r.status, r.next_seq, r.head,
                     r.opened_ms, r.updated_ms, r.anchored, r.due, r.id
                 FROM due d JOIN runs r ON r.key = d.run WHERE d.tenant = ?1 ORDER BY d.run LIMIT ?2",
            )?;
            let rows = query.query_map((tenant.as_str(), page(limit)), run_row)?;
            rows.collect()
        })
    }

    pub async fn checkpoint(
        &self,
        tenant: &Tenant,
        at_least: Option<u64>,
    ) -> Result<Option<CheckpointRow>, Error> {
        let sql = match at_least {
            Some(_) => {
                "SELECT size, at_ms, note FROM checkpoints WHERE tenant = ?1 AND size >= ?2
                 ORDER BY size LIMIT 1"
            }
            None => {
                "SELECT size, at_ms, note FROM checkpoints WHERE tenant = ?1 AND size >= ?2
                 ORDER BY size DESC LIMIT 1"
            }
        };
        self.read(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let least = at_least.unwrap_or_default();
            query.query_row((tenant.as_str(), stored(least)), checkpoint_row).optional()
        })
    }

    pub async fn checkpoints(
        &self,
        tenant: &Tenant,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<CheckpointRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT size, at_ms, note FROM checkpoints WHERE tenant = ?1 AND size > ?2
                 ORDER BY size LIMIT ?3",
            )?;
            let after = stored(after.unwrap_or_default());
            let rows = query.query_map((tenant.as_str(), after, page(limit)), checkpoint_row)?;
            rows.collect()
        })
    }

    pub async fn subject(&self, tenant: &Tenant, id: SubjectId) -> Result<Option<SubjectRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(codec::SUBJECT_BY_ID)?;
            let cell =
                query.query_row((tenant.as_str(), &id.bytes()[..]), |row| subject_cell(row, 0)).optional()?;
            Ok(cell.map(|cell| SubjectRow { id, cell }))
        })
    }

    pub async fn subjects(
        &self,
        tenant: &Tenant,
        after: Option<SubjectId>,
        limit: usize,
    ) -> Result<Vec<SubjectRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT s.id, r.id, s.class, s.by_key, s.wrapped, s.label
                 FROM subjects s LEFT JOIN runs r ON r.key = s.run
                 WHERE s.tenant = ?1 AND s.id > ?2 ORDER BY s.id LIMIT ?3",
            )?;
            let after = after.map_or_else(Vec::new, |id| id.bytes().to_vec());
            let rows = query.query_map((tenant.as_str(), after, page(limit)), subject_row)?;
            rows.collect()
        })
    }

    pub async fn stray_subject(&self) -> Result<Option<SubjectId>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT s.id FROM subjects s LEFT JOIN runs r ON r.key = s.run AND r.tenant = s.tenant
                 WHERE r.key IS NULL LIMIT 1",
            )?;
            let id: Option<Vec<u8>> = query.query_row([], |row| row.get(0)).optional()?;
            // An id that is none belongs to nothing either.
            Ok(id.map(|id| SubjectId::from_slice(&id).unwrap_or(SubjectId::from_bytes([0; 16]))))
        })
    }

    pub async fn subjects_of(&self, run: &RunCell) -> Result<Vec<SubjectRow>, Error> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT s.id, r.id, s.class, s.by_key, s.wrapped, s.label
                 FROM subjects s JOIN runs r ON r.key = s.run
                 WHERE s.run = ?1 AND s.tenant = ?2 ORDER BY s.id LIMIT ?3",
            )?;
            let rows = query.query_map((run.key, run.tenant.as_str(), PAGE as i64), subject_row)?;
            rows.collect()
        })
    }
}

fn page(limit: usize) -> i64 {
    limit.min(PAGE) as i64
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let bytes: Vec<u8> = row.get(column)?;
    parsed(row, column, Digest::from_slice(&bytes))
}

/// Columns: place, run id, size, kind, root, frontier.
pub(super) fn leaf_row(row: &Row<'_>) -> rusqlite::Result<LeafRow> {
    let run: Vec<u8> = row.get(1)?;
    Ok(LeafRow {
        position: loaded(row, 0)?,
        run: parsed(row, 1, RunId::from_slice(&run))?,
        size: loaded(row, 2)?,
        kind: row.get(3)?,
        root: row.get(4)?,
        frontier: row.get(5)?,
    })
}

/// Columns: size, time, note.
fn checkpoint_row(row: &Row<'_>) -> rusqlite::Result<CheckpointRow> {
    let at = Timestamp::from_millis(loaded(row, 1)?);
    Ok(CheckpointRow { size: loaded(row, 0)?, at, note: row.get(2)? })
}

/// Columns: id, then as `subject_cell` reads them.
fn subject_row(row: &Row<'_>) -> rusqlite::Result<SubjectRow> {
    let id: Vec<u8> = row.get(0)?;
    let id = parsed(row, 0, SubjectId::from_slice(&id))?;
    Ok(SubjectRow { id, cell: subject_cell(row, 1)? })
}
