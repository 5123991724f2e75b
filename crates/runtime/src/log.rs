//! The log of this runtime's tenant: it is extended, proved from, and held against what was kept elsewhere.

mod pin;

pub use pin::{known_key, other_key, remember_key};

use crate::error::Error;
use crate::runtime::Runtime;
use crate::view::{Depth, Which};
use comity_core::{Digest, RunId};
use comity_govern::{Anchored, Error as GateError};
use comity_ledger::keys::KeyFault;
pub use comity_ledger::log::check::NotShown;
use comity_ledger::log::check::{Shown, Trust, check, open, open_by, origin_of};
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::consistency::Consistency;
use comity_ledger::log::note::{SecretKey, Verifier};
use comity_ledger::log::proof::Proof;
use comity_ledger::log::prove::{prove, prove_consistency};
use comity_ledger::log::sequence::{KEY_PIN, key_of};
use comity_ledger::{Error as LedgerError, Fault, held_against};
use comity_store::Lease;
use futures_util::future::pending;
use pin::{LOG, anchored_here, spelled};
use std::convert::Infallible;

/// Which entry of a run is proved.
#[derive(Clone, Debug)]
pub enum ProvedEntry {
    /// The last one.
    Last,
    /// The one at this place, from 0.
    At(u64),
    /// The last one about this step.
    Of(Which),
}

/// What came of comparing the log's key with the one that is pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// It is the same, or there is no log yet, here or there.
    Same,
    /// They could not be compared.
    Not(String),
    /// What is wrong.
    Fault(String),
}

/// Whose turn it was to make a checkpoint, of the processes that share a database.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Another one's.
    Elsewhere,
    /// This one's, and what is newest now; `None` if there never was a run.
    Own(Option<Anchored>),
}

impl Runtime {
    /// Brings everything that is durable under a signed checkpoint; the newest one. `None` if there never was a run.
    ///
    /// The public key is pinned with the first one, in the store and then beside the keys. Errors if it is another
    /// one now, or if the log has lost what was signed here.
    pub async fn anchor(&self) -> Result<Option<Anchored>, Error> {
        let key = self.log_signer().await?;
        if let Some(why) = self.lost_log().await? {
            return Err(LedgerError::Log { tenant: self.tenant().clone(), why }.into());
        }
        let anchored = self.gate().anchor(self.tenant(), &key).await?;
        if anchored.is_some() {
            // After the commit: a log that was never signed has nothing to lose, and nothing to be compared with.
            let (keys, own) = (self.vault().keys(), spelled(key.verifier()));
            let known = keys.pin(LOG, &own).await.map_err(LedgerError::from)?;
            keys.pin(&anchored_here(self.tenant()), &own).await.map_err(LedgerError::from)?;
            if known != own {
                return Err(self.other_key(known, own));
            }
        }
        Ok(anchored)
    }

    /// The key that signs, which is the one that is pinned beside the keys, if one is.
    pub(crate) async fn log_signer(&self) -> Result<SecretKey, Error> {
        let keys = self.vault().keys();
        let seed = keys.signing_seed().await.map_err(LedgerError::from)?;
        let key = key_of(self.store(), self.tenant(), seed.bytes()).await?;
        let own = spelled(key.verifier());
        match keys.pinned(LOG).await.map_err(LedgerError::from)? {
            Some(known) if known != own => Err(self.other_key(known, own)),
            _ => Ok(key),
        }
    }

    /// What is wrong with a log that was never signed, as far as the store knows, and was signed here.
    async fn lost_log(&self) -> Result<Option<String>, Error> {
        if self.log_key().await?.is_some() {
            return Ok(None);
        }
        let pinned = self.vault().keys().pinned(&anchored_here(self.tenant())).await;
        Ok(pinned.map_err(LedgerError::from)?.map(|_| {
            format!(
                "the log of tenant `{}` has no checkpoint, and one was signed here before: the log was taken away, \
                 or the database is a copy from before the first",
                self.tenant()
            )
        }))
    }

    fn other_key(&self, known: String, found: String) -> Error {
        GateError::OtherKey { tenant: self.tenant().clone(), known, found }.into()
    }

