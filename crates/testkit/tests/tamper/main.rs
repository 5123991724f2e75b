//! Twelve ways to tamper with a ledger, each noticed, on each store.
//!
//! The first nine are those that were tried on a peer, whose own check noticed three. Each is tried as far as somebody
//! can go who may write every row and has no key: plainly; with the chain hashed anew; with the log grown anew; and with
//! the log taken away. The last leaves a database that fits together, and is noticed by whoever kept a checkpoint.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "an integration test, all of it"
)]
#![expect(clippy::string_slice, clippy::disallowed_methods, reason = "databases are changed by hand")]

mod columns;
mod forge;
mod place;
#[path = "../../src/postgres.rs"]
#[expect(clippy::expect_used, dead_code, reason = "shared by tests, of which each uses a part")]
mod postgres_server;

use comity_core::{RunId, Tenant, Unwatched};
use comity_ledger::log::check::open_by;
use comity_ledger::log::checkpoint::Checkpoint;
use comity_ledger::log::note::Verifier;
use comity_ledger::log::sequence::KEY_PIN;
use comity_ledger::{Fault, Vault, verify, verify::held_against, verify_with};
use comity_runtime::keys::{FolderKeys, KeyPlace, in_folder};
use comity_runtime::{Durability, Hooks, Request, Runtime, Settings, no_files, system_world};
use comity_testkit::flows;
use place::{Kind, Place};
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// Steps of each run.
const STEPS: usize = 12;
/// A step's admission somewhere in the middle; its end comes after it.
const MIDDLE: u64 = 9;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A database of three runs under a checkpoint, what it was after two of them, and the checkpoint, kept elsewhere.
struct Kept {
    now: Place,
    /// After the second run was under a checkpoint, and before the third was.
    before: Place,
    checkpoint: Checkpoint,
    runs: Vec<RunId>,
    keys: TempDir,
}

fn kept(kind: Kind) -> &'static Kept {
    static SQLITE: OnceLock<Kept> = OnceLock::new();
    static POSTGRES: OnceLock<Kept> = OnceLock::new();
    match kind {
        Kind::Sqlite => SQLITE.get_or_init(|| make(kind)),
        Kind::Postgres => POSTGRES.get_or_init(|| make(kind)),
    }
}

fn make(kind: Kind) -> Kept {
    let (now, mut runs) = (Place::new(kind), Vec::new());
    let keys = TempDir::new().unwrap();
    for _ in 0..2 {
        runs.push(work(&now, keys.path().into()));
    }
    let before = now.copy();
    runs.push(work(&now, keys.path().into()));
    let checkpoint = newest(&now);
    let kept = Kept { now, before, checkpoint, runs, keys };
    assert_eq!(found(&kept.now), None, "an untouched ledger is right");
    assert_eq!(kept.against(&kept.now), None, "an untouched ledger fits its checkpoint");
    assert_eq!(found(&kept.before), None, "an old copy is right");
    kept
}

/// Runs a workflow to its end.
fn work(place: &Place, keys: PathBuf) -> RunId {
    wait(async {
        let world = system_world(Arc::new(Unwatched));
        let settings = Settings::local(place.address(), Durability::Process, world, KeyPlace::Folder(keys));
        let runtime = Runtime::open(settings).unwrap();
        let request = Request {
            source: flows::chain(STEPS),
            file: "flow.yaml".to_owned(),
            base_dir: PathBuf::new(),
            task: "watch the notice periods".to_owned(),
            read: no_files(),
            about: None,
            trace: None,
        };
        runtime.start(request, Hooks::default()).await.unwrap().run
    })
}

/// The newest checkpoint: one is made when a run ends.
fn newest(place: &Place) -> Checkpoint {
    wait(async {
        let (store, tenant) = (place.store(), Tenant::local());
        let key = store.pinned(&tenant, KEY_PIN).await.unwrap().unwrap();
        let key: Verifier = String::from_utf8(key).unwrap().parse().unwrap();
        let row = store.checkpoint(&tenant, None).await.unwrap().unwrap();
        open_by(&row.note, &key).unwrap()
    })
}

/// What verification finds.
fn found(place: &Place) -> Option<Fault> {
    wait(async { verify(&place.store(), None).await.unwrap().fault })
}

/// The same, by somebody who has the tenant keys.
fn found_with_keys(kept: &Kept, place: &Place) -> Option<Fault> {
    wait(async {
        let store = place.store();
        let folder = in_folder(kept.keys.path(), &store.id().await.unwrap());
        let entropy = system_world(Arc::new(Unwatched)).entropy;
        let keys = FolderKeys::open(&folder, entropy, None).unwrap();
        verify_with(&Vault::new(store, Arc::new(keys)), None).await.unwrap().fault
    })
}

