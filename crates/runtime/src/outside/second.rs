//! The second place: a folder, a bucket, or one file.

use super::file;
use crate::archive::{Shelf, keep_checkpoint};
use crate::error::Error;
use crate::runtime::Runtime;
use comity_archive::{Address, Error as ArchiveError, Options, Place};
use comity_store::CheckpointRow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Where copies of checkpoints go.
///
/// A folder or a bucket has each of them under its size, and none is written over. A file has the newest one, and is
/// replaced only by one that goes on from it.
#[derive(Clone, Debug)]
pub struct SecondPlace {
    shown: String,
    kind: Kind,
    nonce: [u8; 8],
    /// Whether the place leaves alone what is there, found out once.
    probed: Arc<OnceCell<()>>,
}

#[derive(Clone, Debug)]
enum Kind {
    File(PathBuf),
    Place(Arc<Place>),
}

/// Why a text names no place for copies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPlace(String);

impl fmt::Display for SecondPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl SecondPlace {
    /// `s3://BUCKET/PREFIX`; a folder, which is there, or ends with `/`; else a file. Nothing is asked of it yet.
    /// `nonce` keeps two that find out about one place at once apart.
    pub fn open(text: &str, options: &Options, nonce: [u8; 8]) -> Result<Self, BadPlace> {
        let bad = |error: ArchiveError| BadPlace(error.to_string());
        let path = PathBuf::from(text);
        let kind = if text.contains("://") || text.ends_with('/') || path.is_dir() {
            let address: Address = text.parse().map_err(bad)?;
            Kind::Place(Arc::new(Place::open(&address, options).map_err(bad)?))
        } else {
            Kind::File(path)
        };
        Ok(Self { shown: text.to_owned(), kind, nonce, probed: Arc::default() })
    }

    /// Keeps a copy of a signed checkpoint. Errors if what is there is of another log.
    pub(crate) async fn keep(&self, runtime: &Runtime, row: &CheckpointRow) -> Result<(), Error> {
        match &self.kind {
            Kind::File(path) => {
                if let Some(there) = self.beside(path.clone(), |path| file::read(&path)).await? {
                    self.hold_against(runtime, &there).await?;
                    // Another process may have been further already.
                    if size_of(&there).is_some_and(|size| size > row.size) || there == row.note {
                        return Ok(());
                    }
                }
                let note = row.note.clone();
                self.beside(path.clone(), move |path| file::replace(&path, &note)).await
            }
            Kind::Place(place) => {
                self.is_there(place).await?;
                self.probed.get_or_try_init(|| async { place.probe(self.nonce).await.map(drop) }).await?;
                let shelf = Shelf::of(runtime.store().id().await?, runtime.tenant());
                match keep_checkpoint(place, &shelf, row.size, row.note.clone()).await {
                    Err(Error::Archive(ArchiveError::Conflict { .. })) => {
                        let how = format!("of {} leaves it has another checkpoint", row.size);
                        Err(self.other(runtime, how).await)
                    }
                    kept => kept.map(drop),
                }
            }
        }
    }

    /// How many leaves the newest checkpoint there is of; `None` if there is none. Errors if it is of another log.
    pub(crate) async fn newest(&self, runtime: &Runtime) -> Result<Option<u64>, Error> {
        let kept = match &self.kind {
            Kind::File(path) => self.beside(path.clone(), |path| file::read(&path)).await?,
            Kind::Place(place) => {
                self.is_there(place).await?;
                let shelf = Shelf::of(runtime.store().id().await?, runtime.tenant());
                let number = |name: &str| name.rsplit('/').next()?.parse::<u64>().ok();
                let listed = place.list(Some(&shelf.log("checkpoints")?)).await?;
                match listed.iter().max_by_key(|(key, _)| number(key.as_str())) {
                    Some((key, _)) => place.read(key).await?,
                    None => None,
                }
            }
        };
        let Some(kept) = kept else { return Ok(None) };
        self.hold_against(runtime, &kept).await?;
        Ok(size_of(&kept))
    }

    /// A folder that is not there may be a disk that is not: another one is not made in its place.
    async fn is_there(&self, place: &Place) -> Result<(), Error> {
        if place.is_there().await? { Ok(()) } else { Err(self.failed("there is no such folder".to_owned())) }
    }

    async fn hold_against(&self, runtime: &Runtime, kept: &[u8]) -> Result<(), Error> {
        match runtime.held_against(kept, Vec::new()).await? {
            None => Ok(()),
            Some(fault) => Err(self.other(runtime, fault.what).await),
        }
    }

    async fn other(&self, runtime: &Runtime, how: String) -> Error {
        match runtime.origin().await {
            Ok(log) => Error::OtherCopy { place: self.shown.clone(), log, how },
            Err(error) => error,
        }
    }

    fn failed(&self, why: String) -> Error {
        ArchiveError::Failed { place: self.shown.clone(), key: String::new(), why }.into()
    }

    /// Does what blocks on a thread that may block, and waits for it.
    async fn beside<T: Send + 'static>(
        &self,
        path: PathBuf,
        work: impl FnOnce(PathBuf) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let done = tokio::task::spawn_blocking(move || work(path)).await;
        done.map_err(|error| self.failed(error.to_string()))?.map_err(|error| self.failed(error.to_string()))
    }
}

/// The size that a note says it is of: its second line.
fn size_of(note: &[u8]) -> Option<u64> {
    str::from_utf8(note).ok()?.lines().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_place_is_shows_in_its_name() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().display().to_string();
        let kind = |text: &str| SecondPlace::open(text, &Options::default(), [0; 8]).map(|place| place.kind);
        assert!(matches!(kind(&folder), Ok(Kind::Place(_))));
        assert!(matches!(kind(&format!("{folder}/new/")), Ok(Kind::Place(_))));
        assert!(matches!(kind(&format!("{folder}/new")), Ok(Kind::File(_))));
        assert!(kind("ftp://a/b").is_err());
    }
}
