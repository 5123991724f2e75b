//! Copies of runs, outside the database: made here, and read back in [`check`].
//!
//! Everything is kept once and never changed, so that doing it again goes on where it was left:
//! `<database>/<tenant>/runs/<run>/<entries>.json` is a run's export up to that many entries. A run that has moved
//! since gets a further object beside the first. The tenant's log lies beside them ([`log`]).

mod check;
mod log;
mod shelf;

pub use check::check_archive;
pub use log::keep_checkpoint;
pub use shelf::Shelf;

use crate::error::Error;
use crate::runtime::Runtime;
use comity_api::ArchiveReport;
use comity_archive::{Kept, Place};
use comity_core::RunId;
use comity_ledger::RunStatus;
use comity_store::RunCell;
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Runs that are copied at once: each is whole in memory while it is.
const AT_ONCE: usize = 4;
/// Runs that are looked up in one read.
const PAGE: usize = 100;

/// Which runs are copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archived {
    /// These, as they stand.
    Runs(Vec<RunId>),
    /// Every run that has ended.
    Closed,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are there now.
    pub done: u64,
    /// Runs that are to be there, as far as that is known.
    pub of: u64,
}

impl Runtime {
    /// Keeps copies of runs in a place, and tells of each.
    ///
    /// What is there with the same bytes is left and counted; what is there with other bytes is an error, and so is
    /// a place that writes over what it was told to leave alone.
    pub async fn archive(
        &self,
        place: &Place,
        wanted: &Archived,
        mut told: impl FnMut(Progress),
    ) -> Result<ArchiveReport, Error> {
        // What is kept is kept with a checkpoint that covers it. Where none can be made, an older one will do.
        if let Err(error) = self.anchor_with_own_keys().await
            && self.store().checkpoint(self.tenant(), None).await?.is_none()
        {
            return Err(error);
        }
        let runs = self.wanted(wanted).await?;
        let mut report = ArchiveReport { place: place.name().to_owned(), ..ArchiveReport::default() };
        let shelf = Shelf::of(self.store().id().await?, self.tenant());
        let copies = stream::iter(runs.iter().map(|(run, cell)| self.keep(place, &shelf, *run, cell)));
        let mut copies = copies.buffer_unordered(AT_ONCE);
        while let Some((kept, bytes)) = copies.try_next().await? {
            count(&mut report, kept, bytes);
            report.runs += 1;
            told(Progress { done: report.runs, of: runs.len() as u64 });
        }
        drop(copies);
        if report.runs > 0 {
            self.keep_log(place, &shelf, &mut report).await?;
        }
        Ok(report)
    }

    /// With other keys nothing is signed, and none is made.
    async fn anchor_with_own_keys(&self) -> Result<(), Error> {
        self.vault().check_keys(self.tenant()).await?;
        self.anchor().await.map(drop)
    }

    async fn wanted(&self, wanted: &Archived) -> Result<Vec<(RunId, RunCell)>, Error> {
        let mut out = Vec::new();
        if let Archived::Runs(runs) = wanted {
            for run in runs {
                let cell = self.store().run(self.tenant(), *run).await?;
                out.push((*run, cell.ok_or(comity_govern::Error::NoRun(*run))?));
            }
            return Ok(out);
        }
        let mut before = None;
        loop {
            let page = self.store().runs(self.tenant(), before, PAGE).await?;
            let Some(last) = page.last() else { return Ok(out) };
            before = Some(last.id);
            let ended = |cell: &RunCell| RunStatus::from_number(cell.status).is_some_and(RunStatus::is_final);
            out.extend(page.into_iter().filter(|row| ended(&row.cell)).map(|row| (row.id, row.cell)));
        }
    }

    /// Keeps one run as it stood when its row was read.
    async fn keep(
        &self,
        place: &Place,
        shelf: &Shelf,
        run: RunId,
        cell: &RunCell,
    ) -> Result<(Kept, u64), Error> {
        let bytes = self.archived(run, cell).await?;
        let length = bytes.len() as u64;
        Ok((place.keep(&shelf.run(run, cell.next_seq)?, bytes).await?, length))
    }
}

fn count(report: &mut ArchiveReport, kept: Kept, bytes: u64) {
    match kept {
        Kept::Made => {
            report.made += 1;
            report.bytes += bytes;
        }
        Kept::There => report.there += 1,
    }
}
