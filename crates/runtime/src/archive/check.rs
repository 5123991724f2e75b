//! Reads an archive back and recomputes what is in it, without a database.

use super::shelf::{Object, Shelf};
use crate::error::Error;
use crate::view::check_export;
use comity_api::ArchiveCheck;
use comity_archive::{Key, Place};
use comity_core::RunId;
use std::collections::BTreeMap;

/// Names of strange objects that are told.
const STRANGE: usize = 20;

/// The exports of one run, by how many entries they have.
type Sizes = BTreeMap<u64, Key>;

/// Why the check ends early.
enum Stop {
    Fault(Key, String),
    Error(Error),
}

impl From<comity_archive::Error> for Stop {
    fn from(error: comity_archive::Error) -> Self {
        Self::Error(error.into())
    }
}

/// Verifies everything in a place: that every export holds together and is what its name says, and that a later
/// export of a run goes on where the earlier one ended. Stops at the first fault.
///
/// Errors only when the place cannot be read; what is wrong with its content is in the report.
pub async fn check_archive(
    place: &Place,
    mut told: impl FnMut(&ArchiveCheck),
) -> Result<ArchiveCheck, Error> {
    let mut report = ArchiveCheck { place: place.name().to_owned(), ..ArchiveCheck::default() };
    match walk(place, &mut report, &mut told).await {
        Ok(()) => report.valid = true,
        Err(Stop::Fault(key, what)) => (report.bad, report.fault) = (Some(key.to_string()), Some(what)),
        Err(Stop::Error(error)) => return Err(error),
    }
    Ok(report)
}

async fn walk(
    place: &Place,
    report: &mut ArchiveCheck,
    told: &mut impl FnMut(&ArchiveCheck),
) -> Result<(), Stop> {
    let mut shelves: BTreeMap<Shelf, BTreeMap<RunId, Sizes>> = BTreeMap::new();
    for (key, _) in place.list(None).await? {
        match Shelf::read(&key) {
            Some((shelf, Object::Run(run, size))) => {
                shelves.entry(shelf).or_default().entry(run).or_default().insert(size, key);
            }
            Some((_, Object::Log(_))) => {}
            None if report.strange.len() < STRANGE => report.strange.push(key.to_string()),
            None => {}
        }
    }
    for (shelf, runs) in shelves {
        for (run, sizes) in runs {
            check_run(place, &shelf, run, &sizes, report).await?;
            told(report);
        }
    }
    Ok(())
}

/// Checks the exports of one run, the shortest first.
async fn check_run(
    place: &Place,
    shelf: &Shelf,
    run: RunId,
    sizes: &Sizes,
    report: &mut ArchiveCheck,
) -> Result<(), Stop> {
    let mut before: Option<(u64, String)> = None;
    for (size, key) in sizes {
        let fault = |what: String| Stop::Fault(key.clone(), what);
        let bytes = place.read(key).await?.ok_or_else(|| fault("it is gone".to_owned()))?;
        let (found, export) = check_export(&bytes);
        let export = match (found.fault, export) {
            (None, Some(export)) => export,
            (fault_of, _) => {
                let place = found.bad_seq.map(|seq| format!("entry {seq}: ")).unwrap_or_default();
                return Err(fault(format!("{place}{}", fault_of.unwrap_or_default())));
            }
        };
        if export.run != run.to_string() || export.tenant != shelf.tenant || found.entries != *size {
            let what = format!(
                "it holds {} entries of {} of tenant `{}`, which is not what its name says",
                found.entries, export.run, export.tenant
            );
            return Err(fault(what));
        }
        if let Some((entries, head)) = &before {
            let last =
                usize::try_from(entries.saturating_sub(1)).ok().and_then(|last| export.entries.get(last));
            if last.is_none_or(|last| last.hash != *head) {
                return Err(fault(format!("it does not go on where the export of {entries} entries ends")));
            }
        }
        before = Some((*size, found.head.unwrap_or_default()));
        report.entries += found.entries;
        report.payloads += found.payloads;
    }
    report.runs += 1;
    Ok(())
}
