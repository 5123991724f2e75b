//! Writes what a batch changed: the columns of each statement, all sent at once, with COMMIT behind them.

use super::codec::{self, stored};
use super::sql::{Column, Statements, column, send};
use crate::apply::share::{Share, Slice};
use crate::apply::{Cells, Changed, NewEntry, PlacedLeaf, Rows, Writes};
use crate::cells::{AccountCell, ApprovalCell, BreakerCell, LogCell, SubjectCell};
use crate::commit::{AccountId, MAX_PAYLOADS, Payload};
use comity_core::{Amounts, ApprovalId, Digest, RunId, SubjectId, Tenant};
use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use tokio_postgres::{Client, Error};

/// Rows that were there when they were looked for, of the kinds of which [`Writes`] does not say whether they are new.
#[derive(Default)]
pub struct There {
    /// Breakers.
    pub breakers: HashSet<(Tenant, Arc<str>)>,
    /// Wrapped keys.
    pub subjects: HashSet<(Tenant, SubjectId)>,
    /// Logs.
    pub logs: HashSet<Tenant>,
}

/// A statement under way: how many rows it writes, and how many it has to.
type Sending<'a> = Pin<Box<dyn Future<Output = Result<bool, Error>> + Send + 'a>>;

/// Writes everything and commits, in one round trip; says whether each row was there to be written.
///
/// COMMIT is sent before the statements have answered. When one of them fails the server rolls back, and
/// answers COMMIT without an error; so the batch is durable only if *all* of them answered well.
pub async fn write(
    client: &Client,
    statements: &Statements,
    (writes, cells, there): (&Writes, &Cells, &There),
    holder: &str,
) -> Result<bool, Error> {
    let batch = Batch { client, s: statements, writes, cells, there };
    let shares = batch.shares(holder);
    let mut sending = Vec::new();
    batch.runs(&mut sending);
    batch.log(&mut sending);
    batch.accounts(&mut sending);
    batch.shared(&shares, &mut sending);
    batch.approvals(&mut sending);
    batch.breakers(&mut sending);
    batch.subjects(&mut sending);
    batch.entries(&mut sending);
    sending.push(Box::pin(async { client.batch_execute("COMMIT").await.map(|()| true) }));
    // Polled in this order, and so sent in it.
    let written = futures_util::future::try_join_all(sending).await?;
    Ok(written.into_iter().all(|whole| whole))
}

struct Batch<'a> {
    client: &'a Client,
    s: &'a Statements,
    writes: &'a Writes,
    cells: &'a Cells,
    there: &'a There,
}

/// Whether each row a statement names has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Must {
    /// It was locked, or is made here.
    Exist,
    /// It may or may not.
    Nothing,
}

impl<'a> Batch<'a> {
    fn send(
        &self,
        statement: &'a tokio_postgres::Statement,
        columns: Vec<Column<'a>>,
        rows: usize,
        must: Must,
        sending: &mut Vec<Sending<'a>>,
    ) {
        if rows > 0 {
            let client = self.client;
            sending.push(Box::pin(async move {
                let written = send(client, statement, columns, rows).await?;
                Ok(must == Must::Nothing || written == rows as u64)
            }));
        }
    }

    fn runs(&self, sending: &mut Vec<Sending<'a>>) {
        let (new, changed) = split(&self.writes.runs, &self.cells.runs);
        let columns = vec![
            column(&new, |(_, _, run)| run.key),
            column(&new, |(_, id, _)| id.bytes().to_vec()),
            column(&new, |(tenant, _, _)| tenant.as_str()),
            column(&new, |(_, _, run)| run.namespace.as_str()),
            column(&new, |(_, _, run)| stored(run.epoch)),
            column(&new, |(_, _, run)| &*run.owner),
            column(&new, |(_, _, run)| i64::from(run.status)),
            column(&new, |(_, _, run)| stored(run.next_seq)),
            column(&new, |(_, _, run)| &run.head.0[..]),
            column(&new, |(_, _, run)| stored(run.opened.millis())),
            column(&new, |(_, _, run)| stored(run.updated.millis())),
            column(&new, |(_, _, run)| stored(run.anchored)),
            column(&new, |(_, _, run)| run.due),
        ];
        self.send(&self.s.new_runs, columns, new.len(), Must::Exist, sending);
        let columns = vec![
            column(&changed, |(_, _, run)| run.key),
            column(&changed, |(_, _, run)| stored(run.epoch)),
            column(&changed, |(_, _, run)| &*run.owner),
            column(&changed, |(_, _, run)| i64::from(run.status)),
            column(&changed, |(_, _, run)| stored(run.next_seq)),
            column(&changed, |(_, _, run)| &run.head.0[..]),
            column(&changed, |(_, _, run)| stored(run.updated.millis())),
            column(&changed, |(_, _, run)| stored(run.anchored)),
            column(&changed, |(_, _, run)| run.due),
        ];
        self.send(&self.s.changed_runs, columns, changed.len(), Must::Exist, sending);
    }