impl Kept {
    /// What whoever kept the checkpoint finds.
    fn against(&self, place: &Place) -> Option<Fault> {
        wait(held_against(&place.store(), &Tenant::local(), &self.checkpoint)).unwrap()
    }

    /// The number of a run, as SQL.
    fn run(&self, number: usize) -> String {
        format!("(SELECT key FROM runs WHERE id = {})", self.now.bytes(self.runs[number].bytes()))
    }

    /// Tampers with a copy, and goes on from there as far as the forger can. Every stage is noticed.
    fn noticed(&self, what: &str, tamper: impl Fn(&Place)) {
        let seen = |place: &Place, stage: &str| {
            let fault = found(place).or_else(|| self.against(place));
            assert!(fault.is_some(), "{what}, {stage}: went unseen");
        };
        let place = self.now.copy();
        tamper(&place);
        let alone = found(&place);
        assert!(alone.is_some(), "{what}: not noticed by the database alone");
        for run in 0..self.runs.len() {
            forge::rehash(&place, &self.run(run));
        }
        assert!(found(&place).is_some(), "{what}, hashed anew: not noticed by the database alone");
        forge::relog(&place);
        assert!(
            found(&place).is_some(),
            "{what}, with the log grown anew: not noticed by the database alone"
        );
        forge::unlog(&place);
        seen(&place, "with the log taken away");
        assert!(self.against(&place).is_some(), "{what}: not noticed by whoever kept a checkpoint");
    }
}

/// Entry `seq` of the second run, with one word for another.
fn reword(kept: &Kept, place: &Place, seq: u64, from: &str, to: &str) {
    forge::edit(place, &kept.run(1), seq, |body| body.replacen(from, to, 1));
}

/// Turns over one bit of the text at `place_of` in `slot` of entry `seq`.
fn flip(kept: &Kept, place: &Place, seq: u64, slot: u8, at: usize) {
    let of =
        format!("id = (SELECT id * 8 + {slot} FROM entries WHERE run = {} AND seq = {seq})", kept.run(1));
    let text = place.texts(&format!("SELECT {} FROM payloads WHERE {of}", place.hex("body"))).pop().unwrap();
    let mut bytes = place::from_hex(&text);
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    place.execute(&format!("UPDATE payloads SET body = {} WHERE {of}", place.bytes(&bytes)));
}

mod classes {
    use super::*;

    pub fn a_verdict_is_changed(kept: &Kept) {
        kept.noticed("a verdict", |place| reword(kept, place, MIDDLE, "\"pass\"", "\"hold\""));
    }

    pub fn the_beginning_of_a_text_is_changed(kept: &Kept) {
        kept.noticed("the beginning of an output", |place| flip(kept, place, MIDDLE + 1, 1, 40));
    }

    pub fn a_step_in_the_middle_is_deleted(kept: &Kept) {
        kept.noticed("a step in the middle", |place| {
            let these = format!("run = {} AND seq IN ({MIDDLE}, {})", kept.run(1), MIDDLE + 1);
            let texts = format!("id / 8 IN (SELECT id FROM entries WHERE {these})");
            place.execute(&format!("DELETE FROM payloads WHERE {texts}"));
            place.execute(&format!("DELETE FROM entries WHERE {these}"));
        });
    }

    pub fn the_end_of_a_text_is_changed(kept: &Kept) {
        kept.noticed("an output after its first 200 characters", |place| {
            flip(kept, place, MIDDLE + 1, 1, usize::MAX);
        });
    }

    pub fn costs_are_changed(kept: &Kept) {
        kept.noticed("what a step cost, and its account with it", |place| {
            reword(kept, place, MIDDLE + 1, "\"usage\":{\"micro_usd\":100,", "\"usage\":{\"micro_usd\":900,");
            place.execute(
                "UPDATE accounts SET spent_micro_usd = spent_micro_usd + 800 WHERE spent_micro_usd > 0",
            );
        });
    }

    pub fn what_is_said_of_a_step_is_changed(kept: &Kept) {
        kept.noticed("the risk of a step", |place| reword(kept, place, MIDDLE, "\"risk\":1", "\"risk\":2"));
        kept.noticed("who acted", |place| {
            forge::edit(place, &kept.run(1), MIDDLE, |body| {
                let at = body.find("\"principal\":\"").unwrap() + 13;
                format!("{}x{}", &body[..at], &body[at + 1..])
            });
        });
    }

