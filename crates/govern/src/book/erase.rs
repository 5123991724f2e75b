//! Erasing: what is aimed at, in which order it happens, and what is said of it afterwards.
//!
//! ```text
//! 1 intent      an entry names the keys that shall go; from here on it will be finished, by whoever comes next
//! 2 next key    a new tenant key, on disk
//! 3 survivors   every key that stays is wrapped by it, batch by batch, and kept beside the tenant keys too
//! 4 deletion    the keys that go are deleted; runs that had not ended are closed
//! 5 end         the old tenant keys are destroyed: from here on no copy of anything opens what is gone
//! 6 receipt     an entry says what was done
//! ```
//!
//! Each part may be done twice: whatever cuts it off, the next one who writes into the book begins at 2.

use super::{Alive, Book, Read};
use crate::error::Error;
use crate::run::ALIVE;
use comity_core::{ReasonCode, RunId, SubjectId};
use comity_ledger::keys::{Destroyed, KeyFault};
use comity_ledger::vault::Class;
use comity_ledger::{EntryKind, RunStatus, Slot, bare};
use comity_store::{CommitError, Expect, Fence, KeyId, Op, Refused, RunCell, SubjectRow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most keys that one erasure takes away.
pub const MOST: usize = 100_000;
/// Keys that are deleted in one commit.
const BATCH: usize = 500;
/// Milliseconds in a day.
const DAY: u64 = 86_400_000;

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// One run.
    Run(RunId),
    /// Every run about somebody, by the name they were started with.
    Subject(String),
    /// Every run of the tenant.
    Tenant,
    /// Runs that ended longer ago than texts are kept. Those on hold are passed over.
    Old,
}

/// How much of a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything.
    Erase,
    /// What went in and came out; the workflow and the policy stay.
    Anonymize,
    /// Everything, because its time is over.
    Collect,
}

/// What an erasure has set out to do: the text of its first entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    /// `run`, `subject`, `tenant` or `old`. No name: it would outlive what it names.
    what: String,
    /// The tenant key at the beginning.
    from: String,
    /// The book's last hash at the beginning.
    head: String,
    runs: Vec<RunId>,
    /// The keys that go. They stand beside the text, in the clear.
    #[serde(skip)]
    subjects: Vec<SubjectId>,
}

impl Plan {
    /// The same, of these keys.
    pub(super) fn taking(self, subjects: Vec<SubjectId>) -> Self {
        Self { subjects, ..self }
    }
}

/// What was done: printed, and the text of the erasure's last entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// How much of each run went.
    pub mode: Mode,
    /// What it was aimed at: `run`, `subject`, `tenant` or `old`.
    pub what: String,
    /// When it ended, in milliseconds since 1970.
    pub at_ms: u64,
    /// The book's entry that began it.
    pub began: u64,
    /// The book's last hash before it began.
    pub head_before: String,
    /// The runs.
    pub runs: Vec<RunId>,
    /// How many keys went.
    pub keys_erased: usize,
    /// How many keys stay, wrapped anew.
    pub keys_wrapped_anew: usize,
    /// The tenant key from here on.
    pub tenant_key: String,
    /// Tenant keys that were destroyed.
    pub destroyed: Vec<String>,
    /// Tenant keys that their owner has to destroy: until then the erased texts can be opened by whoever has one,
    /// and a copy of the database from before.
    pub to_be_destroyed_by_owner: Vec<String>,
    /// Runs that were passed over because the tenant key that their texts are under is not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<RunId>,
    /// The receipt of an erasure that somebody had left undone, and that was finished first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_before: Option<Box<Receipt>>,
}

/// What an aim comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The runs.
    pub runs: Vec<RunId>,
    /// Runs that were passed over because they are on hold.
    pub on_hold: Vec<RunId>,
    /// Runs that were passed over because the tenant key that their texts are under is not here.
    pub unreadable: Vec<RunId>,
    subjects: Vec<SubjectId>,
}

