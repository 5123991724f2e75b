//! Executes batches: load the rows they name, apply them purely, write what changed, commit once.

use super::checkpoint::Backlog;
use super::codec::{
    self, account_cell, approval_cell, breaker_cell, log_cell, run_cell, stored, subject_cell,
};
use super::{Settings, fail};
use crate::apply::{Cells, Link, Writes};
use crate::broken::Broken;
use crate::cells::{AccountCell, ApprovalCell, RunCell, SubjectCell};
use crate::commit::{AccountId, Commit, MAX_PAYLOADS, Named, Receipt, Refused};
use crate::error::{CommitError, Error};
use crate::queue::Worker;
use comity_core::{ApprovalId, Point, Points, RunId, SubjectId, Tenant};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The one connection that writes.
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    patience: Duration,
    link: Link,
    points: Arc<dyn Points>,
    committed: tokio::sync::watch::Sender<u64>,
    backlog: Backlog,
    broken: Broken,
    /// What earlier batches loaded and left, as long as no other connection commits.
    known: Known,
}

/// Rows as they stand in the database.
#[derive(Default)]
struct Known {
    cells: Cells,
    /// What SQLite called the database's state when they were loaded.
    version: Option<i64>,
    /// Number of the next entry.
    next_entry: Option<i64>,
}

/// The most rows that are remembered from one batch to the next.
const MOST_KNOWN: usize = 4_000;

type Answer = Result<Receipt, CommitError>;

impl Worker for Writer {
    type Job = Commit;
    type Done = Answer;

    fn lane(_: &Commit) -> u128 {
        // There is one writer, and so one lane.
        0
    }

    fn run(&mut self, jobs: Vec<Commit>) -> Vec<Answer> {
        let count = jobs.len();
        self.broken.begin(&jobs);
        match self.transact(jobs) {
            Ok(answers) => answers,
            Err(error) => {
                // Explained before the rollback: afterwards a full disk may have room again.
                let error = fail::explain(error, &self.path, self.patience);
                self.lose();
                vec![Err(CommitError::Failed(error)); count]
            }
        }
    }

    fn recover(&mut self) -> Answer {
        self.lose();
        Err(CommitError::Failed(Error::Panicked))
    }
}

impl Writer {
    /// Takes a migrated connection.
    pub fn new(
        connection: Connection,
        settings: &Settings,
        committed: tokio::sync::watch::Sender<u64>,
        backlog: Backlog,
    ) -> Self {
        Self {
            connection,
            path: settings.path.clone(),
            patience: settings.patience,
            link: settings.link,
            points: Arc::clone(&settings.points),
            committed,
            backlog,
            broken: Broken::default(),
            known: Known::default(),
        }
    }

    fn transact(&mut self, jobs: Vec<Commit>) -> rusqlite::Result<Vec<Answer>> {
        self.backlog.look();
        self.statement("BEGIN IMMEDIATE")?.execute([])?;
        // Kept only if this batch comes to its end: whatever fails leaves rows that are not in the database.
        let Known { mut cells, version, mut next_entry } = std::mem::take(&mut self.known);
        // Changes when another connection has committed, and is fixed for the length of a transaction.
        let present = Some(self.statement("PRAGMA data_version")?.query_row([], first)?);
        if version != present || cells.count() > MOST_KNOWN {
            (cells, next_entry) = (Cells::default(), None);
        }
        for job in &jobs {
            self.load(job, &mut cells)?;
        }
        let mut writes = Writes::default();
        let answers: Vec<Answer> =
            jobs.into_iter().map(|job| self.apply(job, &mut cells, &mut writes)).collect();
        if writes.is_empty() {
            self.statement("ROLLBACK")?.execute([])?;
            self.known = Known { cells, version: present, next_entry };
            return Ok(answers);
        }
        self.write(&writes, &mut cells, &mut next_entry)?;
        self.points.reach(Point::BeforeCommit);
        self.statement("COMMIT")?.execute([])?;
        self.points.reach(Point::AfterCommit);
        self.known = Known { cells, version: present, next_entry };
        self.committed.send_modify(|count| *count = count.wrapping_add(1));
        Ok(answers)
    }

    fn apply(&self, job: Commit, cells: &mut Cells, writes: &mut Writes) -> Answer {
        if self.broken.stops(&job) {
            // Whoever was overtaken meanwhile is told that instead: it cannot be mended by taking over.
            let refused = cells.fence(&job).err().unwrap_or(Refused::Broken);
            return Err(CommitError::Refused(refused));
        }
        cells.apply(job, self.link, writes).map_err(CommitError::Refused)
    }

