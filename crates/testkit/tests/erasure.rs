//! After an erasure nothing that is left opens what was erased: not the database, its log, a backup, an export,
//! nor today's keys. The same search finds all of it before. On a server, in [`server`].

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "it copies databases, and reads files of keys")]

#[path = "erasure/missing.rs"]
mod missing;
#[path = "erasure/server.rs"]
mod server;

use comity_core::{RunId, SubjectId, Tenant, Unwatched};
use comity_ledger::Slot;
use comity_ledger::keys::{Keys, Secret, TenantKey};
use comity_ledger::log::check::{Trust, check};
use comity_ledger::log::checkpoint::origin;
use comity_ledger::log::note::{Kind, SecretKey};
use comity_ledger::vault::cipher::{PayloadKey, Place};
use comity_ledger::vault::{Class, bound_in, subject::Subject};
use comity_runtime::book::{Aim, Mode};
use comity_runtime::keys::{FolderKeys, KeyPlace, in_folder};
use comity_runtime::view::{ExportWanted, check_export};
use comity_runtime::{Durability, Hooks, Request, Ruling, Runtime, Settings, no_files, system_world};
use comity_store::{Options, PayloadRow, Store, SubjectRow};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Runs, and how many canaries each has.
const RUNS: usize = 10;
const EACH: usize = 101;

fn canary(run: usize, number: usize) -> String {
    format!("canary-{run:02}-{number:03}-sings")
}

fn canaries(run: usize, numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| canary(run, number)).collect::<Vec<_>>().join(" ")
}

/// A database in one folder and its keys in another.
struct House {
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("db")).unwrap();
        Self { folder }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("db/comity.db")
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn open(&self) -> Runtime {
        self.open_at(self.database())
    }

    fn open_at(&self, database: PathBuf) -> Runtime {
        let world = system_world(Arc::new(Unwatched));
        let keys = KeyPlace::Folder(self.keys());
        Runtime::open(Settings::local(database, Durability::Process, world, keys)).unwrap()
    }

    /// The files of the database as they lie there, copied beside.
    fn back_up(&self, name: &str) -> PathBuf {
        let to = self.folder.path().join(name);
        std::fs::create_dir(&to).unwrap();
        for suffix in ["", "-wal", "-shm"] {
            let file = format!("comity.db{suffix}");
            if self.folder.path().join("db").join(&file).exists() {
                std::fs::copy(self.folder.path().join("db").join(&file), to.join(&file)).unwrap();
            }
        }
        to.join("comity.db")
    }
}

/// A run with canaries in its source, its task and so its inputs, its outputs, a comment, and whom it is about.
async fn plant(runtime: &Runtime, run: usize, about: &str) -> RunId {
    let source = format!(
        "# {}\nname: {}\nnodes:\n  say: {{kind: echo, text: '{}'}}\n  ask: {{kind: human, prompt: '{}'}}\n  \
         end: {{kind: echo}}\nedges: [say -> ask -> end]\n",
        canaries(run, 0..20),
        canary(run, 20),
        canaries(run, 21..50),
        canaries(run, 50..60),
    );
    let request = Request {
        source,
        file: format!("{}.yaml", canary(run, 60)),
        base_dir: PathBuf::new(),
        task: canaries(run, 61..90),
        read: no_files(),
        trace: None,
        about: Some(about.to_owned()),
    };
    let id = runtime.start(request, Hooks::default()).await.unwrap().run;
    let comment = format!("{} {}", canaries(run, 90..99), canary(run, 100));
    runtime.rule(id, Some("ask"), Ruling::Approve, &comment).await.unwrap();
    assert!(runtime.resume(id, Hooks::default()).await.unwrap().status.is_final());
    id
}

/// Three of the runs are about one person; each name is a canary.
async fn plant_all(runtime: &Runtime) -> Vec<RunId> {
    let mut runs = Vec::new();
    for run in 0..RUNS {
        let about = canary(if (5..8).contains(&run) { 5 } else { run }, 99);
        runs.push(plant(runtime, run, &about).await);
    }
    runs
}

/// Every canary there is. Two of the three runs that are about one person have no name of their own.
fn planted() -> BTreeSet<String> {
    let all = (0..RUNS).flat_map(|run| (0..EACH).map(move |number| canary(run, number)));
    all.filter(|name| !["canary-06-099-sings", "canary-07-099-sings"].contains(&name.as_str())).collect()
}

