//! The witness: one decision after the other for each log, each on the disk before it is told.

use crate::error::Error;
use crate::judge::{Judgement, Split, judge};
use crate::request::{Request, checkpoint_of};
use crate::state::{Evidence, State};
use comity_core::{Clock, Digest, Entropy, Point, Points};
use comity_ledger::log::merkle::Head;
use comity_ledger::log::note::{Kind, Note, NoteSigner, SecretKey, SignError, Signature, Verifier};
use comity_ledger::log::text::encode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a witness is made of.
pub struct Options<'o> {
    /// Its folder. Made, with a key, where it is not there.
    pub folder: &'o Path,
    /// The logs it knows, by the keys that sign them. A log's origin is the name of its key.
    pub trust: &'o [Verifier],
    /// What the time in a cosignature is read from.
    pub clock: Arc<dyn Clock>,
    /// What the key is drawn from, the first time.
    pub entropy: &'o dyn Entropy,
    /// Told of the moments before and after a checkpoint is on the disk.
    pub points: Arc<dyn Points>,
    /// Told of everything that somebody may want to look at. Called while a log waits: it should not take long.
    pub say: Box<dyn Fn(&Said) + Send + Sync>,
}

/// What a witness says aloud. Origins are those of logs it was told to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It cosigned a checkpoint.
    Cosigned {
        /// Of which log.
        origin: String,
        /// At which size.
        size: u64,
    },
    /// A log showed two views of itself.
    Split {
        /// Which log.
        origin: String,
        /// What was cosigned before.
        cosigned: Head,
        /// What was refused.
        refused: Head,
        /// How they differ.
        how: Split,
        /// The file that shows it, or why there is none.
        evidence: Result<PathBuf, String>,
    },
    /// It cannot remember what it cosigns, and cosigns nothing more of that log until it is started again.
    Stuck {
        /// Which log.
        origin: String,
        /// The operating system's words, or the key's.
        why: String,
    },
}

/// What is answered to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Signs what only grew. Shared by all connections.
pub struct Witness {
    key: SecretKey,
    logs: BTreeMap<String, Log>,
    state: State,
    clock: Arc<dyn Clock>,
    points: Arc<dyn Points>,
    say: Box<dyn Fn(&Said) + Send + Sync>,
}

#[derive(Default)]
struct Log {
    keys: Vec<Verifier>,
    // Held while one request is decided and remembered: two never pass each other.
    latest: Mutex<Latest>,
}

/// What is known of what was cosigned last.
enum Latest {
    Known(Option<Seen>),
    /// A write failed: the disk may say this or that.
    Unsure,
}

impl Default for Latest {
    fn default() -> Self {
        Self::Known(None)
    }
}

struct Seen {
    head: Head,
    note: Note,
}

impl Witness {
    /// Takes the folder and remembers. Errors if another process has it, or if what is in it is not what a witness
    /// with its key left there.
    pub fn open(options: Options<'_>) -> Result<Self, Error> {
        let state = State::open(options.folder)?;
        let key = own_key(&state, options.folder, options.entropy)?;
        let mut logs: BTreeMap<String, Log> = BTreeMap::new();
        for known in options.trust {
            if known.kind() != Kind::Ed25519 {
                return Err(Error::NotALog(known.name().to_owned()));
            }
            logs.entry(known.name().to_owned()).or_default().keys.push(known.clone());
        }
        for (path, bytes) in state.logs()? {
            let (origin, seen) = recall(&bytes, key.verifier()).map_err(|why| Error::state(&path, why))?;
            if state.file(&origin) != path {
                return Err(Error::state(&path, "it is the checkpoint of another log"));
            }
            // What is not trusted any more is remembered for the day it is again.
            if let Some(log) = logs.get_mut(&origin) {
                log.latest = Mutex::new(Latest::Known(Some(seen)));
            }
        }
        let Options { clock, points, say, .. } = options;
        Ok(Self { key, logs, state, clock, points, say })
    }

    /// The key its cosignatures are checked by.
    pub fn verifier(&self) -> &Verifier {
        self.key.verifier()
    }

