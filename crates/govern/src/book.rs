//! The tenant's book: legal holds, retention and erasures, as entries of one run that does nothing else.
//!
//! Whoever writes into it takes it over from the state it was read in, so that of two who decide at once one
//! is refused and reads again. Start with [`Gate::book`]; what erasing does is in [`erase`].

mod erase;
mod rekey;

pub use erase::{Aim, Found, Mode, Receipt};

use crate::error::Error;
use crate::gate::{Gate, entry};
use comity_core::{Amounts, BoxFuture, Principal, RunId, SubjectId, Tenant};
use comity_ledger::{Entry, EntryKind, Pen, Record, RunStatus, Slot, account, bare, book, seal, seal_beside};
use comity_store::{Commit, CommitError, Expect, Fence, Op, Refused, RunCell};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a legal hold keeps from being erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// One run.
    Run(RunId),
    /// Every run about somebody.
    Subject(String),
    /// Everything of the tenant.
    Tenant,
}

/// A legal hold that was placed and not lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its number: the place of its entry in the book.
    pub number: u64,
    /// What it keeps.
    pub held: Held,
    /// Why it was placed.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, held, why, .. } = self;
        match held {
            Held::Run(run) => write!(f, "hold {number} on run `{run}`")?,
            Held::Subject(name) => write!(f, "hold {number} on subject `{name}`")?,
            Held::Tenant => write!(f, "hold {number} on the whole tenant")?,
        }
        if why.is_empty() { Ok(()) } else { write!(f, " (`{why}`)") }
    }
}

/// What the book says now.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Holds, by number.
    pub holds: BTreeMap<u64, Hold>,
    /// For how many days texts of runs that have ended are kept; for ever when nothing was said.
    pub retention_days: Option<u32>,
    /// An erasure that has begun and not ended.
    pub(crate) open: Option<(u64, erase::Plan)>,
}

/// The book, open for one process to write into.
pub struct Book {
    pub(crate) gate: Gate,
    pub(crate) tenant: Tenant,
    who: Principal,
    owner: Arc<str>,
    pub(crate) id: RunId,
}

/// The book as it was read: what it says, and what it is taken over from.
pub(crate) struct Read {
    pub(crate) state: State,
    pub(crate) cell: RunCell,
    pub(crate) pen: Pen,
}

/// What a hold's entry says.
#[derive(Serialize, Deserialize)]
struct Placed {
    held: Held,
    why: String,
}

/// What the entry that lifts a hold says.
#[derive(Serialize, Deserialize)]
struct Lifted {
    hold: u64,
}

/// What the entry that sets the retention says.
#[derive(Serialize, Deserialize)]
struct Retention {
    days: Option<u32>,
}

impl Gate {
    /// The book of this person's tenant. `owner` names the process that writes into it.
    pub fn book(&self, who: &Principal, owner: Arc<str>) -> Book {
        let (tenant, id) = (who.tenant.clone(), book::of_tenant(&who.tenant));
        Book { gate: self.clone(), tenant, who: who.clone(), owner, id }
    }
}

impl Book {
    /// What the book says; nothing while there is none.
    pub async fn state(&self) -> Result<State, Error> {
        Ok(self.look().await?.map(|read| read.state).unwrap_or_default())
    }

    /// Places a legal hold. Returns its number.
    pub async fn place(&self, held: Held, why: &str, alive: &dyn Alive) -> Result<u64, Error> {
        let (read, _) = self.free(alive).await?;
        if let Held::Run(run) = held {
            self.gate.store().run(&self.tenant, run).await?.ok_or(Error::NoRun(run))?;
        }
        let placed = Placed { held, why: why.to_owned() };
        self.write(&read, EntryKind::HoldPlaced, &placed, None).await
    }

    /// Lifts a legal hold.
    pub async fn lift(&self, number: u64, alive: &dyn Alive) -> Result<Hold, Error> {
        let (mut read, _) = self.free(alive).await?;
        let hold = read.state.holds.remove(&number).ok_or(Error::NoHold(number))?;
        self.write(&read, EntryKind::HoldLifted, &Lifted { hold: number }, None).await?;
        Ok(hold)
    }

