//! The suite, on this backend.

#[expect(clippy::disallowed_methods, dead_code, reason = "what these tests do not need, others do")]
#[path = "../../../testkit/src/postgres.rs"]
mod server;

use crate::{Options, Store};
use std::path::Path;

/// A store in a database that is named after the test's folder.
fn open(folder: &Path) -> Store {
    let name = folder.file_name().unwrap().to_string_lossy().to_lowercase();
    let url = server::database(&format!("suite_{}", name.trim_start_matches(['.', '_'])));
    Store::open(Options::new(url, crate::suite::link)).unwrap()
}

crate::store_suite!(conformance, open);
