//! Python environments for the tests that ask other people's libraries: made at the first use, and kept.

#![expect(clippy::disallowed_methods, reason = "environments are made by pip, which is a process")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter of an environment that has what `requirements` lists: a pip file with every version pinned. The
/// environment lies in `target`, under a name that changes with the list.
///
/// Of several that make it at once, the first to finish wins. Errors are pip's words.
pub fn environment(target: &Path, name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let text = |error: std::io::Error| format!("{}: {error}", requirements.display());
    let list = std::fs::read(requirements).map_err(text)?;
    let digest = comity_core::Digest::of(&[&list]).hex();
    let folder = target.join("python");
    let home = folder.join(format!("{name}-{}", digest.get(..12).unwrap_or(&digest)));
    let python = |home: &Path| home.join("bin").join("python");
    if python(&home).exists() {
        return Ok(python(&home));
    }
    std::fs::create_dir_all(&folder).map_err(text)?;
    let making = tempfile::tempdir_in(&folder).map_err(text)?;
    let scratch = making.path().join("made");
    done(Command::new("python3").args(["-m", "venv"]).arg(&scratch))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    done(Command::new(python(&scratch)).args(pip).arg(requirements))?;
    // An interpreter finds its libraries from where it lies, so that it can be moved once it is whole.
    match std::fs::rename(&scratch, &home) {
        Ok(()) => Ok(python(&home)),
        Err(_) if python(&home).exists() => Ok(python(&home)),
        Err(error) => Err(text(error)),
    }
}

fn done(command: &mut Command) -> Result<(), String> {
    let ran = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let told = || format!("{command:?}: {}\n{}", ran.status, String::from_utf8_lossy(&ran.stderr));
    if ran.status.success() { Ok(()) } else { Err(told()) }
}
