//! A tenant's log in an archive: as C2SP `tlog-tiles` has it, with one difference.
//!
//! `log/tile/<level>/<number>` are its hashes, `log/tile/entries/<number>` its leaves. There a log also has one
//! object `checkpoint` that is written over; here nothing is, and every checkpoint is an object of its own,
//! `log/checkpoints/<size>`. It is kept last, so that whatever it covers is there when it is.

use super::count;
use super::shelf::Shelf;
use crate::error::Error;
use crate::runtime::Runtime;
use comity_api::ArchiveReport;
use comity_archive::tiles::{self, Tile, WIDTH};
use comity_archive::{Error as ArchiveError, Kept, Place};
use comity_core::Digest;
use comity_ledger::log::leaf::{Leaf, LeafKind};
use comity_ledger::log::merkle::{join_hashes, stored_index};
use comity_store::LeafRow;
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Tiles that are kept at once.
const AT_ONCE: usize = 8;

impl Runtime {
    /// Keeps the log up to its newest checkpoint; nothing if there is none.
    pub(super) async fn keep_log(
        &self,
        place: &Place,
        shelf: &Shelf,
        report: &mut ArchiveReport,
    ) -> Result<(), Error> {
        let Some(checkpoint) = self.store().checkpoint(self.tenant(), None).await? else { return Ok(()) };
        let size = checkpoint.size;
        let bundles = stream::iter(tiles::bundles(size))
            .map(|(number, width)| self.keep_bundle(place, shelf, number, width));
        let mut bundles = bundles.buffer_unordered(AT_ONCE);
        while let Some((kept, bytes)) = bundles.try_next().await? {
            count(report, kept, bytes);
        }
        let hashes = stream::iter(tiles::tiles(size)).map(|tile| self.keep_tile(place, shelf, tile));
        let mut hashes = hashes.buffer_unordered(AT_ONCE);
        while let Some((kept, bytes)) = hashes.try_next().await? {
            count(report, kept, bytes);
        }
        let bytes = checkpoint.note.len() as u64;
        count(report, keep_checkpoint(place, shelf, size, checkpoint.note).await?, bytes);
        report.leaves = size;
        Ok(())
    }

    async fn keep_bundle(
        &self,
        place: &Place,
        shelf: &Shelf,
        number: u64,
        width: u64,
    ) -> Result<(Kept, u64), Error> {
        let limit = usize::try_from(width).unwrap_or_default();
        let rows = self.store().leaves(self.tenant(), number.saturating_mul(WIDTH), limit).await?;
        let leaves = rows.iter().map(|row| Ok(leaf(row)?.to_bytes())).collect::<Result<Vec<_>, Error>>()?;
        let name = tiles::bundle_name(number, width);
        // A leaf is 72 bytes: that is far from what a bundle cannot say.
        let bytes = tiles::bundle(&leaves).filter(|_| leaves.len() as u64 == width);
        let bytes = bytes.ok_or_else(|| missing(place, &name))?;
        let length = bytes.len() as u64;
        Ok((place.keep(&shelf.log(&name)?, bytes).await?, length))
    }

    async fn keep_tile(&self, place: &Place, shelf: &Shelf, tile: Tile) -> Result<(Kept, u64), Error> {
        let (level, numbers) = tile.hashes();
        let places: Vec<u64> = numbers.map(|number| stored_index(level, number)).collect();
        let bytes = join_hashes(&self.store().log_hashes_at(self.tenant(), &places).await?);
        let length = bytes.len() as u64;
        Ok((place.keep(&shelf.log(&tile.name())?, bytes).await?, length))
    }
}

fn leaf(row: &LeafRow) -> Result<Leaf, Error> {
    let bad = |what: &str| {
        let fault = format!("leaf {} of the log, which is about it, {what}", row.position);
        Error::Broken { run: row.run, fault }
    };
    let kind = LeafKind::from_number(row.kind).ok_or_else(|| bad("is of no kind that there is"))?;
    let root = Digest::from_slice(&row.root).ok_or_else(|| bad("has a root that is not 32 bytes"))?;
    Ok(Leaf { kind, run: row.run, size: row.size, root })
}

fn missing(place: &Place, name: &str) -> Error {
    let why = "leaves that a checkpoint covers are not in the database".to_owned();
    ArchiveError::Failed { place: place.name().to_owned(), key: name.to_owned(), why }.into()
}

/// Keeps a signed checkpoint of a log of this size.
///
/// One that is there with the same text is the same checkpoint, whoever has signed it since; with another text it is
/// an error: of one size a log has one root.
pub async fn keep_checkpoint(place: &Place, shelf: &Shelf, size: u64, note: Vec<u8>) -> Result<Kept, Error> {
    let key = shelf.log(&format!("checkpoints/{size}"))?;
    match place.keep(&key, note.clone()).await {
        Err(conflict @ ArchiveError::Conflict { .. }) => match place.read(&key).await? {
            Some(there) if text(&there).is_some() && text(&there) == text(&note) => Ok(Kept::There),
            _ => Err(conflict.into()),
        },
        kept => Ok(kept?),
    }
}

/// What of a signed note is signed.
fn text(note: &[u8]) -> Option<&[u8]> {
    let end = note.windows(2).position(|pair| pair == b"\n\n")?;
    note.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use comity_archive::{Address, Options};
    use comity_core::Tenant;

    #[tokio::test]
    async fn of_one_size_there_is_one_checkpoint() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::open(&Address::Folder(home.path().to_owned()), &Options::default()).unwrap();
        let shelf = Shelf::of([1; 16], &Tenant::local());
        let keep = async |note: &str| keep_checkpoint(&place, &shelf, 7, note.into()).await;
        assert_eq!(keep("log\n7\nroot\n\n— a xx\n").await.unwrap(), Kept::Made);
        assert_eq!(keep("log\n7\nroot\n\n— a xx\n").await.unwrap(), Kept::There);
        assert_eq!(keep("log\n7\nroot\n\n— a xx\n— b yy\n").await.unwrap(), Kept::There);
        let forked = keep("log\n7\nfork\n\n— a zz\n").await;
        assert!(matches!(forked, Err(Error::Archive(ArchiveError::Conflict { .. }))), "{forked:?}");
    }
}
