//! Checks what can be checked from the database alone, and says what cannot.
//!
//! Checked: every column of entries and payloads; of runs their key, id, tenant, namespace, epoch, status,
//! length and head; of accounts their tenant, what is held, what is spent, and whether they are frozen, and
//! of a run's account its caps; of entries that go back to another run, that the entry there has the hash they name
//! (if that run is there); of approvals their state, step, expiry and the entry that asked.
//!
//! Not checked, because no entry says it: a run's owner and the times of its row; an account's label, and
//! the caps of accounts above the runs'; an approval's binding (whoever consumes an approval recomputes it); breakers;
//! rows of a tenant that has no run, and approvals of a run that is not there.
//!
//! Not shown, because a database cannot testify against itself: that whoever could write the file did not
//! write a whole chain anew, with every view to match, or remove a whole run. That takes a head kept
//! elsewhere.
//!
//! Streams page by page: memory does not grow with the ledger, only with the number of namespaces and
//! with the approvals of one run.

mod balance;

use crate::account;
use crate::chain::link;
use crate::entry::{Entry, EntryKind, Origin, RunStatus};
use crate::error::Error;
use crate::payload::{self, Slot};
use balance::{Balances, RunBalance};
use comity_core::{ApprovalId, Digest, RunId, StepId, Tenant};
use comity_store::{ApprovalCell, ApprovalState, EntryRow, RunCell, RunRow, Store};
use std::collections::HashMap;

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
    /// Hash of the last entry of the last run looked at: the head, when one run was asked for.
    pub head: Option<Digest>,
    /// The first fault; nothing after it was looked at.
    pub fault: Option<Fault>,
}

/// Verifies one run, or everything.
///
/// Errors only when the database cannot be read; what is wrong with its content is in the report.
pub async fn verify(store: &Store, only: Option<(&Tenant, RunId)>) -> Result<Report, Error> {
    let mut report = Report::default();
    // Other processes go on committing; rows read at different moments would not fit together.
    let store = &store.snapshot().await?;
    let outcome = match only {
        Some((tenant, run)) => verify_one(store, tenant, run, &mut report).await,
        None => verify_all(store, &mut report).await,
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
            comity_store::Error::Corrupt { .. } => fault(None, None, error.to_string()),
            other => Self::Store(other),
        }
    }
}

fn fault(run: Option<RunId>, seq: Option<u64>, what: impl Into<String>) -> Stop {
    Stop::Fault(Box::new(Fault { run, seq, what: what.into() }))
}

async fn verify_one(store: &Store, tenant: &Tenant, run: RunId, report: &mut Report) -> Result<(), Stop> {
    let Some(cell) = store.run(tenant, run).await? else {
        return Err(fault(Some(run), None, "there is no such run"));
    };
    let mut balances = Balances::default();
    verify_run(store, &RunRow { id: run, cell }, &mut balances, report).await
}

async fn verify_all(store: &Store, report: &mut Report) -> Result<(), Stop> {
    if let Some(complaint) = store.integrity().await? {
        return Err(fault(None, None, format!("the file is damaged: {complaint}")));
    }
    for name in store.tenants().await? {
        let Ok(tenant) = name.parse::<Tenant>() else {
            return Err(fault(None, None, format!("a run belongs to `{name}`, which cannot be a tenant")));
        };
        verify_tenant(store, &tenant, report).await?;
    }
    compare_totals(&store.totals().await?, report)
}

async fn verify_tenant(store: &Store, tenant: &Tenant, report: &mut Report) -> Result<(), Stop> {
    let mut balances = Balances::default();
    let mut before = None;
    loop {
        let page = store.runs(tenant, before, 500).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for row in &page {
            verify_run(store, row, &mut balances, report).await?;
        }
    }
    report.accounts += balances.compare(store, tenant).await?.map_err(|what| fault(None, None, what))?;
    Ok(())
}

fn compare_totals(totals: &comity_store::Totals, report: &Report) -> Result<(), Stop> {
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
    if u64::try_from(totals.last_entry) != Ok(totals.entries) {
        let what = format!(
            "{} entries are stored, and the last has row number {}",
            totals.entries, totals.last_entry
        );
        return Err(fault(None, None, what));
    }
    Ok(())
}

/// What one run's chain says so far.
struct Walk<'r> {
    row: &'r RunRow,
    next: u64,
    head: Digest,
    last_id: i64,
    epoch: u64,
    status: RunStatus,
    balance: RunBalance,
    approvals: HashMap<ApprovalId, Asked>,
    /// Entries of this page that go back to another run, by their place.
    origins: Vec<(u64, Origin)>,
}

