//! A disk that is full.

use super::child::{Other, say};
use super::*;
use comity_store::{Error, Refused};
use std::process::Command;
use tempfile::TempDir;

#[test]
fn a_full_disk_loses_nothing_and_is_got_over() {
    let folder = TempDir::new().unwrap();
    let root = rustix::process::geteuid().is_root();
    let mut command = Command::new("unshare");
    command.arg(if root { "-m" } else { "-rm" }).arg(std::env::current_exe().unwrap());
    let mut other = match Command::new("unshare").arg("--version").output() {
        Ok(_) => Other::start_with(command, "fill", folder.path()),
        Err(error) => {
            return skip("a_full_disk_loses_nothing_and_is_got_over", &format!("no unshare: {error}"));
        }
    };
    match other.hear().as_deref() {
        Some("mounted") => {
            assert_eq!(other.hear().as_deref(), Some("got over it"), "the child says more on stderr")
        }
        said => {
            skip("a_full_disk_loses_nothing_and_is_got_over", &format!("no tmpfs to mount here: {said:?}"))
        }
    }
}

/// In a mount space of its own.
pub fn fills_a_small_disk(folder: &Path) {
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder).status();
    if !mount.is_ok_and(|status| status.success()) {
        return;
    }
    say("mounted");
    let (path, ballast) = (folder.join("full.db"), folder.join("ballast"));
    std::fs::write(&ballast, vec![1; 700_000]).unwrap();
    let store = open(&path);
    must(wait(store.queue(opening(run_id(1)))));
    let text = vec![7; 8_000];
    let append = |number: u32| append(&number.to_be_bytes(), &text);
    let mut acknowledged = 0u32;
    let error = loop {
        match wait(store.queue(commit(run_id(1), Fence::Epoch(1), vec![append(acknowledged)]))) {
            Ok(_) => acknowledged += 1,
            Err(CommitError::Failed(error)) => break error,
            Err(CommitError::Refused(refused)) => unreachable!("{refused:?}"),
        }
    };
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(acknowledged > 10, "there was room for {acknowledged}");
    assert_eq!(chain(&store, run_id(1)).len(), acknowledged as usize, "what was acknowledged is there");
    let next = wait(store.queue(commit(run_id(1), Fence::Epoch(1), vec![append(0)])));
    assert!(matches!(
        next,
        Err(CommitError::Refused(Refused::Broken)) | Err(CommitError::Failed(Error::Full { .. }))
    ));
    drop(store);
    // Still full: opening reads, and says so or works; it never damages what is there.
    match Store::open(options(&path)) {
        Ok(store) => assert_eq!(chain(&store, run_id(1)).len(), acknowledged as usize),
        Err(error) => assert!(matches!(error, Error::Full { .. }), "{error}"),
    }
    std::fs::remove_file(&ballast).unwrap();
    let store = open(&path);
    assert_eq!(must(wait(store.queue(take_over(run_id(1), 1)))).epoch, 2);
    for number in 0..10 {
        must(wait(store.queue(commit(run_id(1), Fence::Epoch(2), vec![append(number)]))));
    }
    assert_eq!(chain(&store, run_id(1)).len(), acknowledged as usize + 10);
    assert_eq!(wait(store.integrity()).unwrap(), None);
    say("got over it");
}
