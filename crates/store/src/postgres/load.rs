//! Locks and loads the rows that a batch names, all in one round trip.

use super::codec::{self, Unread, get};
use super::rows::There;
use super::sql::{Statements, load};
use crate::apply::Cells;
use crate::commit::{Commit, Named};
use comity_core::Tenant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// The rows that a batch names, each once, in the order they are locked in.
#[derive(Default)]
struct Names<'c> {
    tenants: BTreeSet<&'c Tenant>,
    runs: BTreeSet<(&'c Tenant, [u8; 16])>,
    accounts: BTreeSet<(&'c Tenant, [u8; 16])>,
    approvals: BTreeSet<(&'c Tenant, [u8; 16])>,
    subjects: BTreeSet<(&'c Tenant, [u8; 16])>,
    breakers: BTreeMap<(&'c Tenant, &'c str), &'c Arc<str>>,
    logs: BTreeSet<&'c Tenant>,
    pins: BTreeSet<(&'c Tenant, &'static str)>,
}

impl<'c> Names<'c> {
    fn of(jobs: &'c [Commit]) -> Self {
        let mut names = Self::default();
        for job in jobs {
            let tenant = &job.tenant;
            names.tenants.insert(tenant);
            job.names(&mut |named| names.add(tenant, named));
        }
        names
    }

    fn add(&mut self, tenant: &'c Tenant, named: Named<'c>) {
        match named {
            Named::Run(id) => _ = self.runs.insert((tenant, *id.bytes())),
            Named::Account(id) => _ = self.accounts.insert((tenant, id.0)),
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
    jobs: &[Commit],
    cells: &mut Cells,
    there: &mut There,
) -> Result<(), Unread> {
    let names = Names::of(jobs);
    let tenants = names.tenants.iter().map(|tenant| tenant.as_str()).collect::<Vec<_>>().join(",");
    let tenants: [&(dyn ToSql + Sync); 1] = [&tenants];
    let breakers = names.breakers.keys().map(|(tenant, endpoint)| (tenant.as_str(), *endpoint));
    let pins = names.pins.iter().map(|(tenant, name)| (tenant.as_str(), *name));
    let (_, _, runs, logs, accounts, approvals, breakers, subjects, pins) = tokio::try_join!(biased;
        client.batch_execute("BEGIN"),
        client.query(&s.tenants, &tenants),
        load(client, &s.runs, keys(&names.runs)),
        load_logs(client, s, &names.logs),
        load(client, &s.accounts, keys(&names.accounts)),
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
    for row in &accounts {
        let (id, cell) = codec::account(row)?;
        cells.accounts.insert((cell.tenant.clone(), id), Some(cell));
    }
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
