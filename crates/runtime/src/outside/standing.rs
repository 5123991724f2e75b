//! How far each guard has come, and since when it has not come further.

use super::PATIENCE;
use crate::error::Error;
use crate::runtime::Runtime;
use crate::witness::Witness;
use comity_core::Timestamp;
use comity_ledger::log::note::Note;
use std::fmt;

/// Checkpoints that are read at once.
const PAGE: usize = 256;

/// Who or what protects the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The signed checkpoint itself.
    Checkpoint,
    /// A witness, by the name of its key.
    Witness(String),
    /// A place for copies.
    Copies(String),
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("the checkpoint"),
            Self::Witness(name) => write!(f, "witness {name}"),
            Self::Copies(place) => write!(f, "copies in {place}"),
        }
    }
}

/// How far a guard has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who or what.
    pub guard: Guard,
    /// How many leaves the newest checkpoint that it has is of; `None` if it has none, or nobody knows.
    pub has: Option<u64>,
    /// How many the newest checkpoint is of.
    pub of: u64,
    /// When the first checkpoint was made that it does not have.
    pub since: Option<Timestamp>,
    /// Why nobody knows.
    pub why: Option<String>,
}

impl Standing {
    /// Whether it has the newest checkpoint.
    pub fn is_whole(&self) -> bool {
        self.has == Some(self.of) && self.why.is_none()
    }
}

impl Runtime {
    /// How far each guard that is set up has come: witnesses by their signatures in the store, copies by what is in
    /// the second place. And what is wrong, if a copy there is of another log than this one.
    pub async fn standings(&self) -> Result<(Vec<Standing>, Option<String>), Error> {
        let (guards, mut fault) = (self.guards(), None);
        let Some(newest) = self.store().checkpoint(self.tenant(), None).await? else {
            return Ok((Vec::new(), self.copy_of_nothing().await));
        };
        let mut all = self.signed(&guards.witnesses, newest.size).await?;
        if let Some(second) = &guards.second {
            let guard = Guard::Copies(second.to_string());
            let mut standing = Standing { guard, has: None, of: newest.size, since: None, why: None };
            match self.within(PATIENCE, second.newest(self)).await {
                Ok(Ok(has)) => standing.has = has,
                Ok(Err(error @ Error::OtherCopy { .. })) => {
                    fault = Some(error.to_string());
                    standing.why = Some(error.to_string());
                }
                Ok(Err(error)) => standing.why = Some(error.to_string()),
                Err(why) => standing.why = Some(why),
            }
            if standing.why.is_none() && !standing.is_whole() {
                let next = standing.has.map_or(0, |has| has.saturating_add(1));
                standing.since = self.store().checkpoint(self.tenant(), Some(next)).await?.map(|row| row.at);
            }
            all.push(standing);
        }
        Ok((all, fault))
    }

    /// A log without a checkpoint, and a copy of one elsewhere.
    async fn copy_of_nothing(&self) -> Option<String> {
        let second = self.guards().second.as_ref()?;
        match self.within(PATIENCE, second.newest(self)).await {
            Ok(Err(error @ Error::OtherCopy { .. })) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Which checkpoints each witness has signed, of those in the store.
    async fn signed(&self, witnesses: &[Witness], of: u64) -> Result<Vec<Standing>, Error> {
        let standing = |witness: &Witness| Standing {
            guard: Guard::Witness(witness.key().name().to_owned()),
            has: None,
            of,
            since: None,
            why: None,
        };
        let mut all: Vec<Standing> = witnesses.iter().map(standing).collect();
        let mut after = None;
        while !witnesses.is_empty() {
            let page = self.store().checkpoints(self.tenant(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.size);
            for row in &page {
                let Ok(note) = Note::parse(&row.note) else { continue };
                for (witness, standing) in witnesses.iter().zip(&mut all) {
                    if note.clone().verify(std::slice::from_ref(witness.key())).is_ok() {
                        (standing.has, standing.since) = (Some(row.size), None);
                    } else {
                        standing.since.get_or_insert(row.at);
                    }
                }
            }
        }
        Ok(all)
    }
}
