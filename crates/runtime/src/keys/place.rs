//! Which folder keys are kept in.

use comity_ledger::keys::KeyFault;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `$XDG_DATA_HOME/comity/keys/STORE`, else `~/.local/share/comity/keys/STORE`, for the store with this id.
///
/// Errors where no home is known.
pub fn default_folder(store: &[u8; 16]) -> Result<PathBuf, KeyFault> {
    folder_of(store, |name| std::env::var_os(name))
}

fn folder_of(store: &[u8; 16], variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, KeyFault> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let data = data.ok_or_else(|| KeyFault::Place {
        place: "the folder of this person".to_owned(),
        why: "neither XDG_DATA_HOME nor HOME names one; say where keys are kept with --keys".to_owned(),
    })?;
    Ok(in_folder(&data.join("comity/keys"), store))
}

/// The folder of the store with this id, in one that is for several.
pub fn in_folder(folder: &Path, store: &[u8; 16]) -> PathBuf {
    let id: String = store.iter().map(|byte| format!("{byte:02x}")).collect();
    folder.join(id)
}

/// Errors if keys in `keys` would be copied along with the database: if that folder is the database's, or in it.
pub fn outside(keys: &Path, database: &Path) -> Result<(), KeyFault> {
    let beside = database.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (keys, beside) = (real(keys), real(beside));
    if !keys.starts_with(&beside) {
        return Ok(());
    }
    let why = format!(
        "it is in the folder of the database ({}), so that a copy of that folder would be a copy of the keys",
        beside.display()
    );
    Err(KeyFault::Place { place: keys.display().to_string(), why })
}

/// The path with links followed as far as it exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path.ancestors().find_map(|part| Some((part, std::fs::canonicalize(part).ok()?)));
    let Some((part, real)) = existing else { return path };
    path.strip_prefix(part).map_or(path.clone(), |rest| real.join(rest))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "makes the folders it asks about")]
mod tests {
    use super::*;

    #[test]
    fn finds_the_folder_of_a_person() {
        let only = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| OsString::from(value))
        };
        let id = "0a".repeat(16);
        let expected = PathBuf::from(format!("/h/.local/share/comity/keys/{id}"));
        assert_eq!(folder_of(&[10; 16], only("HOME", "/h")), Ok(expected));
        let expected = PathBuf::from(format!("/x/comity/keys/{id}"));
        assert_eq!(folder_of(&[10; 16], only("XDG_DATA_HOME", "/x")), Ok(expected));
        assert!(folder_of(&[10; 16], only("XDG_DATA_HOME", "relative")).is_err());
        assert!(folder_of(&[10; 16], |_| None).is_err());
    }

    #[test]
    fn keys_do_not_lie_with_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let (db, keys) = (folder.path().join("db"), folder.path().join("keys"));
        std::fs::create_dir(&db).unwrap();
        assert!(outside(&keys, &db.join("a.db")).is_ok());
        assert!(outside(&db, &db.join("a.db")).is_err());
        assert!(outside(&db.join("deep/er"), &db.join("a.db")).is_err());
        assert!(outside(&db.join("none/../../keys"), &db.join("a.db")).is_err(), "a path nobody can follow");
        std::fs::create_dir(&keys).unwrap();
        assert!(outside(&db.join("../keys"), &db.join("a.db")).is_ok());
        std::os::unix::fs::symlink(&db, folder.path().join("link")).unwrap();
        assert!(outside(&folder.path().join("link/keys"), &db.join("a.db")).is_err());
    }
}
