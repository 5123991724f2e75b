//! Texts as they have to look, kept in `tests/golden`. `COMITY_BLESS=1` writes them anew.

use std::path::PathBuf;

/// Compares a text with the one that is kept.
#[track_caller]
pub fn golden(name: &str, text: &str) {
    let path = PathBuf::from(format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR")));
    if std::env::var_os("COMITY_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} is not as it is kept:\n{text}\nkept:\n{kept}");
}
