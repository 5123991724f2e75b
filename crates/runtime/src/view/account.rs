//! The balances of a run's account and its clock, summed from entries.

use comity_api::Purse;
use comity_core::{Amounts, Unit};
use comity_ledger::{Entry, EntryKind};

/// A run's account as it stands after some entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    caps: Amounts,
    held: Amounts,
    spent: Amounts,
}

impl Account {
    /// Takes an entry in.
    pub fn add(&mut self, entry: &Entry) {
        self.caps = entry.caps.unwrap_or(self.caps);
        let held = self.held.checked_add(&entry.hold.unwrap_or_default()).unwrap_or(Amounts::UNLIMITED);
        self.held = held.saturating_sub(&entry.release.unwrap_or_default());
        let usage = entry.usage.unwrap_or_default();
        self.spent = self.spent.checked_add(&usage).unwrap_or(Amounts::UNLIMITED);
    }

    /// Every unit of it.
    pub fn purses(&self) -> Vec<Purse> {
        let one = |unit: Unit| {
            let (held, spent) = (self.held.get(unit), self.spent.get(unit));
            let cap = Some(self.caps.get(unit)).filter(|cap| *cap < Amounts::MAX);
            let left = cap.map(|cap| cap.saturating_sub(held).saturating_sub(spent));
            Purse { unit: word(unit).to_owned(), cap, held, spent, left }
        };
        Unit::ALL.into_iter().map(one).collect()
    }
}

fn word(unit: Unit) -> &'static str {
    match unit {
        Unit::MicroUsd => "micro_usd",
        Unit::Millis => "millis",
        Unit::Steps => "steps",
        Unit::Tokens => "tokens",
    }
}

/// How long a run has been worked on: a gap that ends in a person's answer was that person's, and a run that is
/// paused rests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    opened: u64,
    worked: u64,
    since: Option<u64>,
}

impl Clock {
    /// Takes an entry in.
    pub fn add(&mut self, entry: &Entry) {
        if entry.kind == EntryKind::Opened {
            self.opened = entry.at;
        }
        if matches!(entry.kind, EntryKind::Opened | EntryKind::Resumed) {
            self.since = Some(entry.at);
            return;
        }
        let Some(since) = self.since else { return };
        let theirs = matches!(entry.kind, EntryKind::Approved | EntryKind::Rejected | EntryKind::Expired);
        self.worked += if theirs { 0 } else { entry.at.saturating_sub(since) };
        self.since = (entry.kind != EntryKind::Paused).then_some(entry.at.max(since));
    }

    /// Milliseconds it was worked on.
    pub fn worked(&self) -> u64 {
        self.worked
    }

    /// Milliseconds from when it was opened to `at`.
    pub fn elapsed(&self, at: u64) -> u64 {
        at.saturating_sub(self.opened)
    }
}