    fn log(&self, sending: &mut Vec<Sending<'a>>) {
        // What happened last to a run counts.
        let due: BTreeMap<_, bool> = self.writes.due.iter().map(|(key, came)| (key, *came)).collect();
        for (came, statement) in [(true, &self.s.new_due), (false, &self.s.old_due)] {
            let rows: Vec<_> = due.iter().filter(|(_, is)| **is == came).map(|(key, _)| *key).collect();
            let columns = vec![
                column(&rows, |(tenant, _)| tenant.as_str()),
                column(&rows, |(tenant, run)| self.number(tenant, *run)),
            ];
            self.send(statement, columns, rows.len(), Must::Nothing, sending);
        }
        let logs = self.writes.logs.iter().filter_map(|tenant| Some((tenant, self.cells.logs.get(tenant)?)));
        let logs: BTreeMap<&Tenant, &LogCell> = logs.collect();
        for (known, statement) in [(false, &self.s.new_logs), (true, &self.s.changed_logs)] {
            let of = logs.iter().filter(|(tenant, _)| self.there.logs.contains(**tenant) == known);
            let rows: Vec<(&Tenant, &LogCell)> = of.map(|(tenant, cell)| (*tenant, *cell)).collect();
            let columns = vec![
                column(&rows, |(tenant, _)| tenant.as_str()),
                column(&rows, |(_, log)| stored(log.size)),
                column(&rows, |(_, log)| stored(log.hashes)),
            ];
            self.send(statement, columns, rows.len(), Must::Exist, sending);
        }
        self.leaves(sending);
    }

    fn leaves(&self, sending: &mut Vec<Sending<'a>>) {
        let leaves: Vec<&PlacedLeaf> = self.writes.leaves.iter().collect();
        let columns = vec![
            column(&leaves, |placed| placed.tenant.as_str()),
            column(&leaves, |placed| stored(placed.position)),
            column(&leaves, |placed| self.number(&placed.tenant, placed.leaf.run)),
            column(&leaves, |placed| stored(placed.leaf.size)),
            column(&leaves, |placed| i64::from(placed.leaf.kind)),
            column(&leaves, |placed| &placed.leaf.root.0[..]),
            column(&leaves, |placed| &placed.leaf.frontier[..]),
        ];
        self.send(&self.s.new_leaves, columns, leaves.len(), Must::Exist, sending);
        let hashes: Vec<&(Tenant, u64, Digest)> = self.writes.hashes.iter().collect();
        let columns = vec![
            column(&hashes, |(tenant, _, _)| tenant.as_str()),
            column(&hashes, |(_, place, _)| stored(*place)),
            column(&hashes, |(_, _, hash)| &hash.0[..]),
        ];
        self.send(&self.s.new_hashes, columns, hashes.len(), Must::Exist, sending);
        let kept: Vec<_> = self.writes.checkpoints.iter().collect();
        let columns = vec![
            column(&kept, |kept| kept.tenant.as_str()),
            column(&kept, |kept| stored(kept.size)),
            column(&kept, |kept| stored(kept.at.millis())),
            column(&kept, |kept| &kept.note[..]),
        ];
        self.send(&self.s.checkpoints, columns, kept.len(), Must::Exist, sending);
    }