    /// The public key that the log is signed with, as the store has it; `None` if it was never signed.
    pub async fn log_key(&self) -> Result<Option<Verifier>, Error> {
        let Some(pinned) = self.store().pinned(self.tenant(), KEY_PIN).await? else { return Ok(None) };
        let key = str::from_utf8(&pinned).ok().and_then(|text| text.parse().ok());
        let bad = || LedgerError::Log {
            tenant: self.tenant().clone(),
            why: "the key that is pinned in the database is not a key".to_owned(),
        };
        Ok(Some(key.ok_or_else(bad)?))
    }

    /// Compares the store's public key with the one that is pinned beside the keys. Makes neither.
    pub(crate) async fn compare_key(&self) -> Result<Compared, Error> {
        let compared = async {
            let own = self.log_key().await?;
            let known = self.vault().keys().pinned(LOG).await.map_err(LedgerError::from)?;
            Ok(match (own, known) {
                (None, _) => self.lost_log().await?.map_or(Compared::Same, Compared::Fault),
                (Some(_), None) => Compared::Not("none is pinned here".to_owned()),
                (Some(own), Some(known)) if spelled(&own) == known => Compared::Same,
                (Some(own), Some(known)) => Compared::Fault(format!(
                    "the log of tenant `{}` is signed with the key {}, and the one known here is {known}",
                    self.tenant(),
                    spelled(&own)
                )),
            })
        };
        match compared.await {
            Err(Error::Ledger(LedgerError::Keys(fault @ KeyFault::Place { .. }))) => {
                Ok(Compared::Not(fault.to_string()))
            }
            compared => compared,
        }
    }

    /// The name of the log.
    pub(crate) async fn origin(&self) -> Result<String, Error> {
        Ok(comity_ledger::log::checkpoint::origin(&self.store().id().await?, self.tenant()))
    }

    /// Proves that an entry is in the log. Everything durable is brought under a checkpoint first, if need be.
    pub async fn prove(&self, run: RunId, entry: &ProvedEntry) -> Result<Proof, Error> {
        let cell = self.store().run(self.tenant(), run).await?.ok_or(GateError::NoRun(run))?;
        let seq = match entry {
            ProvedEntry::Last => cell.next_seq.saturating_sub(1),
            ProvedEntry::At(seq) => *seq,
            ProvedEntry::Of(which) => self.last_entry_of(run, which).await?,
        };
        if seq >= cell.next_seq {
            return Err(Error::NoEntry { run, seq, entries: cell.next_seq });
        }
        if seq >= cell.anchored {
            self.anchor().await?;
        }
        Ok(prove(self.store(), self.tenant(), run, seq).await?)
    }

    async fn last_entry_of(&self, run: RunId, which: &Which) -> Result<u64, Error> {
        let view = self.view(run, &Depth::Of(which.clone())).await?;
        let none = || Error::NoStep { run, step: which.step.clone() };
        let step = view.steps.into_iter().rfind(|step| which.is(&step.step, step.pass)).ok_or_else(none)?;
        let reached = step.entries.iter().map(|entry| entry.seq).max();
        reached.ok_or_else(|| Error::NotReached { run, step: which.step.clone() })
    }

    /// Proves that the log at `new`, or at its newest checkpoint, begins with the log at `old`. Both are signed
    /// checkpoints.
    pub async fn prove_consistency(&self, old: Vec<u8>, new: Option<Vec<u8>>) -> Result<Consistency, Error> {
        let new = match new {
            Some(new) => new,
            None => {
                let none = || LedgerError::Log {
                    tenant: self.tenant().clone(),
                    why: "it has no checkpoint yet".to_owned(),
                };
                self.store().checkpoint(self.tenant(), None).await?.ok_or_else(none)?.note
            }
        };
        Ok(prove_consistency(self.store(), self.tenant(), old, new).await?)
    }

