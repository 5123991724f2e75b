//! The vault: texts encrypted under keys that can be destroyed.
//!
//! Every text of a run is under one of two keys of that run, its *content* and its *structure*. Both are kept
//! in the store, wrapped by a tenant key that is kept elsewhere. Start with [`Vault::open`] for reading, and
//! [`Vault::make`] for a new run.

pub mod cipher;
pub mod subject;

use crate::error::Error;
use crate::keys::{KeyFault, Keys, Secret};
use crate::payload::Slot;
use crate::record;
use cipher::{PayloadKey, Place};
use comity_core::{Digest, Entropy, RunId, SubjectId, Tenant, Timestamp};
use comity_store::{Commit, CommitError, Fence, KeyId, NewSubject, Op, Refused, Rewrapped, RunCell};
use comity_store::{Store, SubjectCell, SubjectRow, WrappedKey};
use std::sync::Arc;
use subject::{Label, Subject};

/// What a text reads as whose key was destroyed.
pub const ERASED: &str = "[erased]";

/// What sort of subject a key belongs to. The number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    /// What went into a run and came out of it, reasons, comments, and what it was set up with.
    Content = 0,
    /// The workflow file and the policy of a run.
    Structure = 1,
}

impl Class {
    /// Reads the stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Content, Self::Structure].into_iter().find(|class| *class as u8 == number)
    }

    /// Which key of a run a text is under.
    pub const fn of(slot: Slot) -> Self {
        match slot {
            Slot::Source | Slot::Policy => Self::Structure,
            Slot::Act | Slot::Output | Slot::Note | Slot::Setup => Self::Content,
        }
    }
}

/// The keys of one run that there are. Cheap to clone; the last clone overwrites them.
#[derive(Clone, Debug, Default)]
pub struct RunKeys(Arc<Vec<Subject>>);

impl RunKeys {
    /// These keys.
    pub fn new(subjects: Vec<Subject>) -> Self {
        Self(Arc::new(subjects))
    }

    /// The key that a subject's texts are opened with; `None` when it was destroyed, or is another run's.
    pub fn of(&self, id: SubjectId) -> Option<&Secret> {
        self.0.iter().find(|subject| subject.id == id).map(|subject| &subject.secret)
    }

    /// The newest key of this class.
    pub fn class(&self, class: Class) -> Option<&Subject> {
        self.0.iter().rfind(|subject| subject.class == class)
    }

    /// What new texts of the run are written with; `None` when its content was erased.
    pub fn pen(&self) -> Option<Pen> {
        let content = self.class(Class::Content)?.clone();
        let structure = self.class(Class::Structure).unwrap_or(&content).clone();
        Some(Pen { keys: self.clone(), content, structure })
    }
}

/// What new texts of a run are written with: there is a key for every one of them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pen {
    keys: RunKeys,
    content: Subject,
    structure: Subject,
}

impl Pen {
    /// The keys that the run's texts are read with.
    pub fn keys(&self) -> &RunKeys {
        &self.keys
    }

    /// The key of a new payload in this slot, and what it is tied to.
    pub(crate) fn for_payload(&self, slot: Slot, salt: &[u8; 32], codec: u8) -> (PayloadKey, Place) {
        let subject = match Class::of(slot) {
            Class::Structure => &self.structure,
            Class::Content => &self.content,
        };
        let place = Place { codec, slot: slot as u8, subject: subject.id };
        (PayloadKey::derive(&subject.secret, salt), place)
    }
}

/// What a wrapped key is bound to: a row that somebody changed opens to nothing.
///
/// `SHA-256("comity/subject/v1\n" ‖ id ‖ run, or 16 zero bytes ‖ class ‖ label)`.
fn bound(id: SubjectId, run: Option<RunId>, class: u8, label: &[u8]) -> [u8; 32] {
    let run = run.map_or([0; 16], |run| *run.bytes());
    Digest::of(&[b"comity/subject/v1\n", id.bytes(), &run, &[class], label]).0
}

fn bound_in(row: &SubjectRow) -> [u8; 32] {
    bound(row.id, row.cell.run, row.cell.class, &row.cell.label)
}

/// A store and the keys that what is in it is read with. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    keys: Arc<dyn Keys>,
}

/// Keys that a commit adds, with the tenant key they are wrapped by.
pub struct Fresh {
    /// What is written with them.
    pub pen: Pen,
    subjects: Vec<NewSubject>,
}

impl Fresh {
    /// What keeps them, for the commit that first writes with them.
    pub fn ops(&self) -> impl Iterator<Item = Op> + '_ {
        self.subjects.iter().map(|new| Op::AddSubject(Box::new(new.clone())))
    }
}

