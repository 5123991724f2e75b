//! The keys of texts, compared with the texts that are under them and with what the tenant's book says was destroyed.
//!
//! Without the tenant keys it can be told that the row of each key is there, is its run's, and is of the sort that
//! the texts say; or that an erasure in the book names it. With them, that every row is the one that was written.

use super::{Report, Stop, fault, verify_run};
use crate::book::{TAKEN, of_tenant};
use crate::entry::{Entry, EntryKind};
use crate::keys::{KeyFault, Keys};
use crate::payload::{self, Slot};
use crate::vault::{Class, RunKeys, subject::Subject, unwrap_row};
use comity_core::{SubjectId, Tenant};
use comity_store::{EntryRow, RunRow, Store, SubjectRow};
use std::collections::HashMap;

/// The most keys that the texts of one run are under. A run has two.
const MOST: usize = 16;

/// The keys that one run's texts are under, as far as it was followed.
#[derive(Debug, Default)]
pub struct Sealed(Vec<(SubjectId, Class)>);

impl Sealed {
    /// Takes in under which key the text in a slot is. Errors if that is odd.
    pub fn add(&mut self, subject: Option<&[u8]>, slot: Slot) -> Result<(), &'static str> {
        let Some(subject) = subject else { return Ok(()) };
        let class = Class::of(slot);
        match self.0.iter().find(|(known, _)| known.bytes()[..] == *subject) {
            Some((_, known)) if *known == class => Ok(()),
            Some(_) => Err("it is under a key for texts of another sort"),
            None if self.0.len() == MOST => Err("its run has texts under more keys than a run has"),
            None => {
                let id = SubjectId::from_slice(subject).ok_or("its subject is not 16 bytes")?;
                self.0.push((id, class));
                Ok(())
            }
        }
    }
}

/// Compares the keys of runs, one run after the other.
pub struct KeyCheck<'k> {
    keys: Option<&'k dyn Keys>,
    /// What the books of tenants say was destroyed, for those that were asked.
    taken: HashMap<Tenant, Taken>,
    /// Runs whose texts nobody can open, though no book says why.
    pub unbooked: u64,
}

/// The keys that a tenant's erasures took: whether that erasure has ended.
type Taken = HashMap<SubjectId, bool>;

impl<'k> KeyCheck<'k> {
    /// Before the first run. `keys` are the tenant keys, where they are at hand.
    pub fn new(keys: Option<&'k dyn Keys>) -> Self {
        Self { keys, taken: HashMap::new(), unbooked: 0 }
    }

    /// Compares the keys of a run with its texts.
    pub(super) async fn check(&mut self, store: &Store, run: &RunRow, sealed: &Sealed) -> Result<(), Stop> {
        let rows = store.subjects_of(&run.cell).await?;
        if rows.is_empty() && sealed.0.is_empty() {
            return Ok(());
        }
        let wrong = |what: String| Err(fault(Some(run.id), None, what));
        let taken = self.taken(store, &run.cell.tenant).await?;
        for (id, class) in &sealed.0 {
            match rows.iter().find(|row| row.id == *id) {
                Some(row) if row.cell.class != *class as u8 => {
                    return wrong(format!("the key `{id}` of its texts is stored as one of another sort"));
                }
                Some(_) => {}
                None if taken.contains_key(id) => {}
                None => {
                    return wrong(format!(
                        "the key `{id}` of its texts is gone, and no erasure in the tenant's book names it"
                    ));
                }
            }
        }
        if let Some(row) = rows.iter().find(|row| taken.get(&row.id) == Some(&true)) {
            return wrong(format!(
                "the key `{}` is stored, and an erasure in the tenant's book took it",
                row.id
            ));
        }
        self.open(run, &rows).await
    }

    /// Opens every row, if the tenant keys are at hand.
    async fn open(&mut self, run: &RunRow, rows: &[SubjectRow]) -> Result<(), Stop> {
        let Some(keys) = self.keys else { return Ok(()) };
        let mut closed = false;
        for row in rows {
            let wrong = |what: &str| Err(fault(Some(run.id), None, format!("its key `{}` {what}", row.id)));
            let Some(class) = Class::from_number(row.cell.class) else {
                return wrong("is of a sort that does not exist");
            };
            match unwrap_row(keys, &run.cell.tenant, row).await {
                Ok(secret) => {
                    let subject = Subject { id: row.id, class, secret };
                    if !row.cell.label.is_empty() && subject.open_label(&row.cell.label).is_none() {
                        return wrong("has a name that it does not open");
                    }
                }
                Err(KeyFault::Destroyed { .. }) => closed = true,
                Err(KeyFault::Damaged { .. }) => {
                    return wrong(
                        "is not the one that was written: its run, sort, name or bytes were changed",
                    );
                }
                Err(KeyFault::Gone { id, .. }) => {
                    return wrong(&format!(
                        "is wrapped by the tenant key {id}, which is not among those at hand"
                    ));
                }
                Err(KeyFault::Store(error)) => return Err(error.into()),
                Err(other) => return wrong(&format!("cannot be opened: {other}")),
            }
        }
        self.unbooked += u64::from(closed);
        Ok(())
    }

    async fn taken(&mut self, store: &Store, tenant: &Tenant) -> Result<&Taken, Stop> {
        if !self.taken.contains_key(tenant) {
            let taken = taken(store, tenant).await?;
            self.taken.insert(tenant.clone(), taken);
        }
        Ok(self.taken.entry(tenant.clone()).or_default())
    }
}

/// Reads what the tenant's book says was destroyed. It is followed first: what it says has to be what was written.
async fn taken(store: &Store, tenant: &Tenant) -> Result<Taken, Stop> {
    let id = of_tenant(tenant);
    let Some(cell) = store.run(tenant, id).await? else { return Ok(Taken::new()) };
    let row = RunRow { id, cell };
    verify_run(store, &row, &mut Report::default()).await?;
    let (mut taken, mut next) = (Taken::new(), 0);
    loop {
        let mut verdict = Ok(());
        let mut last = None;
        store
            .entries(&row.cell, next, 1_000, |entry| {
                last = Some(entry.seq);
                if verdict.is_ok() {
                    verdict = take(&mut taken, &entry).map_err(|what| fault(Some(id), Some(entry.seq), what));
                }
            })
            .await?;
        verdict?;
        let Some(last) = last else { return Ok(taken) };
        next = last + 1;
    }
}

/// Takes an entry of the book in.
fn take(taken: &mut Taken, row: &EntryRow) -> Result<(), String> {
    match Entry::from_bytes(&row.body)?.kind {
        EntryKind::Erasing => {
            let none = "it does not say which keys go";
            let text = row.payloads.iter().find(|payload| payload.slot == TAKEN as u8).ok_or(none)?;
            let text = payload::decode(text.clone(), &RunKeys::default())?.ok_or(none)?;
            let ids: Vec<SubjectId> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            for id in ids {
                taken.entry(id).or_insert(false);
            }
        }
        EntryKind::Erased | EntryKind::Anonymized | EntryKind::Collected => {
            taken.values_mut().for_each(|ended| *ended = true);
        }
        _ => {}
    }
    Ok(())
}
