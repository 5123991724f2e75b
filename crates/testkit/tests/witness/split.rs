//! Two copies of one database go their own ways, and one witness sees both.

use crate::service::State;
use comity_core::{RunId, Unwatched};
use comity_ledger::log::note::Note;
use comity_runtime::{Error, Runtime, Settings, Witness, Witnessed, system_world};
use comity_store::{Anchor, Commit, Durability, Fence, NewLeaf, Op};
use comity_testkit::grown::Grown;
use comity_testkit::keys::{data_home, place};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const FLOW: &str =
    "name: x\nnodes:\n  a: {kind: echo}\n  b: {kind: echo}\n  c: {kind: echo}\n  d: {kind: echo}\n";

/// A ledger with one run of many entries, in a folder of its own.
struct House(tempfile::TempDir);

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("flow.yaml"), FLOW).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_comity-crash"));
        command
            .args(["run", "flow.yaml", "--db", "a.db"])
            .current_dir(folder.path())
            .env("XDG_DATA_HOME", data_home());
        let ended = command.output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        Self(folder)
    }

    /// A copy of the database, which nobody has open.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.0.path().join(name);
        std::fs::copy(self.0.path().join("a.db"), &to).unwrap();
        to
    }
}

fn open(database: &Path) -> Runtime {
    let world = system_world(Arc::new(Unwatched));
    Runtime::open(Settings::local(database, Durability::Process, world, place())).unwrap()
}

async fn only_run(runtime: &Runtime) -> (RunId, u64) {
    let runs = runtime.store().runs(runtime.tenant(), None, 10).await.unwrap();
    (runs[0].id, runs[0].cell.anchored)
}

/// Brings the stored log to what this one is.
async fn anchor(runtime: &Runtime, log: &Grown) {
    let (run, covered) = only_run(runtime).await;
    let from = runtime.store().log(runtime.tenant()).await.unwrap().size;
    let leaf =
        |more| NewLeaf { run, size: covered + more, kind: 1, root: log.head(1).root, frontier: Vec::new() };
    let anchor = Anchor {
        from,
        leaves: (1..=log.size() - from).map(leaf).collect(),
        hashes: log.stored(from).to_vec(),
        note: log.note(log.size()).to_bytes().into(),
    };
    let (tenant, at, ops) =
        (runtime.tenant().clone(), Default::default(), vec![Op::Anchor(Box::new(anchor))]);
    let commit = Commit { tenant, run, fence: Fence::Anyone, at, expect: Vec::new(), ops };
    runtime.store().queue(commit).await.unwrap();
}

async fn ask(runtime: &Runtime, witnesses: &[Witness]) -> Result<Vec<Witnessed>, Error> {
    runtime.ask_witnesses(witnesses).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_goes_its_own_way_is_found_out() {
    let common = Grown::new("comity/log/local").grown(3, "a");
    let (house, state) = (House::new(), State::new());
    let service = state.start(common.verifier(), None);
    let witness: Witness = service.setting().parse().unwrap();
    let witnesses = [witness];
    let signed =
        |size| Ok::<_, String>(vec![Witnessed::Signed { witness: service.key().name().to_owned(), size }]);
    let told = |came: Result<_, Error>| came.map_err(|error| error.to_string());

    let first = open(&house.0.path().join("a.db"));
    assert_eq!(told(ask(&first, &witnesses).await), Ok(Vec::new()), "there is no checkpoint yet");
    anchor(&first, &common).await;
    assert_eq!(told(ask(&first, &witnesses).await), signed(3));
    let stored = first.store().checkpoint(first.tenant(), None).await.unwrap().unwrap();
    let keys = [common.verifier().clone(), service.key().clone()];
    let by = Note::open(&stored.note, &keys).unwrap().by;
    assert_eq!(by.len(), 2, "both signatures are under the stored checkpoint");
    assert!(by[1].at.is_some());
    drop(first);
    let copies = [house.copy("b.db"), house.copy("c.db"), house.copy("d.db")];

    let first = open(&house.0.path().join("a.db"));
    anchor(&first, &common.clone().grown(3, "a")).await;
    assert_eq!(told(ask(&first, &witnesses).await), signed(6));
    assert_eq!(told(ask(&first, &witnesses).await), signed(6), "asked again, it signs again");
    assert_eq!(state.evidence(), 0);

    let [b, c, d] = copies.map(|copy| open(&copy));
    anchor(&b, &common.clone().grown(3, "b")).await;
    anchor(&c, &common.clone().grown(5, "c")).await;
    for (copy, how, evidence) in [
        (&b, "at 6 leaves it signed another root", 1),
        (&c, "its 6 leaves are not those that this log begins with", 2),
        (&d, "it signed 6 leaves, and here are 3", 2),
    ] {
        let error = ask(copy, &witnesses).await.unwrap_err();
        assert!(matches!(error, Error::Split { .. }), "{error}");
        assert!(error.to_string().contains(how), "{error}");
        assert_eq!(state.evidence(), evidence, "{how}");
    }
    anchor(&first, &common.grown(4, "a")).await;
    assert_eq!(told(ask(&first, &witnesses).await), signed(7), "the first view goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_is_not_there_stops_nothing() {
    let log = Grown::new("comity/log/local").grown(3, "a");
    let (house, gone, other) = (House::new(), State::new(), State::new());
    let silent = gone.start(log.verifier(), None);
    let absent: Witness = silent.setting().parse().unwrap();
    drop(silent);
    let stranger = Grown::new("stranger");
    let service = other.start(stranger.verifier(), None);
    let unknowing: Witness = service.setting().parse().unwrap();
    let there = State::new();
    let service = there.start(log.verifier(), None);
    let signing: Witness = service.setting().parse().unwrap();

    let runtime = open(&house.0.path().join("a.db"));
    anchor(&runtime, &log).await;
    let told = ask(&runtime, &[absent, unknowing, signing]).await.unwrap();
    let [Witnessed::Silent { why: one, .. }, Witnessed::Silent { why: two, .. }, Witnessed::Signed { .. }] =
        told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert!(one.starts_with("cannot be reached: "), "{one}");
    assert_eq!(two, "it does not know this log");
}

#[test]
fn a_setting_names_a_witness_or_says_what_is_wrong() {
    let log = Grown::new("comity/log/local");
    let state = State::new();
    let service = state.start(log.verifier(), None);
    let key = service.key();
    for (text, why) in [
        (format!("http://a/{key}"), "there is no key"),
        (format!("ftp://a {key}"), "is neither `http` nor `https`"),
        (format!("http://a?b=c {key}"), "has a query"),
        ("http://a b+c+d".to_owned(), "not a key"),
        (format!("http://a {}", log.verifier()), "its key is that of a log"),
    ] {
        let bad = text.parse::<Witness>().unwrap_err().to_string();
        assert!(bad.contains(why), "{text}: {bad}");
    }
    assert!(format!(" https://example.com/w/  {key} ").parse::<Witness>().is_ok());
}
