//! Makes the files that a person asked for.

#![expect(clippy::disallowed_methods, reason = "an effect module: writes new files where a person says")]

use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// One file to make.
pub struct Made<'m> {
    /// Where, below the folder.
    pub name: &'m str,
    /// What stands in it.
    pub bytes: &'m [u8],
}

/// Makes a folder and new files in it: all of them, or none where one of them is there or cannot be made.
pub fn new(folder: &Path, files: &[Made<'_>]) -> Result<(), Error> {
    for file in files {
        let path = folder.join(file.name);
        if path.symlink_metadata().is_ok() {
            return Err(Error::Exists(path));
        }
    }
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    std::fs::create_dir_all(folder).map_err(|error| not_made(folder, &error))?;
    let mut made = Vec::new();
    for file in files {
        if let Err(error) = one(&folder.join(file.name), file.bytes, &mut made) {
            // What cannot be taken away again was not there before, and is named by the next attempt.
            made.iter().for_each(|path: &PathBuf| drop(std::fs::remove_file(path)));
            missing.iter().for_each(|path| drop(std::fs::remove_dir(path)));
            return Err(error);
        }
    }
    Ok(())
}

/// Makes one file, and the folder it is in.
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    new(folder, &[Made { name: &name, bytes }])
}

/// Makes a folder and files in it, over those of the same names.
pub fn over(folder: &Path, files: &[Made<'_>]) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| not_made(folder, &error))?;
    for file in files {
        let path = folder.join(file.name);
        std::fs::write(&path, file.bytes).map_err(|error| not_made(&path, &error))?;
    }
    Ok(())
}

/// Makes one file that was not there, and notes it as soon as it is.
fn one(path: &Path, bytes: &[u8], made: &mut Vec<PathBuf>) -> Result<(), Error> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            Error::Exists(path.to_owned())
        } else {
            not_made(path, &error)
        }
    })?;
    made.push(path.to_owned());
    file.write_all(bytes).map_err(|error| not_made(path, &error))
}

fn not_made(path: &Path, error: &std::io::Error) -> Error {
    Error::NotMade { path: path.to_owned(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [Made<'_>; 2] = [Made { name: "a", bytes: b"1" }, Made { name: "b", bytes: b"2" }];

    #[test]
    fn all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("x/y");
        new(&inner, &FILES).unwrap();
        assert_eq!(std::fs::read(inner.join("b")).unwrap(), b"2");
        std::fs::remove_file(inner.join("a")).unwrap();
        assert!(matches!(new(&inner, &FILES), Err(Error::Exists(path)) if path.ends_with("b")));
        assert!(!inner.join("a").exists());
        over(&inner, &FILES).unwrap();
    }

    #[test]
    fn what_was_begun_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("x");
        let bad = [Made { name: "a", bytes: b"1" }, Made { name: "no/b", bytes: b"2" }];
        assert!(matches!(new(&inner, &bad), Err(Error::NotMade { .. })));
        assert!(!inner.exists());
    }
}