    /// Sets for how many days texts of runs that have ended are kept; for ever without a number.
    pub async fn set_retention(&self, days: Option<u32>, alive: &dyn Alive) -> Result<(), Error> {
        let (read, _) = self.free(alive).await?;
        self.write(&read, EntryKind::RetentionSet, &Retention { days }, None).await.map(drop)
    }

    /// The book, read, when nobody is erasing; it is opened if there is none. With the receipt of what was left
    /// undone by others and had to be finished first.
    async fn free(&self, alive: &dyn Alive) -> Result<(Read, Option<Receipt>), Error> {
        let read = self.open().await?;
        match &read.state.open {
            None => Ok((read, None)),
            Some(_) if alive.lives(&read.cell.owner).await && *read.cell.owner != *self.owner => {
                Err(Error::Erasing { owner: read.cell.owner.to_string() })
            }
            // Whoever began it is gone: it is finished first.
            Some(_) => {
                let finished = self.finish(read).await?;
                Ok((self.open().await?, Some(finished)))
            }
        }
    }

    /// The book as it is, made if it is not there.
    pub(crate) async fn open(&self) -> Result<Read, Error> {
        self.gate.vault().check_keys(&self.tenant).await?;
        if let Some(read) = self.look().await? {
            return Ok(read);
        }
        let world = &self.gate.inner.world;
        let fresh = self.gate.vault().make(&self.tenant, self.id, None, &*world.entropy).await?;
        let now = world.clock.now();
        let mut opened = self.entry(EntryKind::Opened);
        opened.status = Some(RunStatus::Interrupted);
        opened.caps = Some(Amounts::UNLIMITED);
        let account = |account, label: String| Op::EnsureAccount {
            account,
            label: label.into(),
            caps: Amounts::UNLIMITED,
        };
        let (tenant, namespace) = (&self.tenant, &self.who.namespace);
        let mut ops = vec![
            Op::OpenRun { namespace: namespace.clone(), owner: Arc::clone(&self.owner) },
            account(account::of_run(self.id), self.id.to_string()),
            account(account::of_namespace(tenant, namespace), format!("{tenant}/{namespace}")),
            account(account::of_tenant(tenant), tenant.to_string()),
            Op::Append(bare(&opened)),
            Op::SetStatus(RunStatus::Interrupted as u8),
        ];
        ops.extend(fresh.ops());
        match self.gate.store().queue(self.commit(Fence::New, ops)).await {
            // Somebody else was first.
            Ok(_) | Err(CommitError::Refused(Refused::RunExists)) => {}
            Err(error) => return Err(Error::of_commit(self.id, error)),
        }
        self.gate.vault().catch_up(&self.tenant, self.id, now, &fresh).await?;
        self.look().await?.ok_or(Error::NoRun(self.id))
    }

    async fn look(&self) -> Result<Option<Read>, Error> {
        let vault = self.gate.vault();
        let Some(cell) = vault.store().run(&self.tenant, self.id).await? else { return Ok(None) };
        let keys = vault.open(&cell).await?;
        let pen = keys.pen_or_fault().map_err(comity_ledger::Error::from)?.ok_or(Error::Erased(self.id))?;
        let mut state = State::default();
        let mut next = 0;
        loop {
            let page = comity_ledger::read_page_with(vault.store(), &cell, pen.keys(), next).await?;
            let Some(last) = page.last() else { break };
            next = last.seq + 1;
            page.iter().try_for_each(|record| state.add(record))?;
        }
        Ok(Some(Read { state, cell, pen }))
    }