/// What a run's entries say of one approval.
struct Asked {
    state: ApprovalState,
    step: Option<StepId>,
    expires: u64,
    by: u64,
}

async fn verify_run(
    store: &Store,
    row: &RunRow,
    balances: &mut Balances,
    report: &mut Report,
) -> Result<(), Stop> {
    let mut walk = Walk {
        row,
        next: 0,
        head: Digest::ZERO,
        last_id: 0,
        epoch: 1,
        status: RunStatus::Running,
        balance: RunBalance::default(),
        approvals: HashMap::new(),
        origins: Vec::new(),
    };
    loop {
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
    balances.add(row, &walk.balance).map_err(|what| fault(Some(row.id), None, what))
}

impl Asked {
    /// How an approval's row differs from what its entries say.
    fn differs(&self, cell: &ApprovalCell) -> Option<&'static str> {
        match () {
            () if cell.state != self.state => Some("is not in the state its entries say"),
            () if Some(cell.step) != self.step => Some("is about another step than its entries say"),
            () if cell.expires.millis() != self.expires => {
                Some("expires at another time than its entries say")
            }
            () if cell.asked != self.by => Some("names another entry than the one that asks for it"),
            () => None,
        }
    }
}

impl Walk<'_> {
    fn wrong(&self, seq: u64, what: impl Into<String>) -> Stop {
        fault(Some(self.row.id), Some(seq), what)
    }

    fn step(&mut self, stored: &EntryRow) -> Result<(), Stop> {
        let seq = self.next;
        if stored.seq != seq {
            return Err(
                self.wrong(seq, format!("entry {seq} is missing: the next one stored is {}", stored.seq))
            );
        }
        self.head = link(&self.head, seq, &stored.body);
        if stored.hash != self.head.0 {
            return Err(self.wrong(seq, "its hash is not that of its content and the entry before it"));
        }
        let entry = Entry::from_bytes(&stored.body).map_err(|why| self.wrong(seq, why))?;
        self.columns(stored, &entry)?;
        self.payloads(stored, &entry)?;
        self.meaning(&entry)?;
        self.descent(&entry)?;
        (self.next, self.last_id) = (seq + 1, stored.id);
        Ok(())
    }

    fn columns(&self, stored: &EntryRow, entry: &Entry) -> Result<(), Stop> {
        let cell = &self.row.cell;
        let wrong = |what: &str| Err(self.wrong(stored.seq, what));
        match () {
            () if stored.tenant != entry.tenant.as_str() => {
                wrong("its tenant column differs from its content")
            }
            () if entry.tenant != cell.tenant => wrong("it names another tenant than its run"),
            () if entry.namespace != cell.namespace => wrong("it names another namespace than its run"),
            () if entry.run != self.row.id => wrong("it names another run than the one it stands in"),
            () if stored.id <= self.last_id => {
                wrong("its row number is not after that of the entry before it")
            }
            () if (entry.kind == EntryKind::Opened) != (stored.seq == 0) => {
                wrong("a run opens with its first entry, once")
            }
            () => Ok(()),
        }
    }

    fn payloads(&self, stored: &EntryRow, entry: &Entry) -> Result<(), Stop> {
        if stored.payloads.len() != entry.payloads.count() {
            let (there, said) = (stored.payloads.len(), entry.payloads.count());
            return Err(
                self.wrong(stored.seq, format!("it commits to {said} payloads, and {there} are stored"))
            );
        }
        for slot in Slot::ALL {
            let Some(committed) = entry.payloads.get(slot) else { continue };
            let wrong = |why: &str| self.wrong(stored.seq, format!("its payload `{}`: {why}", slot.name()));
            let row = stored.payloads.iter().find(|row| row.slot == slot as u8);
            let row = row.ok_or_else(|| wrong("it is missing"))?;
            payload::check(row, committed).map_err(&wrong)?;
            if row.tenant != stored.tenant {
                return Err(wrong("its tenant column differs from its entry's"));
            }
        }
        Ok(())
    }

    /// Folds what the entry says into what the views must say.
    fn meaning(&mut self, entry: &Entry) -> Result<(), Stop> {
        self.balance.add(entry).map_err(|what| self.wrong(self.next, what))?;
        self.status = entry.status.unwrap_or(self.status);
        self.epoch += u64::from(entry.kind == EntryKind::Resumed);
        let state = match entry.kind {
            EntryKind::Held => ApprovalState::Pending,
            EntryKind::Approved => ApprovalState::Approved,
            EntryKind::Rejected => ApprovalState::Rejected,
            EntryKind::Expired | EntryKind::Denied => ApprovalState::Expired,
            EntryKind::Admitted => ApprovalState::Consumed,
            _ => return Ok(()),
        };
        let Some(approval) = entry.approval else { return Ok(()) };
        if entry.kind == EntryKind::Held {
            let step = entry.step.as_ref().map(|step| step.id);
            let asked = Asked { state, step, expires: entry.expires.unwrap_or_default(), by: self.next };
            self.approvals.insert(approval, asked);
            return Ok(());
        }
        match self.approvals.get_mut(&approval) {
            Some(asked) => asked.state = state,
            None => return Err(self.wrong(self.next, "it is about an approval that was never asked for")),
        }
        Ok(())
    }

    /// Only a run's first entry and results that were taken over go back to another run; the latter move nothing.
    fn descent(&mut self, entry: &Entry) -> Result<(), Stop> {
        let seq = self.next;
        let wrong = |what: &str| Err(self.wrong(seq, what));
        let moved = [entry.hold, entry.release, entry.usage, entry.used, entry.part];
        match (entry.kind, entry.origin) {
            (EntryKind::Reused, None) => wrong("it does not say which entry it was taken over from"),
            (EntryKind::Reused, _) if moved.iter().any(Option::is_some) => {
                wrong("it takes a result over, and moves amounts")
            }
            (EntryKind::Reused | EntryKind::Opened, Some(origin)) if origin.run == entry.run => {
                wrong("it goes back to its own run")
            }
            (EntryKind::Reused | EntryKind::Opened, Some(origin)) => {
                self.origins.push((seq, origin));
                Ok(())
            }
            (_, Some(_)) => wrong("it goes back to another run, and its kind never does"),
            (_, None) => Ok(()),
        }
    }

    /// Compares the entries of other runs with what is said of them here. Of a run that is not there any more,
    /// what is said here stays all there is.
    async fn follow_origins(&mut self, store: &Store) -> Result<(), Stop> {
        for (seq, origin) in std::mem::take(&mut self.origins) {
            let Some(cell) = store.run(&self.row.cell.tenant, origin.run).await? else { continue };
            let mut found = None;
            store.entries(&cell, origin.seq, 1, |row| found = Some((row.seq, row.hash))).await?;
            let same = |(there, hash): (u64, Vec<u8>)| there == origin.seq && hash == origin.entry.0;
            if !found.is_some_and(same) {
                let what = format!("entry {} of `{}` is not the one it goes back to", origin.seq, origin.run);
                return Err(self.wrong(seq, what));
            }
        }
        Ok(())
    }

    async fn finish(&self, store: &Store) -> Result<(), Stop> {
        self.view(&self.row.cell)?;
        let run = self.row.id;
        let stored = store.approvals(&self.row.cell).await?;
        if stored.len() != self.approvals.len() {
            let said = self.approvals.len();
            return Err(fault(
                Some(run),
                None,
                format!("its entries ask for {said} approvals, and {} are stored", stored.len()),
            ));
        }
        for row in stored {
            let what = match self.approvals.get(&row.id) {
                Some(asked) => asked.differs(&row.cell),
                None => Some("is not one its entries ask for"),
            };
            if let Some(what) = what {
                return Err(fault(Some(run), None, format!("approval {} {what}", row.id)));
            }
        }
        let account = account::of_run(run);
        let row = store.account(&self.row.cell.tenant, account).await?;
        self.balance.compare(row.as_ref()).map_err(|what| fault(Some(run), None, what))
    }

    fn view(&self, cell: &RunCell) -> Result<(), Stop> {
        let wrong = |what: String| Err(fault(Some(self.row.id), None, what));
        if cell.next_seq != self.next {
            return wrong(format!("its row counts {} entries, and {} are there", cell.next_seq, self.next));
        }
        match () {
            () if self.next == 0 => wrong("it has no entries".to_owned()),
            () if cell.head != self.head => {
                wrong("its row names another head than its last entry".to_owned())
            }
            () if cell.epoch != self.epoch => {
                wrong("its row has another epoch than its entries say".to_owned())
            }
            () if cell.status != self.status as u8 => {
                wrong("its row has another status than its entries say".to_owned())
            }
            () => Ok(()),
        }
    }
}
