//! What really happened, as the steps themselves noted it; and what the ledger says of it.

use comity_api::{Event, RunReport, TraceRow};
use comity_core::Namespace;
use comity_ledger::account;
use comity_runtime::{Durability, Runtime, Settings, system_world};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is known of a step before anything runs.
#[derive(Clone, Debug)]
pub struct Fact {
    pub name: String,
    pub idempotent: bool,
    /// In millionths of a dollar.
    pub price: u64,
    /// Whether it writes to the oracle's file.
    pub notes: bool,
}

/// The file that each command appends its name to, and syncs, before it does anything else.
pub struct Oracle(pub PathBuf);

impl Oracle {
    /// How often each step began.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let mut counts = BTreeMap::new();
        text.lines().for_each(|name| *counts.entry(name.to_owned()).or_default() += 1);
        counts
    }

    pub fn count(&self, name: &str) -> usize {
        self.counts().get(name).copied().unwrap_or_default()
    }
}

/// Waits until no process is left whose command line names the folder: a program outlives an owner that is
/// killed, and only when it has ended can anybody say what it did.
pub fn wait_for_orphans(folder: &Path) {
    let folder = folder.as_os_str().as_encoded_bytes();
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::read_dir("/proc").unwrap().flatten().any(|process| names(&process.path(), folder)) {
        assert!(Instant::now() < deadline, "a program of a killed run does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn names(process: &Path, folder: &[u8]) -> bool {
    let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
    line.windows(folder.len()).any(|window| window == folder)
}

/// What a person says who has looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Approve(String),
    Happened(String),
    NotHappened(String),
}

/// The reply to the first question; what became of an unknown step is looked up in the oracle's file.
pub fn reply(report: &RunReport, oracle: &Oracle) -> Option<Reply> {
    let ask = report.approvals.first()?;
    let step = ask.step.clone();
    Some(match (ask.approval.is_empty(), oracle.count(&step)) {
        (false, _) => Reply::Approve(step),
        (true, 0) => Reply::NotHappened(step),
        (true, _) => Reply::Happened(step),
    })
}

/// The steps whose end the run asks about.
pub fn unknown(report: &RunReport) -> BTreeSet<String> {
    let asks = report.approvals.iter().filter(|ask| ask.approval.is_empty());
    asks.map(|ask| ask.step.clone()).collect()
}

/// What the ledger says of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub admitted: usize,
    /// Called off before it began: such a try costs nothing.
    pub cancelled: usize,
    pub not_happened: usize,
    /// The kind of its last entry.
    pub last: String,
}

impl Tally {
    pub fn has_settled(&self) -> bool {
        matches!(self.last.as_str(), "settled" | "happened")
    }

    pub fn is_open(&self) -> bool {
        self.last == "admitted"
    }
}

/// Folds a trace by step.
pub fn tally(rows: &[TraceRow]) -> BTreeMap<String, Tally> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for row in rows {
        let Some(step) = &row.step else { continue };
        let tally = tallies.entry(step.clone()).or_default();
        match row.kind.as_str() {
            "admitted" => tally.admitted += 1,
            "cancelled" => tally.cancelled += 1,
            "not_happened" => tally.not_happened += 1,
            _ => {}
        }
        tally.last.clone_from(&row.kind);
    }
    tallies
}

/// No acknowledged row is lost or changed.
pub fn check_told(told: &[Event], rows: &[TraceRow]) {
    for event in told {
        let row = rows.iter().find(|row| row.seq == event.seq);
        let row = row.unwrap_or_else(|| panic!("acknowledged entry {} is lost: {event:?}", event.seq));
        assert_eq!((&row.step, row.at_ms), (&event.step, event.at_ms), "{row:?} is not {event:?}");
    }
}

/// What the whole run must have cost, in millionths.
///
/// Doing a step costs its price. A try of an idempotent step whose end nobody saw may have been paid for, so
/// that its price is booked and the next try's too. A step that is not idempotent is done once; a try that a
/// person found not to have happened costs nothing.
pub fn expected_cost(facts: &[Fact], tallies: &BTreeMap<String, Tally>) -> u64 {
    let cost = |fact: &Fact| {
        let Some(tally) = tallies.get(&fact.name).filter(|tally| tally.admitted > 0) else { return 0 };
        let paid = if fact.idempotent { (tally.admitted - tally.cancelled) as u64 } else { 1 };
        fact.price * paid
    };
    facts.iter().map(cost).sum()
}

/// Nothing is held any more, and the runs, their namespace and their tenant each say what was spent.
pub async fn check_balances(database: &Path, cost: u64, steps: u64) {
    let world = system_world(Arc::new(comity_core::Unwatched));
    let runtime =
        Runtime::open(Settings::local(database, Durability::Process, world, comity_testkit::keys::place()))
            .unwrap();
    let (store, tenant) = (runtime.store(), runtime.tenant());
    let roofs = [account::of_tenant(tenant), account::of_namespace(tenant, &Namespace::default_name())];
    let (mut runs, mut found) = ((0, 0), 0);
    for row in store.accounts(tenant, None).await.unwrap() {
        assert!(row.cell.held.is_zero(), "{}: {:?} is still held", row.cell.label, row.cell.held);
        let spent = (row.cell.spent.micro_usd, row.cell.spent.steps);
        if roofs.contains(&row.id) {
            assert_eq!(spent, (cost, steps), "{}: micro-dollars and steps", row.cell.label);
            found += 1;
        } else {
            runs = (runs.0 + spent.0, runs.1 + spent.1);
        }
    }
    assert_eq!((runs, found), ((cost, steps), roofs.len()), "micro-dollars and steps of all runs");
}

/// The report of the only run, of which nothing is held any more; what it spent is what its namespace and
/// its tenant spent.
pub async fn last_report(database: &Path) -> RunReport {
    let world = system_world(Arc::new(comity_core::Unwatched));
    let runtime =
        Runtime::open(Settings::local(database, Durability::Process, world, comity_testkit::keys::place()))
            .unwrap();
    let rows = runtime.store().accounts(runtime.tenant(), None).await.unwrap();
    let spent = rows.first().unwrap().cell.spent;
    for row in &rows {
        assert!(row.cell.held.is_zero(), "{}: {:?} is still held", row.cell.label, row.cell.held);
        assert!(!row.cell.frozen, "{} is frozen", row.cell.label);
        assert_eq!(row.cell.spent, spent, "{}", row.cell.label);
    }
    assert_eq!(rows.len(), 3);
    let run = runtime.runs(1).await.unwrap().pop().unwrap().run_id;
    runtime.report(run.parse().unwrap()).await.unwrap()
}

/// After everything: each step was done as often as it may be, and the ledger knows of every time.
pub fn check_counts(facts: &[Fact], oracle: &Oracle, tallies: &BTreeMap<String, Tally>) {
    for fact in facts.iter().filter(|fact| fact.notes) {
        let (name, count) = (&fact.name, oracle.count(&fact.name));
        let tally = tallies.get(name).cloned().unwrap_or_default();
        let began = tally.admitted - tally.cancelled;
        assert!(count <= began, "`{name}` was done {count} times and admitted {began} times");
        if tally.last == "denied" {
            assert_eq!(count, 0, "`{name}` was refused");
            continue;
        }
        assert!(tally.has_settled(), "`{name}` ended {tally:?}");
        if fact.idempotent {
            assert!(count >= 1, "`{name}` has a result and was never done");
        } else {
            assert_eq!(count, 1, "`{name}` is done exactly once: {tally:?}");
            assert_eq!(began, 1 + tally.not_happened, "`{name}` was tried again without being asked for");
        }
    }
}
