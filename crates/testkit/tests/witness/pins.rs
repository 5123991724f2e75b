//! The public key of a log, pinned beside the keys: read by `verify`, made by the first checkpoint.

use crate::split::{House, errors};
use std::path::PathBuf;

fn verified(house: &House, more: &[&str]) -> (Option<i32>, String) {
    let ended = house.comity(&[&["verify", "--db", "a.db"], more].concat());
    (ended.status.code(), format!("{}{}", String::from_utf8_lossy(&ended.stdout), errors(&ended)))
}

/// A house whose keys are in a folder of its own.
struct Own(House);

impl Own {
    fn new() -> Self {
        let house = House::new();
        std::fs::remove_file(house.path().join("a.db")).unwrap();
        let keys = house.path().join("elsewhere/keys");
        std::fs::create_dir(house.path().join("books")).unwrap();
        let settings = format!("db = \"books/a.db\"\nkeys = \"{}\"\n", keys.display());
        std::fs::write(house.path().join("comity.toml"), settings).unwrap();
        assert!(house.comity(&["run", "flow.yaml"]).status.success());
        Self(house)
    }

    fn keys(&self) -> PathBuf {
        let keys = self.0.path().join("elsewhere/keys");
        keys.read_dir().unwrap().next().unwrap().unwrap().path()
    }

    fn verify(&self) -> (Option<i32>, String) {
        let ended = self.0.comity(&["verify"]);
        (ended.status.code(), format!("{}{}", String::from_utf8_lossy(&ended.stdout), errors(&ended)))
    }

    fn execute(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.0.path().join("books/a.db")).unwrap();
        database.execute_batch(sql).unwrap();
    }

    /// Takes the log away, with its key.
    fn take_the_log(&self) {
        let tables = "DELETE FROM checkpoints; DELETE FROM leaves; DELETE FROM hashes; DELETE FROM logs; \
                      DELETE FROM pins WHERE tenant = 'local'; UPDATE runs SET anchored = 0, due = 1; DELETE FROM due; ";
        let due = "INSERT OR IGNORE INTO due SELECT tenant, key FROM runs";
        self.execute(&format!("PRAGMA foreign_keys = off; {tables}{due}"));
    }
}

#[test]
fn verify_makes_no_pin_and_says_that_it_had_none() {
    let house = House::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().join("keys");
    let (code, said) = verified(&house, &["--keys", other.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("valid:") && said.contains("not compared with a pinned key: none"), "{said}");
    assert!(!other.exists(), "nothing was made");
    let (code, said) = verified(&house, &[]);
    assert!(code == Some(0) && !said.contains("not compared"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_used_is_nothing_to_compare_with() {
    use std::os::unix::fs::PermissionsExt;
    let own = Own::new();
    std::fs::set_permissions(own.keys(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = own.verify();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not compared with a pinned key: the keys in"), "{said}");
    std::fs::set_permissions(own.keys(), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::remove_dir_all(own.keys().join("pins")).unwrap();
    let (code, said) = own.verify();
    assert!(code == Some(0) && said.contains("not compared with a pinned key: none"), "{said}");
    assert!(!own.keys().join("pins").exists(), "nothing was made");
}

#[test]
fn a_key_that_was_exchanged_is_found() {
    let own = Own::new();
    std::fs::write(own.keys().join("pins/log.pub"), format!("{}\n", "0".repeat(64))).unwrap();
    let (code, said) = own.verify();
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("and the one known here is 0000"), "{said}");
}

#[test]
fn a_log_that_was_taken_away_with_its_key_is_missed() {
    let own = Own::new();
    assert_eq!(own.verify().0, Some(0));
    own.take_the_log();
    let (code, said) = own.verify();
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("has no checkpoint, and one was signed here before"), "{said}");
    // And no new one is begun in its place.
    let ended = own.0.comity(&["run", "flow.yaml"]);
    assert_eq!(ended.status.code(), Some(9), "{}", errors(&ended));
    assert!(errors(&ended).contains("[CM0277]"), "{}", errors(&ended));
    assert_eq!(own.verify().0, Some(9));
}

#[test]
fn a_run_without_a_checkpoint_yet_is_nothing_to_miss() {
    let house = House::new();
    let database = house.path().join("new/b.db");
    let words = ["run", "flow.yaml", "--db", database.to_str().unwrap(), "--checkpoint-interval", "never"];
    assert!(house.comity(&words).status.success());
    let ended = house.comity(&["verify", "--db", database.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success() && said.contains("unprotected:"), "{said}");
}
