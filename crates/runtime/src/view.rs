//! Runs as people look at them: step by step, at one step, why, and as they happen. All of it is folded from
//! entries, and nothing here writes.

mod account;
mod at;
mod attest;
mod costs;
mod diff;
mod entries;
mod evidence;
mod export;
mod facts;
mod follow;
mod forecast;
mod runs;
mod sbom;
mod story;

pub use attest::Attestation;
pub use costs::{CostsBy, CostsWanted};
pub use diff::Lines;
pub use entries::Rows;
pub use export::{ExportWanted, check_export};
pub use follow::{Patience, Until};
pub use forecast::forecast;
pub use runs::RunsWanted;

use crate::error::Error;
use crate::event::told_origin;
use crate::owner::alive;
use crate::pinned::Pinned;
use crate::runtime::Runtime;
use comity_api::RunView;
use comity_core::RunId;
use comity_ledger::{RunStatus, read};
use comity_store::RunCell;
use std::str::FromStr;
use std::sync::Arc;
use story::{Story, Texts};

/// One pass of one step, as people name it: `draft`, or `draft#2` for its second pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which {
    /// The step's name; of a nested step as `parent/name`.
    pub step: String,
    /// Which pass, from 1; the last one if nothing is said.
    pub pass: Option<u32>,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((step, pass)) = text.rsplit_once('#') else {
            return Ok(Self { step: text.to_owned(), pass: None });
        };
        match pass.parse() {
            Ok(pass) if pass > 0 => Ok(Self { step: step.to_owned(), pass: Some(pass) }),
            _ => Err(format!("`{pass}` is not a pass: passes are counted from 1, as in `{step}#2`")),
        }
    }
}

impl Which {
    pub(crate) fn is(&self, step: &str, pass: u32) -> bool {
        self.step == step && self.pass.is_none_or(|wanted| wanted == pass)
    }
}

/// How much of each step is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Depth {
    /// How it stands.
    Standing,
    /// Its entries, and what it was given and produced.
    Everything,
    /// Everything of this one, of the others how they stand.
    Of(Which),
}

impl Runtime {
    /// A run, step by step.
    pub async fn view(&self, id: RunId, depth: &Depth) -> Result<RunView, Error> {
        let texts = match depth {
            Depth::Standing => Texts::Without,
            Depth::Everything => Texts::All,
            Depth::Of(which) => Texts::Of(which.clone()),
        };
        let (story, pinned) = self.story(id, texts).await?;
        let Pinned { cell, setup, origin, .. } = pinned;
        let spent = story.spent();
        Ok(RunView {
            run_id: id.to_string(),
            status: self.standing(&cell).await?.0.word().to_owned(),
            name: story.plan().name().unwrap_or_default().to_owned(),
            file: setup.file,
            forked_from: origin.map(told_origin),
            forked_at: setup.fork.map(|fork| fork.from),
            opened_ms: cell.opened.millis(),
            updated_ms: cell.updated.millis(),
            cost_micro_usd: spent.micro_usd,
            tokens: spent.tokens,
            entries: cell.next_seq,
            head: cell.head.to_string(),
            steps: story.into_steps(),
        })
    }

    /// The newest run, if there is one.
    pub async fn newest(&self) -> Result<Option<RunId>, Error> {
        let book = comity_ledger::book::of_tenant(self.tenant());
        let newest = self.store().runs(self.tenant(), None, 2).await?;
        Ok(newest.iter().map(|row| row.id).find(|id| *id != book))
    }

    /// Where a run stands, and the process that works on it. A run that says it is running, and whose process is
    /// gone, was cut off.
    pub(crate) async fn standing(&self, cell: &RunCell) -> Result<(RunStatus, Option<u32>), Error> {
        let status = RunStatus::from_number(cell.status).unwrap_or(RunStatus::Running);
        if status != RunStatus::Running {
            return Ok((status, None));
        }
        Ok(match alive(self.store(), &cell.owner).await? {
            Some(pid) => (RunStatus::Running, Some(pid)),
            None => (RunStatus::Interrupted, None),
        })
    }

    /// Everything up to now, and what it was started with.
    async fn story(&self, id: RunId, texts: Texts) -> Result<(Story, Pinned), Error> {
        let pinned = self.pinned(id).await?;
        let mut story = Story::new(Arc::new(self.compile(&pinned.source)?), texts);
        read(self.vault(), &pinned.cell, |record| story.add(&record)).await?;
        Ok((story, pinned))
    }
}
