//! A place, whatever it is made of.

use crate::address::Address;
use crate::error::Error;
use crate::folder::{Folder, Put};
use crate::key::Key;
use crate::s3::S3;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most objects that are listed at once.
const LISTED: usize = 1_000_000;
/// How often an object is looked at again that was there and then was not.
const TURNS: usize = 3;

/// How a place is dealt with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where S3 is, if it is not Amazon's; `AWS_ENDPOINT_URL` if nothing is said.
    pub endpoint: Option<String>,
    /// Variables that begin with `AWS_`: credentials, region, address.
    pub environment: BTreeMap<String, String>,
    /// The most time one request may take.
    pub request: Duration,
    /// How long after its first try a request is tried again.
    pub patience: Duration,
    /// The most bytes of one object.
    pub largest: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            environment: BTreeMap::new(),
            request: Duration::from_secs(60),
            patience: Duration::from_secs(30),
            largest: 256 << 20,
        }
    }
}

/// What became of an object that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was made.
    Made,
    /// It was there, with these very bytes.
    There,
}

/// What was found out about a place before anything was kept there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Why the object it was found out with is still there, if it is.
    pub left: Option<String>,
}

/// A bucket or a folder.
#[derive(Debug)]
pub struct Place {
    name: String,
    store: Store,
    largest: u64,
}

#[derive(Debug)]
enum Store {
    Folder(Folder),
    S3(Box<S3>),
}

