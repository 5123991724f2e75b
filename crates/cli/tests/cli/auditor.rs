//! Somebody who may read a database, and not write it.

use crate::sandbox::{Ended, Sandbox};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The program as somebody whom permissions bind: root, who reads this, is not.
fn as_nobody(sandbox: &Sandbox, words: &[&str]) -> Ended {
    let copy = sandbox.path("binary");
    if !copy.exists() {
        fs::copy(env!("CARGO_BIN_EXE_comity"), &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(copy);
    command.args(words).current_dir(sandbox.path(".")).env("HOME", sandbox.path("."));
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    Ended::of(command.output().unwrap())
}

/// Verification takes no key, so that it is what somebody without ours can do.
#[test]
fn an_auditor_reads_what_may_not_be_written() {
    let sandbox = Sandbox::new();
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    sandbox.write("comity.toml", "db = \"kept/a.db\"\n");
    sandbox.run("nodes:\n  one: {kind: echo, text: 'done'}\n").expect(0);
    let kept = sandbox.path("kept");
    fs::remove_dir_all(kept.join("a.db-owners")).unwrap();
    set(&sandbox.path("."), 0o755);
    set(&kept.join("a.db"), 0o444);
    set(&kept, 0o555);
    let before = fs::read_dir(&kept).unwrap().count();
    let verified = as_nobody(&sandbox, &["verify", "-o", "json"]).expect(0).json();
    assert_eq!(verified["valid"], true, "{verified}");
    let refused = as_nobody(&sandbox, &["run", "flow.yaml"]);
    assert!(refused.code != 0 && refused.err.contains("read-only"), "{refused:?}");
    assert_eq!(fs::read_dir(&kept).unwrap().count(), before, "nothing is made beside it");
    set(&kept, 0o755);
}
