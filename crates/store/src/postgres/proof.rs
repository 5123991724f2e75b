//! Reads of the log and of wrapped keys.

use super::Postgres;
use super::codec::{self, Unread, bytes, get, loaded, run_columns, small, stored, subject_columns};
use super::pool::Sees;
use super::read::{page, value};
use crate::cells::{LogCell, RunCell};
use crate::error::Error;
use crate::migrations::ID;
use crate::rows::{CheckpointRow, LeafRow, PAGE, RunRow, SubjectRow};
use comity_core::{Digest, RunId, SubjectId, Tenant, Timestamp};
use std::collections::HashMap;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

macro_rules! leaves {
    ($rest:literal) => {
        concat!(
            "SELECT l.position, r.id, l.size, l.kind, l.root, l.frontier FROM leaves l JOIN runs r ON r.key = l.run ",
            $rest
        )
    };
}

impl Postgres {
    pub async fn id(&self) -> Result<[u8; 16], Error> {
        let sql = "SELECT value FROM pins WHERE tenant = '' AND name = $1";
        let read = |row: &Row| bytes(row, 0, |bytes| bytes.try_into().ok());
        let found = self.one(Sees::All, sql, &[value(&ID, Type::TEXT)], read).await?;
        found.ok_or_else(|| Error::Odd { server: self.shown().to_owned(), why: "it has no name".to_owned() })
    }

    pub async fn pinned(&self, tenant: &Tenant, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT value FROM pins WHERE tenant = $1 AND name = $2";
        let whose = tenant.as_str();
        let values = [value(&whose, Type::TEXT), value(&name, Type::TEXT)];
        self.one(Sees::Tenant(tenant), sql, &values, |row| get(row, 0)).await
    }

    pub async fn entry_hashes(&self, run: &RunCell, from: u64, limit: usize) -> Result<Vec<Digest>, Error> {
        let sql =
            "SELECT hash FROM entries WHERE run = $1 AND seq >= $2 AND tenant = $4 ORDER BY seq LIMIT $3";
        let (from, limit, whose) = (stored(from), page(limit), run.tenant.as_str());
        let values = [
            value(&run.key, Type::INT8),
            value(&from, Type::INT8),
            value(&limit, Type::INT8),
            value(&whose, Type::TEXT),
        ];
        self.all(Sees::Tenant(&run.tenant), sql, &values, |row| bytes(row, 0, Digest::from_slice)).await
    }

    pub async fn log(&self, tenant: &Tenant) -> Result<LogCell, Error> {
        let sql = "SELECT size, hashes FROM logs WHERE tenant = $1";
        let whose = tenant.as_str();
        let values = [value(&whose, Type::TEXT)];
        Ok(self.one(Sees::Tenant(tenant), sql, &values, codec::log).await?.unwrap_or_default())
    }