impl Place {
    /// The place at an address. Nothing is asked of it yet.
    pub fn open(address: &Address, options: &Options) -> Result<Self, Error> {
        let name = address.to_string();
        let store = match address {
            Address::Folder(path) => Store::Folder(Folder::new(path.clone())),
            Address::S3 { bucket, prefix } => {
                Store::S3(Box::new(S3::open(bucket, prefix.clone(), name.clone(), options)?))
            }
        };
        Ok(Self { name, store, largest: options.largest })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is such a place. A bucket is found out about when something is asked of it.
    pub async fn is_there(&self) -> Result<bool, Error> {
        match &self.store {
            Store::Folder(folder) => {
                let folder = folder.clone();
                self.beside(move || Ok(folder.is_there())).await
            }
            Store::S3(_) => Ok(true),
        }
    }

    /// Finds out whether the place leaves an object alone that it is asked to leave alone, by making one of its own
    /// twice and taking it away again. `nonce` keeps two that do this at once apart.
    ///
    /// Errors if the place cannot be used.
    pub async fn probe(&self, nonce: [u8; 8]) -> Result<Probe, Error> {
        let key: Key = format!("probe-{:016x}", u64::from_be_bytes(nonce)).parse()?;
        let first = self.put(&key, b"first".to_vec()).await?;
        let second = self.put(&key, b"second".to_vec()).await;
        let left = if first == Put::Made { self.delete(&key).await.err() } else { None };
        match (first, second?) {
            (Put::Made, Put::Taken) => Ok(Probe { left: left.map(|why| why.to_string()) }),
            (Put::Taken, _) => Err(self.conflict(&key)),
            (Put::Made, Put::Made) => Err(Error::WritesOver { place: self.name.clone() }),
        }
    }

    /// Keeps an object: makes it, unless it is there with the same bytes.
    ///
    /// Errors if it is there with other bytes, and leaves those alone. Of many that keep one name at once with
    /// different bytes, one makes it and the others get this error.
    pub async fn keep(&self, key: &Key, bytes: Vec<u8>) -> Result<Kept, Error> {
        let length = bytes.len() as u64;
        if length > self.largest {
            return Err(Error::TooLarge { key: key.to_string(), bytes: length, limit: self.largest });
        }
        for _ in 0..TURNS {
            if self.put(key, bytes.clone()).await? == Put::Made {
                return Ok(Kept::Made);
            }
            match self.read(key).await {
                Ok(Some(there)) if there == bytes => return Ok(Kept::There),
                Ok(Some(_)) | Err(Error::TooLarge { .. }) => return Err(self.conflict(key)),
                // Storage also says that a name is taken when somebody else is taking it, and may then fail.
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        let why = "it is said to be there, and is not".to_owned();
        Err(Error::Failed { place: self.name.clone(), key: key.to_string(), why })
    }

    /// An object's bytes; `None` if there is none.
    pub async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        match &self.store {
            Store::Folder(folder) => {
                let (folder, key, largest) = (folder.clone(), key.clone(), self.largest);
                self.beside(move || folder.get(&key, largest)).await
            }
            Store::S3(s3) => s3.get(key, self.largest).await,
        }
    }

    /// The objects below a prefix and their lengths, in the order of their names.
    pub async fn list(&self, prefix: Option<&Key>) -> Result<Vec<(Key, u64)>, Error> {
        match &self.store {
            Store::Folder(folder) => {
                let (folder, prefix) = (folder.clone(), prefix.cloned());
                self.beside(move || folder.list(prefix.as_ref(), LISTED)).await
            }
            Store::S3(s3) => s3.list(prefix, LISTED).await,
        }
    }

    async fn put(&self, key: &Key, bytes: Vec<u8>) -> Result<Put, Error> {
        match &self.store {
            Store::Folder(folder) => {
                let (folder, key) = (folder.clone(), key.clone());
                self.beside(move || folder.put(&key, &bytes)).await
            }
            Store::S3(s3) => s3.put(key, bytes).await,
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        match &self.store {
            Store::Folder(folder) => {
                let (folder, key) = (folder.clone(), key.clone());
                self.beside(move || folder.delete(&key)).await
            }
            Store::S3(s3) => s3.delete(key).await,
        }
    }

    fn conflict(&self, key: &Key) -> Error {
        Error::Conflict { place: self.name.clone(), key: key.to_string() }
    }

    /// Does what blocks on a thread that may block, and waits for it.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let failed = |error: tokio::task::JoinError| Error::Failed {
            place: self.name.clone(),
            key: String::new(),
            why: error.to_string(),
        };
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        name.parse().unwrap()
    }

    fn place(home: &tempfile::TempDir) -> Place {
        let address = Address::Folder(home.path().join("place"));
        Place::open(&address, &Options { largest: 10, ..Options::default() }).unwrap()
    }

    #[tokio::test]
    async fn a_second_object_of_a_name_is_refused_unless_it_is_the_same() {
        let home = tempfile::tempdir().unwrap();
        let place = place(&home);
        assert_eq!(place.keep(&key("a/1"), b"one".to_vec()).await.unwrap(), Kept::Made);
        assert_eq!(place.keep(&key("a/1"), b"one".to_vec()).await.unwrap(), Kept::There);
        let refused = place.keep(&key("a/1"), b"two".to_vec()).await.unwrap_err();
        assert!(matches!(&refused, Error::Conflict { key, .. } if key == "a/1"), "{refused}");
        assert_eq!(place.read(&key("a/1")).await.unwrap().as_deref(), Some(&b"one"[..]));
        let refused = place.keep(&key("a/2"), vec![0; 11]).await.unwrap_err();
        assert!(matches!(refused, Error::TooLarge { bytes: 11, limit: 10, .. }), "{refused}");
    }

    #[tokio::test]
    async fn a_probe_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let place = place(&home);
        assert_eq!(place.probe([7; 8]).await.unwrap(), Probe { left: None });
        assert_eq!(place.list(None).await.unwrap(), []);
    }

    #[tokio::test]
    async fn of_many_at_once_one_makes_it() {
        let home = tempfile::tempdir().unwrap();
        let place = place(&home);
        let kept = (0..100u8).map(|number| {
            let (place, key) = (&place, key("one"));
            async move { place.keep(&key, vec![number]).await }
        });
        let kept = futures_util::future::join_all(kept).await;
        assert_eq!(kept.iter().filter(|kept| matches!(kept, Ok(Kept::Made))).count(), 1);
        assert_eq!(kept.iter().filter(|kept| matches!(kept, Err(Error::Conflict { .. }))).count(), 99);
    }
}
