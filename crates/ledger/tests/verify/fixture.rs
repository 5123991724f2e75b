//! A small real database, made once and copied for each test.

use comity_core::{Amounts, ApprovalId, Digest, Entropy, Namespace, ReasonCode, RunId, StepId, StepKind};
use comity_core::{Tenant, Timestamp};
use comity_ledger::keys::MemoryKeys;
use comity_ledger::vault::Fresh;
use comity_ledger::{Entry, EntryKind, Report, RunStatus, Slot, StepRef, Vault, account, seal};
use comity_ledger::{verify, verify_with};
use comity_store::{ApprovalState, Commit, Durability, Fence, Op, Options, Store};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// Two runs of one namespace, one of another, and one of another tenant.
pub const OLDEST: RunId = RunId::from_bytes([1; 16]);
/// The second run of the first namespace, verified before [`OLDEST`]: runs are read newest first.
pub const NEWEST: RunId = RunId::from_bytes([2; 16]);
/// A run of another namespace.
pub const BYSTANDER: RunId = RunId::from_bytes([3; 16]);
/// A run of another tenant.
pub const STRANGER: RunId = RunId::from_bytes([4; 16]);

/// One entry of every sort that changes a view.
pub const LENGTH: u64 = 14;
/// The entry that has no payloads.
pub const BARE: u64 = 11;

struct Counter(AtomicU8);

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn open(path: PathBuf) -> Store {
    let options = Options { durability: Durability::Process, ..Options::new(path, comity_ledger::link) };
    Store::open(options).unwrap()
}

/// One run being written.
struct Scribe<'s> {
    store: &'s Store,
    entropy: Counter,
    fresh: Fresh,
    run: RunId,
    tenant: Tenant,
    namespace: Namespace,
    epoch: u64,
    at: u64,
}

const SOME: Amounts = Amounts { micro_usd: 50, millis: 400, steps: 3, tokens: 20 };
const LESS: Amounts = Amounts { micro_usd: 30, millis: 200, steps: 1, tokens: 10 };

