//! Tenant keys that whoever starts the process hands in, in its environment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use comity_core::Tenant;
use comity_ledger::book;
use comity_ledger::keys::{KeyFault, KeyId, Secret, TenantKey};
use comity_store::Store;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The variable with the key.
pub(super) const KEY: &str = "COMITY_TENANT_KEY";
/// The variable with the key that follows it.
pub(super) const NEXT: &str = "COMITY_TENANT_KEY_NEXT";

/// A tenant key from outside, and the one that is to follow it. They are not ours to destroy.
///
/// Which of them is the current one, the store says: the one that the keys in the tenant's book are wrapped by, as an
/// erasure leaves them. They serve one tenant, because whoever destroys one of them destroys it for everybody.
pub struct Given {
    key: Secret,
    next: Option<Secret>,
    store: Option<Store>,
    /// The tenant they serve, once it was seen that there is no other.
    serves: OnceLock<Tenant>,
}

impl Given {
    /// What `COMITY_TENANT_KEY` and `COMITY_TENANT_KEY_NEXT` say: 32 bytes each, in base64. `None` without the
    /// first of them.
    pub fn from_environment(store: &Store) -> Result<Option<Self>, KeyFault> {
        let read = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Zeroizing::new);
        let given = Self::parse(read(KEY), read(NEXT))?;
        Ok(given.map(|given| Self { store: Some(store.clone()), ..given }))
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
        Ok(Some(Self { key, next, store: None, serves: OnceLock::new() }))
    }

    /// The keys of a tenant, in the order they follow each other.
    pub(super) fn keys(&self, tenant: &Tenant) -> Vec<TenantKey> {
        let secrets = [&self.key].into_iter().chain(&self.next);
        secrets.map(|secret| TenantKey::new(tenant.clone(), secret.clone())).collect()
    }

    /// The one that is wrapped under from now on. `destroyed` knows which keys an erasure has left to their owner.
    pub(super) async fn current(
        &self,
        tenant: &Tenant,
        destroyed: impl Fn(KeyId) -> Result<bool, KeyFault>,
    ) -> Result<KeyId, KeyFault> {
        self.serves_only(tenant).await?;
        let first = TenantKey::new(tenant.clone(), self.key.clone()).id();
        let Some(stored) = self.stored(tenant).await? else { return Ok(first) };
        if self.keys(tenant).iter().any(|key| key.id() == stored) {
            return Ok(stored);
        }
        // The store is a copy from before an erasure.
        if destroyed(stored)? {
            Ok(first)
        } else {
            Err(KeyFault::Gone { tenant: tenant.clone(), id: stored })
        }
    }

    /// The tenant key that the store says is the current one; `None` if there is nothing in it yet.
    async fn stored(&self, tenant: &Tenant) -> Result<Option<KeyId>, KeyFault> {
        let Some(store) = &self.store else { return Ok(None) };
        if let Some(book) = store.run(tenant, book::of_tenant(tenant)).await?
            && let Some(row) = store.subjects_of(&book).await?.first()
        {
            return Ok(Some(row.cell.wrapped.by));
        }
        // Nothing was ever erased: all are wrapped by the same one.
        Ok(store.subjects(tenant, None, 1).await?.first().map(|row| row.cell.wrapped.by))
    }

    async fn serves_only(&self, tenant: &Tenant) -> Result<(), KeyFault> {
        if let Some(store) = &self.store
            && self.serves.get().is_none()
        {
            let others = store.tenants().await?;
            if let Some(other) = others.iter().find(|other| *other != tenant.as_str()) {
                return Err(two(tenant.as_str(), other));
            }
        }
        match self.serves.get_or_init(|| tenant.clone()) {
            same if same == tenant => Ok(()),
            other => Err(two(tenant.as_str(), other.as_str())),
        }
    }

    pub(super) fn advance(&self, tenant: &Tenant, current: KeyId, from: KeyId) -> Result<KeyId, KeyFault> {
        if current != from {
            return Ok(current);
        }
        let next = self.next.as_ref().map(|next| TenantKey::new(tenant.clone(), next.clone()).id());
        next.filter(|next| *next != from).ok_or_else(|| KeyFault::NoNext {
            tenant: tenant.clone(),
            how: format!(
                "put the current one, {from}, into {KEY}, and the next, 32 random bytes in base64, into {NEXT}"
            ),
        })
    }
}

fn two(tenant: &str, other: &str) -> KeyFault {
    wrong(
        KEY,
        &format!("it serves one tenant, and here are `{tenant}` and `{other}`: keep their keys in a folder"),
    )
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

    #[tokio::test]
    async fn goes_from_the_key_to_its_next_and_no_further() {
        let tenant = Tenant::local();
        let given = Given::parse(text(1), text(2)).unwrap().unwrap();
        let ids: Vec<KeyId> = given.keys(&tenant).iter().map(TenantKey::id).collect();
        let [first, second] = ids[..] else { panic!("two keys") };
        assert_eq!(given.current(&tenant, |_| Ok(false)).await, Ok(first));
        assert_eq!(given.advance(&tenant, first, first), Ok(second));
        assert_eq!(given.advance(&tenant, second, first), Ok(second));
        assert!(matches!(given.advance(&tenant, second, second), Err(KeyFault::NoNext { .. })));
        let alone = Given::parse(text(1), None).unwrap().unwrap();
        assert!(matches!(alone.advance(&tenant, first, first), Err(KeyFault::NoNext { .. })));
        let other = alone.current(&"other".parse().unwrap(), |_| Ok(false)).await;
        assert_eq!(other, Ok(first), "each is asked for one tenant");
        assert!(alone.current(&tenant, |_| Ok(false)).await.is_err(), "one key of two tenants");
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
