//! Tenant keys that whoever starts the process hands in, in its environment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use comity_core::Tenant;
use comity_ledger::keys::{KeyFault, KeyId, Secret, TenantKey};
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// The variable with the key.
pub(super) const KEY: &str = "COMITY_TENANT_KEY";
/// The variable with the key that follows it.
pub(super) const NEXT: &str = "COMITY_TENANT_KEY_NEXT";

/// A tenant key from outside, and the one that is to follow it. They are not ours to destroy.
pub struct Given {
    key: Secret,
    next: Option<Secret>,
    /// Whether this process wraps under the next one.
    advanced: AtomicBool,
}

impl Given {
    /// What `COMITY_TENANT_KEY` and `COMITY_TENANT_KEY_NEXT` say: 32 bytes each, in base64. `None` without the
    /// first of them.
    pub fn from_environment() -> Result<Option<Self>, KeyFault> {
        let read = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Zeroizing::new);
        Self::parse(read(KEY), read(NEXT))
    }

    fn parse(
        key: Option<Zeroizing<String>>,
        next: Option<Zeroizing<String>>,
    ) -> Result<Option<Self>, KeyFault> {
        let next = next.map(|text| decode(NEXT, &text)).transpose()?;
        let key = match (key, &next) {
            (Some(text), _) => decode(KEY, &text)?,
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(wrong(NEXT, "it follows COMITY_TENANT_KEY, which is not set")),
        };
        if next.as_ref() == Some(&key) {
            return Err(wrong(NEXT, "it is the same key as COMITY_TENANT_KEY"));
        }
        Ok(Some(Self { key, next, advanced: AtomicBool::new(false) }))
    }

    /// The keys of a tenant, the current one last.
    pub(super) fn keys(&self, tenant: &Tenant) -> Vec<TenantKey> {
        let key = TenantKey::new(tenant.clone(), self.key.clone());
        let next = self.next.as_ref().map(|next| TenantKey::new(tenant.clone(), next.clone()));
        let mut keys: Vec<TenantKey> = [key].into_iter().chain(next).collect();
        if !self.advanced.load(Ordering::Acquire) {
            keys.reverse();
        }
        keys
    }

    pub(super) fn current(&self, tenant: &Tenant) -> KeyId {
        let advanced = self.advanced.load(Ordering::Acquire);
        let secret = self.next.as_ref().filter(|_| advanced).unwrap_or(&self.key);
        TenantKey::new(tenant.clone(), secret.clone()).id()
    }

    pub(super) fn advance(&self, tenant: &Tenant, from: KeyId) -> Result<KeyId, KeyFault> {
        let current = self.current(tenant);
        if current != from {
            return Ok(current);
        }
        let next = self.next.as_ref().map(|next| TenantKey::new(tenant.clone(), next.clone()).id());
        match next.filter(|next| *next != from) {
            Some(next) => {
                self.advanced.store(true, Ordering::Release);
                Ok(next)
            }
            None => Err(KeyFault::NoNext {
                tenant: tenant.clone(),
                how: format!("put it into {NEXT}, 32 random bytes in base64, beside {KEY}"),
            }),
        }
    }
}

fn decode(name: &str, text: &str) -> Result<Secret, KeyFault> {
    let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| wrong(name, "it is not base64"))?;
    let bytes = <[u8; 32]>::try_from(bytes.as_slice());
    bytes.map(Secret::new).map_err(|_| wrong(name, "it is not 32 bytes"))
}

fn wrong(name: &str, why: &str) -> KeyFault {
    KeyFault::Place { place: format!("the environment's {name}"), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(byte: u8) -> Option<Zeroizing<String>> {
        Some(Zeroizing::new(STANDARD.encode([byte; 32])))
    }

    #[test]
    fn goes_from_the_key_to_its_next_and_no_further() {
        let tenant = Tenant::local();
        let given = Given::parse(text(1), text(2)).unwrap().unwrap();
        let first = given.current(&tenant);
        let second = given.advance(&tenant, first).unwrap();
        assert_ne!(first, second);
        assert_eq!(given.current(&tenant), second);
        assert_eq!(given.keys(&tenant).last().map(TenantKey::id), Some(second));
        assert_eq!(given.advance(&tenant, first), Ok(second));
        assert!(matches!(given.advance(&tenant, second), Err(KeyFault::NoNext { .. })));
        let alone = Given::parse(text(1), None).unwrap().unwrap();
        assert!(matches!(alone.advance(&tenant, first), Err(KeyFault::NoNext { .. })));
        assert_eq!(alone.current(&tenant), first);
    }

    #[test]
    fn refuses_what_is_no_key() {
        let bad = |text: &str| Some(Zeroizing::new(text.to_owned()));
        assert!(Given::parse(None, None).unwrap().is_none());
        assert!(Given::parse(bad("§"), None).is_err());
        assert!(Given::parse(bad("AAAA"), None).is_err());
        assert!(Given::parse(None, text(1)).is_err());
        assert!(Given::parse(text(1), text(1)).is_err());
    }
}