/// Every canary in these bytes.
fn in_plain(bytes: &[u8], found: &mut BTreeSet<String>) {
    for at in bytes.windows(7).enumerate().filter(|(_, part)| *part == b"canary-").map(|(at, _)| at) {
        if let Some(part) = bytes.get(at..at + 19)
            && part.ends_with(b"-sings")
        {
            found.insert(String::from_utf8(part.to_vec()).unwrap());
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { out.extend(files(&entry.path())) } else { out.push(entry.path()) }
    }
    out
}

/// Whatever a thief of one copy of the database gets out of it.
struct Loot {
    subjects: Vec<SubjectRow>,
    payloads: Vec<PayloadRow>,
}

async fn loot(database: &Path) -> Loot {
    let store = Store::open(Options::new(database, comity_ledger::link)).unwrap();
    let tenant = Tenant::local();
    let subjects = store.subjects(&tenant, None, 1_000).await.unwrap();
    let mut payloads = Vec::new();
    for run in store.runs(&tenant, None, 1_000).await.unwrap() {
        store.entries(&run.cell, 0, 1_000, |entry| payloads.extend(entry.payloads)).await.unwrap();
    }
    Loot { subjects, payloads }
}

/// Every secret in a folder of keys.
fn stored_secrets(folder: &Path) -> Vec<Secret> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(path).ok()?;
        let hex = text.strip_prefix("comity-key-v1 ")?.trim();
        let bytes: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap())
            .collect();
        Some(Secret::new(bytes.try_into().unwrap()))
    };
    files(folder).into_iter().filter_map(read).collect()
}

/// The keys that are kept beside the tenant keys, opened by those.
async fn survivors(house: &House, databases: &[PathBuf]) -> Vec<Secret> {
    let store = Store::open(Options::new(&databases[0], comity_ledger::link)).unwrap();
    let folder = in_folder(&house.keys(), &store.id().await.unwrap());
    let keys = FolderKeys::open(&folder, system_world(Arc::new(Unwatched)).entropy, None).unwrap();
    let mut opened = Vec::new();
    for kept in keys.survivors(&Tenant::local()).await.unwrap().values() {
        opened.push(keys.unwrap(&Tenant::local(), kept.by, &kept.bound, &kept.wrapped).await.unwrap());
    }
    opened
}

/// Tries each stored key on every wrapped key, and whatever comes out of that on every text.
fn open_all(secrets: &[Secret], opened: &[Secret], loots: &[Loot], found: &mut BTreeSet<String>) -> usize {
    let mut keys: Vec<Secret> = secrets.to_vec();
    let mut tried = 0;
    let rows = || loots.iter().flat_map(|loot| &loot.subjects);
    for secret in secrets {
        let tenant_key = TenantKey::new(Tenant::local(), secret.clone());
        keys.extend(rows().filter_map(|row| tenant_key.unwrap(&bound_in(row), &row.cell.wrapped.bytes).ok()));
    }
    keys.extend(opened.iter().cloned());
    for key in &keys {
        for row in rows() {
            let subject = Subject { id: row.id, class: Class::Content, secret: key.clone() };
            if let Some(label) = subject.open_label(&row.cell.label) {
                in_plain(label.as_bytes(), found);
            }
        }
        for row in loots.iter().flat_map(|loot| &loot.payloads) {
            tried += 1;
            let Some(subject) = row.subject.as_deref().and_then(SubjectId::from_slice) else { continue };
            let salt = <[u8; 32]>::try_from(row.salt.as_slice()).unwrap();
            let place = Place { codec: row.codec.try_into().unwrap(), slot: row.slot, subject };
            if let Some(text) = PayloadKey::derive(key, &salt).open(place, &row.body) {
                let text =
                    if row.codec == 1 { zstd::bulk::decompress(&text, 1 << 20).unwrap() } else { text };
                in_plain(&text, found);
            }
        }
    }
    tried
}

