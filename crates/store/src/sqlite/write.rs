//! Executes batches: load the rows they name, apply them purely, write what changed, commit once.

use super::broken::Broken;
use super::checkpoint::Backlog;
use super::codec::{account_cell, approval_cell, run_cell, stored};
use super::{Options, fail};
use crate::apply::{Cells, Link, Writes};
use crate::cells::{AccountCell, ApprovalCell, RunCell};
use crate::commit::{AccountId, Commit, Expect, Op, Receipt, Refused};
use crate::error::{CommitError, Error};
use crate::queue::Worker;
use comity_core::{ApprovalId, Point, Points, RunId};
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
}

type Answer = Result<Receipt, CommitError>;

impl Worker for Writer {
    type Job = Commit;
    type Done = Answer;

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
        options: &Options,
        committed: tokio::sync::watch::Sender<u64>,
        backlog: Backlog,
    ) -> Self {
        Self {
            connection,
            path: options.path.clone(),
            patience: options.patience,
            link: options.link,
            points: Arc::clone(&options.points),
            committed,
            backlog,
            broken: Broken::default(),
        }
    }

    fn transact(&mut self, jobs: Vec<Commit>) -> rusqlite::Result<Vec<Answer>> {
        self.backlog.look();
        self.statement("BEGIN IMMEDIATE")?.execute([])?;
        let mut cells = Cells::default();
        for job in &jobs {
            self.load(job, &mut cells)?;
        }
        cells.next_run =
            self.statement("SELECT coalesce(max(key), 0) + 1 FROM runs")?.query_row([], first)?;
        cells.next_entry =
            self.statement("SELECT coalesce(max(id), 0) + 1 FROM entries")?.query_row([], first)?;
        let mut writes = Writes::default();
        let answers: Vec<Answer> =
            jobs.into_iter().map(|job| self.apply(job, &mut cells, &mut writes)).collect();
        if writes.is_empty() {
            self.statement("ROLLBACK")?.execute([])?;
            return Ok(answers);
        }
        self.write(&writes, &cells)?;
        self.points.reach(Point::BeforeCommit);
        self.statement("COMMIT")?.execute([])?;
        self.points.reach(Point::AfterCommit);
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
        if let Entry::Vacant(place) = cells.runs.entry(job.run) {
            let mut query = self.statement(super::codec::RUN_BY_ID)?;
            place.insert(query.query_row([&job.run.bytes()[..]], run_cell).optional()?);
        }
        for expect in &job.expect {
            match expect {
                Expect::Approval(id, _) => self.load_approval(*id, cells)?,
                Expect::NotFrozen(account) => self.load_account(*account, cells)?,
                Expect::Status(_) => {}
            }
        }
        for op in &job.ops {
            match op {
                Op::EnsureAccount { account, .. } | Op::Freeze(account) => {
                    self.load_account(*account, cells)?
                }
                Op::Hold { accounts, .. } | Op::Settle { accounts, .. } => {
                    for account in accounts.iter() {
                        self.load_account(*account, cells)?;
                    }
                }
                Op::AskApproval { approval, .. } | Op::SetApproval(approval, _) => {
                    self.load_approval(*approval, cells)?;
                }
                Op::OpenRun { .. }
                | Op::TakeOver { .. }
                | Op::SetStatus(_)
                | Op::Append(_)
                | Op::SetBreaker { .. } => {}
            }
        }
        Ok(())
    }

    fn load_account(&self, id: AccountId, cells: &mut Cells) -> rusqlite::Result<()> {
        if let Entry::Vacant(place) = cells.accounts.entry(id) {
            let mut query = self.statement(super::codec::ACCOUNT_BY_ID)?;
            place.insert(query.query_row([&id.0[..]], |row| account_cell(row, 0)).optional()?);
        }
        Ok(())
    }

    fn load_approval(&self, id: ApprovalId, cells: &mut Cells) -> rusqlite::Result<()> {
        if let Entry::Vacant(place) = cells.approvals.entry(id) {
            let mut query = self.statement(super::codec::APPROVAL_BY_ID)?;
            place.insert(query.query_row([&id.bytes()[..]], |row| approval_cell(row, 0)).optional()?);
        }
        Ok(())
    }

    fn write(&self, writes: &Writes, cells: &Cells) -> rusqlite::Result<()> {
        self.write_entries(writes)?;
        for (id, new) in &writes.runs {
            if let Some(Some(run)) = cells.runs.get(id) {
                self.write_run(*id, run, *new)?;
            }
        }
        for (id, new) in &writes.accounts {
            if let Some(Some(account)) = cells.accounts.get(id) {
                self.write_account(*id, account, *new)?;
            }
        }
        for (id, new) in &writes.approvals {
            if let Some(Some(approval)) = cells.approvals.get(id) {
                self.write_approval(*id, approval, *new, cells)?;
            }
        }
        for (tenant, endpoint, breaker) in &writes.breakers {
            self.statement("INSERT OR REPLACE INTO breakers VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                tenant.as_str(),
                &**endpoint,
                breaker.failures,
                stored(breaker.window.millis()),
                breaker.opened.map(|at| stored(at.millis())),
            ))?;
        }
        Ok(())
    }

    fn write_entries(&self, writes: &Writes) -> rusqlite::Result<()> {
        let mut entry = self.statement("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let mut payload = self.statement("INSERT INTO payloads VALUES (?1, ?2, ?3, NULL, ?4, ?5)")?;
        for new in &writes.entries {
            let tenant = new.tenant.as_str();
            entry.execute((new.id, tenant, new.run, stored(new.seq), &new.body, &new.hash.0[..]))?;
            for text in &new.payloads {
                let id = new.id * crate::commit::MAX_PAYLOADS as i64 + i64::from(text.slot);
                payload.execute((id, tenant, text.codec, &text.salt[..], &text.body))?;
            }
        }
        Ok(())
    }

    fn write_run(&self, id: RunId, run: &RunCell, new: bool) -> rusqlite::Result<()> {
        if new {
            let mut insert =
                self.statement("INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?;
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
            ))?;
            return Ok(());
        }
        let mut update = self.statement(
            "UPDATE runs SET epoch = ?2, owner = ?3, status = ?4, next_seq = ?5, head = ?6, updated_ms = ?7
             WHERE key = ?1",
        )?;
        update.execute((
            run.key,
            stored(run.epoch),
            &*run.owner,
            run.status,
            stored(run.next_seq),
            &run.head.0[..],
            stored(run.updated.millis()),
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
                &id.0[..],
                account.tenant.as_str(),
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
             WHERE id = ?1",
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
        ))?;
        Ok(())
    }

    fn write_approval(
        &self,
        id: ApprovalId,
        approval: &ApprovalCell,
        new: bool,
        cells: &Cells,
    ) -> rusqlite::Result<()> {
        if !new {
            let mut update = self.statement("UPDATE approvals SET state = ?2 WHERE id = ?1")?;
            update.execute((&id.bytes()[..], approval.state as u8))?;
            return Ok(());
        }
        let run = cells.runs.get(&approval.run_id).and_then(Option::as_ref);
        let tenant = run.map_or("", |run| run.tenant.as_str());
        let mut insert = self.statement("INSERT INTO approvals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        insert.execute((
            &id.bytes()[..],
            tenant,
            approval.run,
            &approval.step.bytes()[..],
            &approval.binding.0[..],
            approval.state as u8,
            stored(approval.expires.millis()),
            stored(approval.asked),
        ))?;
        Ok(())
    }
}

fn first(row: &Row<'_>) -> rusqlite::Result<i64> {
    row.get(0)
}
