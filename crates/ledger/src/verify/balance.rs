//! Balances summed from entries, and compared with the accounts' rows.

use crate::account;
use crate::entry::{EntryKind, Glance};
use comity_core::{Amounts, Tenant};
use comity_store::{AccountId, AccountRow, RunRow, Store};
use std::collections::HashMap;

/// What one run's entries add up to.
#[derive(Clone, Debug, Default)]
pub struct RunBalance {
    held: Amounts,
    spent: Amounts,
    frozen: bool,
    caps: Option<Amounts>,
}

impl RunBalance {
    /// Adds one entry's differences.
    pub fn add(&mut self, entry: &Glance<'_>) -> Result<(), &'static str> {
        let sum = |total: &Amounts, more: &Option<Amounts>| {
            more.as_ref().map_or(Some(*total), |more| total.checked_add(more))
        };
        self.held = sum(&self.held, &entry.hold).ok_or("its hold leaves the range of amounts")?;
        self.spent = sum(&self.spent, &entry.usage).ok_or("its usage leaves the range of amounts")?;
        if let Some(release) = &entry.release {
            self.held = self.held.checked_sub(release).ok_or("it releases more than was held")?;
        }
        self.frozen |= entry.kind == EntryKind::Defect;
        self.caps = self.caps.or(entry.caps);
        Ok(())
    }

    /// Compares with the run's own account.
    pub fn compare(&self, row: Option<&AccountRow>) -> Result<(), &'static str> {
        let Some(row) = row else { return Err("its account is missing") };
        match () {
            () if row.cell.held != self.held => Err("its account holds another amount than its entries say"),
            () if row.cell.spent != self.spent => {
                Err("its account has spent another amount than its entries say")
            }
            () if self.caps != Some(row.cell.caps) => {
                Err("its account has other caps than it was opened with")
            }
            () if row.cell.frozen != self.frozen => {
                Err("its account is frozen, or not, against what its entries say")
            }
            () => Ok(()),
        }
    }
}

/// What all runs of a tenant add up to, for the accounts above the runs'.
#[derive(Default)]
pub struct Balances {
    totals: HashMap<AccountId, (Amounts, Amounts)>,
    runs: u64,
}

impl Balances {
    /// Adds a run to its namespace and its tenant.
    pub fn add(&mut self, row: &RunRow, run: &RunBalance) -> Result<(), &'static str> {
        self.runs += 1;
        let cell = &row.cell;
        for id in [account::of_namespace(&cell.tenant, &cell.namespace), account::of_tenant(&cell.tenant)] {
            let (held, spent) = self.totals.entry(id).or_default();
            *held = held.checked_add(&run.held).ok_or("the holds of its namespace leave the range")?;
            *spent = spent.checked_add(&run.spent).ok_or("the spending of its namespace leaves the range")?;
        }
        Ok(())
    }

    /// Compares with every account of the tenant that is not a run's, and counts all of them.
    pub async fn compare(
        &self,
        store: &Store,
        tenant: &Tenant,
    ) -> Result<Result<u64, String>, comity_store::Error> {
        let (mut count, mut met) = (0, 0);
        let mut after = None;
        loop {
            let page = store.accounts(tenant, after).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            count += page.len() as u64;
            for row in &page {
                let Some((held, spent)) = self.totals.get(&row.id) else { continue };
                met += 1;
                if row.cell.held != *held || row.cell.spent != *spent {
                    return Ok(Err(format!("account `{}` does not add up to its entries", row.cell.label)));
                }
                // Only the account of a run is ever frozen by an entry.
                if row.cell.frozen {
                    return Ok(Err(format!("account `{}` is frozen, and no entry says so", row.cell.label)));
                }
            }
        }
        if met != self.totals.len() {
            return Ok(Err(format!("an account of tenant `{tenant}` is missing")));
        }
        if count != self.runs + met as u64 {
            return Ok(Err(format!("tenant `{tenant}` has an account that belongs to no run")));
        }
        Ok(Ok(count))
    }
}
