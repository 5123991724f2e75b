//! The `comity` binary.

use comity_core::Unwatched;
use std::sync::Arc;

fn main() {
    std::process::exit(comity_cli::main_with(std::env::args_os(), Arc::new(Unwatched)));
}