    fn accounts(&self, sending: &mut Vec<Sending<'a>>) {
        let (new, mut changed) = split(&self.writes.accounts, &self.cells.accounts);
        changed.retain(|(tenant, id, _)| !self.cells.shares.loaded.contains_key(&((*tenant).clone(), *id)));
        let mut columns = vec![
            column(&new, |(tenant, _, _)| tenant.as_str()),
            column(&new, |(_, id, _)| id.0.to_vec()),
            column(&new, |(_, _, cell)| &*cell.label),
        ];
        amounts(&mut columns, &new, |cell| &cell.caps);
        balance(&mut columns, &new);
        self.send(&self.s.new_accounts, columns, new.len(), Must::Exist, sending);
        let mut columns = vec![
            column(&changed, |(tenant, _, _)| tenant.as_str()),
            column(&changed, |(_, id, _)| id.0.to_vec()),
        ];
        balance(&mut columns, &changed);
        self.send(&self.s.changed_accounts, columns, changed.len(), Must::Exist, sending);
    }

    /// What became of the shared accounts that changed, by rows.
    fn shares(&self, holder: &str) -> Shared {
        let (_, changed) = split(&self.writes.accounts, &self.cells.accounts);
        let mut shared = Shared::default();
        for (tenant, id, cell) in changed {
            let key = (tenant.clone(), id);
            let Some(before) = self.cells.shares.loaded.get(&key) else { continue };
            shared.add(key, before, before.keep(cell), holder);
        }
        shared
    }

    fn shared(&self, shared: &'a Shared, sending: &mut Vec<Sending<'a>>) {
        let rows: Vec<Keyed<'a, AccountId, AccountCell>> =
            shared.accounts.iter().map(|((tenant, id), cell, _)| (tenant, *id, cell)).collect();
        let mut columns =
            vec![column(&rows, |(tenant, _, _)| tenant.as_str()), column(&rows, |(_, id, _)| id.0.to_vec())];
        balance(&mut columns, &rows);
        let given: Vec<&Amounts> = shared.accounts.iter().map(|(_, _, given)| given).collect();
        units(&mut columns, &given, |given| given);
        self.send(&self.s.changed_shares, columns, rows.len(), Must::Exist, sending);
        for (rows, statement) in
            [(&shared.new, &self.s.new_slices), (&shared.changed, &self.s.changed_slices)]
        {
            let mut columns = slice_keys(rows);
            units(&mut columns, rows, |(_, slice)| &slice.drawn);
            units(&mut columns, rows, |(_, slice)| &slice.held);
            units(&mut columns, rows, |(_, slice)| &slice.spent);
            self.send(statement, columns, rows.len(), Must::Exist, sending);
        }
        self.send(&self.s.old_slices, slice_keys(&shared.old), shared.old.len(), Must::Exist, sending);
    }

