//! Asks witnesses to sign the newest checkpoint: the permit-free exit "checkpoint copies".
//!
//! What leaves is a signed checkpoint and a proof that the log only grew: hashes, and the log's name. A witness that is
//! not there stops nothing; one that has seen another view of the log is an error.

use crate::error::Error;
use crate::runtime::Runtime;
use comity_adapter::{Post, Posted};
use comity_core::Digest;
use comity_govern::Cosigned;
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::merkle::Lookup;
use comity_ledger::log::note::{Note, Signature, Verifier};
use comity_witness::client::{Asked, Fork, MAX_ANSWER, Next};
use comity_witness::{Head, Kind};
use std::str::FromStr;
use std::time::Duration;

/// How long a witness may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions to one witness: where it is, and the right proof, with one to spare for another process that asks too.
const QUESTIONS: usize = 3;
/// Waits before a witness that did not answer is asked again.
const AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// How much time a witness is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A person waits for it: who does not answer is asked again.
    Patient,
    /// A run waits for it: who does not answer is asked with the next checkpoint.
    Once,
}

impl Effort {
    fn again(self) -> &'static [Duration] {
        match self {
            Self::Patient => &AGAIN,
            Self::Once => &[],
        }
    }

    /// How long one witness may take with everything it is asked.
    fn deadline(self) -> Duration {
        match self {
            Self::Patient => Duration::from_secs(30),
            Self::Once => PATIENCE,
        }
    }
}

/// What came of asking witnesses.
#[derive(Debug, Default)]
pub struct AskedAll {
    /// What each said that has not seen another log.
    pub told: Vec<Witnessed>,
    /// The first that has seen another view of the log.
    pub split: Option<Error>,
}

/// Whom to ask: written `URL KEY`, as the witness prints its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    place: Post,
    key: Verifier,
}

/// Why a text names no witness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this names no witness (`URL KEY`): {0}")]
pub struct BadWitness(String);

impl FromStr for Witness {
    type Err = BadWitness;

    fn from_str(text: &str) -> Result<Self, BadWitness> {
        let (url, key) =
            text.trim().split_once(' ').ok_or_else(|| BadWitness("there is no key".to_owned()))?;
        let place = url.parse().map_err(|why| BadWitness(format!("`{url}` {why}")))?;
        let key: Verifier =
            key.trim().parse().map_err(|bad: comity_witness::BadKey| BadWitness(bad.to_string()))?;
        if key.kind() != Kind::Cosignature {
            return Err(BadWitness("its key is that of a log".to_owned()));
        }
        Ok(Self { place, key })
    }
}

impl Witness {
    /// The key its signatures are checked by.
    pub fn key(&self) -> &Verifier {
        &self.key
    }
}

/// What came of asking one witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witnessed {
    /// Its signature is under the checkpoint of that size.
    Signed {
        /// The name of its key.
        witness: String,
        /// How many leaves it signed for.
        size: u64,
    },
    /// Another process was faster: the log has grown, and is witnessed further on.
    Outgrown {
        /// The name of its key.
        witness: String,
    },
    /// It did not sign. It is asked again after the next checkpoint.
    Silent {
        /// The name of its key.
        witness: String,
        /// Why, as the end of a sentence about it.
        why: String,
    },
}

/// The newest checkpoint.
struct Newest {
    note: Note,
    checkpoint: Checkpoint,
}

