//! Public keys of logs, as they were first seen on this machine.

use crate::error::Error;
use crate::keys::{FolderKeys, default_folder, in_folder};
use comity_core::Entropy;
use comity_ledger::Error as LedgerError;
use comity_ledger::keys::{KeyFault, Keys};
use comity_ledger::log::checkpoint::parts_of_origin;
use comity_ledger::log::note::{Kind, Verifier};
use std::path::Path;
use std::sync::Arc;

/// Under which name the key of a log is pinned.
pub const LOG: &str = "log";

/// The key as it is pinned: 64 hex digits. One key signs the logs of all tenants, each under its own name.
pub fn spelled(key: &Verifier) -> String {
    key.key().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key that was first seen for this log, if there is one: below `folder`, or else in the folder of this person.
pub async fn known_key(
    origin: &str,
    folder: Option<&Path>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Option<Verifier>, Error> {
    let Some(keys) = keys_of(origin, folder, entropy)? else { return Ok(None) };
    let pinned = keys.pinned(LOG).await.map_err(LedgerError::from)?;
    Ok(pinned
        .and_then(|text| comity_core::Digest::from_hex(&text))
        .and_then(|key| Verifier::new(origin, Kind::Ed25519, &key.0).ok()))
}

/// Keeps the key of a log, if none was seen before. Errors if another one was.
pub async fn remember_key(
    key: &Verifier,
    folder: Option<&Path>,
    entropy: &Arc<dyn Entropy>,
) -> Result<(), Error> {
    let Some(keys) = keys_of(key.name(), folder, entropy)? else { return Ok(()) };
    let own = spelled(key);
    let known = keys.pin(LOG, &own).await.map_err(LedgerError::from)?;
    if known == own { Ok(()) } else { Err(Error::OtherKey { log: key.name().to_owned(), known, found: own }) }
}

/// `None` for a log whose name is none of ours.
fn keys_of(
    origin: &str,
    folder: Option<&Path>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Option<FolderKeys>, Error> {
    let Some((id, _)) = parts_of_origin(origin) else { return Ok(None) };
    let Ok(id) = u128::from_str_radix(id, 16) else { return Ok(None) };
    let open = |folder: &Path| FolderKeys::open(folder, Arc::clone(entropy), None);
    let keys: Result<FolderKeys, KeyFault> = match folder {
        Some(folder) => open(&in_folder(folder, &id.to_be_bytes())),
        None => default_folder(&id.to_be_bytes()).and_then(|folder| open(&folder)),
    };
    Ok(Some(keys.map_err(LedgerError::from)?))
}