    fn approvals(&self, sending: &mut Vec<Sending<'a>>) {
        let (new, changed): (Vec<Keyed<'a, ApprovalId, ApprovalCell>>, _) =
            split(&self.writes.approvals, &self.cells.approvals);
        let columns = vec![
            column(&new, |(tenant, _, _)| tenant.as_str()),
            column(&new, |(_, id, _)| id.bytes().to_vec()),
            column(&new, |(tenant, _, cell)| self.number(tenant, cell.run_id)),
            column(&new, |(_, _, cell)| cell.step.bytes().to_vec()),
            column(&new, |(_, _, cell)| &cell.binding.0[..]),
            column(&new, |(_, _, cell)| i64::from(cell.state as u8)),
            column(&new, |(_, _, cell)| stored(cell.expires.millis())),
            column(&new, |(_, _, cell)| stored(cell.asked)),
        ];
        self.send(&self.s.new_approvals, columns, new.len(), Must::Exist, sending);
        let columns = vec![
            column(&changed, |(tenant, _, _)| tenant.as_str()),
            column(&changed, |(_, id, _)| id.bytes().to_vec()),
            column(&changed, |(_, _, cell)| i64::from(cell.state as u8)),
        ];
        self.send(&self.s.changed_approvals, columns, changed.len(), Must::Exist, sending);
    }

    fn breakers(&self, sending: &mut Vec<Sending<'a>>) {
        let cell = |key: &'a (Tenant, Arc<str>)| Some((key, self.cells.breakers.get(key)?));
        // Sorted, or two servers wait for each other.
        let all: BTreeMap<&(Tenant, Arc<str>), &BreakerCell> =
            self.writes.breakers.iter().filter_map(cell).collect();
        for (known, statement) in [(false, &self.s.new_breakers), (true, &self.s.changed_breakers)] {
            let rows: Vec<_> =
                all.iter().filter(|(key, _)| self.there.breakers.contains(**key) == known).collect();
            let columns = vec![
                column(&rows, |(key, _)| key.0.as_str()),
                column(&rows, |(key, _)| &*key.1),
                column(&rows, |(_, cell)| i64::from(cell.failures)),
                column(&rows, |(_, cell)| stored(cell.window.millis())),
                column(&rows, |(_, cell)| cell.opened.map(|at| stored(at.millis()))),
            ];
            self.send(statement, columns, rows.len(), Must::Exist, sending);
        }
    }

    fn subjects(&self, sending: &mut Vec<Sending<'a>>) {
        type Subject<'a> = (&'a (Tenant, SubjectId), &'a SubjectCell);
        let (mut new, mut changed): (Vec<Subject<'a>>, Vec<Subject<'a>>) = (Vec::new(), Vec::new());
        let mut old = Vec::new();
        let keys: std::collections::BTreeSet<&'a (Tenant, SubjectId)> = self.writes.subjects.iter().collect();
        for key in keys {
            let known = self.there.subjects.contains(key);
            match self.cells.subjects.get(key).and_then(Option::as_ref) {
                Some(cell) if known => changed.push((key, cell)),
                Some(cell) => new.push((key, cell)),
                None => old.push(key),
            }
        }
        let keep = |rows: &[Subject<'a>]| -> Vec<Column<'a>> {
            vec![
                column(rows, |(key, _)| key.0.as_str()),
                column(rows, |(key, _)| key.1.bytes().to_vec()),
                column(rows, |(_, cell)| &cell.wrapped.by.0[..]),
                column(rows, |(_, cell)| &cell.wrapped.bytes[..]),
                column(rows, |(_, cell)| &cell.label[..]),
                column(rows, |(_, cell)| cell.run.map(|run| run.bytes().to_vec())),
                column(rows, |(_, cell)| i64::from(cell.class)),
            ]
        };
        self.send(&self.s.new_subjects, keep(&new), new.len(), Must::Exist, sending);
        self.send(&self.s.changed_subjects, keep(&changed), changed.len(), Must::Exist, sending);
        let columns = vec![column(&old, |key| key.0.as_str()), column(&old, |key| key.1.bytes().to_vec())];
        self.send(&self.s.old_subjects, columns, old.len(), Must::Nothing, sending);
        let pin = |key: &'a (Tenant, &'static str)| Some((key, self.cells.pins.get(key)?.as_ref()?));
        let pins: Vec<_> = self.writes.pins.iter().filter_map(pin).collect();
        let columns = vec![
            column(&pins, |(key, _)| key.0.as_str()),
            column(&pins, |(key, _)| key.1),
            column(&pins, |(_, value)| &value[..]),
        ];
        self.send(&self.s.new_pins, columns, pins.len(), Must::Exist, sending);
    }

    fn entries(&self, sending: &mut Vec<Sending<'a>>) {
        // With the numbers of their runs.
        let number = |entry: &'a NewEntry| (self.number(&entry.tenant, entry.run), entry);
        let entries: Vec<(i64, &'a NewEntry)> = self.writes.entries.iter().map(number).collect();
        let columns = vec![
            column(&entries, |(_, entry)| entry.tenant.as_str()),
            column(&entries, |(run, _)| *run),
            column(&entries, |(_, entry)| stored(entry.seq)),
            column(&entries, |(_, entry)| &entry.body[..]),
            column(&entries, |(_, entry)| &entry.hash.0[..]),
        ];
        self.send(&self.s.new_entries, columns, entries.len(), Must::Exist, sending);
        let payloads: Vec<(i64, &'a NewEntry, &'a Payload)> = entries
            .iter()
            .flat_map(|(run, entry)| {
                let number = codec::entry_number(*run, entry.seq);
                entry.payloads.iter().map(move |text| (number, *entry, text))
            })
            .collect();
        let columns = vec![
            column(&payloads, |(id, _, text)| id * MAX_PAYLOADS as i64 + i64::from(text.slot)),
            column(&payloads, |(_, entry, _)| entry.tenant.as_str()),
            column(&payloads, |(_, _, text)| i64::from(text.codec)),
            column(&payloads, |(_, _, text)| text.subject.as_ref().map(|subject| &subject.bytes()[..])),
            column(&payloads, |(_, _, text)| &text.salt[..]),
            column(&payloads, |(_, _, text)| &text.body[..]),
        ];
        self.send(&self.s.new_payloads, columns, payloads.len(), Must::Exist, sending);
    }

    /// The number that rows refer to the run by; a run that a batch names has one by now.
    fn number(&self, tenant: &Tenant, run: RunId) -> i64 {
        let cell = self.cells.runs.get(&(tenant.clone(), run)).and_then(Option::as_ref);
        cell.map_or(0, |run| run.key)
    }
}

/// A slice, by tenant, account and holder.
type SliceRow = ((Tenant, AccountId, Arc<str>), Slice);

/// What is written of shared accounts; of each table in the order of its keys.
#[derive(Default)]
struct Shared {
    accounts: Vec<((Tenant, AccountId), AccountCell, Amounts)>,
    new: Vec<SliceRow>,
    changed: Vec<SliceRow>,
    old: Vec<SliceRow>,
}

impl Shared {
    fn add(&mut self, key: (Tenant, AccountId), before: &Share, after: Share, holder: &str) {
        let row = |whose: &Arc<str>, slice: Slice| ((key.0.clone(), key.1, Arc::clone(whose)), slice);
        let own: Arc<str> = holder.into();
        match (before.own, after.own) {
            (None, Some(slice)) => self.new.push(row(&own, slice)),
            (Some(old), Some(slice)) if old != slice => self.changed.push(row(&own, slice)),
            (Some(old), None) => self.old.push(row(&own, old)),
            _ => {}
        }
        for (whose, old) in &before.others {
            match after.others.iter().find(|(other, _)| other == whose) {
                Some((_, slice)) if slice != old => self.changed.push(row(whose, *slice)),
                Some(_) => {}
                None => self.old.push(row(whose, *old)),
            }
        }
        if let Some((cell, given)) = after.account {
            self.accounts.push((key, cell, given));
        }
    }
}

fn slice_keys<'a>(rows: &'a [SliceRow]) -> Vec<Column<'a>> {
    vec![
        column(rows, |((tenant, _, _), _)| tenant.as_str().to_owned()),
        column(rows, |((_, account, _), _)| account.0.to_vec()),
        column(rows, |((_, _, holder), _)| holder.to_string()),
    ]
}