    /// Undoes the batch under way and marks its owners.
    fn lose(&mut self) {
        self.broken.lose();
        if !self.connection.is_autocommit() {
            // A rollback that fails leaves the next BEGIN to fail, loudly.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn statement(&self, sql: &'static str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    fn load(&self, job: &Commit, cells: &mut Cells) -> rusqlite::Result<()> {
        let mut outcome = Ok(());
        job.names(&mut |named| {
            if outcome.is_ok() {
                outcome = self.load_one(&job.tenant, named, cells);
            }
        });
        outcome
    }

    fn load_one(&self, tenant: &Tenant, named: Named<'_>, cells: &mut Cells) -> rusqlite::Result<()> {
        let whose = tenant.as_str();
        match named {
            Named::Run(id) => {
                if let Entry::Vacant(place) = cells.runs.entry((tenant.clone(), id)) {
                    let mut query = self.statement(codec::RUN_BY_ID)?;
                    place.insert(query.query_row((whose, &id.bytes()[..]), run_cell).optional()?);
                }
            }
            Named::Account(id) | Named::Share(id) | Named::Known(id) => {
                if let Entry::Vacant(place) = cells.accounts.entry((tenant.clone(), id)) {
                    let mut query = self.statement(codec::ACCOUNT_BY_ID)?;
                    let row = query.query_row((whose, &id.0[..]), |row| account_cell(row, 0));
                    place.insert(row.optional()?);
                }
            }
            Named::Approval(id) => {
                if let Entry::Vacant(place) = cells.approvals.entry((tenant.clone(), id)) {
                    let mut query = self.statement(codec::APPROVAL_BY_ID)?;
                    let row = query.query_row((whose, &id.bytes()[..]), |row| approval_cell(row, 0));
                    place.insert(row.optional()?);
                }
            }
            Named::Breaker(endpoint) => {
                if let Entry::Vacant(place) = cells.breakers.entry((tenant.clone(), Arc::clone(endpoint))) {
                    let mut query = self.statement(codec::BREAKER_BY_ENDPOINT)?;
                    let row = query.query_row((whose, &**endpoint), breaker_cell).optional()?;
                    place.insert(row.unwrap_or_default());
                }
            }
            Named::Subject(id) => {
                if let Entry::Vacant(place) = cells.subjects.entry((tenant.clone(), id)) {
                    let mut query = self.statement(codec::SUBJECT_BY_ID)?;
                    let row = query.query_row((whose, &id.bytes()[..]), |row| subject_cell(row, 0));
                    place.insert(row.optional()?);
                }
            }
            Named::Log => {
                if let Entry::Vacant(place) = cells.logs.entry(tenant.clone()) {
                    let mut query = self.statement(codec::LOG_BY_TENANT)?;
                    place.insert(query.query_row([whose], log_cell).optional()?.unwrap_or_default());
                }
            }
            Named::Pin(name) => {
                if let Entry::Vacant(place) = cells.pins.entry((tenant.clone(), name)) {
                    let mut query = self.statement(codec::PIN_BY_NAME)?;
                    let value: Option<Vec<u8>> =
                        query.query_row((whose, name), |row| row.get(0)).optional()?;
                    place.insert(value.map(Arc::from));
                }
            }
        }
        Ok(())
    }

    fn write(
        &self,
        writes: &Writes,
        cells: &mut Cells,
        next_entry: &mut Option<i64>,
    ) -> rusqlite::Result<()> {
        self.number_runs(writes, cells)?;
        let cells = &*cells;
        self.write_entries(writes, cells, next_entry)?;
        for ((tenant, id), new) in &writes.runs {
            if let Some(Some(run)) = cells.runs.get(&(tenant.clone(), *id)) {
                self.write_run(*id, run, *new)?;
            }
        }
        for ((tenant, id), new) in &writes.accounts {
            if let Some(Some(account)) = cells.accounts.get(&(tenant.clone(), *id)) {
                self.write_account(*id, account, *new)?;
            }
        }
        for ((tenant, id), new) in &writes.approvals {
            if let Some(Some(approval)) = cells.approvals.get(&(tenant.clone(), *id)) {
                self.write_approval(*id, approval, *new, tenant, cells)?;
            }
        }
        self.write_breakers(writes, cells)?;
        for (tenant, id) in &writes.subjects {
            let cell = cells.subjects.get(&(tenant.clone(), *id)).and_then(Option::as_ref);
            self.write_subject(*id, cell, tenant)?;
        }
        self.write_log(writes, cells)
    }

    /// Gives new runs their row numbers: entries refer to them.
    fn number_runs(&self, writes: &Writes, cells: &mut Cells) -> rusqlite::Result<()> {
        if !writes.runs.iter().any(|(_, new)| *new) {
            return Ok(());
        }
        let mut next: i64 =
            self.statement("SELECT coalesce(max(key), 0) + 1 FROM runs")?.query_row([], first)?;
        for (key, _) in writes.runs.iter().filter(|(_, new)| *new) {
            if let Some(Some(run)) = cells.runs.get_mut(key) {
                run.key = next;
                next += 1;
            }
        }
        Ok(())
    }

    fn write_entries(
        &self,
        writes: &Writes,
        cells: &Cells,
        next_entry: &mut Option<i64>,
    ) -> rusqlite::Result<()> {
        if writes.entries.is_empty() {
            return Ok(());
        }
        let from: i64 = match *next_entry {
            Some(next) => next,
            None => self.statement("SELECT coalesce(max(id), 0) + 1 FROM entries")?.query_row([], first)?,
        };
        let mut entry = self.statement("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let mut payload = self.statement("INSERT INTO payloads VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (id, new) in (from..).zip(&writes.entries) {
            let tenant = new.tenant.as_str();
            let run = number_of(new.run, &new.tenant, cells);
            entry.execute((id, tenant, run, stored(new.seq), &new.body[..], &new.hash.0[..]))?;
            for text in &new.payloads {
                // A number that does not fit is refused by SQLite: it would be another row's.
                let first = id.checked_mul(MAX_PAYLOADS as i64);
                let row = first.map(|first| first + i64::from(text.slot));
                let row = row.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, id))?;
                let subject = text.subject.as_ref().map(|subject| &subject.bytes()[..]);
                payload.execute((row, tenant, text.codec, subject, &text.salt[..], &text.body[..]))?;
            }
            *next_entry = id.checked_add(1);
        }
        Ok(())
    }

