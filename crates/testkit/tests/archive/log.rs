//! The log beside the runs, in a folder.

use comity_api::ArchiveCheck;
use comity_archive::{Address, Options as PlaceOptions, Place, tiles};
use comity_core::{Digest, Tenant, Timestamp, Unwatched};
use comity_ledger::keys::MemoryKeys;
use comity_ledger::log::checkpoint::{Checkpoint, origin};
use comity_ledger::log::leaf::{Leaf, LeafKind, entry_leaf};
use comity_ledger::log::merkle::{Frontier, Head};
use comity_ledger::log::note::{Kind, Note, SecretKey};
use comity_runtime::keys::KeyPlace;
use comity_runtime::view::{ExportWanted, check_export};
use comity_runtime::{
    Archived, Durability, Hooks, Request, Runtime, Settings, check_archive, no_files, system_world,
};
use comity_store::{Anchor, Commit, Fence, NewLeaf, Op, Store};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

const FLOW: &str = "name: x\nnodes:\n  ask: {kind: human}\n";

struct Desk {
    folder: TempDir,
    runtime: Runtime,
    key: SecretKey,
    tree: Frontier,
}

impl Desk {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = system_world(Arc::new(Unwatched));
        let keys = KeyPlace::Given(Arc::new(MemoryKeys::new(Arc::clone(&world.entropy))));
        let settings = Settings::local(folder.path().join("c.db"), Durability::Process, world, keys);
        let runtime = Runtime::open(settings).unwrap();
        let name = origin(&runtime.store().id().await.unwrap(), runtime.tenant());
        let key = SecretKey::new(&name, Kind::Ed25519, &[7; 32]).unwrap();
        Self { folder, runtime, key, tree: Frontier::default() }
    }

    async fn run(&self) {
        let request = Request {
            source: FLOW.to_owned(),
            file: "flow.yaml".to_owned(),
            base_dir: self.folder.path().to_owned(),
            task: String::new(),
            read: no_files(),
            trace: None,
            about: None,
        };
        self.runtime.start(request, Hooks::default()).await.unwrap();
    }

    /// Appends leaves for every run that moved, several each, and signs a checkpoint.
    async fn anchor(&mut self, each: u64) {
        let (store, tenant) = (self.runtime.store().clone(), self.runtime.tenant().clone());
        let (mut leaves, mut hashes) = (Vec::new(), Vec::new());
        let from = self.tree.size();
        let due = store.due(&tenant, 100).await.unwrap();
        for row in &due {
            let entries = store.entry_hashes(&row.cell, 0, 1_000).await.unwrap();
            let mut own = Frontier::default();
            for (place, hash) in (1u64..).zip(&entries) {
                own.push(entry_leaf(hash), |_| ());
                if place + each > row.cell.next_seq {
                    let leaf = Leaf { kind: LeafKind::Head, run: row.id, size: place, root: own.root() };
                    self.tree.push(leaf.hash(), |hash| hashes.push(hash));
                    let (root, frontier) = (own.root(), own.to_bytes());
                    leaves.push(NewLeaf { run: row.id, size: place, kind: leaf.kind as u8, root, frontier });
                }
            }
        }
        let head = Head { size: self.tree.size(), root: self.tree.root() };
        let text = Checkpoint { origin: self.key.verifier().name().to_owned(), head }.to_text();
        let mut note = Note::new(&text).unwrap();
        note.sign(&self.key).unwrap();
        let anchor = Anchor { from, leaves, hashes, note: note.to_bytes().into() };
        put(&store, tenant, due[0].id, anchor).await;
    }

    fn place(&self) -> Place {
        Place::open(&Address::Folder(self.folder.path().join("books")), &PlaceOptions::default()).unwrap()
    }

    /// Keeps every run and the log; how many objects were made.
    async fn archive(&self) -> u64 {
        let runs = self.runtime.store().runs(self.runtime.tenant(), None, 100).await.unwrap();
        let runs = Archived::Runs(runs.into_iter().map(|row| row.id).collect());
        self.runtime.archive(&self.place(), &runs, |_| ()).await.unwrap().made
    }

    async fn check(&self) -> ArchiveCheck {
        check_archive(&self.place(), &[self.key.verifier().clone()], |_| ()).await.unwrap()
    }

    async fn file(&self, name: &str) -> PathBuf {
        let id = self.runtime.store().id().await.unwrap();
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.path().join("books").join(id).join("local").join(name)
    }
}

async fn put(store: &Store, tenant: Tenant, run: comity_core::RunId, anchor: Anchor) {
    let ops = vec![Op::Anchor(Box::new(anchor))];
    let at = Timestamp::from_millis(1);
    let commit = Commit { tenant, run, fence: Fence::Anyone, at, expect: Vec::new(), ops };
    store.queue(commit).await.unwrap();
}