    /// Answers the body of one `POST /add-checkpoint`. Waits for the disk; to be called where that hurts nobody.
    pub fn add_checkpoint(&self, body: &[u8]) -> Answer {
        self.decide(body).unwrap_or_else(|refusal| refusal)
    }

    fn decide(&self, body: &[u8]) -> Result<Answer, Answer> {
        let request = Request::parse(body).map_err(|why| Answer::text(400, &why))?;
        let origin = request.checkpoint.origin.as_str();
        let log =
            self.logs.get(origin).ok_or_else(|| Answer::text(404, "this witness does not know that log"))?;
        let signed = request.note.clone().verify(&log.keys);
        let signed = signed.map_err(|bad| Answer::text(403, &bad.to_string()))?;
        let mut latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let Latest::Known(seen) = &*latest else {
            return Err(Answer::text(503, "this witness cannot remember that log: its operator has to look"));
        };
        match judge(seen.as_ref().map(|seen| seen.head), &request) {
            Judgement::Elsewhere { size } => Err(Answer::size(size)),
            Judgement::Unproven => Err(Answer::text(422, "the proof does not fit the two sizes")),
            Judgement::Split(how) => Err(self.refuse(seen.as_ref(), &request, how)),
            Judgement::Cosign => {
                let known = signed.by.iter().map(|by| (by.name.as_str(), by.id));
                let known: Vec<_> = known.collect();
                let kept = |signature: &&Signature| known.contains(&(signature.name.as_str(), signature.id));
                let signatures: Vec<_> = signed.note.signatures().iter().filter(kept).cloned().collect();
                self.cosign(&mut latest, &request, signatures)
                    .map_err(|why| self.stuck(&mut latest, origin, why))
            }
        }
    }

    /// Remembers, then signs aloud.
    fn cosign(&self, latest: &mut Latest, request: &Request, by: Vec<Signature>) -> Result<Answer, String> {
        let (note, line) = self.signed(request.note.text(), by).map_err(|error| error.to_string())?;
        let checkpoint = &request.checkpoint;
        let again = matches!(latest, Latest::Known(Some(seen)) if seen.note.text() == note.text());
        if !again {
            self.points.reach(Point::BeforeCommit);
            self.state.keep(&checkpoint.origin, &note.to_bytes()).map_err(|error| error.to_string())?;
            self.points.reach(Point::AfterCommit);
            *latest = Latest::Known(Some(Seen { head: checkpoint.head, note }));
        }
        (self.say)(&Said::Cosigned { origin: checkpoint.origin.clone(), size: checkpoint.head.size });
        Ok(Answer { status: 200, content_type: TEXT, body: line })
    }

    /// The note with the log's own signatures and ours, and the line of ours.
    fn signed(&self, text: &str, by: Vec<Signature>) -> Result<(Note, String), SignError> {
        let unfit = |_| SignError::new("the checkpoint has too many signatures");
        let mut note = Note::new(text).map_err(unfit)?;
        for signature in by {
            note.add(signature).map_err(unfit)?;
        }
        let at = self.clock.now().millis() / 1_000;
        note.sign(&self.key.cosigner(at))?;
        let own =
            |signature: &&Signature| signature.id == self.key.key_id() && signature.name == self.key.name();
        let line = note.signatures().iter().find(own).map(Signature::line).unwrap_or_default();
        Ok((note, line))
    }

    fn stuck(&self, latest: &mut Latest, origin: &str, why: String) -> Answer {
        *latest = Latest::Unsure;
        (self.say)(&Said::Stuck { origin: origin.to_owned(), why });
        Answer::text(500, "this witness could not remember the checkpoint, and did not cosign it")
    }

