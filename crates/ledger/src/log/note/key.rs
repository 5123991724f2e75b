//! The keys that sign notes, and how they are written down.

use base64::{Engine, engine::general_purpose::STANDARD};
use comity_core::Digest;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use std::{fmt, str::FromStr};

/// Tells keys of one name apart: the first bytes of a digest of name, kind and public key.
pub type KeyId = [u8; 4];

/// Bytes in a key's name, at most.
const MAX_NAME: usize = 255;
const SIGNATURE: usize = 64;

/// What a signature says, and how it is made: the byte before a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ed25519 over the text: `0x01`.
    Ed25519,
    /// Ed25519 over a time and the text, by a witness: `0x04`, `cosignature/v1`.
    Cosignature,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Ed25519, Self::Cosignature];

    /// The byte of c2sp.org/signed-note.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }
}

/// What signs notes: a key in memory, in a file, or behind a service.
pub trait NoteSigner: Send + Sync {
    /// The key's name; not empty, without spaces and `+`.
    fn name(&self) -> &str;
    /// Which of the keys of that name.
    fn key_id(&self) -> KeyId;
    /// The signature over `text`, without the key's id.
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Why there is no signature, as the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the note could not be signed: {0}")]
pub struct SignError(String);

impl SignError {
    /// `why`: what the key, or whoever keeps it, says.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Why a text is not a key of notes. It never repeats the text, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a key of signed notes (`name+id+base64`): {0}")]
pub struct BadKey(&'static str);

/// A public key: what it signed can be checked. Written `name+id+base64(kind ‖ key)`, as Go does.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: KeyId,
    kind: Kind,
    key: VerifyingKey,
}

impl Verifier {
    /// `key`: 32 bytes. Errors if the name cannot stand in a note, or the key is one anybody can sign for.
    pub fn new(name: &str, kind: Kind, key: &[u8; 32]) -> Result<Self, BadKey> {
        if !is_name(name) {
            return Err(BadKey("its name is empty, too long, or has a space or a `+` in it"));
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| BadKey("it is no point of the curve"))?;
        if key.is_weak() {
            return Err(BadKey("it is a weak point of the curve"));
        }
        Ok(Self { name: name.to_owned(), id: id(name, kind, key.as_bytes()), kind, key })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of the keys of that name.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// What it signs.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The 32 bytes of the public key.
    pub fn key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether it signed these very bytes, which are no note; a witness's key never did.
    pub fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        self.kind == Kind::Ed25519 && self.fits(bytes, signature)
    }

    /// Whether it signed `text`; if it did, the time a cosignature says.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> Option<Option<u64>> {
        match self.kind {
            Kind::Ed25519 => self.fits(text, signature).then_some(None),
            Kind::Cosignature => {
                let (at, signature) = signature.split_first_chunk::<8>()?;
                let at = u64::from_be_bytes(*at);
                let said = i64::try_from(at).is_ok() && self.fits(&cosigned(at, text), signature);
                said.then_some(Some(at))
            }
        }
    }

    fn fits(&self, text: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = <&[u8; SIGNATURE]>::try_from(signature) else { return false };
        self.key.verify_strict(text, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, hex(self.id), packed(self.kind, self.key.as_bytes()))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Verifier {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let (name, said, kind, key) = unpacked(text)?;
        let key = Self::new(name, kind, &key)?;
        if said == hex(key.id) { Ok(key) } else { Err(BadKey("its id is not that of the key")) }
    }
}

/// A secret key. It prints as the public one; [`SecretKey::secret`] spells it out.
pub struct SecretKey {
    public: Verifier,
    key: SigningKey,
}

impl SecretKey {
    /// `seed`: 32 bytes of good randomness. Errors if the name cannot stand in a note.
    pub fn new(name: &str, kind: Kind, seed: &[u8; 32]) -> Result<Self, BadKey> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self { public: Verifier::new(name, kind, key.verifying_key().as_bytes())?, key })
    }

    /// What others check it by.
    pub fn verifier(&self) -> &Verifier {
        &self.public
    }

    /// The key as it is kept: `PRIVATE+KEY+name+id+base64(kind ‖ seed)`, as Go writes it. [`FromStr`] reads it.
    pub fn secret(&self) -> String {
        let (name, id) = (&self.public.name, hex(self.public.id));
        format!("PRIVATE+KEY+{name}+{id}+{}", packed(self.public.kind, self.key.as_bytes()))
    }

    /// The signer of cosignatures made at `at`, seconds since 1970. It refuses to sign with a key of another kind.
    pub fn cosigner(&self, at: u64) -> Cosigner<'_> {
        Cosigner { key: self, at }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.public, f)
    }
}

impl FromStr for SecretKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let text = text.strip_prefix("PRIVATE+KEY+").ok_or(BadKey("it is not a secret key"))?;
        let (name, said, kind, seed) = unpacked(text)?;
        let key = Self::new(name, kind, &seed)?;
        if said == hex(key.public.id) { Ok(key) } else { Err(BadKey("its id is not that of the key")) }
    }
}

impl NoteSigner for SecretKey {
    fn name(&self) -> &str {
        &self.public.name
    }

    fn key_id(&self) -> KeyId {
        self.public.id
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, SignError> {
        match self.public.kind {
            Kind::Ed25519 => Ok(self.key.sign(text).to_bytes().to_vec()),
            Kind::Cosignature => Err(SignError::new("the key of a witness signs a time as well")),
        }
    }
}

/// A witness's key and the moment it signs at.
pub struct Cosigner<'a> {
    key: &'a SecretKey,
    at: u64,
}

impl NoteSigner for Cosigner<'_> {
    fn name(&self) -> &str {
        self.key.name()
    }

    fn key_id(&self) -> KeyId {
        self.key.key_id()
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, SignError> {
        if self.key.public.kind != Kind::Cosignature {
            return Err(SignError::new("the key is not a witness's"));
        }
        let signature = self.key.key.sign(&cosigned(self.at, text));
        Ok([self.at.to_be_bytes().as_slice(), &signature.to_bytes()].concat())
    }
}

/// What a witness signs. Source: c2sp.org/tlog-cosignature, "Ed25519 signed message".
fn cosigned(at: u64, text: &[u8]) -> Vec<u8> {
    [format!("cosignature/v1\ntime {at}\n").as_bytes(), text].concat()
}

/// Source: c2sp.org/signed-note, "Signatures".
fn id(name: &str, kind: Kind, key: &[u8; 32]) -> KeyId {
    let Digest([a, b, c, d, ..]) = Digest::of(&[name.as_bytes(), b"\n", &[kind.byte()], key]);
    [a, b, c, d]
}

/// Whether a key can be called so in a note.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |character: char| character > ' ' && !character.is_whitespace() && character != '+';
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain)
}

fn hex(id: KeyId) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

fn packed(kind: Kind, key: &[u8; 32]) -> String {
    STANDARD.encode([&[kind.byte()], key.as_slice()].concat())
}

/// Name, id as written, kind and 32 bytes of `name+id+base64`. Base64 may have a `+` too.
fn unpacked(text: &str) -> Result<(&str, &str, Kind, [u8; 32]), BadKey> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(packed)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(BadKey("it has not three parts"));
    };
    let bytes = STANDARD.decode(packed).map_err(|_| BadKey("its last part is not base64"))?;
    let (kind, key) = bytes.split_first().ok_or(BadKey("its last part is empty"))?;
    let kind = Kind::of(*kind).ok_or(BadKey("this program does not know its algorithm"))?;
    let key = key.try_into().map_err(|_| BadKey("its last part has not 33 bytes"))?;
    Ok((name, id, kind, key))
}