/// Two checkpoints: one of six leaves, and one of as many as fill more than a tile.
async fn desk() -> Desk {
    let mut desk = Desk::open().await;
    for _ in 0..2 {
        desk.run().await;
    }
    desk.anchor(3).await;
    desk.archive().await;
    for _ in 0..100 {
        desk.run().await;
    }
    desk.anchor(3).await;
    desk.archive().await;
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_kept_beside_the_runs_and_recomputed() {
    let desk = desk().await;
    let checked = desk.check().await;
    assert_eq!((checked.fault.as_deref(), checked.valid, checked.signed), (None, true, true));
    assert_eq!((checked.leaves, checked.checkpoints, checked.runs), (306, 2, 102));
    for name in ["tile/0/000", "tile/0/001.p/50", "tile/1/000.p/1", "tile/entries/001.p/50", "checkpoints/6"]
    {
        assert!(desk.file("log").await.join(name).exists(), "{name}");
    }
    assert!(desk.check().await.strange.is_empty());
    assert_eq!(desk.archive().await, 0, "what is there is left");
    let stranger = SecretKey::new(desk.key.verifier().name(), Kind::Ed25519, &[8; 32]).unwrap();
    let found = check_archive(&desk.place(), &[stranger.verifier().clone()], |_| ()).await.unwrap();
    assert!(found.fault.unwrap().contains("no key that is trusted"), "another key signed it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_a_log_is_covered() {
    let desk = desk().await;
    let log = desk.file("log").await;
    for (name, fault) in [
        ("tile/0/000", "its hashes are not those of the leaves"),
        ("tile/0/001.p/50", "its hashes are not those of the leaves"),
        ("tile/1/000.p/1", "its hashes are not those of the leaves"),
        ("tile/entries/000", "its root is not that of the leaves"),
        ("tile/entries/001.p/50", "its root is not that of the leaves"),
        ("checkpoints/6", ""),
        ("checkpoints/306", ""),
    ] {
        let path = log.join(name);
        let whole = std::fs::read(&path).unwrap();
        let mut bad = whole.clone();
        let last = if name.starts_with("check") { whole.len() / 2 } else { whole.len() - 1 };
        bad[last] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let found = desk.check().await;
        assert!(!found.valid && found.fault.as_ref().unwrap().contains(fault), "{name}: {found:?}");
        std::fs::remove_file(&path).unwrap();
        let gone = desk.check().await;
        // The last checkpoint is what says how far the log goes: without it the log ends at the one before.
        assert_eq!(gone.valid, name.starts_with("check"), "{name}: {gone:?}");
        std::fs::write(&path, &whole).unwrap();
    }
    assert!(desk.check().await.valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_the_one_the_log_has_is_found() {
    let desk = desk().await;
    let bundle = desk.file("log/tile/entries/000").await;
    let leaves = tiles::unbundle(&std::fs::read(&bundle).unwrap()).unwrap();
    assert_eq!(leaves.len(), 256);
    // A log that somebody else signs over other leaves: all of it fits but the runs.
    let mut other = Desk::open().await;
    let mut rows = Vec::new();
    for leaf in desk.runtime.store().leaves(desk.runtime.tenant(), 0, 3).await.unwrap() {
        let root = Digest::of(&[b"another", &leaf.root]);
        let leaf = Leaf { kind: LeafKind::Head, run: leaf.run, size: leaf.size, root };
        other.tree.push(leaf.hash(), |_| ());
        rows.push(leaf.to_bytes());
    }
    let log = desk.file("log").await;
    std::fs::remove_dir_all(&log).unwrap();
    let head = Head { size: 3, root: other.tree.root() };
    let text = Checkpoint { origin: desk.key.verifier().name().to_owned(), head }.to_text();
    let mut note = Note::new(&text).unwrap();
    note.sign(&desk.key).unwrap();
    let hashes: Vec<u8> = rows.iter().flat_map(|row| comity_ledger::log::merkle::leaf_hash(row).0).collect();
    for (name, bytes) in [
        ("tile/entries/000.p/3", tiles::bundle(&rows).unwrap()),
        ("tile/0/000.p/3", hashes),
        ("checkpoints/3", note.to_bytes()),
    ] {
        let path = log.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let found = desk.check().await;
    assert!(
        found.fault.as_ref().is_some_and(|fault| fault.contains("not those that the log has")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_proves_how_much_of_it_is_in_the_log() {
    let mut desk = Desk::open().await;
    desk.run().await;
    let run = desk.runtime.newest().await.unwrap().unwrap();
    let export = async |desk: &Desk| desk.runtime.export(run, ExportWanted::default()).await.unwrap();
    let known = [desk.key.verifier().clone()];
    assert_eq!(check_export(&export(&desk).await, &known).0.proven, None);
    desk.anchor(1).await;
    let proved = export(&desk).await;
    assert_eq!(export(&desk).await, proved, "the same bytes every time");
    let (found, read) = check_export(&proved, &known);
    assert_eq!((found.fault, found.proven, found.signed), (None, Some(found.entries), true));
    assert!(!check_export(&proved, &[]).0.signed);
    let stranger = SecretKey::new(desk.key.verifier().name(), Kind::Ed25519, &[8; 32]).unwrap();
    assert!(!check_export(&proved, &[stranger.verifier().clone()]).0.valid, "another key signed it");
    // The proof of another run, and one whose path leads elsewhere.
    desk.run().await;
    desk.anchor(1).await;
    let next = desk.runtime.newest().await.unwrap().unwrap();
    let other = desk.runtime.export(next, ExportWanted::default()).await.unwrap();
    let proof = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap()["proof"].clone();
    let mut exchanged = serde_json::to_value(read.unwrap()).unwrap();
    for (wrong, fault) in [
        (proof(&other), "it is of another entry"),
        (
            proof(&proved).as_str().unwrap().replace("run head", "run close").into(),
            "not in the log that was signed",
        ),
    ] {
        exchanged["proof"] = wrong;
        let found = check_export(exchanged.to_string().as_bytes(), &known).0;
        assert!(found.fault.as_ref().is_some_and(|what| what.contains(fault)), "{found:?}");
    }
}
