//! Keys in a folder of their own, outside the database's.
//!
//! ```text
//! FOLDER/tenants/TENANT/00000001.key    a tenant key; the highest number is the current one
//! FOLDER/tenants/TENANT/ID.destroyed    says that the tenant key with this id was destroyed
//! FOLDER/tenants/TENANT/survivors       keys that outlived the last erasure, wrapped by the current tenant key
//! FOLDER/log.key                        the seed of the key that signs checkpoints
//! FOLDER/pins/NAME.pub                  a public key as it was first seen
//! FOLDER/lock                           held while any of these is made or destroyed
//! ```
//!
//! Folders are 0700 and files 0600, of this user, and no symbolic links; anything else is refused. A file gets
//! its name once it is whole and on disk. Start with [`FolderKeys::open`].

mod disk;
mod given;
mod lazy;
mod place;
mod survivors;

pub use comity_ledger::keys::KeyFault;
pub use given::Given;
pub use lazy::KeyPlace;
pub use place::{default_folder, in_folder, outside};

use comity_core::{Entropy, SubjectId, Tenant};
use comity_ledger::keys::{AtHand, Destroyed, KeyFuture, KeyId, Keys, Secret, Survivor, TenantKey};
use disk::{Disk, Locked};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Keys in a folder; tenant keys from the environment, if they are given there.
pub struct FolderKeys {
    disk: Disk,
    entropy: Arc<dyn Entropy>,
    given: Option<Given>,
    /// Tenant keys as they were read, by file name: a key's file never changes while it has its name.
    read: Mutex<HashMap<(Tenant, u64), TenantKey>>,
    survivors: survivors::Cache,
}

impl FolderKeys {
    /// Uses the keys in this folder, and makes it if it is not there.
    ///
    /// Errors if the folder, or anything in it, may be read by others, belongs to others, or is a link.
    pub fn open(folder: &Path, entropy: Arc<dyn Entropy>, given: Option<Given>) -> Result<Self, KeyFault> {
        let disk = Disk::open(folder)?;
        Ok(Self { disk, entropy, given, read: Mutex::default(), survivors: survivors::Cache::default() })
    }

    /// The keys in this folder, to be read; `None` if it is not there. Makes nothing.
    pub fn existing(
        folder: &Path,
        entropy: Arc<dyn Entropy>,
        given: Option<Given>,
    ) -> Result<Option<Self>, KeyFault> {
        let disk = Disk::existing(folder)?;
        Ok(disk.map(|disk| Self {
            disk,
            entropy,
            given,
            read: Mutex::default(),
            survivors: survivors::Cache::default(),
        }))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.disk.folder()
    }

