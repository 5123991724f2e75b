//! A tenant key as bytes, for keepers that hold it themselves.

use super::{KeyFault, KeyId, Secret};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use comity_core::{Digest, Tenant};
use zeroize::Zeroizing;

/// The length of a wrapped secret: nonce, secret, tag.
const WRAPPED: usize = 24 + 32 + 16;

/// Thirty-two bytes that secrets of one tenant are wrapped under, with XChaCha20-Poly1305.
#[derive(Clone, Debug)]
pub struct TenantKey {
    tenant: Tenant,
    id: KeyId,
    secret: Secret,
}

impl TenantKey {
    /// The key these bytes are. Its id is the first eight bytes of
    /// `SHA-256("comity/tenant-key/v1\n" ‖ key)`: it tells nothing about the key that could be used.
    pub fn new(tenant: Tenant, secret: Secret) -> Self {
        let digest = Digest::of(&[b"comity/tenant-key/v1\n", secret.bytes()]);
        let mut id = KeyId([0; 8]);
        id.0.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
        Self { tenant, id, secret }
    }

    /// What it is called.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes themselves, for whoever stores them.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// `nonce ‖ XChaCha20-Poly1305(secret)`, with tenant, key and context as associated data.
    /// The nonce is random and never used twice.
    pub fn wrap(&self, context: &[u8], secret: &Secret, nonce: [u8; 24]) -> Result<Vec<u8>, KeyFault> {
        let aad = self.bound(context);
        let payload = Payload { msg: secret.bytes(), aad: &aad };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| self.damaged())?;
        let mut out = Vec::with_capacity(WRAPPED);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// The secret that [`TenantKey::wrap`] wrapped for this context.
    pub fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Result<Secret, KeyFault> {
        let (nonce, sealed) = wrapped.split_first_chunk::<24>().ok_or_else(|| self.damaged())?;
        let aad = self.bound(context);
        let opened = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| self.damaged())?;
        let bytes = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| self.damaged())?;
        Ok(Secret::new(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.secret.bytes()))
    }

    fn bound(&self, context: &[u8]) -> Vec<u8> {
        let tenant = self.tenant.as_str().as_bytes();
        // The tenant's name holds no line feed, and the key's id has one length: no two triples spell the same.
        [b"comity/wrap/v1\n", tenant, b"\n", self.id.0.as_slice(), context].concat()
    }

    fn damaged(&self) -> KeyFault {
        KeyFault::Damaged { tenant: self.tenant.clone(), id: self.id }
    }
}
