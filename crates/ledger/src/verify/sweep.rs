//! Verifies everything in one sweep over the rows, in the order they were written.
//!
//! It tells only whether all is well, and is quick about it: each row is read once, where it lies. Whatever
//! is odd, be it a fault or merely unusual, is left to those who follow the chains one by one.

use super::balance::Balances;
use super::keys::KeyCheck;
use super::log::{LogReport, check};
use super::walk::Walk;
use super::{Report, Stop};
use crate::keys::Keys;
use crate::payload::{self, Commitments, Slot};
use comity_core::Tenant;
use comity_store::{EntryRef, Error, Page, PayloadRef, RunRow, Scan, Scanned, Store};
use std::collections::HashMap;

/// The most runs that are followed at once. A ledger with more of them under way at the same time is read by run.
const MOST_OPEN: usize = 50_000;

/// The most entries of one run that go back to others: they are kept until its end.
const MOST_ORIGINS: usize = 10_000;

/// The report, if all is well.
pub async fn sweep(store: &Store, keys: Option<&dyn Keys>) -> Result<Option<Report>, Error> {
    match follow(store, keys).await {
        Ok(report) => Ok(report),
        Err(Stop::Fault(_) | Stop::Store(Error::Corrupt { .. })) => Ok(None),
        Err(Stop::Store(error)) => Err(error),
    }
}

async fn follow(store: &Store, keys: Option<&dyn Keys>) -> Result<Option<Report>, Stop> {
    let mut checked = KeyCheck::new(keys);
    let (mut scan, mut sweep) = (Scan::default(), Sweep::new(store.counts_rows()));
    let mut tenants: HashMap<Tenant, (Balances, LogReport)> = HashMap::new();
    loop {
        let page = store.scan(&mut scan, |row| sweep.take(row).is_some()).await?;
        if page == Page::Odd || (page == Page::Whole && !sweep.is_over()) {
            return Ok(None);
        }
        for mut walk in sweep.ended.drain(..) {
            walk.follow_origins(store).await?;
            walk.finish(store).await?;
            checked.check(store, &walk.row, &walk.sealed).await?;
            let (balances, log) = tenants.entry(walk.row.cell.tenant.clone()).or_default();
            walk.tree.finish(&walk.row.cell, log)?;
            if balances.add(&walk.row, &walk.balance).is_err() {
                return Ok(None);
            }
        }
        if page == Page::Whole {
            break;
        }
    }
    if store.stray_subject().await?.is_some() {
        return Ok(None);
    }
    let mut report = sweep.report;
    report.unbooked = checked.unbooked;
    for (tenant, (balances, mut log)) in tenants {
        let leaves = log.leaves;
        log.add(check(store, &tenant, leaves).await?);
        report.log.add(log);
        let Ok(accounts) = balances.compare(store, &tenant).await? else { return Ok(None) };
        report.accounts += accounts;
    }
    Ok(Some(report))
}

/// What the rows said so far.
struct Sweep {
    /// Runs that have entries to come, by number.
    open: HashMap<i64, Box<Walk>>,
    /// The run of the last entry.
    last: Option<Last>,
    /// Runs all of whose entries came.
    ended: Vec<Walk>,
    report: Report,
    counted: bool,
}

/// A run, and what its last entry commits to.
struct Last {
    run: i64,
    walk: Box<Walk>,
    committed: Commitments,
    /// How many of its payloads came. Each is of another slot.
    found: usize,
}

impl Sweep {
    fn new(counted: bool) -> Self {
        Self { open: HashMap::new(), last: None, ended: Vec::new(), report: Report::default(), counted }
    }

    /// Takes the next row; `None` if anything is odd about it.
    fn take(&mut self, row: Scanned<'_>) -> Option<()> {
        match row {
            Scanned::Run(row) => self.run(row),
            Scanned::Leaf(run, leaf) => {
                self.open.get_mut(&run)?.tree.expect(leaf);
                Some(())
            }
            Scanned::Entry(run, row) => self.entry(run, row),
            Scanned::Payload(row) => self.payload(row),
        }
    }

    fn run(&mut self, row: RunRow) -> Option<()> {
        self.settle()?;
        let number = row.cell.key;
        let walk = Box::new(Walk::new(row, self.counted));
        // A second first entry of a run that is under way.
        let known = self.open.insert(number, walk);
        (known.is_none() && self.open.len() <= MOST_OPEN).then_some(())
    }

    fn entry(&mut self, run: i64, row: EntryRef<'_>) -> Option<()> {
        if self.last.as_ref().is_none_or(|last| last.run != run) {
            self.settle()?;
        }
        let mut walk = match self.last.take() {
            Some(last) if last.is_complete() => last.walk,
            Some(_) => return None,
            None => self.open.remove(&run)?,
        };
        let committed = walk.glance(row)?;
        if walk.origins.len() > MOST_ORIGINS {
            return None;
        }
        self.report.entries += 1;
        self.last = Some(Last { run, walk, committed, found: 0 });
        Some(())
    }

    fn payload(&mut self, row: PayloadRef<'_>) -> Option<()> {
        let last = self.last.as_mut()?;
        let slot = Slot::ALL.into_iter().find(|slot| *slot as u8 == row.slot)?;
        let committed = last.committed.get(slot)?;
        payload::check(row, committed).ok()?;
        last.walk.sealed.add(row.subject, slot).ok()?;
        last.found += 1;
        self.report.payloads += 1;
        (row.tenant == last.walk.row.cell.tenant.as_str()).then_some(())
    }

    /// The last entry has all its payloads: its run goes back to those under way, or is at its end.
    fn settle(&mut self) -> Option<()> {
        let Some(last) = self.last.take() else { return Some(()) };
        if !last.is_complete() {
            return None;
        }
        if last.walk.next == last.walk.row.cell.next_seq {
            self.report.runs += 1;
            self.ended.push(*last.walk);
        } else {
            self.open.insert(last.run, last.walk);
        }
        Some(())
    }

    /// Whether every run is at its end, once every row came.
    fn is_over(&mut self) -> bool {
        self.settle().is_some() && self.open.is_empty()
    }
}

impl Last {
    fn is_complete(&self) -> bool {
        self.found == self.committed.count()
    }
}
