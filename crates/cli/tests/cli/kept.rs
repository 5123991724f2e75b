//! Texts as they have to look, kept in `tests/golden`. `COMITY_BLESS=1` writes them anew.

use std::path::PathBuf;

/// Compares a text with `tests/golden/NAME.txt`.
#[track_caller]
pub fn golden(name: &str, text: &str) {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(format!("{name}.txt"));
    if std::env::var_os("COMITY_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(wanted, text, "{} is another; COMITY_BLESS=1 writes it anew", path.display());
}
