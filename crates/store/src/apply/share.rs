//! Accounts that several servers spend from at once: each within a slice of its own.
//!
//! A hold names its accounts innermost first. The first is its run's, and one server works on a run. The others are
//! shared, and a server that had to lock their rows for every step would wait for all the others. So it draws a
//! slice: a part of what the caps leave, in which it holds and books without looking at the account. What is drawn
//! counts against the caps until it is given back, so that the slices together never pass them.
//!
//! A batch is first decided on its server's slices alone. What does not fit there is decided again with the account
//! (which gives a larger slice), and then with every other slice as well, of which what is left is taken back: so
//! nothing is refused that would fit. Whoever reaches further locks more, and nothing is remembered but in rows: a
//! server that dies leaves a slice behind, whose rest is there for the next who needs it.

use super::{Cells, Draft};
use crate::cells::AccountCell;
use crate::commit::{AccountId, Refused};
use comity_core::{Amounts, Tenant, Unit};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Of what an account leaves beyond a slice's need, the slice gets one part of so many: so it shrinks near the cap.
const PART: u64 = 8;

/// How much of a shared account is in a batch's hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The server's own slice.
    #[default]
    Own,
    /// That, and the account's row.
    Account,
    /// Everything: every slice of every server.
    All,
}

impl Reach {
    /// The next further one.
    pub fn further(self) -> Self {
        match self {
            Self::Own => Self::Account,
            Self::Account | Self::All => Self::All,
        }
    }
}

/// What one server drew of an account, and what it did with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// What was drawn; `Amounts::MAX` in a unit that the account does not cap.
    pub drawn: Amounts,
    /// Reserved through it.
    pub held: Amounts,
    /// Booked through it.
    pub spent: Amounts,
}

/// A shared account, as far as a batch reaches.
#[derive(Clone, Debug, Default)]
pub struct Share {
    /// How far that is.
    pub reach: Reach,
    /// The account's own row, without what is in slices, and the sum of what was drawn of it.
    pub account: Option<(AccountCell, Amounts)>,
    /// The server's own slice.
    pub own: Option<Slice>,
    /// The others, by whom they belong to.
    pub others: Vec<(Arc<str>, Slice)>,
}

/// The shared accounts of a batch.
#[derive(Default)]
pub struct Shares {
    /// As they were loaded.
    pub loaded: HashMap<(Tenant, AccountId), Share>,
    /// Those of which the batch needs more than it was given: nothing it decided counts.
    pub wanting: BTreeSet<(Tenant, AccountId)>,
}

impl Shares {
    /// Whether only a part of the account is here.
    pub fn is_part(&self, key: &(Tenant, AccountId)) -> bool {
        self.loaded.get(key).is_some_and(|share| share.reach != Reach::All)
    }
}

impl Share {
    /// The account as the batch may use it; `None` when it is not there, or there is no slice of it yet.
    pub fn cell(&self, tenant: &Tenant) -> Option<AccountCell> {
        let Some((account, given)) = &self.account else {
            let own = self.own.filter(|_| self.reach == Reach::Own)?;
            let Slice { drawn: caps, held, spent } = own;
            return Some(AccountCell {
                label: "".into(),
                tenant: tenant.clone(),
                caps,
                held,
                spent,
                frozen: false,
            });
        };
        let mut cell = account.clone();
        for slice in self.own.iter().chain(self.others.iter().map(|(_, slice)| slice)) {
            cell.held = sum(&cell.held, &slice.held);
            cell.spent = sum(&cell.spent, &slice.spent);
        }
        if self.reach != Reach::All {
            let elsewhere = given.saturating_sub(&drawn(&account.caps, self.own.as_ref()));
            cell.caps = each(|unit| match account.caps.get(unit) {
                Amounts::MAX => Amounts::MAX,
                cap => cap.saturating_sub(elsewhere.get(unit)),
            });
        }
        Some(cell)
    }

