//! What one tenant has to see: the rows that its own commits make when nobody else is there.

use super::{IDS, link};
use crate::apply::{Cells, Writes};
use crate::cells::{ApprovalCell, BreakerCell, LogCell, RunCell, SubjectCell};
use crate::commit::{AccountId, Commit, Receipt, Refused};
use crate::{EntryRow, LeafRow, Store};
use comity_core::{ApprovalId, Digest, RunId, SubjectId, Tenant, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// One tenant's rows.
pub struct World {
    pub tenant: Tenant,
    cells: Cells,
    entries: BTreeMap<RunId, Vec<String>>,
    leaves: Vec<String>,
    hashes: Vec<Digest>,
    checkpoints: BTreeMap<u64, (Timestamp, Vec<u8>)>,
}

/// Everything that can be read, line by line.
type Lines = Vec<String>;

impl World {
    pub fn new(tenant: Tenant) -> Self {
        Self {
            tenant,
            cells: Cells::default(),
            entries: BTreeMap::new(),
            leaves: Vec::new(),
            hashes: Vec::new(),
            checkpoints: BTreeMap::new(),
        }
    }

    pub fn run(&self, run: RunId) -> Option<RunCell> {
        self.cells.runs.get(&(self.tenant.clone(), run)).cloned().flatten()
    }

    pub fn subject(&self, id: SubjectId) -> Option<SubjectCell> {
        self.cells.subjects.get(&(self.tenant.clone(), id)).cloned().flatten()
    }

    pub fn approval(&self, id: ApprovalId) -> Option<ApprovalCell> {
        self.cells.approvals.get(&(self.tenant.clone(), id)).cloned().flatten()
    }

    pub fn log(&self) -> LogCell {
        self.cells.logs.get(&self.tenant).copied().unwrap_or_default()
    }

    /// What becomes of a commit here, where nobody else is.
    pub fn apply(&mut self, commit: Commit) -> Result<Receipt, Refused> {
        let mut writes = Writes::default();
        let answer = self.cells.apply(commit, link, &mut writes);
        for new in writes.entries {
            let payloads = new.payloads.iter().map(|payload| {
                let subject = payload.subject.map(|subject| subject.bytes().to_vec());
                let body = payload.body.to_vec();
                format!(
                    "{:?}",
                    (payload.slot, i64::from(payload.codec), subject, payload.salt.to_vec(), body)
                )
            });
            let payloads: Lines = payloads.collect();
            let line = format!("{:?}", (new.seq, new.body.to_vec(), new.hash.0.to_vec(), payloads));
            self.entries.entry(new.run).or_default().push(line);
        }
        for placed in writes.leaves {
            let leaf = placed.leaf;
            self.leaves.push(format!(
                "{:?}",
                LeafRow {
                    position: placed.position,
                    run: leaf.run,
                    size: leaf.size,
                    kind: leaf.kind,
                    root: leaf.root.0.to_vec(),
                    frontier: leaf.frontier,
                }
            ));
        }
        self.hashes.extend(writes.hashes.into_iter().map(|(_, _, hash)| hash));
        for kept in writes.checkpoints {
            self.checkpoints.insert(kept.size, (kept.at, kept.note.to_vec()));
        }
        answer
    }

    /// Everything there is here.
    pub fn shown(&self) -> Lines {
        let mut out = Lines::new();
        let mut due = Vec::new();
        for number in (1..=IDS).rev() {
            let Some(cell) = self.run(RunId::from_bytes([number; 16])) else { continue };
            let id = RunId::from_bytes([number; 16]);
            line(&mut out, "run", &(id, &cell));
            due.extend(cell.due.then_some(id));
            line(&mut out, "entries", &self.entries.get(&id).cloned().unwrap_or_default());
        }
        due.sort();
        line(&mut out, "due", &due);
        for number in 1..=IDS {
            let id = [number; 16];
            let account = self.cells.accounts.get(&(self.tenant.clone(), AccountId(id))).cloned().flatten();
            line(&mut out, "account", &account);
            line(&mut out, "approval", &self.approval(ApprovalId::from_bytes(id)));
            line(&mut out, "subject", &self.subject(SubjectId::from_bytes(id)));
            let endpoint: Arc<str> = format!("endpoint-{}", number - 1).into();
            let breaker = self.cells.breakers.get(&(self.tenant.clone(), endpoint)).copied();
            line::<BreakerCell>(&mut out, "breaker", &breaker.unwrap_or_default());
        }
        line(&mut out, "log", &self.log());
        line(&mut out, "leaves", &self.leaves);
        line(&mut out, "hashes", &self.hashes);
        line(&mut out, "checkpoints", &self.checkpoints);
        for name in ["one", "two"] {
            let pin = self.cells.pins.get(&(self.tenant.clone(), name)).cloned().flatten();
            line(&mut out, "pin", &pin.map(|value| value.to_vec()));
        }
        out
    }

    /// The same, as the store shows it to this tenant.
    pub async fn seen(&self, store: &Store) -> Lines {
        let tenant = &self.tenant;
        let mut out = Lines::new();
        for row in store.runs(tenant, None, usize::MAX).await.unwrap() {
            assert_eq!(store.run(tenant, row.id).await.unwrap().as_ref(), Some(&row.cell));
            line(&mut out, "run", &(row.id, &row.cell));
            line(&mut out, "entries", &entries(store, &row.cell).await);
        }
        let mut due: Vec<RunId> =
            store.due(tenant, usize::MAX).await.unwrap().into_iter().map(|row| row.id).collect();
        due.sort();
        line(&mut out, "due", &due);
        for number in 1..=IDS {
            let id = [number; 16];
            let account = store.account(tenant, AccountId(id)).await.unwrap();
            line(&mut out, "account", &account.map(|row| row.cell));
            let approval = store.approval(tenant, ApprovalId::from_bytes(id)).await.unwrap();
            line(&mut out, "approval", &approval.map(|row| row.cell));
            let subject = store.subject(tenant, SubjectId::from_bytes(id)).await.unwrap();
            line(&mut out, "subject", &subject.map(|row| row.cell));
            let breaker = store.breaker(tenant, &format!("endpoint-{}", number - 1)).await.unwrap();
            line(&mut out, "breaker", &breaker);
        }
        line(&mut out, "log", &store.log(tenant).await.unwrap());
        self.seen_of_log(store, &mut out).await;
        for name in ["one", "two"] {
            line(&mut out, "pin", &store.pinned(tenant, name).await.unwrap());
        }
        self.count(store).await;
        out
    }

    async fn seen_of_log(&self, store: &Store, out: &mut Lines) {
        let tenant = &self.tenant;
        let (mut leaves, mut hashes, mut checkpoints) = (Lines::new(), Vec::new(), BTreeMap::new());
        loop {
            let page = store.leaves(tenant, leaves.len() as u64, usize::MAX).await.unwrap();
            if page.is_empty() {
                break;
            }
            leaves.extend(page.iter().map(|leaf| format!("{leaf:?}")));
        }
        loop {
            let page = store.log_hashes(tenant, hashes.len() as u64, usize::MAX).await.unwrap();
            if page.is_empty() {
                break;
            }
            hashes.extend(page);
        }
        loop {
            let last = checkpoints.keys().last().copied();
            let page = store.checkpoints(tenant, last, usize::MAX).await.unwrap();
            if page.is_empty() {
                break;
            }
            checkpoints.extend(page.into_iter().map(|row| (row.size, (row.at, row.note))));
        }
        line(out, "leaves", &leaves);
        line(out, "hashes", &hashes);
        line(out, "checkpoints", &checkpoints);
    }

    /// Lists show no more than was asked for one by one.
    async fn count(&self, store: &Store) {
        let all = |counts: &[bool]| counts.iter().filter(|there| **there).count();
        let ids: Vec<[u8; 16]> = (1..=IDS).map(|number| [number; 16]).collect();
        let accounts: Vec<bool> = ids
            .iter()
            .map(|id| {
                self.cells.accounts.get(&(self.tenant.clone(), AccountId(*id))).is_some_and(Option::is_some)
            })
            .collect();
        assert_eq!(store.accounts(&self.tenant, None).await.unwrap().len(), all(&accounts));
        let subjects: Vec<bool> =
            ids.iter().map(|id| self.subject(SubjectId::from_bytes(*id)).is_some()).collect();
        assert_eq!(store.subjects(&self.tenant, None, usize::MAX).await.unwrap().len(), all(&subjects));
    }
}

async fn entries(store: &Store, cell: &RunCell) -> Lines {
    let mut out = Vec::new();
    let mut next = 0;
    loop {
        let mut page: Vec<EntryRow> = Vec::new();
        store.entries(cell, next, usize::MAX, |entry| page.push(entry)).await.unwrap();
        let Some(last) = page.last() else { return out };
        next = last.seq + 1;
        out.extend(page.into_iter().map(|entry| {
            assert_eq!(entry.tenant, cell.tenant.as_str());
            let payloads = entry.payloads.into_iter().map(|row| {
                assert_eq!(row.tenant, cell.tenant.as_str());
                format!("{:?}", (row.slot, row.codec, row.subject, row.salt, row.body))
            });
            format!("{:?}", (entry.seq, entry.body, entry.hash, payloads.collect::<Lines>()))
        }));
    }
}

fn line<T: Debug>(out: &mut Lines, what: &str, row: &T) {
    out.push(without_keys(&format!("{what} {row:?}")));
}

/// `key: 17,` is a number that a backend gives a row; worlds have none.
pub fn without_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, part) in text.split("RunCell { key: ").enumerate() {
        let rest =
            if place == 0 { part } else { part.trim_start_matches(|sign: char| sign.is_ascii_digit()) };
        if place > 0 {
            out.push_str("RunCell { key: _");
        }
        out.push_str(rest);
    }
    out
}