    fn write_breakers(&self, writes: &Writes, cells: &Cells) -> rusqlite::Result<()> {
        for key in &writes.breakers {
            let Some(breaker) = cells.breakers.get(key) else { continue };
            self.statement("INSERT OR REPLACE INTO breakers VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                key.0.as_str(),
                &*key.1,
                breaker.failures,
                stored(breaker.window.millis()),
                breaker.opened.map(|at| stored(at.millis())),
            ))?;
        }
        Ok(())
    }

    fn write_subject(
        &self,
        id: SubjectId,
        cell: Option<&SubjectCell>,
        tenant: &Tenant,
    ) -> rusqlite::Result<()> {
        let Some(cell) = cell else {
            let mut delete = self.statement("DELETE FROM subjects WHERE tenant = ?1 AND id = ?2")?;
            delete.execute((tenant.as_str(), &id.bytes()[..]))?;
            return Ok(());
        };
        // Replaced whole: a key that one batch erases and makes anew may belong to another run than before.
        let mut write = self.statement(
            "INSERT OR REPLACE INTO subjects
             VALUES (?1, ?2, (SELECT key FROM runs WHERE tenant = ?1 AND id = ?3), ?4, ?5, ?6, ?7)",
        )?;
        write.execute((
            tenant.as_str(),
            &id.bytes()[..],
            cell.run.map(|run| run.bytes().to_vec()),
            cell.class,
            &cell.wrapped.by.0[..],
            &cell.wrapped.bytes,
            &cell.label,
        ))?;
        Ok(())
    }

    fn write_log(&self, writes: &Writes, cells: &Cells) -> rusqlite::Result<()> {
        for ((tenant, id), came) in &writes.due {
            let run = number_of(*id, tenant, cells);
            let sql = if *came {
                "INSERT OR IGNORE INTO due VALUES (?1, ?2)"
            } else {
                "DELETE FROM due WHERE tenant = ?1 AND run = ?2"
            };
            self.statement(sql)?.execute((tenant.as_str(), run))?;
        }
        for tenant in &writes.logs {
            let Some(log) = cells.logs.get(tenant) else { continue };
            self.statement("INSERT OR REPLACE INTO logs VALUES (?1, ?2, ?3)")?.execute((
                tenant.as_str(),
                stored(log.size),
                stored(log.hashes),
            ))?;
        }
        for placed in &writes.leaves {
            let leaf = &placed.leaf;
            let mut insert = self.statement("INSERT INTO leaves VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            insert.execute((
                placed.tenant.as_str(),
                stored(placed.position),
                number_of(leaf.run, &placed.tenant, cells),
                stored(leaf.size),
                leaf.kind,
                &leaf.root.0[..],
                &leaf.frontier,
            ))?;
        }
        for (tenant, place, hash) in &writes.hashes {
            let mut insert = self.statement("INSERT INTO hashes VALUES (?1, ?2, ?3)")?;
            insert.execute((tenant.as_str(), stored(*place), &hash.0[..]))?;
        }
        for kept in &writes.checkpoints {
            self.statement("INSERT OR REPLACE INTO checkpoints VALUES (?1, ?2, ?3, ?4)")?.execute((
                kept.tenant.as_str(),
                stored(kept.size),
                stored(kept.at.millis()),
                &kept.note[..],
            ))?;
        }
        for key in &writes.pins {
            let Some(Some(value)) = cells.pins.get(key) else { continue };
            let mut insert = self.statement("INSERT INTO pins VALUES (?1, ?2, ?3)")?;
            insert.execute((key.0.as_str(), key.1, &value[..]))?;
        }
        Ok(())
    }

    fn write_run(&self, id: RunId, run: &RunCell, new: bool) -> rusqlite::Result<()> {
        if new {
            let mut insert = self.statement(
                "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?;
            insert.execute((
                run.key,
                &id.bytes()[..],
                run.tenant.as_str(),
                run.namespace.as_str(),
                stored(run.epoch),
                &*run.owner,
                run.status,
                stored(run.next_seq),
                &run.head.0[..],
                stored(run.opened.millis()),
                stored(run.updated.millis()),
                stored(run.anchored),
                run.due,
            ))?;
            return Ok(());
        }
        let mut update = self.statement(
            "UPDATE runs SET epoch = ?2, owner = ?3, status = ?4, next_seq = ?5, head = ?6, updated_ms = ?7,
                 anchored = ?8, due = ?9 WHERE key = ?1",
        )?;
        update.execute((
            run.key,
            stored(run.epoch),
            &*run.owner,
            run.status,
            stored(run.next_seq),
            &run.head.0[..],
            stored(run.updated.millis()),
            stored(run.anchored),
            run.due,
        ))?;
        Ok(())
    }

    fn write_account(&self, id: AccountId, account: &AccountCell, new: bool) -> rusqlite::Result<()> {
        let (held, spent) = (&account.held, &account.spent);
        if new {
            let caps = &account.caps;
            let mut insert = self.statement(
                "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
            )?;
            insert.execute((
                account.tenant.as_str(),
                &id.0[..],
                &*account.label,
                stored(caps.micro_usd),
                stored(caps.millis),
                stored(caps.steps),
                stored(caps.tokens),
            ))?;
        }
        if new && held.is_zero() && spent.is_zero() && !account.frozen {
            return Ok(());
        }
        let mut update = self.statement(
            "UPDATE accounts SET held_micro_usd = ?2, held_millis = ?3, held_steps = ?4, held_tokens = ?5,
                 spent_micro_usd = ?6, spent_millis = ?7, spent_steps = ?8, spent_tokens = ?9, frozen = ?10
             WHERE tenant = ?11 AND id = ?1",
        )?;
        update.execute((
            &id.0[..],
            stored(held.micro_usd),
            stored(held.millis),
            stored(held.steps),
            stored(held.tokens),
            stored(spent.micro_usd),
            stored(spent.millis),
            stored(spent.steps),
            stored(spent.tokens),
            account.frozen,
            account.tenant.as_str(),
        ))?;
        Ok(())
    }

    fn write_approval(
        &self,
        id: ApprovalId,
        approval: &ApprovalCell,
        new: bool,
        tenant: &Tenant,
        cells: &Cells,
    ) -> rusqlite::Result<()> {
        if !new {
            let mut update =
                self.statement("UPDATE approvals SET state = ?3 WHERE tenant = ?1 AND id = ?2")?;
            update.execute((tenant.as_str(), &id.bytes()[..], approval.state as u8))?;
            return Ok(());
        }
        let mut insert = self.statement("INSERT INTO approvals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        insert.execute((
            tenant.as_str(),
            &id.bytes()[..],
            number_of(approval.run_id, tenant, cells),
            &approval.step.bytes()[..],
            &approval.binding.0[..],
            approval.state as u8,
            stored(approval.expires.millis()),
            stored(approval.asked),
        ))?;
        Ok(())
    }
}

/// The row number of a run that was loaded or made in this batch; 0, which no run has, if it was neither.
fn number_of(run: RunId, tenant: &Tenant, cells: &Cells) -> i64 {
    cells.runs.get(&(tenant.clone(), run)).and_then(Option::as_ref).map_or(0, |run| run.key)
}

fn first(row: &Row<'_>) -> rusqlite::Result<i64> {
    row.get(0)
}