    /// The whole database as it was before: nothing in it is wrong, and only a checkpoint shows it.
    pub fn the_last_steps_are_cut_off(kept: &Kept) {
        assert_eq!(found(&kept.before), None);
        let fault = kept.against(&kept.before).unwrap();
        assert!(fault.what.contains("rolled back, or cut off"), "{}", fault.what);
        kept.noticed("the last steps of a run", |place| {
            let run = kept.run(1);
            place.execute(&format!(
                "DELETE FROM payloads WHERE id / 8 IN (SELECT id FROM entries WHERE run = {run} AND seq > 9)"
            ));
            place.execute(&format!("DELETE FROM entries WHERE run = {run} AND seq > 9"));
        });
    }

    pub fn a_whole_run_is_removed(kept: &Kept) {
        kept.noticed_removed();
    }

    /// Every entry, with everything that can be computed put right.
    pub fn every_entry_is_rewritten(kept: &Kept) {
        kept.noticed("every entry", |place| {
            for run in 0..kept.runs.len() {
                for seq in 0..3 {
                    forge::edit(place, &kept.run(run), seq, |body| {
                        let at = body.find("\"at\":1").unwrap() + 5;
                        format!("{}2{}", &body[..at], &body[at + 1..])
                    });
                }
            }
        });
    }

    /// The old copy goes another way: two histories, each of which is right by itself.
    pub fn the_ledger_is_forked(kept: &Kept) {
        let other = kept.before.copy();
        work(&other, kept.keys.path().into());
        work(&other, kept.keys.path().into());
        assert_eq!(found(&other), None, "the other history is right by itself");
        let fault = kept.against(&other).unwrap();
        assert!(fault.what.contains("another history"), "{}", fault.what);
    }

    pub fn entries_change_places(kept: &Kept) {
        kept.noticed("two entries that changed places", |place| {
            let (run, one, other) = (kept.run(1), MIDDLE, MIDDLE + 2);
            for (from, to) in [(one, 9_999), (other, one), (9_999, other)] {
                place.execute(&format!("UPDATE entries SET seq = {to} WHERE run = {run} AND seq = {from}"));
            }
        });
    }

    pub fn an_entry_is_spliced_into_another_run(kept: &Kept) {
        kept.noticed("an entry of another run", |place| {
            let (to, from) = (kept.run(1), kept.run(0));
            for column in ["body", "hash"] {
                place.execute(&format!(
                    "UPDATE entries SET {column} = (SELECT o.{column} FROM entries o WHERE o.run = {from}
                     AND o.seq = {MIDDLE}) WHERE run = {to} AND seq = {MIDDLE}"
                ));
            }
        });
    }
}

impl Kept {
    /// A run with everything that belongs to it; and, in a copy, with its leaves too.
    fn noticed_removed(&self) {
        let place = self.now.copy();
        let run = place.texts(&format!("SELECT CAST(key AS TEXT) FROM runs WHERE key = {}", self.run(2)));
        let run = &run[0];
        place.execute(&format!(
            "DELETE FROM payloads WHERE id / 8 IN (SELECT id FROM entries WHERE run = {run})"
        ));
        for table in ["entries", "approvals", "subjects", "due"] {
            place.execute(&format!("DELETE FROM {table} WHERE run = {run}"));
        }
        let id = place.bytes(self.runs[2].bytes());
        place.execute(&format!("DELETE FROM accounts WHERE id = {id}"));
        place.execute(&format!("DELETE FROM runs WHERE key = {run}"));
        assert!(found(&place).is_some(), "its leaves are left over");
        place.execute(&format!("DELETE FROM leaves WHERE run = {run}"));
        assert!(found(&place).is_some(), "the log has a gap");
        forge::unlog(&place);
        assert!(self.against(&place).is_some(), "whoever kept a checkpoint misses the log");
    }
}

macro_rules! on_both {
    ($($class:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[test] fn $class() { classes::$class(kept(Kind::Sqlite)); })*
        }
        mod postgres {
            use super::*;
            $(#[test] fn $class() { classes::$class(kept(Kind::Postgres)); })*
        }
    };
}

on_both!(
    a_verdict_is_changed,
    the_beginning_of_a_text_is_changed,
    a_step_in_the_middle_is_deleted,
    the_end_of_a_text_is_changed,
    costs_are_changed,
    what_is_said_of_a_step_is_changed,
    the_last_steps_are_cut_off,
    a_whole_run_is_removed,
    every_entry_is_rewritten,
    the_ledger_is_forked,
    entries_change_places,
    an_entry_is_spliced_into_another_run,
);
