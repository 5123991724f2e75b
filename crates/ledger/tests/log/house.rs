//! Runs without texts in a real database, and their log.

use comity_core::{Amounts, Namespace, RunId, Tenant, Timestamp};
use comity_ledger::log::check::Trust;
use comity_ledger::log::note::SecretKey;
use comity_ledger::log::sequence::{Draft, KEY_PIN, draft, key_of};
use comity_ledger::{Entry, EntryKind, Report, RunStatus, account, verify};
use comity_store::{Append, Commit, CommitError, Durability, Fence, Op, Options, Receipt, Store};
use rusqlite::Connection;
use std::future::Future;
use std::path::PathBuf;
use tempfile::TempDir;

pub const SEED: [u8; 32] = [7; 32];

pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The run of this number.
pub fn run(number: u8) -> RunId {
    RunId::from_bytes([number; 16])
}

/// A database of one tenant.
pub struct House {
    folder: TempDir,
    pub store: Store,
    pub tenant: Tenant,
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path().join("a.db"));
        Self { folder, store, tenant: Tenant::local() }
    }

    pub fn key(&self) -> SecretKey {
        wait(key_of(&self.store, &self.tenant, &SEED)).unwrap()
    }

    pub fn trust(&self) -> Trust {
        Trust { key: self.key().verifier().clone(), witnesses: Vec::new() }
    }

    fn entry(&self, kind: EntryKind, run: RunId) -> Entry {
        let at = Timestamp::from_millis(1_763_640_000_000);
        Entry::new(kind, run, self.tenant.clone(), Namespace::default_name(), "local:a".into(), at)
    }

    pub fn commit(&self, run: RunId, fence: Fence, ops: Vec<Op>) -> Result<Receipt, CommitError> {
        let (tenant, at) = (self.tenant.clone(), Timestamp::from_millis(5));
        wait(self.store.queue(Commit { tenant, run, fence, at, expect: Vec::new(), ops }))
    }

    pub fn open(&self, run: RunId) {
        let namespace = Namespace::default_name();
        let ensure = |account, label: &str| Op::EnsureAccount {
            account,
            label: label.into(),
            caps: Amounts::UNLIMITED,
        };
        let mut entry = self.entry(EntryKind::Opened, run);
        entry.status = Some(RunStatus::Running);
        entry.caps = Some(Amounts::UNLIMITED);
        let ops = vec![
            Op::OpenRun { namespace: namespace.clone(), owner: "one".into() },
            ensure(account::of_run(run), "run"),
            ensure(account::of_namespace(&self.tenant, &namespace), "namespace"),
            ensure(account::of_tenant(&self.tenant), "tenant"),
            append(&entry),
        ];
        self.commit(run, Fence::New, ops).unwrap();
    }

    /// Appends so many entries.
    pub fn grow(&self, run: RunId, entries: usize) {
        for _ in 0..entries {
            self.commit(run, Fence::Epoch(1), vec![append(&self.entry(EntryKind::Skipped, run))]).unwrap();
        }
    }

    pub fn close(&self, run: RunId) {
        let mut entry = self.entry(EntryKind::Closed, run);
        entry.status = Some(RunStatus::Completed);
        let ops = vec![append(&entry), Op::SetStatus(RunStatus::Completed as u8)];
        self.commit(run, Fence::Epoch(1), ops).unwrap();
    }

    pub fn draft(&self) -> Option<Draft> {
        wait(draft(&self.store, &self.tenant, &self.key())).unwrap()
    }

    /// Commits a draft as the gate does.
    pub fn put(&self, draft: Draft) -> Result<Receipt, CommitError> {
        let value = self.key().verifier().to_string().into_bytes().into();
        let ops = vec![Op::Pin { name: KEY_PIN, value }, Op::Anchor(Box::new(draft.anchor))];
        self.commit(draft.run, Fence::Anyone, ops)
    }

    /// Puts everything under a checkpoint, and returns the newest one.
    pub fn anchor(&self) -> Vec<u8> {
        while let Some(draft) = self.draft() {
            self.put(draft).unwrap();
        }
        wait(self.store.checkpoint(&self.tenant, None)).unwrap().unwrap().note
    }

    pub fn verify(&self) -> Report {
        wait(verify(&self.store, None)).unwrap()
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("a.db")
    }

    /// Changes the database behind everybody's back, and opens it again.
    pub fn execute(self, sql: &str) -> Self {
        let Self { folder, store, tenant } = self;
        drop(store);
        let connection = Connection::open(folder.path().join("a.db")).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let store = open(folder.path().join("a.db"));
        Self { folder, store, tenant }
    }
}

fn append(entry: &Entry) -> Op {
    Op::Append(Append { body: entry.to_bytes().into(), payloads: Vec::new() })
}

fn open(path: PathBuf) -> Store {
    let options = Options { durability: Durability::Process, ..Options::new(path, comity_ledger::link) };
    Store::open(Options { id: [0xab; 16], ..options }).unwrap()
}
