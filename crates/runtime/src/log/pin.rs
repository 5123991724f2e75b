//! Public keys of logs, as they were first seen on this machine.

use crate::error::Error;
use crate::keys::{FolderKeys, default_folder, in_folder};
use comity_core::{Digest, Entropy, Tenant};
use comity_ledger::Error as LedgerError;
use comity_ledger::keys::{KeyFault, Keys};
use comity_ledger::log::checkpoint::parts_of_origin;
use comity_ledger::log::note::{Kind, Verifier};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Under which name the key of a log is pinned.
pub const LOG: &str = "log";

/// Under which name it is pinned that a checkpoint of a tenant's log was signed here.
pub fn anchored_here(tenant: &Tenant) -> String {
    let name = Digest::of(&[tenant.as_str().as_bytes()]).to_string();
    format!("anchored-{}", name.get(..16).unwrap_or(&name))
}

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
    let Some(folder) = folder_of(origin, folder)? else { return Ok(None) };
    let Some(keys) = existing(&folder, entropy)? else { return Ok(None) };
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
    let Some(folder) = folder_of(key.name(), folder)? else { return Ok(()) };
    let keys = FolderKeys::open(&folder, Arc::clone(entropy), None).map_err(LedgerError::from)?;
    let own = spelled(key);
    let known = keys.pin(LOG, &own).await.map_err(LedgerError::from)?;
    if known == own { Ok(()) } else { Err(Error::OtherKey { log: key.name().to_owned(), known, found: own }) }
}

/// That a log was known by one key, and another is named.
pub fn other_key(known: &Verifier, found: &Verifier) -> Error {
    Error::OtherKey { log: found.name().to_owned(), known: spelled(known), found: spelled(found) }
}

/// The keys in a folder, if there is one. Makes none.
fn existing(folder: &Path, entropy: &Arc<dyn Entropy>) -> Result<Option<FolderKeys>, Error> {
    let keys: Result<_, KeyFault> = FolderKeys::existing(folder, Arc::clone(entropy), None);
    Ok(keys.map_err(LedgerError::from)?)
}

/// `None` for a log whose name is none of ours.
fn folder_of(origin: &str, folder: Option<&Path>) -> Result<Option<PathBuf>, Error> {
    let Some((id, _)) = parts_of_origin(origin) else { return Ok(None) };
    let Ok(id) = u128::from_str_radix(id, 16) else { return Ok(None) };
    Ok(Some(match folder {
        Some(folder) => in_folder(folder, &id.to_be_bytes()),
        None => default_folder(&id.to_be_bytes()).map_err(LedgerError::from)?,
    }))
}
