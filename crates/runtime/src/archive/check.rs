//! Reads an archive back and recomputes what is in it, without a database.

mod log;

use super::shelf::{Object, Shelf};
use crate::error::Error;
use crate::view::check_export;
use comity_api::{ArchiveCheck, Export};
use comity_archive::{Key, Place};
use comity_core::{Digest, RunId};
use comity_ledger::log::leaf::entry_leaf;
use comity_ledger::log::merkle::Frontier;
use comity_ledger::log::note::{Kind, Verifier};
use log::Leaves;
use std::collections::{BTreeMap, BTreeSet};

/// Names of strange objects that are told.
const STRANGE: usize = 20;

/// Why the check ends early.
enum Stop {
    /// What is missing has no name.
    Nothing(String),
    Fault(Key, String),
    Error(Error),
}

impl From<comity_archive::Error> for Stop {
    fn from(error: comity_archive::Error) -> Self {
        Self::Error(error.into())
    }
}

/// What is kept of one tenant of one database.
#[derive(Default)]
struct Kept {
    /// The exports of each run, by how many entries they have.
    runs: BTreeMap<RunId, BTreeMap<u64, Key>>,
    /// The parts of the log, by their names below it.
    log: BTreeSet<String>,
}

/// One archive, as far as it was looked at.
struct Check<'c> {
    place: &'c Place,
    /// Keys that checkpoints may be signed with; without any, signatures are not looked at.
    known: &'c [Verifier],
    report: ArchiveCheck,
}

/// Verifies everything in a place: that every export holds together and is what its name says, that a later export
/// of a run goes on where the earlier one ended, and that the log's leaves make up its tiles and its checkpoints and
/// say of the runs what their exports say. Stops at the first fault.
///
/// Errors only when the place cannot be read; what is wrong with its content is in the report.
pub async fn check_archive(
    place: &Place,
    known: &[Verifier],
    mut told: impl FnMut(&ArchiveCheck),
) -> Result<ArchiveCheck, Error> {
    let (place_name, signed) = (place.name().to_owned(), !known.is_empty());
    let report = ArchiveCheck { place: place_name, signed, ..ArchiveCheck::default() };
    let mut check = Check { place, known, report };
    match check.walk(&mut told).await {
        Ok(()) => check.report.valid = true,
        Err(Stop::Fault(key, what)) => {
            (check.report.bad, check.report.fault) = (Some(key.to_string()), Some(what));
        }
        Err(Stop::Nothing(what)) => {
            (check.report.bad, check.report.fault) = (Some(place.name().to_owned()), Some(what));
        }
        Err(Stop::Error(error)) => return Err(error),
    }
    Ok(check.report)
}

impl Check<'_> {
    async fn walk(&mut self, told: &mut impl FnMut(&ArchiveCheck)) -> Result<(), Stop> {
        if !self.place.is_there().await? {
            return Err(Stop::Nothing("there is no such place".to_owned()));
        }
        let mut shelves: BTreeMap<Shelf, Kept> = BTreeMap::new();
        for (key, _) in self.place.list(None).await? {
            match Shelf::read(&key) {
                Some((shelf, Object::Run(run, size))) => {
                    shelves.entry(shelf).or_default().runs.entry(run).or_default().insert(size, key);
                }
                Some((shelf, Object::Log(part))) => {
                    shelves.entry(shelf).or_default().log.insert(part);
                }
                None if self.report.strange.len() < STRANGE => self.report.strange.push(key.to_string()),
                None => {}
            }
        }
        if shelves.is_empty() {
            return Err(Stop::Nothing("nothing of any ledger is in it".to_owned()));
        }
        for (shelf, kept) in shelves {
            whole(&shelf, &kept)?;
            let leaves = self.log(&shelf, &kept.log).await?;
            for (run, sizes) in kept.runs {
                self.run(&shelf, run, &sizes, &leaves).await?;
                told(&self.report);
            }
        }
        Ok(())
    }

    /// Checks the exports of one run, the shortest first.
    async fn run(
        &mut self,
        shelf: &Shelf,
        run: RunId,
        sizes: &BTreeMap<u64, Key>,
        leaves: &Leaves,
    ) -> Result<(), Stop> {
        let (mut before, own): (Option<(u64, String)>, _) = (None, of_this_log(shelf, self.known));
        for (size, key) in sizes {
            let fault = |what: String| Stop::Fault(key.clone(), what);
            let bytes = self.place.read(key).await?.ok_or_else(|| fault("it is gone".to_owned()))?;
            let (found, export) = check_export(&bytes, &own);
            let Some(export) = export.filter(|_| found.valid) else {
                let place = found.bad_seq.map(|seq| format!("entry {seq}: ")).unwrap_or_default();
                return Err(fault(format!("{place}{}", found.fault.unwrap_or_default())));
            };
            if export.run != run.to_string() || export.tenant != shelf.tenant || found.entries != *size {
                let (run, tenant) = (&export.run, &export.tenant);
                let holds = format!("it holds {} entries of {run} of tenant `{tenant}`", found.entries);
                return Err(fault(format!("{holds}, which is not what its name says")));
            }
            if let Some((entries, head)) = &before
                && hash_at(&export, entries.saturating_sub(1)) != Some(head)
            {
                return Err(fault(format!("it does not go on where the export of {entries} entries ends")));
            }
            covered(&export, leaves.get(&run)).map_err(fault)?;
            before = Some((*size, found.head.unwrap_or_default()));
            self.report.entries += found.entries;
            self.report.payloads += found.payloads;
        }
        self.report.runs += 1;
        Ok(())
    }
}

/// Whatever was kept was kept with the log that covers it, and a log with a run that it is about.
fn whole(shelf: &Shelf, kept: &Kept) -> Result<(), Stop> {
    let missing = |part: &str, why: &str| {
        let key = format!("{}/{}/{part}", shelf.store, shelf.tenant).parse::<Key>();
        Err(match key {
            Ok(key) => Stop::Fault(key, why.to_owned()),
            Err(_) => Stop::Nothing(why.to_owned()),
        })
    };
    if kept.runs.is_empty() {
        return missing("runs", "the log is there, and no run that it is about");
    }
    if !kept.log.iter().any(|part| part.starts_with("checkpoints/")) {
        return missing(
            "log/checkpoints",
            "no checkpoint is there: it was taken away, or the first upload was cut off before it",
        );
    }
    Ok(())
}

/// The keys that may have signed a shelf's log, of those that are known: each has the log's own name.
fn of_this_log(shelf: &Shelf, known: &[Verifier]) -> Vec<Verifier> {
    let origin = shelf.origin();
    known.iter().filter(|key| key.name() == origin && key.kind() == Kind::Ed25519).cloned().collect()
}

fn hash_at(export: &Export, seq: u64) -> Option<&String> {
    usize::try_from(seq).ok().and_then(|seq| export.entries.get(seq)).map(|entry| &entry.hash)
}

/// Compares the run's entries with every leaf of the log that is about so many of them.
fn covered(export: &Export, leaves: Option<&BTreeMap<u64, Digest>>) -> Result<(), String> {
    let Some(leaves) = leaves else { return Ok(()) };
    let mut tree = Frontier::default();
    for entry in &export.entries {
        let hash = Digest::from_hex(&entry.hash).ok_or("a hash in it is not hex")?;
        tree.push(entry_leaf(&hash), |_| ());
        if leaves.get(&tree.size()).is_some_and(|root| *root != tree.root()) {
            return Err(format!("its first {} entries are not those that the log has", tree.size()));
        }
    }
    Ok(())
}