    /// The tenant's keys by number, oldest first.
    fn numbered(&self, tenant: &Tenant) -> Result<Vec<(u64, TenantKey)>, KeyFault> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = self.disk.numbers(tenant)?;
        // What is not on disk any more is not kept in memory either.
        read.retain(|(whose, number), _| whose != tenant || numbers.contains(number));
        let mut keys = Vec::with_capacity(numbers.len());
        for number in numbers {
            let at = (tenant.clone(), number);
            let key = match read.get(&at) {
                Some(key) => key.clone(),
                // Destroyed between the two looks.
                None => match self.disk.tenant_key(tenant, number)? {
                    Some(secret) => TenantKey::new(tenant.clone(), secret),
                    None => continue,
                },
            };
            read.insert(at, key.clone());
            keys.push((number, key));
        }
        Ok(keys)
    }

    fn keys_of(&self, tenant: &Tenant) -> Result<Vec<TenantKey>, KeyFault> {
        match &self.given {
            Some(given) => Ok(given.keys(tenant)),
            None => Ok(self.numbered(tenant)?.into_iter().map(|(_, key)| key).collect()),
        }
    }

    fn key(&self, tenant: &Tenant, id: KeyId) -> Result<TenantKey, KeyFault> {
        if let Some(key) = self.known(tenant, id) {
            return Ok(key);
        }
        match self.keys_of(tenant)?.into_iter().find(|key| key.id() == id) {
            Some(key) => Ok(key),
            None if self.disk.is_destroyed(tenant, id)? => {
                Err(KeyFault::Destroyed { tenant: tenant.clone(), id })
            }
            None => Err(KeyFault::Gone { tenant: tenant.clone(), id }),
        }
    }

    /// A key that was read before and still has its name.
    fn known(&self, tenant: &Tenant, id: KeyId) -> Option<TenantKey> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = read.iter().filter(|((whose, _), key)| whose == tenant && key.id() == id);
        let ((_, number), key) = found.next()?;
        self.disk.has_tenant_key(tenant, *number).then(|| key.clone())
    }

    fn make_after(&self, locked: &Locked, tenant: &Tenant, last: u64) -> Result<KeyId, KeyFault> {
        let secret = Secret::random(&*self.entropy);
        self.disk.put_tenant_key(locked, tenant, last.saturating_add(1), &secret)?;
        Ok(TenantKey::new(tenant.clone(), secret).id())
    }

    /// The current key of those that were handed in: the one that the store says.
    async fn given_now(&self, given: &Given, tenant: &Tenant) -> Result<KeyId, KeyFault> {
        let destroyed = |id| self.disk.is_destroyed(tenant, id);
        given.current(tenant, destroyed).await
    }

    fn first_or_current(&self, tenant: &Tenant) -> Result<KeyId, KeyFault> {
        if let Some((_, key)) = self.numbered(tenant)?.pop() {
            return Ok(key.id());
        }
        let locked = self.disk.lock()?;
        // Another process may have been first.
        match self.numbered(tenant)?.pop() {
            Some((_, key)) => Ok(key.id()),
            None => self.make_after(&locked, tenant, 0),
        }
    }

    fn next(&self, tenant: &Tenant, from: KeyId) -> Result<KeyId, KeyFault> {
        let locked = self.disk.lock()?;
        match self.numbered(tenant)?.pop() {
            Some((_, key)) if key.id() != from => Ok(key.id()),
            Some((number, _)) => self.make_after(&locked, tenant, number),
            None => self.make_after(&locked, tenant, 0),
        }
    }

    fn end(&self, tenant: &Tenant, id: KeyId) -> Result<Destroyed, KeyFault> {
        let locked = self.disk.lock()?;
        self.disk.mark_destroyed(&locked, tenant, id)?;
        if self.given.is_some() {
            return Ok(Destroyed::ByOwner);
        }
        let found = self.numbered(tenant)?.into_iter().find(|(_, key)| key.id() == id);
        if let Some((number, _)) = found {
            self.disk.destroy_tenant_key(&locked, tenant, number)?;
            self.read.lock().unwrap_or_else(PoisonError::into_inner).remove(&(tenant.clone(), number));
        }
        // What an earlier attempt left half destroyed goes too.
        self.disk.sweep(&locked, tenant)?;
        Ok(Destroyed::Here)
    }

    fn seed(&self) -> Result<Secret, KeyFault> {
        if let Some(seed) = self.disk.seed()? {
            return Ok(seed);
        }
        let locked = self.disk.lock()?;
        match self.disk.seed()? {
            Some(seed) => Ok(seed),
            None => {
                let seed = Secret::random(&*self.entropy);
                self.disk.put_seed(&locked, &seed)?;
                Ok(seed)
            }
        }
    }

    fn pin_first(&self, name: &str, public: &str) -> Result<String, KeyFault> {
        if let Some(kept) = self.disk.pin(name)? {
            return Ok(kept);
        }
        let locked = self.disk.lock()?;
        match self.disk.pin(name)? {
            Some(kept) => Ok(kept),
            None => self.disk.put_pin(&locked, name, public).map(|()| public.to_owned()),
        }
    }
}

fn ready<'a, T: Send + 'a>(value: Result<T, KeyFault>) -> KeyFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Keys for FolderKeys {
    fn at_hand(&self) -> KeyFuture<'_, AtHand> {
        let found = || {
            let tenants = self.given.is_some() || self.disk.has_tenant_keys()?;
            Ok(AtHand { signing: self.disk.seed()?.is_some(), tenants })
        };
        ready(found())
    }

    fn current<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, KeyId> {
        Box::pin(async move {
            match &self.given {
                Some(given) => self.given_now(given, tenant).await,
                None => self.first_or_current(tenant),
            }
        })
    }

    fn living<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Vec<KeyId>> {
        Box::pin(async move {
            let mut ids: Vec<KeyId> = self.keys_of(tenant)?.iter().map(TenantKey::id).collect();
            if let Some(given) = &self.given {
                let current = self.given_now(given, tenant).await?;
                ids.sort_by_key(|id| *id == current);
            }
            Ok(ids)
        })
    }

    fn advance<'a>(&'a self, tenant: &'a Tenant, from: KeyId) -> KeyFuture<'a, KeyId> {
        Box::pin(async move {
            match &self.given {
                Some(given) => given.advance(tenant, self.given_now(given, tenant).await?, from),
                None => self.next(tenant, from),
            }
        })
    }

    fn survivors<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Arc<HashMap<SubjectId, Survivor>>> {
        ready(self.survivors.read(&self.disk, tenant))
    }

    fn keep_survivors<'a>(&'a self, tenant: &'a Tenant, survivors: Vec<Survivor>) -> KeyFuture<'a, ()> {
        let keep = || {
            let locked = self.disk.lock()?;
            self.disk.put_survivors(&locked, tenant, &survivors::to_bytes(&survivors))
        };
        ready(keep())
    }

    fn destroy<'a>(&'a self, tenant: &'a Tenant, id: KeyId) -> KeyFuture<'a, Destroyed> {
        ready(self.end(tenant, id))
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
        ready(self.seed())
    }

    fn pinned<'a>(&'a self, name: &'a str) -> KeyFuture<'a, Option<String>> {
        ready(self.disk.pin(name))
    }

    fn pin<'a>(&'a self, name: &'a str, public: &'a str) -> KeyFuture<'a, String> {
        ready(self.pin_first(name, public))
    }
}

#[cfg(test)]
mod tests;