impl Scribe<'_> {
    fn entry(&mut self, kind: EntryKind) -> Entry {
        self.at += 10;
        let (tenant, namespace) = (self.tenant.clone(), self.namespace.clone());
        Entry::new(kind, self.run, tenant, namespace, "local:a".into(), Timestamp::from_millis(self.at))
    }

    fn about(&mut self, kind: EntryKind, ordinal: u32) -> Entry {
        let mut entry = self.entry(kind);
        entry.step = Some(StepRef {
            attempt: 1,
            contract: Digest::ZERO,
            id: self.step(ordinal),
            idempotent: false,
            iteration: 0,
            kind: StepKind::ToolCall,
            ordinal,
            parent: None,
            risk: 1,
        });
        entry
    }

    fn step(&self, ordinal: u32) -> StepId {
        StepId::derive(self.run, None, ordinal, 0)
    }

    fn approval(&self, ordinal: u32) -> ApprovalId {
        ApprovalId::derive(self.run, self.step(ordinal), 1)
    }

    fn commit(&mut self, fence: Fence, entry: Entry, texts: &[(Slot, &[u8])], mut ops: Vec<Op>) {
        let at = ops.iter().position(|op| !matches!(op, Op::OpenRun { .. } | Op::EnsureAccount { .. }));
        ops.insert(at.unwrap_or(ops.len()), Op::Append(seal(entry, texts, &self.fresh.pen, &self.entropy)));
        let at = Timestamp::from_millis(self.at);
        let commit = Commit { tenant: self.tenant.clone(), run: self.run, fence, at, expect: vec![], ops };
        wait(self.store.queue(commit)).unwrap();
    }

    fn write(&mut self, entry: Entry, texts: &[(Slot, &[u8])], ops: Vec<Op>) {
        self.commit(Fence::Epoch(self.epoch), entry, texts, ops);
    }

    fn hold(&self) -> Op {
        Op::Hold { accounts: account::path(self.run, &self.tenant, &self.namespace), amounts: SOME }
    }

    fn settle(&self, spent: Amounts) -> Op {
        let accounts = account::path(self.run, &self.tenant, &self.namespace);
        Op::Settle { accounts, held: SOME, spent }
    }

    fn open(&mut self) {
        let account = |account, label: &str| Op::EnsureAccount {
            account,
            label: label.into(),
            caps: Amounts::UNLIMITED,
        };
        let mut ops = vec![
            Op::OpenRun { namespace: self.namespace.clone(), owner: "one".into() },
            account(account::of_run(self.run), "run"),
            account(account::of_namespace(&self.tenant, &self.namespace), "namespace"),
            account(account::of_tenant(&self.tenant), "tenant"),
        ];
        ops.extend(self.fresh.ops());
        let mut entry = self.entry(EntryKind::Opened);
        entry.status = Some(RunStatus::Running);
        entry.caps = Some(Amounts::UNLIMITED);
        self.commit(Fence::New, entry, &[(Slot::Source, b"flow"), (Slot::Setup, &[b'x'; 3000])], ops);
    }

    /// Opened, two admitted, one settled; one approved and consumed, one left to wait; a defect.
    fn first_half(&mut self) {
        self.open();
        for ordinal in [0, 1] {
            let mut entry = self.about(EntryKind::Admitted, ordinal);
            entry.hold = Some(SOME);
            self.write(entry, &[(Slot::Act, b"act")], vec![self.hold()]);
        }
        let mut entry = self.about(EntryKind::Settled, 0);
        (entry.release, entry.usage) = (Some(SOME), Some(LESS));
        self.write(entry, &[(Slot::Output, b"out")], vec![self.settle(LESS)]);
        for ordinal in [2, 3] {
            let mut entry = self.about(EntryKind::Held, ordinal);
            let (approval, step) = (self.approval(ordinal), self.step(ordinal));
            let expires = Timestamp::from_millis(9_000 + u64::from(ordinal));
            (entry.hold, entry.approval, entry.expires) =
                (Some(SOME), Some(approval), Some(expires.millis()));
            let ask = Op::AskApproval { approval, step, binding: Digest::ZERO, expires };
            self.write(entry, &[(Slot::Act, b"ask"), (Slot::Note, b"why")], vec![ask, self.hold()]);
        }
    }

    fn second_half(&mut self) {
        for (kind, state) in
            [(EntryKind::Approved, ApprovalState::Approved), (EntryKind::Admitted, ApprovalState::Consumed)]
        {
            let mut entry = self.about(kind, 2);
            entry.approval = Some(self.approval(2));
            self.write(entry, &[(Slot::Note, b"yes")], vec![Op::SetApproval(self.approval(2), state)]);
        }
        let mut entry = self.about(EntryKind::Settled, 2);
        (entry.release, entry.usage) = (Some(SOME), Some(LESS));
        self.write(entry, &[(Slot::Output, &[b'y'; 2000])], vec![self.settle(LESS)]);
        let mut entry = self.about(EntryKind::Defect, 2);
        entry.reason = Some(ReasonCode::AccountFrozen);
        self.write(entry, &[(Slot::Note, b"more")], vec![Op::Freeze(account::of_run(self.run))]);
        let mut entry = self.entry(EntryKind::Paused);
        entry.status = Some(RunStatus::Waiting);
        self.write(entry, &[(Slot::Note, b"later")], vec![Op::SetStatus(RunStatus::Waiting as u8)]);
        let entry = self.entry(EntryKind::Resumed);
        let take = Op::TakeOver { from: self.epoch, owner: "two".into() };
        self.commit(Fence::Anyone, entry, &[], vec![take]);
        self.epoch += 1;
        let entry = self.about(EntryKind::Unknown, 1);
        self.write(entry, &[(Slot::Note, b"lost")], vec![]);
        let mut entry = self.entry(EntryKind::Closed);
        entry.status = Some(RunStatus::Failed);
        self.write(entry, &[(Slot::Note, b"over")], vec![Op::SetStatus(RunStatus::Failed as u8)]);
    }
}

/// The tenant keys of the database, and of every copy of it.
pub fn keys() -> MemoryKeys {
    static KEYS: OnceLock<MemoryKeys> = OnceLock::new();
    KEYS.get_or_init(|| MemoryKeys::new(Arc::new(Counter(200.into())))).clone()
}

