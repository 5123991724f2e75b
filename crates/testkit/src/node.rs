//! Folders of npm packages for the tests that ask other people's libraries: made at the first use, and kept.

#![expect(clippy::disallowed_methods, reason = "packages are installed by npm, which is a process")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of a folder of scripts with the packages its `package-lock.json` pins beside them. The copy lies in `target`,
/// under a name that changes with its files.
///
/// Of several that make it at once, the first to finish wins. Errors are npm's words.
pub fn environment(target: &Path, name: &str, scripts: &Path) -> Result<PathBuf, String> {
    let text = |error: std::io::Error| format!("{}: {error}", scripts.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(scripts).map_err(text)? {
        let path = entry.map_err(text)?.path();
        let kept = path.extension().is_some_and(|end| end == "mjs" || end == "json");
        if let Some(name) = path.file_name().filter(|_| kept) {
            files.push((name.to_owned(), std::fs::read(&path).map_err(text)?));
        }
    }
    files.sort();
    let parts: Vec<&[u8]> = files.iter().flat_map(|(name, text)| [name.as_encoded_bytes(), text]).collect();
    let digest = comity_core::Digest::of(&parts).hex();
    let folder = target.join("node");
    let home = folder.join(format!("{name}-{}", digest.get(..12).unwrap_or(&digest)));
    if home.exists() {
        return Ok(home);
    }
    std::fs::create_dir_all(&folder).map_err(text)?;
    let making = tempfile::tempdir_in(&folder).map_err(text)?;
    let scratch = making.path().join("made");
    std::fs::create_dir(&scratch).map_err(text)?;
    for (name, bytes) in files {
        std::fs::write(scratch.join(name), bytes).map_err(text)?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]).current_dir(&scratch);
    let ran = npm.output().map_err(|error| format!("{npm:?}: {error}"))?;
    if !ran.status.success() {
        return Err(format!("{npm:?}: {}\n{}", ran.status, String::from_utf8_lossy(&ran.stderr)));
    }
    match std::fs::rename(&scratch, &home) {
        Ok(()) => Ok(home),
        Err(_) if home.exists() => Ok(home),
        Err(error) => Err(text(error)),
    }
}
