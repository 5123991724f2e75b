//! Checks what can be checked from the database alone, and says what cannot.
//!
//! Checked: every column of entries and payloads; of runs their key, id, tenant, namespace, epoch, status,
//! length and head; of accounts their tenant, what is held, what is spent, and whether they are frozen, and
//! of a run's account its caps; of entries that go back to another run, that the entry there has the hash they name
//! (if that run is there); of approvals their state, step, expiry and the entry that asked; of the keys of texts that
//! they are there, their run's and of the right sort, or that an erasure in the tenant's book names them, and, with the
//! tenant keys, every column.
//!
//! Not checked, because no entry says it: a run's owner and the times of its row; an account's label, and
//! the caps of accounts above the runs'; an approval's binding (whoever consumes an approval recomputes it); breakers;
//! rows of a tenant that has no run, and approvals of a run that is not there.
//!
//! Not shown, because a database cannot testify against itself: that whoever could write the file did not
//! write a whole chain anew, with every view to match, or remove a whole run. That takes a head kept
//! elsewhere.
//!
//! Everything is verified in one sweep over the rows, which tells only whether all is well. If it is not, and
//! where a single run is asked for, chains are followed one by one, and the first fault is named.
//!
//! Streams page by page: memory does not grow with the ledger, only with the number of namespaces, with the
//! approvals of one run, with the keys that were erased, and, up to a limit, with the runs that were under way at the same time.

mod balance;
mod keys;
mod log;
mod sweep;
mod walk;

use crate::error::Error;
use crate::keys::Keys;
use crate::vault::Vault;
use balance::Balances;
use comity_core::{Digest, RunId, Tenant};
use comity_store::{RunRow, Store};
use keys::KeyCheck;
pub use log::{LogReport, held_against};
use walk::Walk;

/// The first thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The run, if it belongs to one.
    pub run: Option<RunId>,
    /// The entry, by its place in the chain, if it is about one.
    pub seq: Option<u64>,
    /// What is wrong, in one sentence without a full stop.
    pub what: String,
}

/// What verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Runs whose chains were followed.
    pub runs: u64,
    /// Entries recomputed.
    pub entries: u64,
    /// Payloads recomputed.
    pub payloads: u64,
    /// Accounts compared with the sum of their entries; counted when everything is verified.
    pub accounts: u64,
    /// Runs some of whose texts nobody can open, though no erasure in the book says so: a tenant key they are under
    /// was destroyed. Counted where the keys are at hand.
    pub unbooked: u64,
    /// What was found in the logs.
    pub log: LogReport,
    /// Hash of the last entry of the last run looked at: the head, when one run was asked for.
    pub head: Option<Digest>,
    /// The first fault; nothing after it was looked at.
    pub fault: Option<Fault>,
}

/// Verifies one run, or everything.
///
/// Errors only when the database cannot be read; what is wrong with its content is in the report.
pub async fn verify(store: &Store, only: Option<(&Tenant, RunId)>) -> Result<Report, Error> {
    recompute(store, only, None).await
}

/// The same, with every key of texts opened, if the keys of this store are at hand.
pub async fn verify_with(vault: &Vault, only: Option<(&Tenant, RunId)>) -> Result<Report, Error> {
    // Keys that cannot be reached show nothing against the store.
    let at_hand = vault.keys().at_hand().await.unwrap_or_default();
    recompute(vault.store(), only, at_hand.tenants.then(|| vault.keys())).await
}

async fn recompute(
    store: &Store,
    only: Option<(&Tenant, RunId)>,
    keys: Option<&dyn Keys>,
) -> Result<Report, Error> {
    let mut report = Report::default();
    // Other processes go on committing; rows read at different moments would not fit together.
    let store = &store.snapshot().await?;
    let outcome = match only {
        Some((tenant, run)) => verify_one(store, tenant, run, keys, &mut report).await,
        None => verify_all(store, keys, &mut report).await,
    };
    match outcome {
        Ok(()) => Ok(report),
        Err(Stop::Fault(fault)) => {
            report.fault = Some(*fault);
            Ok(report)
        }
        Err(Stop::Store(error)) => Err(error.into()),
    }
}

/// Why verification ends early.
enum Stop {
    Fault(Box<Fault>),
    Store(comity_store::Error),
}

impl From<comity_store::Error> for Stop {
    fn from(error: comity_store::Error) -> Self {
        match error {
            comity_store::Error::Corrupt { .. } | comity_store::Error::Odd { .. } => {
                fault(None, None, error.to_string())
            }
            other => Self::Store(other),
        }
    }
}

