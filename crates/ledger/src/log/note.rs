//! Signed notes: a text and the signatures under it, in the form C2SP gives them.
//!
//! A note is its text, a blank line, and one line a signature: `— name base64(key id ‖ signature)`. The kind of
//! a key is one byte, so that another algorithm is another [`Kind`]; a signature by a key nobody knows is kept
//! and counts for nothing. Source: c2sp.org/signed-note, c2sp.org/tlog-cosignature.

mod key;
mod text;

pub use key::{BadKey, Cosigner, KeyId, Kind, NoteSigner, SecretKey, SignError, Verifier};

/// Bytes in a note, at most: room for 16 signatures of algorithms with long ones.
pub const MAX_BYTES: usize = 256 * 1024;
/// Signatures under one note, at most.
pub const MAX_SIGNATURES: usize = 100;

/// A text and the signatures under it, none of them checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One line under a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// Which of the keys of that name.
    pub id: KeyId,
    /// What the algorithm made, 1 byte or more.
    pub bytes: Vec<u8>,
}

/// A note that a known key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The note, with every signature it came with.
    pub note: Note,
    /// Who of the known keys signed it, in the order of the lines; at least one, nobody twice.
    pub by: Vec<Signed>,
}

/// That a known key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The name of the key.
    pub name: String,
    /// Which of the keys of that name.
    pub id: KeyId,
    /// What kind of statement it is.
    pub kind: Kind,
    /// Seconds since 1970 at which it says it was made; only a cosignature says so.
    pub at: Option<u64>,
}

/// Why a note is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// It is not a note.
    #[error("this is not a signed note: {0}")]
    Malformed(&'static str),
    /// A known key's signature is wrong.
    #[error("the signature of `{0}` does not fit the note")]
    WrongSignature(String),
    /// No known key signed it.
    #[error("no key that is trusted here signed the note")]
    Unsigned,
}

impl Note {
    /// A note without signatures. The text is one line or more, each ended by a newline.
    pub fn new(text: &str) -> Result<Self, BadNote> {
        text::check(text)?;
        Ok(Self { text: text.to_owned(), signatures: Vec::new() })
    }

    /// Reads a note and believes nothing of it. Errors if it is longer than [`MAX_BYTES`], has no signature or
    /// more than [`MAX_SIGNATURES`], or is not formed as the specification says.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        text::parse(bytes)
    }

    /// Reads a note and checks what the keys among `known` signed.
    ///
    /// Errors as [`Note::parse`], if one signature of a known key does not fit, or if there is none.
    pub fn open(bytes: &[u8], known: &[Verifier]) -> Result<Verified, BadNote> {
        Self::parse(bytes)?.verify(known)
    }

    /// Checks what the keys among `known` signed. Errors if a signature of one does not fit, or there is none.
    pub fn verify(self, known: &[Verifier]) -> Result<Verified, BadNote> {
        let mut by: Vec<Signed> = Vec::new();
        for signature in &self.signatures {
            match signature.check(&self.text, known) {
                Checked::Unknown => {}
                Checked::Wrong => return Err(BadNote::WrongSignature(signature.name.clone())),
                Checked::Right(signed) if by.iter().any(|other| other.is_by_key_of(&signed)) => {}
                Checked::Right(signed) => by.push(signed),
            }
        }
        if by.is_empty() { Err(BadNote::Unsigned) } else { Ok(Verified { note: self, by }) }
    }

    /// Signs the text and puts the signature under it, in the place of an older one by the same key.
    pub fn sign(&mut self, signer: &dyn NoteSigner) -> Result<(), SignError> {
        let bytes = signer.sign(self.text.as_bytes())?;
        let signature = Signature { name: signer.name().to_owned(), id: signer.key_id(), bytes };
        self.add(signature).map_err(|_| SignError::new("the note has as many signatures as it may have"))
    }

    /// Puts a signature under the text, unchecked, in the place of an older one by the same key.
    pub fn add(&mut self, signature: Signature) -> Result<(), BadNote> {
        if !key::is_name(&signature.name) || signature.bytes.is_empty() {
            return Err(BadNote::Malformed("a signature has no name, or nothing in it"));
        }
        let same = |old: &&mut Signature| old.name == signature.name && old.id == signature.id;
        if let Some(old) = self.signatures.iter_mut().find(same) {
            *old = signature;
        } else if self.signatures.len() < MAX_SIGNATURES {
            self.signatures.push(signature);
        } else {
            return Err(text::TOO_MANY);
        }
        Ok(())
    }

    /// What was signed, to the last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in the order of their lines.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The note as it is kept and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines: String = self.signatures.iter().map(Signature::line).collect();
        format!("{}\n{lines}", self.text).into_bytes()
    }
}

impl Verified {
    /// The statement of the key of that name and id, if it made one.
    pub fn of(&self, key: &Verifier) -> Option<&Signed> {
        self.by.iter().find(|signed| signed.name == key.name() && signed.id == key.key_id())
    }
}

impl Signed {
    fn is_by_key_of(&self, other: &Self) -> bool {
        self.name == other.name && self.id == other.id
    }
}

enum Checked {
    Unknown,
    Wrong,
    Right(Signed),
}

impl Signature {
    /// The line under a note, with its newline.
    pub fn line(&self) -> String {
        text::line(self)
    }

    /// Reads such lines, as a witness answers with them; at most [`MAX_SIGNATURES`].
    pub fn parse_lines(lines: &str) -> Result<Vec<Self>, BadNote> {
        text::signatures(lines)
    }

    /// Two keys may share a name and an id by accident: one that fits is enough.
    fn check(&self, text: &str, known: &[Verifier]) -> Checked {
        let mut found = Checked::Unknown;
        for key in known.iter().filter(|key| key.name() == self.name && key.key_id() == self.id) {
            match key.verify(text.as_bytes(), &self.bytes) {
                Some(at) => {
                    let (name, id) = (self.name.clone(), self.id);
                    return Checked::Right(Signed { name, id, kind: key.kind(), at });
                }
                None => found = Checked::Wrong,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
