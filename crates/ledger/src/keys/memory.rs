//! Keys that live as long as the process: for tests, and for stores that do.

use super::{AtHand, Destroyed, KeyFault, KeyFuture, KeyId, Keys, Secret, Survivor, TenantKey};
use comity_core::{Entropy, SubjectId, Tenant};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keys in memory. Clones share them, as processes share a folder.
#[derive(Clone)]
pub struct MemoryKeys {
    entropy: Arc<dyn Entropy>,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    tenants: HashMap<Tenant, Vec<TenantKey>>,
    destroyed: HashSet<(Tenant, KeyId)>,
    survivors: HashMap<Tenant, Arc<HashMap<SubjectId, Survivor>>>,
    seed: Option<Secret>,
    pins: HashMap<String, String>,
}

impl MemoryKeys {
    /// No keys yet; they are made out of `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, held: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self, tenant: &Tenant) -> KeyId {
        let mut held = self.held();
        let keys = held.tenants.entry(tenant.clone()).or_default();
        match keys.last() {
            Some(key) => key.id(),
            None => self.add(tenant, keys),
        }
    }

    fn add(&self, tenant: &Tenant, keys: &mut Vec<TenantKey>) -> KeyId {
        let key = TenantKey::new(tenant.clone(), Secret::random(&*self.entropy));
        let id = key.id();
        keys.push(key);
        id
    }

    fn key(&self, tenant: &Tenant, id: KeyId) -> Result<TenantKey, KeyFault> {
        let held = self.held();
        let keys = held.tenants.get(tenant);
        let found = keys.and_then(|keys| keys.iter().find(|key| key.id() == id));
        let missing = |tenant: Tenant| match held.destroyed.contains(&(tenant.clone(), id)) {
            true => KeyFault::Destroyed { tenant, id },
            false => KeyFault::Gone { tenant, id },
        };
        found.cloned().ok_or_else(|| missing(tenant.clone()))
    }
}

fn ready<'a, T: Send + 'a>(value: Result<T, KeyFault>) -> KeyFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Keys for MemoryKeys {
    fn at_hand(&self) -> KeyFuture<'_, AtHand> {
        let held = self.held();
        ready(Ok(AtHand { signing: held.seed.is_some(), tenants: !held.tenants.is_empty() }))
    }

    fn survivors<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Arc<HashMap<SubjectId, Survivor>>> {
        ready(Ok(self.held().survivors.get(tenant).cloned().unwrap_or_default()))
    }

    fn keep_survivors<'a>(&'a self, tenant: &'a Tenant, survivors: Vec<Survivor>) -> KeyFuture<'a, ()> {
        let kept = survivors.into_iter().map(|survivor| (survivor.id, survivor)).collect();
        self.held().survivors.insert(tenant.clone(), Arc::new(kept));
        ready(Ok(()))
    }

    fn current<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, KeyId> {
        ready(Ok(self.current(tenant)))
    }

    fn living<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Vec<KeyId>> {
        let held = self.held();
        let keys = held.tenants.get(tenant).into_iter().flatten();
        ready(Ok(keys.map(TenantKey::id).collect()))
    }

    fn advance<'a>(&'a self, tenant: &'a Tenant, from: KeyId) -> KeyFuture<'a, KeyId> {
        let mut held = self.held();
        let keys = held.tenants.entry(tenant.clone()).or_default();
        let id = match keys.last() {
            Some(key) if key.id() != from => key.id(),
            _ => self.add(tenant, keys),
        };
        ready(Ok(id))
    }

    fn destroy<'a>(&'a self, tenant: &'a Tenant, id: KeyId) -> KeyFuture<'a, Destroyed> {
        let mut held = self.held();
        if let Some(keys) = held.tenants.get_mut(tenant) {
            keys.retain(|key| key.id() != id);
        }
        held.destroyed.insert((tenant.clone(), id));
        ready(Ok(Destroyed::Here))
    }

    fn wrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        secret: &'a Secret,
    ) -> KeyFuture<'a, Vec<u8>> {
        let mut nonce = [0; 24];
        self.entropy.fill(&mut nonce);
        ready(self.key(tenant, by).and_then(|key| key.wrap(context, secret, nonce)))
    }

    fn unwrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        wrapped: &'a [u8],
    ) -> KeyFuture<'a, Secret> {
        ready(self.key(tenant, by).and_then(|key| key.unwrap(context, wrapped)))
    }

    fn signing_seed(&self) -> KeyFuture<'_, Secret> {
        let mut held = self.held();
        let seed = held.seed.get_or_insert_with(|| Secret::random(&*self.entropy));
        ready(Ok(seed.clone()))
    }

    fn pinned<'a>(&'a self, name: &'a str) -> KeyFuture<'a, Option<String>> {
        ready(Ok(self.held().pins.get(name).cloned()))
    }

    fn pin<'a>(&'a self, name: &'a str, public: &'a str) -> KeyFuture<'a, String> {
        let mut held = self.held();
        let kept = held.pins.entry(name.to_owned()).or_insert_with(|| public.to_owned());
        ready(Ok(kept.clone()))
    }
}
