//! Puts another text in the place of a file, whole or not at all.

use crate::error::Error;
use std::fs::OpenOptions;
use std::io::{Error as IoError, Write};
use std::path::Path;

/// Writes beside the file and takes its place, with its permissions. Behind a link, the file it leads to is
/// replaced.
pub fn overwrite(path: &Path, text: &str) -> Result<(), Error> {
    replace(path, text).map_err(|error| Error::Unwritable { path: path.to_owned(), why: error.to_string() })
}

#[expect(clippy::disallowed_methods, reason = "`comity fmt` rewrites the files a person names")]
fn replace(path: &Path, text: &str) -> Result<(), IoError> {
    let whole = path.canonicalize()?;
    let permissions = whole.metadata()?.permissions();
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let unborn = whole.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&unborn)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.set_permissions(permissions))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&unborn, &whole));
    if written.is_err() {
        // What was there before is still there; the rest is of no use to anybody.
        let _ = std::fs::remove_file(&unborn);
    }
    written
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they replace")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn takes_the_place_of_the_file_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("f"), folder.path().join("l"));
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        overwrite(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(folder.path().read_dir().unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        assert!(overwrite(&folder.path().join("f"), "x").is_err());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
