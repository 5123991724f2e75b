//! The repository as text: every file that is, or could be, under version control.

use std::{env, ffi::OsString, fs, io, path::Path, path::PathBuf, process::Command};

/// Folders that hold no source, for a tree that git cannot list.
const SKIPPED_FOLDERS: &[&str] = &[".comity", ".git", "__pycache__", "node_modules", "target"];

/// The text files below one folder.
#[derive(Debug, Default)]
pub struct Tree {
    /// The folder.
    pub root: PathBuf,
    /// Its text files, in order of path.
    pub files: Vec<SourceFile>,
}

/// One text file.
#[derive(Debug)]
pub struct SourceFile {
    /// Relative to the root, with `/` between parts.
    pub path: String,
    /// The whole content.
    pub text: String,
}

impl Tree {
    /// Reads the tracked and the not yet ignored files below `root`; all files when git cannot say.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut paths = match listed_by_git(root) {
            Some(paths) => paths,
            None => walked(root, "")?,
        };
        paths.sort();
        paths.dedup();
        let mut files = Vec::new();
        for path in paths {
            files.extend(read_text(root, path)?);
        }
        Ok(Self { root: root.to_owned(), files })
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The text of the file at `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

/// The repository's root: the nearest folder, from here upwards, that holds `xtask/Cargo.toml`.
pub fn find_root() -> io::Result<PathBuf> {
    let here = env::current_dir()?;
    let root = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file());
    root.map(Path::to_owned)
        .ok_or_else(|| io::Error::other(format!("`{}` is not inside the repository", here.display())))
}

/// The output of a cargo command run in `root`, or what cargo said when it failed.
pub fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).lines().take(2).collect::<Vec<_>>().join("; "))
    }
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths: Vec<String> = listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    // An unpacked archive inside some other repository is listed as empty: that is not an answer.
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walked(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if !entry.file_type()?.is_dir() {
            paths.push(path);
        } else if !SKIPPED_FOLDERS.contains(&name.as_str()) {
            paths.extend(walked(root, &path)?);
        }
    }
    Ok(paths)
}

/// Nothing for what is not a text file: links, deleted files, binaries.
fn read_text(root: &Path, path: String) -> io::Result<Option<SourceFile>> {
    let full = root.join(&path);
    if !fs::symlink_metadata(&full).is_ok_and(|meta| meta.is_file()) {
        return Ok(None);
    }
    let bytes = fs::read(&full)?;
    if bytes.contains(&0) {
        return Ok(None);
    }
    Ok(Some(SourceFile { path, text: String::from_utf8_lossy(&bytes).into_owned() }))
}

/// Trees for tests: in memory, or in a temporary folder that goes when dropped.
#[cfg(test)]
pub mod testing {
    use super::*;
    use std::{
        io::Write,
        sync::atomic::{AtomicU32, Ordering},
    };

    /// A tree in memory, from `(path, text)`.
    pub fn tree(files: &[(&str, &str)]) -> Tree {
        let files =
            files.iter().map(|(path, text)| SourceFile { path: (*path).into(), text: (*text).into() });
        Tree { root: PathBuf::new(), files: files.collect() }
    }

    /// A folder of files that is removed when dropped.
    pub struct Folder(pub PathBuf);

    impl Folder {
        /// Writes `(path, text)` into a new temporary folder.
        pub fn with(files: &[(&str, &str)]) -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("comity-tidy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let folder = Self(env::temp_dir().join(name));
            for (path, text) in files {
                let full = folder.0.join(path);
                fs::create_dir_all(full.parent().unwrap()).unwrap();
                fs::write(full, text).unwrap();
            }
            folder
        }
    }

    /// Tells `./check`, which lists it last, that a test could not run here.
    pub fn skipped(name: &str, reason: &str) {
        let line = format!("SKIPPED: {name}: {reason}\n");
        eprint!("{line}");
        if let Some(list) = env::var_os("COMITY_SKIPS") {
            fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(list)
                .unwrap()
                .write_all(line.as_bytes())
                .unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::Folder, *};

    const FILES: &[(&str, &str)] = &[
        ("a.rs", "fn a() {}\n"),
        ("b/c.txt", "text\n"),
        ("image.bin", "\0\0"),
        ("target/x.rs", "fn x() {}\n"),
    ];

    fn paths(folder: &Folder) -> Vec<String> {
        Tree::read(&folder.0).unwrap().files.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn reads_text_without_git() {
        assert_eq!(paths(&Folder::with(FILES)), ["a.rs", "b/c.txt"]);
    }

    #[test]
    fn reads_untracked_but_not_ignored_files_with_git() {
        let folder = Folder::with(FILES);
        let made = Command::new("git").args(["init", "-q"]).current_dir(&folder.0).status();
        if !made.is_ok_and(|status| status.success()) {
            return testing::skipped("tidy with git", "git is not installed");
        }
        fs::write(folder.0.join(".gitignore"), "b/\n").unwrap();
        assert_eq!(paths(&folder), [".gitignore", "a.rs", "target/x.rs"]);
    }
}
