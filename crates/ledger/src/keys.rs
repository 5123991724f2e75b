//! The keys that are kept outside the database: what holds them must promise, and nothing of how.
//!
//! Two sorts. A *tenant key* wraps the keys that texts are encrypted under; destroying it is what erases.
//! The *signing key* signs the log's checkpoints. One [`Keys`] serves one store.

mod memory;
mod tenant;

pub use memory::MemoryKeys;
pub use tenant::TenantKey;

pub use comity_store::KeyId;

use comity_core::{BoxFuture, SubjectId, Tenant};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Thirty-two bytes that are overwritten when they are dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Takes the bytes over. The caller's own copy is the caller's to overwrite.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Thirty-two bytes of randomness.
    pub fn random(entropy: &dyn comity_core::Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    /// The bytes. Do not copy them anywhere that outlives the use.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a key did not do what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It was here, and an erasure destroyed it.
    #[error("tenant key {id} of `{tenant}` was destroyed by an erasure")]
    Destroyed {
        /// Whose.
        tenant: Tenant,
        /// Which.
        id: KeyId,
    },
    /// It is not here, and was not destroyed here.
    #[error("tenant key {id} of `{tenant}` is not here: it is kept elsewhere, or was lost")]
    Gone {
        /// Whose.
        tenant: Tenant,
        /// Which.
        id: KeyId,
    },
    /// The wrapped bytes are not what this key wrapped, or not for this purpose.
    #[error("what tenant key {id} of `{tenant}` should unwrap was damaged or swapped")]
    Damaged {
        /// Whose.
        tenant: Tenant,
        /// Which.
        id: KeyId,
    },
    /// The place of the keys cannot be used as it is.
    #[error("the keys in {place} cannot be used: {why}")]
    Place {
        /// Where they are kept, in the words of whoever keeps them.
        place: String,
        /// What is in the way.
        why: String,
    },
    /// The database that the keys belong to cannot be read.
    #[error(transparent)]
    Store(#[from] comity_store::Error),
    /// The keys here are not those that the database was written with.
    #[error("the database was written with {known}, and {here}")]
    Other {
        /// What the database names.
        known: String,
        /// What is here.
        here: String,
    },
    /// A next key is needed, and whoever keeps the keys has to provide it.
    #[error("there is no next tenant key of `{tenant}`: {how}")]
    NoNext {
        /// Whose.
        tenant: Tenant,
        /// What to do.
        how: String,
    },
}

/// What became of a key that was to be destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroyed {
    /// It is gone from here.
    Here,
    /// It is not ours to destroy: its owner has to.
    ByOwner,
}

/// Which keys of a store are here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtHand {
    /// The key that signs.
    pub signing: bool,
    /// Any tenant key.
    pub tenants: bool,
}

impl AtHand {
    /// Whether there is any key at all.
    pub fn any(self) -> bool {
        self.signing || self.tenants
    }
}

/// A key that outlived an erasure, wrapped by the tenant key that came then: copies of the store from before have it
/// wrapped by one that was destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// Which.
    pub id: SubjectId,
    /// What it is bound to: the context it is wrapped with.
    pub bound: [u8; 32],
    /// The tenant key that wraps it.
    pub by: KeyId,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// What asking for keys gives.
pub type KeyFuture<'a, T> = BoxFuture<'a, Result<T, KeyFault>>;

/// Whatever keeps the keys of one store: a folder, the environment, a service for keys.
///
/// An implementation guarantees:
/// - Tenant keys never leave it; it wraps and unwraps. `unwrap` gives back only what `wrap` was given with
///   the same tenant, key and context, and otherwise errors.
/// - Two processes that ask for the first key, or the next one, at the same time get the same one.
/// - A key that was returned is on stable storage. A key that was destroyed is overwritten where that can
///   be done, unlinked, and gone from stable storage before `destroy` returns; destroying it again succeeds.
/// - It knows which keys were destroyed: asked for one of them, it says [`KeyFault::Destroyed`], for ever.
/// - What changes from outside (another process made the next key) is seen by the next call.
pub trait Keys: Send + Sync {
    /// Which keys of this store are here. Makes nothing.
    fn at_hand(&self) -> KeyFuture<'_, AtHand>;

    /// The key that is wrapped under from now on. Makes the tenant's first.
    fn current<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, KeyId>;

    /// The tenant's keys that are not destroyed, oldest first; the last one is the current one.
    fn living<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Vec<KeyId>>;

    /// Makes the key after `from` and returns it as the current one. If `from` is not the current one
    /// any more, makes nothing and returns the one that is: so that two who ask get one key.
    fn advance<'a>(&'a self, tenant: &'a Tenant, from: KeyId) -> KeyFuture<'a, KeyId>;

    /// Destroys a key for good.
    fn destroy<'a>(&'a self, tenant: &'a Tenant, id: KeyId) -> KeyFuture<'a, Destroyed>;

    /// Wraps a secret under a key. `context`, at most 64 bytes, says what the secret is for.
    fn wrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        secret: &'a Secret,
    ) -> KeyFuture<'a, Vec<u8>>;

    /// Unwraps what [`Keys::wrap`] wrapped under the same key for the same context.
    fn unwrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        wrapped: &'a [u8],
    ) -> KeyFuture<'a, Secret>;

    /// The survivors of the last erasure.
    fn survivors<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Arc<HashMap<SubjectId, Survivor>>>;

    /// Keeps these survivors in place of those that were kept before.
    fn keep_survivors<'a>(&'a self, tenant: &'a Tenant, survivors: Vec<Survivor>) -> KeyFuture<'a, ()>;

    /// The seed of the store's Ed25519 signing key. Makes it at first use.
    fn signing_seed(&self) -> KeyFuture<'_, Secret>;

    /// The public key that was pinned under this name, as text. Makes nothing.
    fn pinned<'a>(&'a self, name: &'a str) -> KeyFuture<'a, Option<String>>;

    /// Pins a public key, at most 1,000 bytes of text on one line, under a name of at most 63 of a-z, 0-9, `-`.
    /// Returns what is pinned: the first one stays, whoever asks again.
    fn pin<'a>(&'a self, name: &'a str, public: &'a str) -> KeyFuture<'a, String>;
}

#[cfg(test)]
mod tests;