impl Book {
    /// Erases, and says what was done. Errors if a hold keeps any of it, or a live process works on any of it.
    pub async fn erase(&self, aim: &Aim, mode: Mode, alive: &dyn Alive) -> Result<Receipt, Error> {
        let (read, finished) = self.free(alive).await?;
        let found = self.find(&read, aim, mode, alive).await?;
        if found.subjects.is_empty() {
            return finished.ok_or(Error::NothingToErase);
        }
        let from =
            self.gate.vault().keys().current(&self.tenant).await.map_err(comity_ledger::Error::from)?;
        let plan = Plan {
            mode,
            what: aim.word().to_owned(),
            from: from.to_string(),
            head: read.cell.head.to_string(),
            runs: found.runs,
            subjects: found.subjects,
        };
        self.write(&read, EntryKind::Erasing, &plan, Some(&plan.subjects)).await?;
        let receipt = self.finish(self.open().await?).await?;
        let finished_before = finished.map(Box::new);
        Ok(Receipt { passed_over: found.unreadable, finished_before, ..receipt })
    }

    /// What an aim comes to, without doing anything. Errors as [`Book::erase`] does.
    pub async fn find_only(&self, aim: &Aim, mode: Mode, alive: &dyn Alive) -> Result<Found, Error> {
        self.find(&self.open().await?, aim, mode, alive).await
    }

    async fn find(&self, read: &Read, aim: &Aim, mode: Mode, alive: &dyn Alive) -> Result<Found, Error> {
        let rows = match aim {
            Aim::Run(run) => {
                if *run == self.id {
                    return Err(Error::TheBook);
                }
                let cell = self.gate.store().run(&self.tenant, *run).await?.ok_or(Error::NoRun(*run))?;
                self.gate.store().subjects_of(&cell).await?
            }
            Aim::Subject(_) | Aim::Tenant | Aim::Old => self.rows().await?,
        };
        let mut runs: BTreeMap<RunId, Vec<SubjectRow>> = BTreeMap::new();
        for row in rows {
            if let Some(run) = row.cell.run.filter(|run| *run != self.id) {
                runs.entry(run).or_default().push(row);
            }
        }
        let mut found = Found::default();
        let named = read.state.holds.values().any(|hold| matches!(hold.held, super::Held::Subject(_)));
        let needs_name = matches!(aim, Aim::Subject(_)) || named;
        for (run, rows) in runs {
            let about = if needs_name { self.about(&rows).await? } else { None };
            if matches!(aim, Aim::Subject(name) if about.as_ref() != Some(name)) {
                continue;
            }
            let goes = |row: &&SubjectRow| mode != Mode::Anonymize || row.cell.class == Class::Content as u8;
            let go: Vec<&SubjectRow> = rows.iter().filter(goes).collect();
            if go.is_empty() || !self.may_go(read, aim, run, about.as_deref(), alive, &mut found).await? {
                continue;
            }
            let mut ids = Vec::with_capacity(go.len());
            for row in go {
                // A key that is destroyed has to be the one that the row says, and here: one that is kept elsewhere
                // would live on. One whose tenant key was destroyed already is as good as gone.
                match self.gate.vault().unwrap(&self.tenant, row).await {
                    Ok(_) | Err(comity_ledger::Error::Keys(KeyFault::Destroyed { .. })) => ids.push(row.id),
                    // Everything is asked for: what cannot be reached does not keep the rest.
                    Err(comity_ledger::Error::Keys(KeyFault::Gone { .. })) if *aim == Aim::Tenant => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if ids.is_empty() {
                found.unreadable.push(run);
                continue;
            }
            found.subjects.extend(ids);
            found.runs.push(run);
            if found.subjects.len() > MOST {
                return Err(Error::TooMuch { keys: found.subjects.len(), most: MOST });
            }
        }
        Ok(found)
    }

    /// Whether a run's texts may go. One that is too young or, where all old ones are asked for, on hold, is passed
    /// over; otherwise a hold is an error, and so is a process that works on it.
    async fn may_go(
        &self,
        read: &Read,
        aim: &Aim,
        run: RunId,
        about: Option<&str>,
        alive: &dyn Alive,
        found: &mut Found,
    ) -> Result<bool, Error> {
        let cell = self.gate.store().run(&self.tenant, run).await?.ok_or(Error::NoRun(run))?;
        if *aim == Aim::Old && !self.is_old(read, &cell) {
            return Ok(false);
        }
        if let Some(hold) = read.state.over_run(run, about) {
            if *aim == Aim::Old {
                found.on_hold.push(run);
                return Ok(false);
            }
            return Err(Error::OnHold { hold: hold.to_string() });
        }
        if cell.status == RunStatus::Running as u8 && alive.lives(&cell.owner).await {
            return Err(Error::Alive { run, owner: cell.owner.to_string() });
        }
        Ok(true)
    }

    /// Every key of the tenant, the book's too.
    async fn rows(&self) -> Result<Vec<SubjectRow>, Error> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = self.gate.store().subjects(&self.tenant, after, BATCH).await?;
            let Some(last) = page.last() else { return Ok(rows) };
            after = Some(last.id);
            rows.extend(page);
        }
    }