impl Runtime {
    /// Asks each witness to sign the newest checkpoint, and stores what they sign. Nothing if there is no checkpoint.
    ///
    /// One that is not there stops nothing, and keeps none of the others' signatures from being stored.
    pub async fn ask_witnesses(&self, witnesses: &[Witness], effort: Effort) -> Result<AskedAll, Error> {
        let Some(row) = self.store().checkpoint(self.tenant(), None).await? else {
            return Ok(AskedAll::default());
        };
        let note = Note::parse(&row.note).map_err(|bad| Error::BadCheckpoint(bad.to_string()))?;
        let checkpoint =
            Checkpoint::parse(note.text()).map_err(|why| Error::BadCheckpoint(why.to_owned()))?;
        let newest = Newest { note, checkpoint };
        let asked = witnesses.iter().map(|witness| self.ask_in_time(witness, &newest, effort));
        let (mut all, mut signatures, mut failed) = (AskedAll::default(), Vec::new(), None);
        for came in futures_util::future::join_all(asked).await {
            match came {
                Ok((one, signature)) => {
                    all.told.push(one);
                    signatures.extend(signature);
                }
                Err(error @ Error::Split { .. }) => all.split = all.split.or(Some(error)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let size = newest.checkpoint.head.size;
        if !signatures.is_empty() {
            match self.gate().cosign(self.tenant(), size, &signatures).await? {
                Cosigned::Kept => {}
                Cosigned::Outgrown => all.told.iter_mut().for_each(Witnessed::outgrow),
                Cosigned::Unreadable => return Err(Error::BadCheckpoint("it was changed".to_owned())),
            }
        }
        // A split is what has to be told first.
        if all.split.is_some() { Ok(all) } else { failed.map_or(Ok(all), Err) }
    }

    async fn ask_in_time(
        &self,
        witness: &Witness,
        newest: &Newest,
        effort: Effort,
    ) -> Result<(Witnessed, Option<Signature>), Error> {
        match self.within(effort.deadline(), self.ask_witness(witness, newest, effort)).await {
            Ok(came) => came,
            Err(why) => Ok((Witnessed::Silent { witness: witness.key.name().to_owned(), why }, None)),
        }
    }

    async fn ask_witness(
        &self,
        witness: &Witness,
        newest: &Newest,
        effort: Effort,
    ) -> Result<(Witnessed, Option<Signature>), Error> {
        let name = || witness.key.name().to_owned();
        let (head, origin) = (newest.checkpoint.head, &newest.checkpoint.origin);
        let split = |how| Error::Split { witness: name(), log: origin.clone(), how };
        let mut old = 0;
        for _ in 0..QUESTIONS {
            let asked = Asked { old, head, note: &newest.note };
            let body = asked.body(&self.proof_from(old, head).await?);
            let posted = match self.post(witness, body, effort).await {
                Ok(posted) => posted,
                Err(why) => return Ok((Witnessed::Silent { witness: name(), why }, None)),
            };
            match asked.next(posted.status, &posted.body, &witness.key) {
                Next::Keep(signature) => {
                    let signed = Witnessed::Signed { witness: name(), size: head.size };
                    return Ok((signed, Some(signature)));
                }
                Next::ProveFrom(size) => old = size,
                Next::Longer(size) if size <= self.store().log(self.tenant()).await?.size => {
                    return Ok((Witnessed::Outgrown { witness: name() }, None));
                }
                Next::Longer(size) => {
                    return Err(split(format!("it signed {size} leaves, and here are {}", head.size)));
                }
                Next::Forked(Fork::SameSize(size)) => {
                    return Err(split(format!("at {size} leaves it signed another root")));
                }
                Next::Forked(Fork::OtherPast(size)) => {
                    return Err(split(format!("its {size} leaves are not those that this log begins with")));
                }
                Next::Unusable(why) => return Ok((Witnessed::Silent { witness: name(), why }, None)),
            }
        }
        let why = "others were faster each time".to_owned();
        Ok((Witnessed::Silent { witness: name(), why }, None))
    }

    /// Asks, and again if nobody answers, as far as there is time.
    async fn post(&self, witness: &Witness, body: Vec<u8>, effort: Effort) -> Result<Posted, String> {
        let clock = &*self.clock;
        for wait in effort.again() {
            let sent = witness.place.send("/add-checkpoint", body.clone(), MAX_ANSWER, PATIENCE, clock);
            match sent.await {
                Ok(posted) if posted.status < 500 => return Ok(posted),
                _ => clock.sleep(*wait).await,
            }
        }
        witness.place.send("/add-checkpoint", body, MAX_ANSWER, PATIENCE, clock).await
    }

    async fn proof_from(&self, old: u64, head: Head) -> Result<Vec<Digest>, Error> {
        let missing = || Error::BadCheckpoint("hashes of the log below it are missing".to_owned());
        let lookup = Lookup::consistency(old, head.size).ok_or_else(missing)?;
        let hashes = self.store().log_hashes_at(self.tenant(), &lookup.places()).await?;
        lookup.nodes(&hashes).ok_or_else(missing)
    }
}

impl Witnessed {
    /// What it signed is not stored: there is a newer checkpoint.
    fn outgrow(&mut self) {
        if let Self::Signed { witness, .. } = self {
            *self = Self::Outgrown { witness: std::mem::take(witness) };
        }
    }
}
