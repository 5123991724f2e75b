//! Every view, made anew from entries alone, and compared with what is stored: column by column, to the last row.
//!
//! [`crate::verify`] says whether anything is wrong and stops at the first fault; this says everything that is wrong with
//! the rows that are views, and what stands there instead. It writes nothing. Entries have to be good for that: a run
//! whose chain is broken is named, and its views are left alone.
//!
//! No entry says, and so nothing is compared: a run's owner and when it last changed; labels, and the caps of accounts
//! above the runs'; what an approval is bound to; circuit breakers.

mod derived;

use crate::account;
use crate::error::Error;
use comity_core::{Amounts, ApprovalId, RunId, Tenant};
use comity_store::{AccountId, AccountRow, ApprovalRow, RunRow, Store};
use derived::Derived;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;

/// The most differences that are told one by one.
pub const MOST: usize = 10_000;
/// The columns of views that no entry speaks of.
pub const NOT_DERIVED: [&str; 7] = [
    "runs.owner",
    "runs.updated",
    "accounts.label",
    "accounts.caps above the runs'",
    "approvals.binding",
    "breakers",
    "accounts that belong to no run",
];

/// One column that is not what the entries make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `runs`, `accounts`, `approvals` or `due`.
    pub view: &'static str,
    /// Which row.
    pub row: String,
    /// Which column; `row` when the row is missing, or is one too many.
    pub column: &'static str,
    /// What is stored.
    pub stored: String,
    /// What the entries say.
    pub derived: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Rebuilt {
    /// Runs whose views were made.
    pub runs: u64,
    /// Entries they were made from.
    pub entries: u64,
    /// Accounts compared.
    pub accounts: u64,
    /// Approvals compared.
    pub approvals: u64,
    /// What is not as it should be, at most [`MOST`].
    pub differences: Vec<Difference>,
    /// How many differences more there are.
    pub more: u64,
    /// Runs whose entries are not as they were written, each with the first fault.
    pub broken: Vec<(RunId, String)>,
}

/// Makes every view of every tenant anew and compares.
pub async fn rebuild(store: &Store) -> Result<Rebuilt, Error> {
    // Other processes go on committing; rows read at different moments would not fit together.
    let store = &store.snapshot().await?;
    let mut out = Rebuilt::default();
    for name in store.tenants().await? {
        match name.parse::<Tenant>() {
            Ok(tenant) => of_tenant(store, &tenant, &mut out).await?,
            Err(_) => out.note("runs", &name, "tenant", &name, "a name of a tenant"),
        }
    }
    Ok(out)
}

/// What the accounts above the runs' have to hold and have spent.
type Totals = HashMap<AccountId, (Amounts, Amounts)>;

