//! Keys that are looked for when they are first needed: who only lists runs needs none.

use super::disk::is_there;
use super::{FolderKeys, Given, default_folder, in_folder, outside};
use comity_core::{Entropy, SubjectId, Tenant};
use comity_ledger::keys::{AtHand, Destroyed, KeyFault, KeyFuture, KeyId, Keys, Secret, Survivor};
use comity_store::Store;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Where the keys of a store are.
#[derive(Clone)]
pub enum KeyPlace {
    /// In the folder of the person who runs this, one for each store.
    Person,
    /// In this folder, in one of their own for each store.
    Folder(PathBuf),
    /// Wherever this has them.
    Given(Arc<dyn Keys>),
}

impl KeyPlace {
    /// What keeps the keys of this store.
    pub(crate) fn of(self, store: &Store, entropy: &Arc<dyn Entropy>) -> Arc<dyn Keys> {
        let folder = match self {
            Self::Given(keys) => return keys,
            Self::Person => None,
            Self::Folder(folder) => Some(folder),
        };
        let (store, entropy) = (store.clone(), Arc::clone(entropy));
        Arc::new(Lazy { store, folder, entropy, opened: OnceCell::new() })
    }
}

struct Lazy {
    store: Store,
    folder: Option<PathBuf>,
    entropy: Arc<dyn Entropy>,
    opened: OnceCell<FolderKeys>,
}

impl Lazy {
    async fn keys(&self) -> Result<&FolderKeys, KeyFault> {
        self.opened.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<FolderKeys, KeyFault> {
        let given = Given::from_environment(&self.store)?;
        FolderKeys::open(&self.folder().await?, Arc::clone(&self.entropy), given)
    }

    async fn folder(&self) -> Result<PathBuf, KeyFault> {
        let folder = match &self.folder {
            // Each database has its own: what erases in one must not reach another.
            Some(folder) => in_folder(folder, &self.store_id().await?),
            None => default_folder(&self.store_id().await?)?,
        };
        if let Some(database) = self.store.path() {
            outside(&folder, database)?;
        }
        Ok(folder)
    }

    /// The keys, unless there is nothing of this store's here: who only looks makes no folder.
    async fn there(&self) -> Result<Option<&FolderKeys>, KeyFault> {
        if self.opened.get().is_none()
            && !is_there(&self.folder().await?)
            && Given::from_environment(&self.store)?.is_none()
        {
            return Ok(None);
        }
        self.keys().await.map(Some)
    }

    async fn store_id(&self) -> Result<[u8; 16], KeyFault> {
        Ok(self.store.id().await?)
    }
}

impl Keys for Lazy {
    fn at_hand(&self) -> KeyFuture<'_, AtHand> {
        Box::pin(async move {
            match self.there().await? {
                Some(keys) => keys.at_hand().await,
                None => Ok(AtHand::default()),
            }
        })
    }

    fn survivors<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Arc<HashMap<SubjectId, Survivor>>> {
        Box::pin(async move {
            match self.there().await? {
                Some(keys) => keys.survivors(tenant).await,
                None => Ok(Arc::default()),
            }
        })
    }

    fn keep_survivors<'a>(&'a self, tenant: &'a Tenant, survivors: Vec<Survivor>) -> KeyFuture<'a, ()> {
        Box::pin(async move { self.keys().await?.keep_survivors(tenant, survivors).await })
    }

    fn current<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, KeyId> {
        Box::pin(async move { self.keys().await?.current(tenant).await })
    }

    fn living<'a>(&'a self, tenant: &'a Tenant) -> KeyFuture<'a, Vec<KeyId>> {
        Box::pin(async move {
            match self.there().await? {
                Some(keys) => keys.living(tenant).await,
                None => Ok(Vec::new()),
            }
        })
    }

    fn advance<'a>(&'a self, tenant: &'a Tenant, from: KeyId) -> KeyFuture<'a, KeyId> {
        Box::pin(async move { self.keys().await?.advance(tenant, from).await })
    }

    fn destroy<'a>(&'a self, tenant: &'a Tenant, id: KeyId) -> KeyFuture<'a, Destroyed> {
        Box::pin(async move { self.keys().await?.destroy(tenant, id).await })
    }

    fn wrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        secret: &'a Secret,
    ) -> KeyFuture<'a, Vec<u8>> {
        Box::pin(async move { self.keys().await?.wrap(tenant, by, context, secret).await })
    }

    fn unwrap<'a>(
        &'a self,
        tenant: &'a Tenant,
        by: KeyId,
        context: &'a [u8],
        wrapped: &'a [u8],
    ) -> KeyFuture<'a, Secret> {
        Box::pin(async move {
            match self.there().await? {
                Some(keys) => keys.unwrap(tenant, by, context, wrapped).await,
                None => Err(KeyFault::Gone { tenant: tenant.clone(), id: by }),
            }
        })
    }

    fn signing_seed(&self) -> KeyFuture<'_, Secret> {
        Box::pin(async move { self.keys().await?.signing_seed().await })
    }

    fn pinned<'a>(&'a self, name: &'a str) -> KeyFuture<'a, Option<String>> {
        Box::pin(async move {
            if let Some(keys) = self.opened.get() {
                return keys.pinned(name).await;
            }
            // Whoever only reads makes no folder.
            let folder = self.folder().await?;
            match FolderKeys::existing(
                &folder,
                Arc::clone(&self.entropy),
                Given::from_environment(&self.store)?,
            )? {
                Some(keys) => keys.pinned(name).await,
                None => Ok(None),
            }
        })
    }

    fn pin<'a>(&'a self, name: &'a str, public: &'a str) -> KeyFuture<'a, String> {
        Box::pin(async move { self.keys().await?.pin(name, public).await })
    }
}