    /// Keeps what shows the two views and says so, then refuses as the protocol has it.
    fn refuse(&self, seen: Option<&Seen>, request: &Request, how: Split) -> Answer {
        let Some(seen) = seen else { return Answer::text(422, "the proof does not fit the two sizes") };
        let checkpoint = &request.checkpoint;
        let shown = Shown::of(seen, request, how);
        let evidence = match self.state.keep_evidence(&checkpoint.origin, &shown.about(), &shown.to_bytes()) {
            Ok(Evidence::Kept(path)) => Ok(path),
            Ok(Evidence::Enough) => Err("enough of that log is kept already".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let origin = checkpoint.origin.clone();
        (self.say)(&Said::Split { origin, cosigned: seen.head, refused: checkpoint.head, how, evidence });
        match how {
            Split::SameSize => Answer::size(seen.head.size),
            Split::OtherPast | Split::NotShown => Answer::text(
                422,
                &format!(
                    "the checkpoint does not begin with the {} leaves that were cosigned",
                    seen.head.size
                ),
            ),
        }
    }
}

/// Two views of one log, as a file: whoever has the log's key can check both signatures.
#[derive(Serialize)]
struct Shown<'s> {
    format: &'static str,
    origin: &'s str,
    proven: bool,
    what: &'static str,
    cosigned: String,
    refused: String,
    old: u64,
    proof: Vec<String>,
}

impl<'s> Shown<'s> {
    fn of(seen: &Seen, request: &'s Request, how: Split) -> Self {
        Self {
            format: "comity/split-view/v1",
            origin: &request.checkpoint.origin,
            proven: how.is_proven(),
            what: match how {
                Split::SameSize => "the log signed two roots at one size",
                Split::OtherPast => "the proof leads to the refused root from another tree than was cosigned",
                Split::NotShown => "the log did not show that the refused tree begins with the cosigned one",
            },
            cosigned: String::from_utf8_lossy(&seen.note.to_bytes()).into_owned(),
            refused: String::from_utf8_lossy(&request.note.to_bytes()).into_owned(),
            old: request.old,
            proof: request.proof.iter().map(|hash| encode(&hash.0)).collect(),
        }
    }

    /// Two checkpoints are one piece of evidence, with whatever proof they came, unless that proves it.
    fn about(&self) -> Digest {
        let text = |note: &str| note.rsplit_once("\n\n").map(|(text, _)| text.to_owned()).unwrap_or_default();
        let proven = [u8::from(self.proven)];
        Digest::of(&[text(&self.cosigned).as_bytes(), b"\0", text(&self.refused).as_bytes(), &proven])
    }

    fn to_bytes(&self) -> Vec<u8> {
        // Texts and numbers only: it cannot fail.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

impl Answer {
    pub(crate) fn text(status: u16, why: &str) -> Self {
        Self { status, content_type: TEXT, body: format!("{why}\n") }
    }

    /// The size that a proof has to begin at. Source: c2sp.org/tlog-witness.
    fn size(size: u64) -> Self {
        Self { status: 409, content_type: "text/x.tlog.size", body: format!("{size}\n") }
    }
}

/// The key of the folder, drawn the first time.
fn own_key(state: &State, folder: &Path, entropy: &dyn Entropy) -> Result<SecretKey, Error> {
    let bad = |why: &dyn ToString| Error::state(&folder.join("key"), why.to_string());
    if let Some(secret) = state.key()? {
        let key: SecretKey = secret.parse().map_err(|error| bad(&error))?;
        let is_ours = key.verifier().kind() == Kind::Cosignature;
        return if is_ours { Ok(key) } else { Err(bad(&"it is not the key of a witness")) };
    }
    // A key that is gone must not be replaced in silence: readers trust the old one.
    if !state.logs()?.is_empty() {
        return Err(bad(&"it is gone, and the folder has checkpoints that it cosigned"));
    }
    let (mut seed, mut name) = ([0; 32], [0; 8]);
    entropy.fill(&mut seed);
    entropy.fill(&mut name);
    let name = format!("comity-witness/{:016x}", u64::from_be_bytes(name));
    let key = SecretKey::new(&name, Kind::Cosignature, &seed).map_err(|error| bad(&error))?;
    state.keep_key(&key.secret())?;
    Ok(key)
}

/// What a file of the folder says, if this witness cosigned it.
fn recall(bytes: &[u8], own: &Verifier) -> Result<(String, Seen), String> {
    let note = Note::open(bytes, std::slice::from_ref(own)).map_err(|bad| bad.to_string())?.note;
    let checkpoint = checkpoint_of(note.text())?;
    Ok((checkpoint.origin, Seen { head: checkpoint.head, note }))
}

#[cfg(test)]
mod tests;
