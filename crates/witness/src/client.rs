//! What somebody who asks a witness makes of its answers. The asking itself is done elsewhere.

use crate::request::Request;
use comity_core::Digest;
use comity_ledger::log::merkle::Head;
use comity_ledger::log::note::{Note, Signature, Verifier};
use comity_ledger::log::text::number;

/// Bytes of an answer that are read, at most.
pub const MAX_ANSWER: usize = 64 * 1024;

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The size that the proof began at.
    pub old: u64,
    /// The checkpoint's size and root.
    pub head: Head,
    /// The checkpoint, with the log's signature.
    pub note: &'a Note,
}

/// What is to be done after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The witness cosigned: this goes under the checkpoint.
    Keep(Signature),
    /// Ask again, with a proof that begins at this size.
    ProveFrom(u64),
    /// The witness cosigned a larger tree. Where the log did not grow meanwhile, it lost something since.
    Longer(u64),
    /// The witness cosigned another view of this log.
    Forked(Fork),
    /// The witness did not do as the protocol says, or does not want to; the end of a sentence.
    Unusable(String),
}

/// Which other view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// Another root at the same size.
    SameSize(u64),
    /// A tree of this size that this log does not begin with.
    OtherPast(u64),
}

impl Asked<'_> {
    /// The body of the request, with the proof from `old` to the checkpoint.
    pub fn body(&self, proof: &[Digest]) -> Vec<u8> {
        Request::body(self.old, proof, &self.note.to_bytes())
    }

    /// What an answer of the witness with that key means.
    pub fn next(&self, status: u16, body: &[u8], witness: &Verifier) -> Next {
        match status {
            200 => self.cosigned(body, witness),
            409 => match str::from_utf8(body).ok().and_then(|text| number(text.strip_suffix('\n')?)) {
                Some(size) => self.elsewhere(size),
                None => Next::Unusable("it answered a conflict without a size".to_owned()),
            },
            // It says so only of a proof that begins where its own view ends.
            422 if self.old > 0 => Next::Forked(Fork::OtherPast(self.old)),
            403 => Next::Unusable("it does not trust the key of this log".to_owned()),
            404 => Next::Unusable("it does not know this log".to_owned()),
            other => Next::Unusable(format!("it answered {other}")),
        }
    }

    fn elsewhere(&self, size: u64) -> Next {
        if size > self.head.size {
            Next::Longer(size)
        } else if size != self.old {
            Next::ProveFrom(size)
        } else if size == self.head.size {
            // A conflict about the size it has itself: it has another root there.
            Next::Forked(Fork::SameSize(size))
        } else {
            Next::Unusable("it asked for a proof that it had".to_owned())
        }
    }

    /// Takes the cosignature if it is the witness's, and over this very checkpoint.
    fn cosigned(&self, body: &[u8], witness: &Verifier) -> Next {
        let lines = str::from_utf8(body).ok().and_then(|text| Signature::parse_lines(text).ok());
        let own = |line: &Signature| line.name == witness.name() && line.id == witness.key_id();
        let Some(line) = lines.and_then(|lines| lines.into_iter().find(own)) else {
            return Next::Unusable("its answer has no cosignature of its key".to_owned());
        };
        let fits = || {
            let mut note = Note::new(self.note.text()).ok()?;
            note.add(line.clone()).ok()?;
            note.verify(std::slice::from_ref(witness)).ok()
        };
        match fits() {
            Some(_) => Next::Keep(line),
            None => Next::Unusable("its cosignature does not fit the checkpoint".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
