//! Wrapped keys.

use super::{Cells, Draft, Here, at};
use crate::cells::SubjectCell;
use crate::commit::{MAX_LISTED, MAX_TEXT, NewSubject, Refused, Rewrapped, WrappedKey};
use comity_core::{SubjectId, Tenant};

impl Cells {
    pub(super) fn add_subject(
        &self,
        new: NewSubject,
        here: Here<'_>,
        draft: &mut Draft,
    ) -> Result<(), Refused> {
        let NewSubject { id, class, of_run, wrapped, label } = new;
        is_short(&wrapped, &label)?;
        if self.subject(id, here.tenant, draft).is_some() {
            return Err(Refused::Subject(id));
        }
        let run = of_run.then_some(here.run);
        draft.subjects.retain(|(other, _)| *other != id);
        draft.subjects.push((id, Some(SubjectCell { run, class, wrapped, label })));
        Ok(())
    }

    pub(super) fn rewrap(
        &self,
        keys: Vec<Rewrapped>,
        tenant: &Tenant,
        draft: &mut Draft,
    ) -> Result<(), Refused> {
        if keys.len() > MAX_LISTED {
            return Err(Refused::Malformed("at most 1,000 keys are wrapped anew at once"));
        }
        for key in keys {
            is_short(&key.wrapped, &key.label)?;
            let known = self.subject(key.id, tenant, draft).filter(|cell| cell.wrapped.by == key.from);
            let known = known.ok_or(Refused::Subject(key.id))?;
            let cell = SubjectCell { wrapped: key.wrapped, label: key.label, ..known.clone() };
            draft.subjects.retain(|(other, _)| *other != key.id);
            draft.subjects.push((key.id, Some(cell)));
        }
        Ok(())
    }

    /// The key as this commit has left it so far, if it is there.
    fn subject<'s>(&'s self, id: SubjectId, tenant: &Tenant, draft: &'s Draft) -> Option<&'s SubjectCell> {
        match draft.subjects.iter().find(|(other, _)| *other == id) {
            Some((_, drafted)) => drafted.as_ref(),
            None => at(&self.subjects, tenant, id),
        }
    }
}

fn is_short(wrapped: &WrappedKey, label: &[u8]) -> Result<(), Refused> {
    let short = wrapped.bytes.len() <= MAX_TEXT && label.len() <= MAX_TEXT;
    short.then_some(()).ok_or(Refused::Malformed("a wrapped key or its label is longer than 64 KiB"))
}
