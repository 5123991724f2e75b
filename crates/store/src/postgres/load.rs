//! Locks and loads the rows that a batch names, all in one round trip.

use super::codec::{self, Unread, get};
use super::rows::There;
use super::sql::{Statements, load};
use crate::apply::Cells;
use crate::apply::share::{Reach, Share};
use crate::commit::{AccountId, Commit, Named};
use comity_core::Tenant;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// How much of shared accounts a batch looks at, where that is more than its server's slice.
pub type Reaches = HashMap<(Tenant, AccountId), Reach>;

/// The rows that a batch names, each once, in the order they are locked in.
#[derive(Default)]
struct Names<'c> {
    tenants: BTreeSet<&'c Tenant>,
    runs: BTreeSet<(&'c Tenant, [u8; 16])>,
    accounts: BTreeSet<(&'c Tenant, [u8; 16])>,
    /// Shared accounts whose row is not needed yet.
    slices: BTreeSet<(&'c Tenant, [u8; 16])>,
    /// Shared accounts of which this server's slice is looked at, with or without the row.
    own: BTreeSet<(&'c Tenant, [u8; 16])>,
    /// Accounts of which every slice is.
    all: BTreeSet<(&'c Tenant, [u8; 16])>,
    known: BTreeSet<(&'c Tenant, [u8; 16])>,
    approvals: BTreeSet<(&'c Tenant, [u8; 16])>,
    subjects: BTreeSet<(&'c Tenant, [u8; 16])>,
    breakers: BTreeMap<(&'c Tenant, &'c str), &'c Arc<str>>,
    logs: BTreeSet<&'c Tenant>,
    pins: BTreeSet<(&'c Tenant, &'static str)>,
}

impl<'c> Names<'c> {
    fn of(jobs: &'c [Commit], reach: &Reaches) -> Self {
        let mut names = Self::default();
        for job in jobs {
            let tenant = &job.tenant;
            names.tenants.insert(tenant);
            job.names(&mut |named| names.add(tenant, named));
        }
        names.reach_as_far_as(reach);
        names
    }

    /// Sorts the accounts by how much of each is looked at.
    fn reach_as_far_as(&mut self, reach: &Reaches) {
        let far = |(tenant, id): &(&Tenant, [u8; 16])| {
            reach.get(&((*tenant).clone(), AccountId(*id))).copied().unwrap_or_default()
        };
        // What is named whole is looked at whole, also if it is shared.
        let shared = std::mem::take(&mut self.slices);
        for key in shared.difference(&self.accounts).copied().collect::<Vec<_>>() {
            match far(&key) {
                Reach::Own => _ = self.slices.insert(key),
                Reach::Account | Reach::All => _ = self.accounts.insert(key),
            }
            if far(&key) == Reach::Account {
                self.own.insert(key);
            }
        }
        self.own.extend(&self.slices);
        self.all.extend(self.accounts.iter().filter(|key| far(key) == Reach::All));
        self.known.retain(|key| !self.accounts.contains(key) && !self.slices.contains(key));
    }

    fn add(&mut self, tenant: &'c Tenant, named: Named<'c>) {
        match named {
            Named::Run(id) => _ = self.runs.insert((tenant, *id.bytes())),
            Named::Account(id) => _ = self.accounts.insert((tenant, id.0)),
            Named::Share(id) => _ = self.slices.insert((tenant, id.0)),
            Named::Known(id) => _ = self.known.insert((tenant, id.0)),
            Named::Approval(id) => _ = self.approvals.insert((tenant, *id.bytes())),
            Named::Subject(id) => _ = self.subjects.insert((tenant, *id.bytes())),
            Named::Breaker(endpoint) => _ = self.breakers.insert((tenant, endpoint), endpoint),
            Named::Log => _ = self.logs.insert(tenant),
            Named::Pin(name) => _ = self.pins.insert((tenant, name)),
        }
    }
}

/// Keys as a statement takes them.
fn keys<'n>(names: &'n BTreeSet<(&Tenant, [u8; 16])>) -> impl Iterator<Item = (&'n str, &'n [u8])> {
    names.iter().map(|(tenant, id)| (tenant.as_str(), &id[..]))
}

/// Begins, says for whom, and locks and loads every row that is named, in one round trip.
pub async fn load_cells(
    client: &Client,
    s: &Statements,
    (jobs, reach, holder): (&[Commit], &Reaches, &str),
    cells: &mut Cells,
    there: &mut There,
) -> Result<(), Unread> {
    let names = Names::of(jobs, reach);
    let tenants = names.tenants.iter().map(|tenant| tenant.as_str()).collect::<Vec<_>>().join(",");
    let tenants: [&(dyn ToSql + Sync); 1] = [&tenants];
    let breakers = names.breakers.keys().map(|(tenant, endpoint)| (tenant.as_str(), *endpoint));
    let pins = names.pins.iter().map(|(tenant, name)| (tenant.as_str(), *name));
    let (_, _, runs, logs, accounts, slices, known, approvals, breakers, subjects, pins) = tokio::try_join!(biased;
        client.batch_execute("BEGIN"),
        client.query(&s.tenants, &tenants),
        load(client, &s.runs, keys(&names.runs)),
        load_logs(client, s, &names.logs),
        load(client, &s.accounts, keys(&names.accounts)),
        load_slices(client, s, &names, holder),
        load(client, &s.known, keys(&names.known)),
        load(client, &s.approvals, keys(&names.approvals)),
        load(client, &s.breakers, breakers),
        load(client, &s.subjects, keys(&names.subjects)),
        load(client, &s.pins, pins),
    )?;
    for row in &runs {
        let (id, cell) = codec::run(row)?;
        cells.runs.insert((cell.tenant.clone(), id), Some(cell));
    }
    for row in &logs {
        let tenant = codec::tenant(row, 2)?;
        there.logs.insert(tenant.clone());
        cells.logs.insert(tenant, codec::log(row)?);
    }
    fill_accounts(&names, (&accounts, &known), cells)?;
    fill_slices(&names, holder, &slices, cells)?;
    for row in &approvals {
        let (id, cell) = codec::approval(row)?;
        cells.approvals.insert((codec::tenant(row, 7)?, id), Some(cell));
    }
    for row in &breakers {
        let key: (Tenant, Arc<str>) = (codec::tenant(row, 3)?, get::<&str>(row, 4)?.into());
        there.breakers.insert(key.clone());
        cells.breakers.insert(key, codec::breaker(row)?);
    }
    for row in &subjects {
        let (id, cell) = codec::subject(row)?;
        let key = (codec::tenant(row, 6)?, id);
        there.subjects.insert(key.clone());
        cells.subjects.insert(key, Some(cell));
    }
    fill_pins(&names.pins, &pins, cells)
}

/// The accounts' own rows. Of one that is named whole and turns out to have slices, all is needed.
fn fill_accounts(
    names: &Names<'_>,
    (accounts, known): (&[Row], &[Row]),
    cells: &mut Cells,
) -> Result<(), Unread> {
    for row in accounts {
        let (id, cell) = codec::account(row)?;
        let (given, sliced) = (codec::amounts(row, 16)?, get::<bool>(row, 20)?);
        let key = (cell.tenant.clone(), id);
        let name = (&cell.tenant, id.0);
        let reach = match (names.own.contains(&name), names.all.contains(&name)) {
            (true, _) => Some(Reach::Account),
            (_, true) => Some(Reach::All),
            (false, false) => None,
        };
        match reach {
            Some(reach) => {
                let share = Share { reach, account: Some((cell, given)), ..Share::default() };
                cells.shares.loaded.insert(key, share);
            }
            None if sliced => _ = cells.shares.wanting.insert(key),
            None => _ = cells.accounts.insert(key, Some(cell)),
        }
    }
    for row in known {
        let (id, cell) = codec::account(row)?;
        cells.accounts.insert((cell.tenant.clone(), id), Some(cell));
    }
    Ok(())
}

/// What of shared accounts is in slices, and with it what there is of each.
fn fill_slices(names: &Names<'_>, holder: &str, rows: &[Row], cells: &mut Cells) -> Result<(), Unread> {
    for (tenant, id) in &names.slices {
        cells.shares.loaded.insert(((*tenant).clone(), AccountId(*id)), Share::default());
    }
    for row in rows {
        let (key, whose, slice) = codec::slice(row)?;
        let Some(share) = cells.shares.loaded.get_mut(&key) else { continue };
        if *whose == *holder {
            share.own = Some(slice);
        } else {
            share.others.push((whose, slice));
        }
    }
    for (key, share) in &cells.shares.loaded {
        if let Some(cell) = share.cell(&key.0) {
            cells.accounts.insert(key.clone(), Some(cell));
        }
    }
    Ok(())
}

/// Of each account the server's own slice, or every one. All in one statement, and so in one order.
async fn load_slices(
    client: &Client,
    s: &Statements,
    names: &Names<'_>,
    holder: &str,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let both: BTreeSet<(&Tenant, [u8; 16])> = names.own.union(&names.all).copied().collect();
    if both.is_empty() {
        return Ok(Vec::new());
    }
    let every: Vec<bool> = both.iter().map(|key| names.all.contains(key)).collect();
    let (tenants, ids): (Vec<&str>, Vec<&[u8]>) = keys(&both).unzip();
    client.query(&s.slices, &[&tenants, &ids, &every, &holder]).await
}

async fn load_logs(
    client: &Client,
    s: &Statements,
    tenants: &BTreeSet<&Tenant>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    if tenants.is_empty() {
        return Ok(Vec::new());
    }
    let tenants: Vec<&str> = tenants.iter().map(|tenant| tenant.as_str()).collect();
    client.query(&s.logs, &[&tenants]).await
}

fn fill_pins(
    names: &BTreeSet<(&Tenant, &'static str)>,
    rows: &[Row],
    cells: &mut Cells,
) -> Result<(), Unread> {
    for row in rows {
        let (tenant, found) = (codec::tenant(row, 1)?, get::<&str>(row, 2)?);
        let Some((_, name)) = names.iter().find(|(whose, name)| **whose == tenant && *name == found) else {
            continue;
        };
        cells.pins.insert((tenant, name), Some(get::<&[u8]>(row, 0)?.into()));
    }
    Ok(())
}
