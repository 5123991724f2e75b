//! The suite, on this backend.

use crate::{Options, Store};
use std::path::Path;

fn open(folder: &Path) -> Store {
    Store::open(Options::new(folder.join("suite.db"), crate::suite::link)).unwrap()
}

crate::store_suite!(conformance, open);