    pub async fn log_hashes(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Digest>, Error> {
        let sql = "SELECT hash FROM hashes WHERE tenant = $1 AND position >= $2 ORDER BY position LIMIT $3";
        let (whose, from, limit) = (tenant.as_str(), stored(from), page(limit));
        let values = [value(&whose, Type::TEXT), value(&from, Type::INT8), value(&limit, Type::INT8)];
        self.all(Sees::Tenant(tenant), sql, &values, |row| bytes(row, 0, Digest::from_slice)).await
    }

    pub async fn log_hashes_at(&self, tenant: &Tenant, places: &[u64]) -> Result<Vec<Digest>, Error> {
        let sql = "SELECT position, hash FROM hashes WHERE tenant = $1 AND position = ANY($2)";
        let (whose, wanted): (_, Vec<i64>) =
            (tenant.as_str(), places.iter().take(PAGE).map(|place| stored(*place)).collect());
        let values = [value(&whose, Type::TEXT), value(&wanted, Type::INT8_ARRAY)];
        let read = |row: &Row| Ok((get::<i64>(row, 0)?, bytes(row, 1, Digest::from_slice)?));
        let found: HashMap<i64, Digest> =
            self.all(Sees::Tenant(tenant), sql, &values, read).await?.into_iter().collect();
        let missing =
            || Error::Odd { server: self.shown().to_owned(), why: "a hash of the log is missing".to_owned() };
        wanted.iter().map(|place| found.get(place).copied().ok_or_else(missing)).collect()
    }

    pub async fn leaves(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<LeafRow>, Error> {
        let sql = leaves!("WHERE l.tenant = $1 AND l.position >= $2 ORDER BY l.position LIMIT $3");
        let (whose, from, limit) = (tenant.as_str(), stored(from), page(limit));
        let values = [value(&whose, Type::TEXT), value(&from, Type::INT8), value(&limit, Type::INT8)];
        self.all(Sees::Tenant(tenant), sql, &values, leaf).await
    }

    pub async fn leaf_covering(&self, run: &RunCell, seq: u64) -> Result<Option<LeafRow>, Error> {
        let sql = leaves!("WHERE l.run = $1 AND l.size > $2 AND l.tenant = $3 ORDER BY l.size LIMIT 1");
        let (whose, seq) = (run.tenant.as_str(), stored(seq));
        let values = [value(&run.key, Type::INT8), value(&seq, Type::INT8), value(&whose, Type::TEXT)];
        self.one(Sees::Tenant(&run.tenant), sql, &values, leaf).await
    }

    pub async fn last_leaf(&self, run: &RunCell) -> Result<Option<LeafRow>, Error> {
        let sql = leaves!("WHERE l.run = $1 AND l.tenant = $2 ORDER BY l.size DESC LIMIT 1");
        let whose = run.tenant.as_str();
        let values = [value(&run.key, Type::INT8), value(&whose, Type::TEXT)];
        self.one(Sees::Tenant(&run.tenant), sql, &values, leaf).await
    }

    pub async fn due(&self, tenant: &Tenant, limit: usize) -> Result<Vec<RunRow>, Error> {
        let sql = concat!(
            "SELECT ",
            run_columns!(),
            " FROM due d JOIN runs r ON r.key = d.run WHERE d.tenant = $1 ORDER BY d.run LIMIT $2"
        );
        let (whose, limit) = (tenant.as_str(), page(limit));
        let values = [value(&whose, Type::TEXT), value(&limit, Type::INT8)];
        let found = self.all(Sees::Tenant(tenant), sql, &values, codec::run).await?;
        Ok(found.into_iter().map(|(id, cell)| RunRow { id, cell }).collect())
    }

    pub async fn checkpoint(
        &self,
        tenant: &Tenant,
        at_least: Option<u64>,
    ) -> Result<Option<CheckpointRow>, Error> {
        let sql = match at_least {
            Some(_) => {
                "SELECT size, at_ms, note FROM checkpoints WHERE tenant = $1 AND size >= $2 ORDER BY size LIMIT 1"
            }
            None => {
                "SELECT size, at_ms, note FROM checkpoints WHERE tenant = $1 AND size >= $2 ORDER BY size DESC LIMIT 1"
            }
        };
        let (whose, least) = (tenant.as_str(), stored(at_least.unwrap_or_default()));
        let values = [value(&whose, Type::TEXT), value(&least, Type::INT8)];
        self.one(Sees::Tenant(tenant), sql, &values, checkpoint).await
    }

    pub async fn checkpoints(
        &self,
        tenant: &Tenant,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<CheckpointRow>, Error> {
        let sql = "SELECT size, at_ms, note FROM checkpoints WHERE tenant = $1 AND size > $2 ORDER BY size LIMIT $3";
        let (whose, after, limit) = (tenant.as_str(), stored(after.unwrap_or_default()), page(limit));
        let values = [value(&whose, Type::TEXT), value(&after, Type::INT8), value(&limit, Type::INT8)];
        self.all(Sees::Tenant(tenant), sql, &values, checkpoint).await
    }

    pub async fn subject(&self, tenant: &Tenant, id: SubjectId) -> Result<Option<SubjectRow>, Error> {
        let sql = concat!(
            "SELECT ",
            subject_columns!(),
            " FROM subjects s LEFT JOIN runs r ON r.key = s.run WHERE s.tenant = $1 AND s.id = $2"
        );
        let (whose, bytes) = (tenant.as_str(), &id.bytes()[..]);
        let values = [value(&whose, Type::TEXT), value(&bytes, Type::BYTEA)];
        self.one(Sees::Tenant(tenant), sql, &values, subject).await
    }

    pub async fn subjects(
        &self,
        tenant: &Tenant,
        after: Option<SubjectId>,
        limit: usize,
    ) -> Result<Vec<SubjectRow>, Error> {
        let sql = concat!(
            "SELECT ",
            subject_columns!(),
            " FROM subjects s LEFT JOIN runs r ON r.key = s.run WHERE s.tenant = $1 AND s.id > $2
              ORDER BY s.id LIMIT $3"
        );
        let after = after.map_or_else(Vec::new, |id| id.bytes().to_vec());
        let (whose, after, limit) = (tenant.as_str(), &after[..], page(limit));
        let values = [value(&whose, Type::TEXT), value(&after, Type::BYTEA), value(&limit, Type::INT8)];
        self.all(Sees::Tenant(tenant), sql, &values, subject).await
    }

    pub async fn stray_subject(&self) -> Result<Option<SubjectId>, Error> {
        let sql = "SELECT s.id FROM subjects s LEFT JOIN runs r ON r.key = s.run AND r.tenant = s.tenant
                   WHERE r.key IS NULL LIMIT 1";
        self.one(Sees::All, sql, &[], |row| bytes(row, 0, SubjectId::from_slice)).await
    }

    pub async fn subjects_of(&self, run: &RunCell) -> Result<Vec<SubjectRow>, Error> {
        let sql = concat!(
            "SELECT ",
            subject_columns!(),
            " FROM subjects s JOIN runs r ON r.key = s.run WHERE s.run = $1 AND s.tenant = $2 ORDER BY s.id LIMIT $3"
        );
        let (whose, limit) = (run.tenant.as_str(), page(PAGE));
        let values = [value(&run.key, Type::INT8), value(&whose, Type::TEXT), value(&limit, Type::INT8)];
        self.all(Sees::Tenant(&run.tenant), sql, &values, subject).await
    }
}

/// Columns: place, run id, size, kind, root, frontier.
fn leaf(row: &Row) -> Result<LeafRow, Unread> {
    Ok(LeafRow {
        position: loaded(row, 0)?,
        run: bytes(row, 1, RunId::from_slice)?,
        size: loaded(row, 2)?,
        kind: small(row, 3)?,
        root: get(row, 4)?,
        frontier: get(row, 5)?,
    })
}

/// Columns: size, time, note.
fn checkpoint(row: &Row) -> Result<CheckpointRow, Unread> {
    let at = Timestamp::from_millis(loaded(row, 1)?);
    Ok(CheckpointRow { size: loaded(row, 0)?, at, note: get(row, 2)? })
}

fn subject(row: &Row) -> Result<SubjectRow, Unread> {
    codec::subject(row).map(|(id, cell)| SubjectRow { id, cell })
}