fn units<'a, R>(columns: &mut Vec<Column<'a>>, rows: &[R], of: impl Fn(&R) -> &Amounts) {
    columns.push(column(rows, |row| stored(of(row).micro_usd)));
    columns.push(column(rows, |row| stored(of(row).millis)));
    columns.push(column(rows, |row| stored(of(row).steps)));
    columns.push(column(rows, |row| stored(of(row).tokens)));
}

/// A row with its tenant and its id.
type Keyed<'a, K, C> = (&'a Tenant, K, &'a C);

/// New rows, and changed rows.
type Split<'a, K, C> = (Vec<Keyed<'a, K, C>>, Vec<Keyed<'a, K, C>>);

/// New rows and changed rows, each in the order of their keys.
fn split<'a, K: Copy + Ord + Hash, C>(list: &'a Changed<K>, cells: &'a Rows<K, C>) -> Split<'a, K, C> {
    let mut list: Vec<&'a ((Tenant, K), bool)> = list.iter().collect();
    list.sort_unstable_by_key(|(key, _)| key);
    let pick = |wanted: bool| {
        let chosen = list.iter().filter(|(_, new)| *new == wanted);
        chosen.filter_map(|(key, _)| Some((&key.0, key.1, cells.get(key)?.as_ref()?))).collect()
    };
    (pick(true), pick(false))
}

fn balance<'a>(columns: &mut Vec<Column<'a>>, rows: &[Keyed<'a, AccountId, AccountCell>]) {
    amounts(columns, rows, |cell| &cell.held);
    amounts(columns, rows, |cell| &cell.spent);
    columns.push(column(rows, |(_, _, cell)| i64::from(cell.frozen)));
}

fn amounts<'a>(
    columns: &mut Vec<Column<'a>>,
    rows: &[Keyed<'a, AccountId, AccountCell>],
    of: impl Fn(&AccountCell) -> &Amounts,
) {
    units(columns, rows, |(_, _, cell)| of(cell));
}