async fn of_tenant(store: &Store, tenant: &Tenant, out: &mut Rebuilt) -> Result<(), Error> {
    // The queue is read a page at a time by whoever empties it: what lies beyond its first page is not seen here.
    let queue = store.due(tenant, usize::MAX).await?;
    let queue = Queue { full: queue.len() < PAGE, runs: queue.into_iter().map(|row| row.id).collect() };
    let (mut totals, mut accounts, mut whole) = (Totals::new(), HashSet::new(), true);
    let mut before = None;
    loop {
        let page = store.runs(tenant, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for row in &page {
            match Derived::of(store, row).await? {
                Ok(derived) => {
                    accounts.insert(account::of_run(derived.run));
                    of_run(store, row, &derived, &queue, out).await?;
                    add(&mut totals, &derived);
                }
                Err(why) => {
                    accounts.insert(account::of_run(row.id));
                    out.broken.push((row.id, why));
                    whole = false;
                }
            }
        }
    }
    // Sums that a run is missing from would be wrong for every account above it.
    if whole {
        above(store, tenant, &totals, &accounts, out).await?;
    }
    Ok(())
}

/// Rows that are read at a time.
const PAGE: usize = 1_000;

/// The runs that stand in a tenant's queue; all of them, if it is full.
struct Queue {
    full: bool,
    runs: HashSet<RunId>,
}

fn add(totals: &mut Totals, derived: &Derived) {
    let ids =
        [account::of_namespace(&derived.tenant, &derived.namespace), account::of_tenant(&derived.tenant)];
    for id in ids {
        let (held, spent) = totals.entry(id).or_default();
        *held = held.checked_add(&derived.held).unwrap_or(Amounts::UNLIMITED);
        *spent = spent.checked_add(&derived.spent).unwrap_or(Amounts::UNLIMITED);
    }
}

async fn of_run(
    store: &Store,
    row: &RunRow,
    derived: &Derived,
    queue: &Queue,
    out: &mut Rebuilt,
) -> Result<(), Error> {
    out.runs += 1;
    out.entries += derived.next;
    let anchored = store.last_leaf(&row.cell).await?.map_or(0, |leaf| leaf.size);
    let due = derived.next > anchored;
    let name = row.id.to_string();
    let cell = &row.cell;
    out.compare("runs", &name, "id", &row.id, &derived.run);
    out.compare("runs", &name, "tenant", &cell.tenant, &derived.tenant);
    out.compare("runs", &name, "namespace", &cell.namespace, &derived.namespace);
    out.compare("runs", &name, "epoch", &cell.epoch, &derived.epoch);
    out.compare("runs", &name, "status", &cell.status, &(derived.status as u8));
    out.compare("runs", &name, "next_seq", &cell.next_seq, &derived.next);
    out.compare("runs", &name, "head", &cell.head, &derived.head);
    out.compare("runs", &name, "opened", &cell.opened.millis(), &derived.opened);
    out.compare("runs", &name, "anchored", &cell.anchored, &anchored);
    out.compare("runs", &name, "due", &cell.due, &due);
    let queued = queue.runs.contains(&row.id);
    if queued || queue.full {
        out.compare("due", &name, "row", &there(queued), &there(due));
    }
    approvals(store.approvals(cell).await?, derived, out);
    let own = store.account(&derived.tenant, account::of_run(derived.run)).await?;
    match own {
        None => out.note("accounts", &name, "row", &"missing", &"there"),
        Some(own) => {
            out.amounts(&name, "caps", &own.cell.caps, &derived.caps);
            out.account(&name, &own, (&derived.held, &derived.spent), derived.frozen);
        }
    }
    Ok(())
}

fn approvals(stored: Vec<ApprovalRow>, derived: &Derived, out: &mut Rebuilt) {
    let mut left: BTreeMap<ApprovalId, _> =
        derived.approvals.iter().map(|(id, asked)| (*id, asked)).collect();
    for ApprovalRow { id, cell } in stored {
        let name = id.to_string();
        let Some(asked) = left.remove(&id) else {
            out.note("approvals", &name, "row", &"there", &"never asked for");
            continue;
        };
        out.approvals += 1;
        let (state, wanted) = (cell.state as u8, asked.state as u8);
        out.compare("approvals", &name, "state", &state, &wanted);
        out.compare("approvals", &name, "step", &cell.step, &asked.step);
        out.compare("approvals", &name, "expires", &cell.expires.millis(), &asked.expires);
        out.compare("approvals", &name, "asked", &cell.asked, &asked.by);
    }
    for id in left.keys() {
        out.note("approvals", &id.to_string(), "row", &"missing", &"there");
    }
}

/// The accounts above the runs', and whatever belongs to nothing.
async fn above(
    store: &Store,
    tenant: &Tenant,
    totals: &Totals,
    runs: &HashSet<AccountId>,
    out: &mut Rebuilt,
) -> Result<(), Error> {
    let (mut met, mut after) = (HashSet::new(), None);
    loop {
        let page = store.accounts(tenant, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in page.iter().filter(|row| !runs.contains(&row.id)) {
            let name = row.cell.label.to_string();
            match totals.get(&row.id) {
                Some((held, spent)) => {
                    met.insert(row.id);
                    // Only the account of a run is ever frozen by an entry.
                    out.account(&name, row, (held, spent), false);
                }
                None => out.note("accounts", &name, "row", &"there", &"of no run"),
            }
        }
    }
    for missing in totals.keys().filter(|id| !met.contains(id)) {
        let name = RunId::from_bytes(missing.0).to_string();
        out.note("accounts", &name, "row", &"missing", &"there");
    }
    Ok(())
}

fn there(is: bool) -> &'static str {
    if is { "there" } else { "not there" }
}

impl Rebuilt {
    /// Whether every view is what the entries make of it.
    pub fn is_whole(&self) -> bool {
        self.differences.is_empty() && self.broken.is_empty()
    }

    fn account(&mut self, name: &str, row: &AccountRow, sums: (&Amounts, &Amounts), frozen: bool) {
        self.accounts += 1;
        self.amounts(name, "held", &row.cell.held, sums.0);
        self.amounts(name, "spent", &row.cell.spent, sums.1);
        self.compare("accounts", name, "frozen", &row.cell.frozen, &frozen);
    }

    fn amounts(&mut self, name: &str, column: &'static str, stored: &Amounts, derived: &Amounts) {
        if stored != derived {
            self.note("accounts", name, column, &told(stored), &told(derived));
        }
    }

    fn compare<T: PartialEq + Display>(
        &mut self,
        view: &'static str,
        row: &str,
        column: &'static str,
        stored: &T,
        derived: &T,
    ) {
        if stored != derived {
            self.note(view, row, column, stored, derived);
        }
    }

    fn note(
        &mut self,
        view: &'static str,
        row: &str,
        column: &'static str,
        stored: &(impl Display + ?Sized),
        derived: &(impl Display + ?Sized),
    ) {
        if self.differences.len() >= MOST {
            self.more += 1;
            return;
        }
        let (row, stored, derived) = (row.to_owned(), stored.to_string(), derived.to_string());
        self.differences.push(Difference { view, row, column, stored, derived });
    }
}

fn told(amounts: &Amounts) -> String {
    let Amounts { micro_usd, millis, steps, tokens } = amounts;
    format!("{micro_usd} micro-USD, {millis} ms, {steps} steps, {tokens} tokens")
}