fn fault(run: Option<RunId>, seq: Option<u64>, what: impl Into<String>) -> Stop {
    Stop::Fault(Box::new(Fault { run, seq, what: what.into() }))
}

async fn verify_one(
    store: &Store,
    tenant: &Tenant,
    run: RunId,
    keys: Option<&dyn Keys>,
    report: &mut Report,
) -> Result<(), Stop> {
    let Some(cell) = store.run(tenant, run).await? else {
        return Err(fault(Some(run), None, "there is no such run"));
    };
    let (row, mut checked) = (RunRow { id: run, cell }, KeyCheck::new(keys));
    let walk = verify_run(store, &row, report).await?;
    checked.check(store, &row, &walk.sealed).await?;
    report.unbooked = checked.unbooked;
    Ok(())
}

async fn verify_all(store: &Store, keys: Option<&dyn Keys>, report: &mut Report) -> Result<(), Stop> {
    if let Some(well) = sweep::sweep(store, keys).await? {
        *report = well;
        return Ok(());
    }
    if let Some(complaint) = store.integrity().await? {
        return Err(fault(None, None, format!("the file is damaged: {complaint}")));
    }
    let mut checked = KeyCheck::new(keys);
    for name in store.tenants().await? {
        let Ok(tenant) = name.parse::<Tenant>() else {
            return Err(fault(None, None, format!("a run belongs to `{name}`, which cannot be a tenant")));
        };
        verify_tenant(store, &tenant, &mut checked, report).await?;
    }
    report.unbooked = checked.unbooked;
    compare_totals(&store.totals().await?, store.counts_rows(), report)?;
    match store.stray_subject().await? {
        Some(id) => {
            Err(fault(None, None, format!("the key `{id}` of texts belongs to no run of its tenant")))
        }
        None => Ok(()),
    }
}

async fn verify_tenant(
    store: &Store,
    tenant: &Tenant,
    checked: &mut KeyCheck<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let mut balances = Balances::default();
    let before_log = report.log;
    let mut before = None;
    loop {
        let page = store.runs(tenant, before, 500).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for row in &page {
            let walk = verify_run(store, row, report).await?;
            balances.add(row, &walk.balance).map_err(|what| fault(Some(row.id), None, what))?;
            checked.check(store, row, &walk.sealed).await?;
        }
    }
    let leaves = report.log.leaves - before_log.leaves;
    report.log.add(log::check(store, tenant, leaves).await?);
    report.accounts += balances.compare(store, tenant).await?.map_err(|what| fault(None, None, what))?;
    Ok(())
}

fn compare_totals(totals: &comity_store::Totals, counted: bool, report: &Report) -> Result<(), Stop> {
    if let Some((id, seq)) = totals.stray_entry {
        return Err(fault(None, Some(seq), format!("entry row {id} belongs to no run")));
    }
    if let Some(id) = totals.stray_payload {
        return Err(fault(None, None, format!("payload row {id} belongs to no entry")));
    }
    if totals.entries != report.entries {
        let found = report.entries;
        return Err(fault(
            None,
            None,
            format!("{} entries are stored, and {found} are in chains", totals.entries),
        ));
    }
    if totals.payloads != report.payloads {
        let found = report.payloads;
        let what = format!("{} payloads are stored, and entries commit to {found}", totals.payloads);
        return Err(fault(None, None, what));
    }
    if counted && u64::try_from(totals.last_entry) != Ok(totals.entries) {
        let what = format!(
            "{} entries are stored, and the last has row number {}",
            totals.entries, totals.last_entry
        );
        return Err(fault(None, None, what));
    }
    Ok(())
}

async fn verify_run(store: &Store, row: &RunRow, report: &mut Report) -> Result<Walk, Stop> {
    let mut walk = Walk::new(row.clone(), store.counts_rows());
    loop {
        walk.tree.prepare(store, &row.cell).await?;
        let mut verdict = Ok(());
        let read = store
            .entries(&row.cell, walk.next, 1_000, |entry| {
                if verdict.is_ok() {
                    report.payloads += entry.payloads.len() as u64;
                    verdict = walk.step(&entry);
                }
            })
            .await?;
        verdict?;
        walk.follow_origins(store).await?;
        if read == 0 {
            break;
        }
    }
    report.runs += 1;
    report.entries += walk.next;
    report.head = Some(walk.head);
    walk.finish(store).await?;
    walk.tree.finish(&row.cell, &mut report.log)?;
    Ok(walk)
}