    /// Holds the log against a signed checkpoint that was kept elsewhere; what is wrong, if anything.
    pub async fn held_against(&self, kept: &[u8], witnesses: Vec<Verifier>) -> Result<Option<Fault>, Error> {
        let fault = |what: String| Ok(Some(Fault { run: None, seq: None, what }));
        let Some(key) = self.log_key().await? else {
            return fault("the log has no checkpoint, and one was kept elsewhere".to_owned());
        };
        let checkpoint: Checkpoint = match open(kept, &Trust { key, witnesses }) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return fault(format!("the checkpoint kept elsewhere: {why}")),
        };
        Ok(held_against(self.store(), self.tenant(), &checkpoint).await?)
    }

    /// The same, unless another process that shares the database does it for all: then nothing. `lease` keeps the turn
    /// from one call to the next, and gives it up when it is dropped.
    pub async fn anchor_in_turn(&self, lease: &mut Option<Lease>) -> Result<Turn, Error> {
        if !lease.as_ref().is_some_and(Lease::lasts) {
            *lease = self.store().lease(self.tenant()).await?;
        }
        if lease.is_none() { Ok(Turn::Elsewhere) } else { Ok(Turn::Own(self.anchor().await?)) }
    }

    /// Brings what becomes durable under a checkpoint, again and again, some time after it did. Never ends.
    ///
    /// Of several servers one does it for all.
    pub(crate) async fn keep_anchored(&self) -> Infallible {
        let Some(every) = self.anchor_every() else { return pending().await };
        let (mut commits, mut lease) = (self.store().commits(), None);
        while commits.changed().await.is_ok() {
            self.clock().sleep(every).await;
            commits.mark_unchanged();
            match self.anchor_in_turn(&mut lease).await {
                // Looked at again after as long: whose turn it is may be gone by then.
                Ok(Turn::Elsewhere) => commits.mark_changed(),
                Ok(Turn::Own(Some(anchored))) => {
                    // What it is not protected by is said when the run ends, and is tried again then.
                    let guarded = self.bring_outside(&anchored).await;
                    if !guarded.is_whole() {
                        commits.mark_changed();
                    }
                }
                // The same holds for what keeps it from being signed.
                Ok(Turn::Own(None)) | Err(_) => {}
            }
        }
        pending().await
    }
}

/// What a file was found to show.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The size of the log at the newest checkpoint it leads to.
    pub size: u64,
    /// The size at the older checkpoint, if it is a proof of consistency.
    pub since: Option<u64>,
    /// The run, if it is a proof of an entry.
    pub run: Option<RunId>,
    /// The entry's place in the run.
    pub seq: Option<u64>,
    /// The entry's hash.
    pub hash: Option<Digest>,
    /// The entry's body.
    pub entry: Option<String>,
}

/// Whether a file begins as a proof does, or is signed as a checkpoint is.
pub fn is_proof_of_something(text: &str) -> bool {
    text.starts_with("comity/proof/")
        || text.starts_with("comity/consistency/")
        || text.contains("\n\n\u{2014} ")
}

/// The log that a file says it is about.
pub fn log_of(text: &str) -> Option<String> {
    origin_of(text.as_bytes())
}

/// Checks a proof or a checkpoint by the log's key: with it, each witness has to have signed, and it has to lead to
/// the checkpoint that was kept elsewhere, if one was.
pub fn check_file(
    file: &[u8],
    key: &Verifier,
    witnesses: &[Verifier],
    kept: Option<&[u8]>,
) -> Result<Checked, NotShown> {
    let shown = check(file, &Trust { key: key.clone(), witnesses: witnesses.to_vec() })?;
    if let Some(kept) = kept {
        shown.leads_to(&open_by(kept, key)?)?;
    }
    let none = Checked { size: 0, since: None, run: None, seq: None, hash: None, entry: None };
    Ok(match shown {
        Shown::Checkpoint(checkpoint) => Checked { size: checkpoint.head.size, ..none },
        Shown::Consistent { old, new } => Checked { size: new.head.size, since: Some(old.head.size), ..none },
        Shown::Entry(proved) => Checked {
            size: proved.checkpoint.head.size,
            run: Some(proved.entry.run),
            seq: Some(proved.seq),
            hash: Some(proved.hash),
            entry: String::from_utf8(proved.entry.to_bytes()).ok(),
            ..none
        },
    })
}