/// Everything that can be got out of these files with the keys that are there today.
async fn hunt(house: &House, databases: &[PathBuf], others: &[Vec<u8>]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut loots = Vec::new();
    for database in databases {
        for file in files(database.parent().unwrap()) {
            in_plain(&std::fs::read(file).unwrap(), &mut found);
        }
        loots.push(loot(database).await);
    }
    others.iter().for_each(|bytes| in_plain(bytes, &mut found));
    for file in files(&house.keys()) {
        in_plain(&std::fs::read(file).unwrap(), &mut found);
    }
    let opened = survivors(house, databases).await;
    let tried = open_all(&stored_secrets(&house.keys()), &opened, &loots, &mut found);
    assert!(tried > 0, "nothing was tried");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_left_opens_what_was_erased() {
    let house = House::new();
    let runtime = house.open();
    let runs = plant_all(&runtime).await;
    let kept = runtime.start(survivor(), Hooks::default()).await.unwrap().run;
    let key = signing_key(&runtime).await;
    runtime.gate().anchor(runtime.tenant(), &key).await.unwrap();
    let trust = Trust { key: key.verifier().clone(), witnesses: Vec::new() };
    let mut proofs = Vec::new();
    let mut exports = Vec::new();
    for run in &runs {
        exports.push(runtime.export(*run, ExportWanted::default()).await.unwrap());
        for seq in 0..3 {
            let proof = comity_ledger::log::prove::prove(runtime.store(), runtime.tenant(), *run, seq).await;
            proofs.push(proof.unwrap().to_bytes());
        }
    }
    let backup = house.back_up("backup");
    // The control.
    let planted = planted();
    let before = house.back_up("before");
    let seen = hunt(&house, &[before], &exports).await;
    assert_eq!(seen, planted, "the search does not find what is there");
    assert!(planted.len() >= 1_000);

    for run in &runs[..5] {
        runtime.erase(&Aim::Run(*run), Mode::Erase).await.unwrap();
    }
    let receipt = runtime.erase(&Aim::Subject(canary(5, 99)), Mode::Erase).await.unwrap();
    assert_eq!(receipt.runs.len(), 3);
    // What anonymizing leaves goes with the second command.
    runtime.erase(&Aim::Run(runs[8]), Mode::Anonymize).await.unwrap();
    let left = hunt(&house, &[house.back_up("between")], &[]).await;
    let of = |run: usize| left.iter().filter(|name| name.starts_with(&format!("canary-{run:02}"))).count();
    assert!(of(8) >= 60 && of(9) == EACH, "{} of the anonymized run, {} of the other", of(8), of(9));
    runtime.erase(&Aim::Run(runs[8]), Mode::Erase).await.unwrap();
    runtime.erase(&Aim::Run(runs[9]), Mode::Erase).await.unwrap();

    // Every byte: the files as they lie, the backup and the exports from before, and today's keys.
    for run in &runs {
        exports.push(runtime.export(*run, ExportWanted { texts: true }).await.unwrap());
    }
    let after = house.back_up("after");
    assert_eq!(hunt(&house, &[after, backup.clone()], &exports).await, BTreeSet::new());

    let checked = runtime.verify(None).await.unwrap();
    assert!(checked.valid, "{:?}", checked.fault);
    for proof in &proofs {
        check(proof, &trust).unwrap_or_else(|fault| panic!("an older proof fails: {fault}"));
    }
    assert!(exports.iter().all(|export| check_export(export, &[]).0.valid), "an export does not verify");
    assert_eq!(runtime.report(kept).await.unwrap().output, serde_json::json!("here to stay"));
    let rows = runtime.runs(20).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.name == "[erased]").count(), RUNS);
    let mut words = BTreeSet::new();
    runtime.trace(runs[0], |row| words.extend(row.message)).await.unwrap();
    assert_eq!(words, BTreeSet::from(["[erased]".to_owned()]));
    assert!(runtime.resume(runs[0], Hooks::default()).await.is_err());
    drop(runtime);
    restored(&house, &backup, kept, &runs).await;
}

/// A backup from before every erasure, put in the place of the database: what was not erased is read, goes on and can be
/// erased, and what was erased cannot be read.
async fn restored(house: &House, backup: &Path, kept: RunId, runs: &[RunId]) {
    let place = house.folder.path().join("db");
    std::fs::remove_dir_all(&place).unwrap();
    std::fs::rename(backup.parent().unwrap(), &place).unwrap();
    let runtime = house.open();
    let checked = runtime.verify(None).await.unwrap();
    assert!(checked.valid, "{:?}", checked.fault);
    assert_eq!(runtime.report(kept).await.unwrap().output, serde_json::json!("here to stay"));
    let rows = runtime.runs(20).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.name == "[erased]").count(), RUNS);
    assert!(runtime.unread().is_empty(), "{:?}", runtime.unread());
    let new = runtime.start(survivor(), Hooks::default()).await.unwrap();
    assert!(new.status.is_final());
    // By command: what is gone already, and then what is left.
    let receipt = runtime.erase(&Aim::Run(runs[0]), Mode::Erase).await.unwrap();
    assert_eq!((receipt.runs.as_slice(), receipt.keys_erased), (&runs[..1], 2));
    assert_eq!(runtime.report(kept).await.unwrap().output, serde_json::json!("here to stay"));
    assert!(runtime.verify(None).await.unwrap().valid);
    let receipt = runtime.erase(&Aim::Tenant, Mode::Erase).await.unwrap();
    assert_eq!(receipt.runs.len(), RUNS - 1 + 2);
    assert!(runtime.report(kept).await.unwrap().output != serde_json::json!("here to stay"));
    assert!(runtime.verify(None).await.unwrap().valid);
    let found = hunt(house, &[house.back_up("at the end")], &[]).await;
    assert_eq!(found, BTreeSet::new());
}

fn survivor() -> Request {
    Request {
        source: "nodes:\n  say: {kind: echo, text: here to stay}\n".to_owned(),
        file: "kept.yaml".to_owned(),
        base_dir: PathBuf::new(),
        task: String::new(),
        read: no_files(),
        trace: None,
        about: None,
    }
}

async fn signing_key(runtime: &Runtime) -> SecretKey {
    let seed = runtime.vault().keys().signing_seed().await.unwrap();
    let name = origin(&runtime.store().id().await.unwrap(), runtime.tenant());
    SecretKey::new(&name, Kind::Ed25519, seed.bytes()).unwrap()
}

#[test]
fn every_slot_is_under_a_key() {
    assert_eq!(Slot::ALL.map(Class::of).iter().filter(|class| **class == Class::Structure).count(), 2);
}