fn template() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let store = open(path.clone());
        let (local, acme) = (Tenant::local(), "acme".parse::<Tenant>().unwrap());
        let (here, there) = (Namespace::default_name(), "lab".parse::<Namespace>().unwrap());
        let runs = [
            (OLDEST, &local, &here),
            (NEWEST, &local, &here),
            (BYSTANDER, &local, &there),
            (STRANGER, &acme, &here),
        ];
        let mut scribes: Vec<Scribe<'_>> = Vec::new();
        for (run, tenant, namespace) in runs {
            let (tenant, namespace) = (tenant.clone(), namespace.clone());
            let entropy = Counter(run.bytes()[0].into());
            let vault = Vault::new(store.clone(), Arc::new(keys()));
            let fresh = wait(vault.make(&tenant, run, Some("Ada"), &entropy)).unwrap();
            scribes.push(Scribe {
                store: &store,
                entropy,
                fresh,
                run,
                tenant,
                namespace,
                epoch: 1,
                at: 1_000,
            });
        }
        // Half by half, so that the rows of different runs lie among each other.
        scribes.iter_mut().for_each(Scribe::first_half);
        scribes.iter_mut().for_each(Scribe::second_half);
        drop(scribes);
        drop(store);
        std::fs::read(&path).unwrap()
    })
}

/// A copy of the database, to be tampered with.
pub struct Copy {
    folder: TempDir,
}

impl Copy {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.db"), template()).unwrap();
        Self { folder }
    }

    pub fn sql(&self) -> Connection {
        Connection::open(self.folder.path().join("a.db")).unwrap()
    }

    pub fn store(&self) -> Store {
        open(self.folder.path().join("a.db"))
    }

    pub fn verify(&self) -> Report {
        let store = self.store();
        wait(verify(&store, None)).unwrap()
    }

    /// Verifies as somebody does who has the tenant keys.
    pub fn verify_with_keys(&self) -> Report {
        wait(verify_with(&Vault::new(self.store(), Arc::new(keys())), None)).unwrap()
    }

    pub fn one(&self, tenant: &Tenant, run: RunId) -> Report {
        let store = self.store();
        wait(verify(&store, Some((tenant, run)))).unwrap()
    }

    pub fn execute(self, sql: &str) -> Self {
        self.sql().execute_batch(sql).unwrap();
        self
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.sql().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Changes one cell: a number by one, a text by a letter, one bit of bytes.
    pub fn flip(self, table: &str, column: &str, condition: &str) -> Self {
        let sql = self.sql();
        let value: Value = sql
            .query_row(&format!("SELECT {column} FROM {table} WHERE {condition}"), [], |row| row.get(0))
            .unwrap();
        let flipped = match value {
            Value::Integer(number) if column == "frozen" => Value::Integer(1 - number),
            // Far from every other, so that no unique index minds.
            Value::Integer(number) if ["id", "key", "run", "seq"].contains(&column) => {
                Value::Integer(number + 100_000)
            }
            Value::Integer(number) => Value::Integer(number + 1),
            Value::Text(text) => Value::Text(format!("{text}x")),
            Value::Blob(mut bytes) => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                Value::Blob(bytes)
            }
            Value::Null => Value::Blob(vec![1]),
            Value::Real(_) => unreachable!("no column holds one"),
        };
        let changed =
            sql.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {condition}"), [flipped]).unwrap();
        assert_eq!(changed, 1, "{table}.{column} where {condition}");
        drop(sql);
        self
    }
}

/// Names the row of one entry in SQL.
pub fn entry(run: RunId, seq: u64) -> String {
    format!("run = (SELECT key FROM runs WHERE id = x'{}') AND seq = {seq}", hex(run))
}

/// Names the row of one payload in SQL: the `nth` of its entry.
pub fn payload(run: RunId, seq: u64) -> String {
    format!(
        "id = (SELECT p.id FROM payloads p JOIN entries e ON e.id = p.id / 8 WHERE {} ORDER BY p.id LIMIT 1)",
        entry(run, seq)
    )
}

pub fn hex(run: RunId) -> String {
    run.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn hex_of(account: comity_store::AccountId) -> String {
    hex(RunId::from_bytes(account.0))
}