    /// Whom a run's texts are about, by its keys.
    async fn about(&self, rows: &[SubjectRow]) -> Result<Option<String>, Error> {
        for row in rows {
            if let Some(name) = self.gate.vault().label(&self.tenant, row).await? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Whether a run has ended longer ago than texts are kept.
    fn is_old(&self, read: &Read, cell: &RunCell) -> bool {
        let Some(days) = read.state.retention_days else { return false };
        let over = RunStatus::from_number(cell.status).is_some_and(RunStatus::is_final);
        let now = self.gate.inner.world.clock.now().millis();
        over && now.saturating_sub(cell.updated.millis()) >= u64::from(days).saturating_mul(DAY)
    }

    /// Does everything that comes after the intent. The book is taken over first, unless it is this process's.
    pub(super) async fn finish(&self, read: Read) -> Result<Receipt, Error> {
        let Some((began, plan)) = read.state.open.clone() else { return Err(Error::NothingToErase) };
        let epoch = self.own(&read).await?;
        let fence = Fence::Epoch(epoch);
        let keys = self.gate.vault().keys();
        let ledger = comity_ledger::Error::from;
        let mut current = keys.current(&self.tenant).await.map_err(ledger)?;
        if current.to_string() == plan.from {
            current = keys.advance(&self.tenant, current).await.map_err(ledger)?;
        }
        let gone: BTreeSet<SubjectId> = plan.subjects.iter().copied().collect();
        // The book's own keys first: by them other processes see which tenant key is the current one, where that is
        // not told by a file.
        self.wrap_own(current, fence).await?;
        let wrapped_anew = self.wrap_survivors(current, &gone, fence).await?;
        for run in &plan.runs {
            self.close(*run).await?;
        }
        for batch in plan.subjects.chunks(BATCH) {
            self.do_now(fence, vec![Op::EraseSubjects(batch.to_vec())]).await?;
        }
        self.keep_survivors(current, &gone, plan.what == "tenant").await?;
        let (mut destroyed, mut by_owner) = (Vec::new(), Vec::new());
        let mut ids = keys.living(&self.tenant).await.map_err(ledger)?;
        // The one that was to go is asked for by name: whoever was cut off may have left it half destroyed, and then
        // it does not count as living.
        let from = KeyId::from_hex(&plan.from).filter(|from| !ids.contains(from));
        ids.extend(from);
        for id in ids.into_iter().filter(|id| *id != current) {
            match keys.destroy(&self.tenant, id).await.map_err(ledger)? {
                Destroyed::Here => destroyed.push(id.to_string()),
                Destroyed::ByOwner => by_owner.push(id.to_string()),
            }
        }
        let receipt = Receipt {
            mode: plan.mode,
            what: plan.what,
            at_ms: self.gate.inner.world.clock.now().millis(),
            began,
            head_before: plan.head,
            runs: plan.runs,
            keys_erased: plan.subjects.len(),
            keys_wrapped_anew: wrapped_anew,
            tenant_key: current.to_string(),
            destroyed,
            to_be_destroyed_by_owner: by_owner,
            passed_over: Vec::new(),
            finished_before: None,
        };
        self.sign_off(&receipt, &read, fence).await?;
        Ok(receipt)
    }

    /// The epoch under which this process finishes: the book is its own already, or it takes it over.
    async fn own(&self, read: &Read) -> Result<u64, Error> {
        if *read.cell.owner == **self.owner() {
            return Ok(read.cell.epoch);
        }
        let mut entry = self.entry(EntryKind::Resumed);
        entry.status = Some(RunStatus::Running);
        let take = Op::TakeOver { from: read.cell.epoch, owner: Arc::clone(self.owner()) };
        let ops = vec![take, Op::Append(bare(&entry)), Op::SetStatus(RunStatus::Running as u8)];
        match self.gate.store().queue(self.commit(Fence::Anyone, ops)).await {
            Ok(receipt) => Ok(receipt.epoch),
            Err(CommitError::Refused(Refused::Fenced(cell))) => {
                Err(Error::Erasing { owner: cell.owner.to_string() })
            }
            Err(error) => Err(Error::of_commit(self.id, error)),
        }
    }

    /// A run that had not ended ends here: without its texts nobody can go on with it.
    async fn close(&self, run: RunId) -> Result<(), Error> {
        loop {
            let Some(cell) = self.gate.store().run(&self.tenant, run).await? else { return Ok(()) };
            if !ALIVE.contains(&cell.status) {
                return Ok(());
            }
            let about = |kind, status| {
                let mut entry = self.entry(kind);
                (entry.run, entry.namespace) = (run, cell.namespace.clone());
                entry.status = Some(status);
                entry
            };
            let mut closed = about(EntryKind::Closed, RunStatus::Failed);
            closed.reason = Some(ReasonCode::Abandoned);
            let ops = vec![
                Op::TakeOver { from: cell.epoch, owner: Arc::clone(self.owner()) },
                Op::Append(bare(&about(EntryKind::Resumed, RunStatus::Running))),
                Op::Append(bare(&closed)),
                Op::SetStatus(RunStatus::Failed as u8),
            ];
            let commit = self.commit_to(run, Fence::Anyone, vec![Expect::Status(ALIVE)], ops);
            match self.gate.store().queue(commit).await {
                Ok(_) => return Ok(()),
                // It moved meanwhile: looked at again.
                Err(CommitError::Refused(Refused::Fenced(_) | Refused::Status(_))) => {}
                Err(error) => return Err(Error::of_commit(run, error)),
            }
        }
    }

    pub(super) async fn do_now(&self, fence: Fence, ops: Vec<Op>) -> Result<(), Error> {
        match self.gate.store().queue(self.commit(fence, ops)).await {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(Refused::Fenced(cell))) => {
                Err(Error::Erasing { owner: cell.owner.to_string() })
            }
            Err(error) => Err(Error::of_commit(self.id, error)),
        }
    }

    async fn sign_off(&self, receipt: &Receipt, read: &Read, fence: Fence) -> Result<(), Error> {
        let kind = match receipt.mode {
            Mode::Erase => EntryKind::Erased,
            Mode::Anonymize => EntryKind::Anonymized,
            Mode::Collect => EntryKind::Collected,
        };
        let mut entry = self.entry(kind);
        entry.status = Some(RunStatus::Interrupted);
        let text = serde_json::to_vec(receipt).unwrap_or_default();
        let append = self.append(entry, &[(Slot::Output, &text)], &read.pen);
        self.do_now(fence, vec![append, Op::SetStatus(RunStatus::Interrupted as u8)]).await
    }
}

impl Aim {
    fn word(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Subject(_) => "subject",
            Self::Tenant => "tenant",
            Self::Old => "old",
        }
    }
}