    /// Where what the batch made of the account is kept.
    pub fn keep(&self, after: &AccountCell) -> Share {
        let Some((account, given)) = &self.account else {
            let own = self.own.map(|own| Slice { held: after.held, spent: after.spent, ..own });
            return Share { own, ..self.clone() };
        };
        // What was drawn beyond the caps could be held again once some of it is given back.
        let over = sum(&after.held, &after.spent).exceeds(&after.caps).is_some();
        if after.frozen || over {
            return self.undivided(after, account, given);
        }
        let (mut kept, mut own) = (account.clone(), self.own.unwrap_or_default());
        let mut others = self.others.clone();
        let apart = others.iter().fold(account.held, |held, (_, slice)| sum(&held, &slice.held));
        // What was given back was held here if it can have been, else in the account, else elsewhere.
        own.held = after.held.saturating_sub(&apart);
        let mut owed = apart.saturating_sub(&after.held);
        for held in std::iter::once(&mut kept.held).chain(others.iter_mut().map(|(_, slice)| &mut slice.held))
        {
            let paid = held.min(&owed);
            *held = held.saturating_sub(&paid);
            owed = owed.saturating_sub(&paid);
        }
        let apart = others.iter().fold(account.spent, |spent, (_, slice)| sum(&spent, &slice.spent));
        own.spent = after.spent.saturating_sub(&apart);
        let caps = &account.caps;
        let mut elsewhere = given.saturating_sub(&drawn(caps, self.own.as_ref()));
        if self.reach == Reach::All {
            // What is left of the others comes back.
            elsewhere = Amounts::ZERO;
            for (_, slice) in &mut others {
                slice.drawn = uncapped(caps, &sum(&slice.held, &slice.spent));
                elsewhere = sum(&elsewhere, &drawn(caps, Some(slice)));
            }
        }
        let used = [&kept.held, &kept.spent, &elsewhere, &own.held, &own.spent];
        let free = used.into_iter().fold(*caps, |free, used| free.saturating_sub(used));
        let more = each(|unit| free.get(unit) / PART);
        own.drawn = uncapped(caps, &sum(&sum(&own.held, &own.spent), &more));
        let given = sum(&elsewhere, &drawn(caps, Some(&own)));
        Share { reach: self.reach, account: Some((kept, given)), own: Some(own), others }
    }

    /// Of an account that is frozen or over its caps there are no slices: every hold looks at its row.
    fn undivided(&self, after: &AccountCell, account: &AccountCell, given: &Amounts) -> Share {
        let given = match self.reach {
            Reach::All => Amounts::ZERO,
            _ => given.saturating_sub(&drawn(&account.caps, self.own.as_ref())),
        };
        let kept = AccountCell { caps: account.caps, ..after.clone() };
        Share { reach: self.reach, account: Some((kept, given)), own: None, others: Vec::new() }
    }
}

impl Cells {
    pub(super) fn is_part(&self, id: AccountId, tenant: &Tenant) -> bool {
        !self.shares.loaded.is_empty() && self.shares.is_part(&(tenant.clone(), id))
    }

    /// Changes an account. Where there is only a part of it, and the part will not do, the whole is asked for.
    pub(super) fn spend(
        &self,
        id: AccountId,
        tenant: &Tenant,
        draft: &mut Draft,
        act: impl FnOnce(&mut AccountCell) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let acted = self.account(id, tenant, draft).and_then(|cell| {
            act(cell)?;
            Ok(cell.frozen
                || cell
                    .caps
                    .checked_sub(&cell.held)
                    .is_none_or(|left| left.checked_sub(&cell.spent).is_none()))
        });
        if self.is_part(id, tenant) && !matches!(acted, Ok(false)) {
            draft.short.push(id);
        }
        acted.map(drop)
    }
}

/// What a slice counts for against the caps.
fn drawn(caps: &Amounts, slice: Option<&Slice>) -> Amounts {
    let drawn = slice.map_or(Amounts::ZERO, |slice| slice.drawn);
    each(|unit| if caps.get(unit) == Amounts::MAX { 0 } else { drawn.get(unit) })
}

/// The amounts, and no limit in the units that have no cap.
fn uncapped(caps: &Amounts, amounts: &Amounts) -> Amounts {
    each(|unit| if caps.get(unit) == Amounts::MAX { Amounts::MAX } else { amounts.get(unit) })
}

/// The sum, stopping at the largest amount, which no account can book.
fn sum(a: &Amounts, b: &Amounts) -> Amounts {
    each(|unit| a.get(unit).saturating_add(b.get(unit)).min(Amounts::MAX))
}

fn each(of: impl Fn(Unit) -> u64) -> Amounts {
    Amounts {
        micro_usd: of(Unit::MicroUsd),
        millis: of(Unit::Millis),
        steps: of(Unit::Steps),
        tokens: of(Unit::Tokens),
    }
}

#[cfg(test)]
mod tests;
