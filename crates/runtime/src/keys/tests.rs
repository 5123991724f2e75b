#![expect(clippy::disallowed_methods, reason = "damages and looks at the files it made")]

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

fn entropy() -> Arc<dyn Entropy> {
    crate::system_world(Arc::new(comity_core::Unwatched)).entropy
}

fn open(folder: &Path) -> Result<FolderKeys, KeyFault> {
    FolderKeys::open(folder, entropy(), None)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found.sort();
    found
}

#[tokio::test]
async fn keys_stay_and_are_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a/keys");
    let (keys, tenant) = (open(&place).unwrap(), Tenant::local());
    let first = keys.current(&tenant).await.unwrap();
    let secret = Secret::new([5; 32]);
    let wrapped = keys.wrap(&tenant, first, b"x", &secret).await.unwrap();
    let seed = keys.signing_seed().await.unwrap();
    assert_eq!(keys.pin("log", "one").await.as_deref(), Ok("one"));
    let again = open(&place).unwrap();
    assert_eq!(again.current(&tenant).await, Ok(first));
    assert_eq!(again.unwrap(&tenant, first, b"x", &wrapped).await, Ok(secret));
    assert_eq!(again.signing_seed().await, Ok(seed));
    assert_eq!(again.pin("log", "two").await.as_deref(), Ok("one"));
    for file in files(&place) {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_destroyed_key_is_on_no_disk_and_in_no_other_process() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, tenant) = (open(folder.path().join("k").as_path()).unwrap(), Tenant::local());
    let other = open(keys.folder()).unwrap();
    let first = keys.current(&tenant).await.unwrap();
    assert_eq!(other.current(&tenant).await, Ok(first));
    let wrapped = other.wrap(&tenant, first, b"x", &Secret::new([5; 32])).await.unwrap();
    let bytes = std::fs::read(files(&keys.folder().join("tenants"))[0].clone()).unwrap();
    let second = keys.advance(&tenant, first).await.unwrap();
    assert_eq!(other.advance(&tenant, first).await, Ok(second));
    assert_eq!(other.living(&tenant).await, Ok(vec![first, second]));
    assert_eq!(keys.destroy(&tenant, first).await, Ok(Destroyed::Here));
    assert_eq!(keys.destroy(&tenant, first).await, Ok(Destroyed::Here), "again");
    let gone = KeyFault::Destroyed { tenant: tenant.clone(), id: first };
    assert_eq!(other.unwrap(&tenant, first, b"x", &wrapped).await, Err(gone));
    assert_eq!(other.current(&tenant).await, Ok(second));
    assert!(files(keys.folder()).iter().all(|file| std::fs::read(file).unwrap() != bytes));
}

#[tokio::test]
async fn what_was_left_half_made_or_half_destroyed_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, tenant) = (open(&folder.path().join("k")).unwrap(), Tenant::local());
    let first = keys.current(&tenant).await.unwrap();
    let at = keys.folder().join("tenants/local");
    std::fs::write(at.join(".new-00000002.key"), "half").unwrap();
    std::fs::write(at.join(".gone-00000000"), "half").unwrap();
    assert_eq!(keys.living(&tenant).await, Ok(vec![first]));
    let second = keys.advance(&tenant, first).await.unwrap();
    keys.destroy(&tenant, first).await.unwrap();
    assert_eq!(files(&at), [at.join("00000002.key"), at.join(format!("{first}.destroyed"))]);
    assert_eq!(keys.current(&tenant).await, Ok(second));
}

#[test]
fn refuses_what_others_may_use_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("keys");
    let keys = open(&place).unwrap();
    drop(keys.seed().unwrap());
    let set =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    set(&place, 0o750);
    assert!(open(&place).err().unwrap().to_string().contains("mode 750"));
    set(&place, 0o700);
    assert!(keys.first_or_current(&Tenant::local()).is_ok());
    for inner in ["tenants", "tenants/local"] {
        set(&place.join(inner), 0o710);
        let refused = keys.first_or_current(&Tenant::local()).unwrap_err().to_string();
        assert!(refused.contains(inner) && refused.contains("mode 710"), "{refused}");
        set(&place.join(inner), 0o700);
    }
    set(&place.join("log.key"), 0o604);
    assert!(keys.seed().unwrap_err().to_string().contains("mode 604"));
    set(&place.join("log.key"), 0o600);
    assert!(keys.seed().is_ok());
    std::fs::rename(place.join("log.key"), place.join("real")).unwrap();
    symlink(place.join("real"), place.join("log.key")).unwrap();
    assert!(keys.seed().is_err(), "a link was followed");
    symlink(&place, folder.path().join("link")).unwrap();
    assert!(open(&folder.path().join("link")).is_err(), "a link to a folder was followed");
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(open(&folder.path().join("file")).is_err());
}

#[test]
fn refuses_a_damaged_key() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(&folder.path().join("k")).unwrap();
    drop(keys.seed().unwrap());
    let path = keys.folder().join("log.key");
    for bad in ["", "comity-key-v1 00\n", "something else\n"] {
        std::fs::write(&path, bad).unwrap();
        assert!(keys.seed().unwrap_err().to_string().contains("damaged"), "{bad}");
    }
    for bad in ["", "../x", "A", &"a".repeat(64)] {
        assert!(keys.pin_first(bad, "p").is_err(), "{bad}");
    }
    assert!(keys.pin_first("log", "two\nlines").is_err());
}

#[test]
fn many_who_ask_first_get_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("k");
    let all = std::sync::Barrier::new(8);
    let ask = || {
        let keys = open(&place).unwrap();
        let first = keys.first_or_current(&Tenant::local()).unwrap();
        all.wait();
        (first, keys.next(&Tenant::local(), first).unwrap(), keys.seed().unwrap())
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(open(&place).unwrap().keys_of(&Tenant::local()).unwrap().len(), 2);
}
