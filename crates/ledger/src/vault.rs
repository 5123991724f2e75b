//! The vault: texts encrypted under keys that can be destroyed.
//!
//! Every text of a run is under one of two keys of that run, its *content* and its *structure*. Both are kept
//! in the store, wrapped by a tenant key that is kept elsewhere. Start with [`Vault::open`] for reading, and
//! [`Vault::make`] for a new run.

mod belongs;
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
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use subject::{Label, Subject};

/// What a text reads as whose key was destroyed.
pub const ERASED: &str = "[erased]";

/// What a text reads as whose key is not here.
pub const UNREADABLE: &str = "[no key]";

/// Whether this stands in the place of a text that cannot be read.
pub fn is_closed(text: &str) -> bool {
    text == ERASED || text == UNREADABLE
}

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
pub struct RunKeys {
    there: Arc<Vec<Subject>>,
    /// Keys that are stored and could not be opened, and why not.
    lost: Arc<Vec<(SubjectId, KeyFault)>>,
}

impl RunKeys {
    /// These keys.
    pub fn new(subjects: Vec<Subject>) -> Self {
        Self { there: Arc::new(subjects), lost: Arc::default() }
    }

    /// Why a key that is stored cannot be opened.
    pub fn lost(&self, id: SubjectId) -> Option<&KeyFault> {
        self.lost.iter().find(|(lost, _)| *lost == id).map(|(_, why)| why)
    }

    /// The key that a subject's texts are opened with; `None` when it was destroyed, or is another run's.
    pub fn of(&self, id: SubjectId) -> Option<&Secret> {
        self.there.iter().find(|subject| subject.id == id).map(|subject| &subject.secret)
    }

    /// The newest key of this class.
    pub fn class(&self, class: Class) -> Option<&Subject> {
        self.there.iter().rfind(|subject| subject.class == class)
    }

    /// The same, for whoever has to write. Errors if a key is stored and cannot be opened.
    pub fn pen_or_fault(&self) -> Result<Option<Pen>, KeyFault> {
        match self.lost.first() {
            Some((_, why)) => Err(why.clone()),
            None => Ok(self.pen()),
        }
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

/// What the wrapped key in a row is bound to.
pub fn bound_in(row: &SubjectRow) -> [u8; 32] {
    bound(row.id, row.cell.run, row.cell.class, &row.cell.label)
}

/// The key in a row. Errors if the row is not the one that was written: its run, class and label are bound into the
/// wrapped key.
pub(crate) async fn unwrap_row(
    keys: &dyn Keys,
    tenant: &Tenant,
    row: &SubjectRow,
) -> Result<Secret, KeyFault> {
    let (WrappedKey { by, bytes }, bound) = (&row.cell.wrapped, bound_in(row));
    match keys.unwrap(tenant, *by, &bound, bytes).await {
        // The row is one from before an erasure. If its key outlived that, it was kept beside the tenant keys.
        Err(destroyed @ KeyFault::Destroyed { .. }) => match keys.survivors(tenant).await?.get(&row.id) {
            Some(kept) => keys.unwrap(tenant, kept.by, &bound, &kept.wrapped).await,
            None => Err(destroyed),
        },
        unwrapped => unwrapped,
    }
}

/// A store and the keys that what is in it is read with. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    keys: Arc<dyn Keys>,
    unread: Arc<Mutex<BTreeSet<String>>>,
    /// Tenants whose keys were found to be here.
    belongs: Arc<Mutex<HashSet<Tenant>>>,
}

/// The most reasons that are remembered for texts that could not be opened.
const MOST_REASONS: usize = 16;

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
        Self { store, keys, unread: Arc::default(), belongs: Arc::default() }
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
        Self { store, ..self.clone() }
    }

    /// The keys of a run that there are. One whose tenant key was destroyed is not there any more; one that cannot be
    /// opened for another reason is known as lost.
    pub async fn open(&self, run: &RunCell) -> Result<RunKeys, Error> {
        let (mut subjects, mut lost) = (Vec::new(), Vec::new());
        for row in self.store.subjects_of(run).await? {
            match self.unwrap(&run.tenant, &row).await {
                Ok(subject) => subjects.extend(subject),
                Err(Error::Keys(KeyFault::Destroyed { .. })) => {}
                Err(Error::Keys(why @ (KeyFault::Gone { .. } | KeyFault::Damaged { .. }))) => {
                    self.note(&why);
                    lost.push((row.id, why));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(RunKeys { there: Arc::new(subjects), lost: Arc::new(lost) })
    }

    /// Why texts that were read through this vault could not be opened, each reason once.
    pub fn unread(&self) -> Vec<String> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn note(&self, why: &KeyFault) {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if unread.len() < MOST_REASONS {
            unread.insert(why.to_string());
        }
    }

    /// Whom a run's texts are about, if that was said and is not erased.
    pub async fn about(&self, run: &RunCell) -> Result<Option<String>, Error> {
        for row in self.store.subjects_of(run).await? {
            if let Some(name) = self.label(&run.tenant, &row).await? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Whom the texts under a key are about; `None` if that was not said, or its tenant key was destroyed. Errors if
    /// there is a name that does not open.
    pub async fn label(&self, tenant: &Tenant, row: &SubjectRow) -> Result<Option<String>, Error> {
        let subject = match self.unwrap(tenant, row).await {
            Err(Error::Keys(KeyFault::Destroyed { .. })) => return Ok(None),
            subject => subject?,
        };
        let id = row.cell.wrapped.by;
        let damaged = || KeyFault::Damaged { tenant: tenant.clone(), id };
        match subject {
            _ if row.cell.label.is_empty() => Ok(None),
            Some(subject) => Ok(Some(subject.open_label(&row.cell.label).ok_or_else(damaged)?)),
            None => Err(damaged().into()),
        }
    }

    /// The key in a row, as [`unwrap_row`] has it; `None` for a class this build does not know. Errors if the row is not the one that was
    /// written: its run, class and label are bound into the wrapped key.
    pub async fn unwrap(&self, tenant: &Tenant, row: &SubjectRow) -> Result<Option<Subject>, Error> {
        let Some(class) = Class::from_number(row.cell.class) else { return Ok(None) };
        let secret = unwrap_row(self.keys(), tenant, row).await?;
        Ok(Some(Subject { id: row.id, class, secret }))
    }

    /// The key in a row, wrapped by `to` instead.
    pub async fn rewrap(&self, tenant: &Tenant, row: &SubjectRow, to: KeyId) -> Result<Rewrapped, KeyFault> {
        let (SubjectCell { wrapped, label, .. }, bound) = (&row.cell, bound_in(row));
        let secret = unwrap_row(self.keys(), tenant, row).await?;
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
        if let Some(pen) = keys.pen_or_fault()? {
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
            let Some(subject) = fresh.pen.keys.there.iter().find(|subject| subject.id == new.id) else {
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