impl Vault {
    /// The vault of this store.
    pub fn new(store: Store, keys: Arc<dyn Keys>) -> Self {
        Self { store, keys }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What keeps the keys outside the store.
    pub fn keys(&self) -> &dyn Keys {
        &*self.keys
    }

    /// The same, over a snapshot of the store.
    pub fn over(&self, store: Store) -> Self {
        Self { store, keys: Arc::clone(&self.keys) }
    }

    /// The keys of a run that there are. Errors if one is there and cannot be unwrapped.
    pub async fn open(&self, run: &RunCell) -> Result<RunKeys, Error> {
        let rows = self.store.subjects_of(run).await?;
        let mut subjects = Vec::with_capacity(rows.len());
        for row in rows {
            subjects.extend(self.unwrap(&run.tenant, &row).await?);
        }
        Ok(RunKeys::new(subjects))
    }

    /// Whom a run's texts are about, if that was said and is not erased.
    pub async fn about(&self, run: &RunCell) -> Result<Option<String>, Error> {
        for row in self.store.subjects_of(run).await? {
            if let Some(subject) = self.unwrap(&run.tenant, &row).await?
                && let Some(name) = subject.open_label(&row.cell.label)
            {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The key in a row; `None` for a class this build does not know. Errors if the row is not the one that was
    /// written: its run, class and label are bound into the wrapped key.
    pub async fn unwrap(&self, tenant: &Tenant, row: &SubjectRow) -> Result<Option<Subject>, Error> {
        let Some(class) = Class::from_number(row.cell.class) else { return Ok(None) };
        let WrappedKey { by, bytes } = &row.cell.wrapped;
        let secret = self.keys.unwrap(tenant, *by, &bound_in(row), bytes).await?;
        Ok(Some(Subject { id: row.id, class, secret }))
    }

    /// The key in a row, wrapped by `to` instead.
    pub async fn rewrap(&self, tenant: &Tenant, row: &SubjectRow, to: KeyId) -> Result<Rewrapped, KeyFault> {
        let (SubjectCell { wrapped, label, .. }, bound) = (&row.cell, bound_in(row));
        let secret = self.keys.unwrap(tenant, wrapped.by, &bound, &wrapped.bytes).await?;
        let bytes = self.keys.wrap(tenant, to, &bound, &secret).await?;
        let (from, wrapped) = (wrapped.by, WrappedKey { by: to, bytes });
        Ok(Rewrapped { id: row.id, from, wrapped, label: label.clone() })
    }

    /// A new key of a run, wrapped by the current tenant key.
    async fn make_one(
        &self,
        tenant: &Tenant,
        run: RunId,
        class: Class,
        label: Label<'_>,
        entropy: &dyn Entropy,
    ) -> Result<(Subject, NewSubject), Error> {
        let by = self.keys.current(tenant).await?;
        let subject = Subject::random(class, entropy);
        let label = subject.seal_label(label, entropy);
        let bound = bound(subject.id, Some(run), class as u8, &label);
        let bytes = self.keys.wrap(tenant, by, &bound, &subject.secret).await?;
        let wrapped = WrappedKey { by, bytes };
        let new = NewSubject { id: subject.id, class: class as u8, of_run: true, wrapped, label };
        Ok((subject, new))
    }

    /// The two keys of a new run. `about` names whom its texts are about, if they are about somebody: under the key of
    /// its content, so that the name goes with that.
    pub async fn make(
        &self,
        tenant: &Tenant,
        run: RunId,
        about: Option<&str>,
        entropy: &dyn Entropy,
    ) -> Result<Fresh, Error> {
        let name = Label(about.unwrap_or_default());
        let (content, new_content) = self.make_one(tenant, run, Class::Content, name, entropy).await?;
        let (structure, new_structure) =
            self.make_one(tenant, run, Class::Structure, Label::default(), entropy).await?;
        let subjects = vec![new_content, new_structure];
        let keys = RunKeys::new(vec![content.clone(), structure.clone()]);
        Ok(Fresh { pen: Pen { keys, content, structure }, subjects })
    }

    /// The keys that new texts of this run are written with: its own, or new ones for a run from before there
    /// was a vault. Errors if its texts were erased.
    pub async fn for_writing(&self, id: RunId, run: &RunCell, entropy: &dyn Entropy) -> Result<Fresh, Error> {
        let keys = self.open(run).await?;
        if let Some(pen) = keys.pen() {
            return Ok(Fresh { pen, subjects: Vec::new() });
        }
        let clear = record::read_one_with(&self.store, run, &keys, 0).await?;
        if clear.is_none_or(|opened| opened.is_sealed()) {
            return Err(Error::RunErased);
        }
        self.make(&run.tenant, id, None, entropy).await
    }

    /// Wraps keys that were just added once more, if the tenant's key has changed meanwhile.
    ///
    /// An erasure makes the next tenant key first, and wraps anew whatever it then finds under an earlier one.
    /// Keys that were wrapped before that and added after it looked are found here.
    pub async fn catch_up(
        &self,
        tenant: &Tenant,
        run: RunId,
        at: Timestamp,
        fresh: &Fresh,
    ) -> Result<(), Error> {
        let current = self.keys.current(tenant).await?;
        let mut late = Vec::new();
        for new in fresh.subjects.iter().filter(|new| new.wrapped.by != current) {
            let Some(subject) = fresh.pen.keys.0.iter().find(|subject| subject.id == new.id) else {
                continue;
            };
            let bound = bound(new.id, Some(run), new.class, &new.label);
            let bytes = self.keys.wrap(tenant, current, &bound, &subject.secret).await?;
            let wrapped = WrappedKey { by: current, bytes };
            late.push(Rewrapped { id: new.id, from: new.wrapped.by, wrapped, label: new.label.clone() });
        }
        if late.is_empty() {
            return Ok(());
        }
        let (tenant, ops) = (tenant.clone(), vec![Op::Rewrap(late)]);
        let commit = Commit { tenant, run, fence: Fence::Anyone, at, expect: Vec::new(), ops };
        match self.store.queue(commit).await {
            // Whoever erases was quicker.
            Ok(_) | Err(CommitError::Refused(Refused::Subject(_))) => Ok(()),
            Err(CommitError::Failed(error)) => Err(error.into()),
            Err(CommitError::Refused(_)) => Err(Error::RunErased),
        }
    }
}