    /// An entry about the tenant that changes what the book says. Refused if the book moved since it was read.
    pub(crate) async fn write<T: Serialize>(
        &self,
        read: &Read,
        kind: EntryKind,
        text: &T,
        taken: Option<&[SubjectId]>,
    ) -> Result<u64, Error> {
        let status = if kind == EntryKind::Erasing { RunStatus::Running } else { RunStatus::Interrupted };
        let mut entry = self.entry(kind);
        entry.status = Some(status);
        let text = serde_json::to_vec(text).unwrap_or_default();
        let append = match taken {
            None => self.append(entry, &[(Slot::Act, &text)], &read.pen),
            Some(taken) => {
                let taken = serde_json::to_vec(taken).unwrap_or_default();
                let entropy = &*self.gate.inner.world.entropy;
                Op::Append(seal_beside(
                    entry,
                    &[(Slot::Act, &text)],
                    (book::TAKEN, &taken),
                    &read.pen,
                    entropy,
                ))
            }
        };
        let ops = vec![
            Op::TakeOver { from: read.cell.epoch, owner: Arc::clone(&self.owner) },
            append,
            Op::SetStatus(status as u8),
        ];
        let receipt = self.gate.store().queue(self.commit(Fence::Anyone, ops)).await;
        match receipt {
            Ok(receipt) => Ok(receipt.entries.first().map_or(0, |(seq, _)| *seq)),
            Err(CommitError::Refused(Refused::Fenced(cell))) => {
                Err(Error::Erasing { owner: cell.owner.to_string() })
            }
            Err(error) => Err(Error::of_commit(self.id, error)),
        }
    }

    /// The name this process writes under.
    pub(crate) fn owner(&self) -> &Arc<str> {
        &self.owner
    }

    pub(crate) fn entry(&self, kind: EntryKind) -> Entry {
        entry(kind, self.id, &self.who, self.gate.inner.world.clock.now())
    }

    pub(crate) fn append(&self, entry: Entry, texts: &[(Slot, &[u8])], pen: &Pen) -> Op {
        Op::Append(seal(entry, texts, pen, &*self.gate.inner.world.entropy))
    }

    pub(crate) fn commit(&self, fence: Fence, ops: Vec<Op>) -> Commit {
        self.commit_to(self.id, fence, Vec::new(), ops)
    }

    pub(crate) fn commit_to(&self, run: RunId, fence: Fence, expect: Vec<Expect>, ops: Vec<Op>) -> Commit {
        let (tenant, at) = (self.tenant.clone(), self.gate.inner.world.clock.now());
        Commit { tenant, run, fence, at, expect, ops }
    }
}

/// Knows which processes are alive.
pub trait Alive: Send + Sync {
    /// Whether the process of this name is alive. What cannot be found out counts as alive.
    fn lives<'a>(&'a self, owner: &'a str) -> BoxFuture<'a, bool>;
}

impl<F: Fn(&str) -> bool + Send + Sync> Alive for F {
    fn lives<'a>(&'a self, owner: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(self(owner)))
    }
}

impl State {
    /// Takes an entry of the book in.
    fn add(&mut self, record: &Record) -> Result<(), Error> {
        match record.entry.kind {
            EntryKind::HoldPlaced => {
                let Placed { held, why } = read(record)?;
                let (number, at) = (record.seq, record.entry.at);
                self.holds.insert(number, Hold { number, held, why, at });
            }
            EntryKind::HoldLifted => drop(self.holds.remove(&read::<Lifted>(record)?.hold)),
            EntryKind::RetentionSet => self.retention_days = read::<Retention>(record)?.days,
            EntryKind::Erasing => {
                let plan: erase::Plan = read(record)?;
                self.open = Some((record.seq, plan.taking(taken(record)?)));
            }
            EntryKind::Erased | EntryKind::Anonymized | EntryKind::Collected => self.open = None,
            _ => {}
        }
        Ok(())
    }

    /// The first hold that keeps this run, or everything, from being erased.
    pub(crate) fn over_run(&self, run: RunId, about: Option<&str>) -> Option<&Hold> {
        self.holds.values().find(|hold| match &hold.held {
            Held::Run(held) => *held == run,
            Held::Subject(name) => about == Some(name),
            Held::Tenant => true,
        })
    }
}

/// The keys that the entry which begins an erasure names.
fn taken(record: &Record) -> Result<Vec<SubjectId>, Error> {
    let bad = |why: String| comity_ledger::Error::BadEntry { seq: record.seq, why };
    let text = record.text(book::TAKEN)?.ok_or_else(|| bad("it does not say which keys go".to_owned()))?;
    Ok(serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?)
}

/// What an entry of the book says in its text.
fn read<T: serde::de::DeserializeOwned>(record: &Record) -> Result<T, Error> {
    let bad = |why: String| comity_ledger::Error::BadEntry { seq: record.seq, why };
    let text = record.text(Slot::Act)?.ok_or_else(|| bad("it has no text".to_owned()))?;
    Ok(serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?)
}
