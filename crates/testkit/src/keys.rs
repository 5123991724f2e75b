//! Where tests keep keys: not in the folder of anybody, and not beside any database.

use comity_core::Entropy;
use comity_ledger::Vault;
use comity_ledger::keys::MemoryKeys;
use comity_runtime::keys::KeyPlace;
use comity_store::Store;
use std::path::PathBuf;
use std::sync::Arc;

/// What `XDG_DATA_HOME` is for programs that tests start.
pub fn data_home() -> PathBuf {
    std::env::temp_dir().join(format!("comity-tests-{}", rustix::process::getuid().as_raw()))
}

/// The same place, for databases that tests open themselves: each has a folder of its own there.
pub fn place() -> KeyPlace {
    KeyPlace::Folder(data_home().join("comity/keys"))
}

/// The folder there of the database with this id.
pub fn folder(store: &[u8; 16]) -> PathBuf {
    let id: String = store.iter().map(|byte| format!("{byte:02x}")).collect();
    data_home().join("comity/keys").join(id)
}

/// A store with keys that live as long as this process.
pub fn in_memory(store: Store, entropy: Arc<dyn Entropy>) -> Vault {
    Vault::new(store, Arc::new(MemoryKeys::new(entropy)))
}
