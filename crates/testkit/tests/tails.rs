//! A run that one server works on, followed from another: what wakes the follower is word of commits, not the clock.

#![expect(clippy::unwrap_used, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "it is about servers, and gives up on one that never tells")]

#[path = "../src/postgres.rs"]
#[expect(clippy::expect_used, dead_code, reason = "shared by tests, of which each uses a part")]
mod postgres_server;

use comity_api::EventKind;
use comity_core::Unwatched;
use comity_runtime::keys::KeyPlace;
use comity_runtime::view::{Patience, Until};
use comity_runtime::{
    Anchoring, Durability, Hooks, Request, Ruling, RunStatus, Runtime, Settings, no_files, system_world,
};
use postgres_server::database;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Nobody here looks by himself a second time.
const NEVER: Patience = Patience { look: Duration::from_secs(3_600), doubt: 1 };

fn server(url: &str, keys: &Path) -> (Runtime, Arc<dyn comity_core::Clock>) {
    let (world, keys) = (system_world(Arc::new(Unwatched)), KeyPlace::Folder(keys.into()));
    let clock = Arc::clone(&world.clock);
    let runtime = Runtime::open(Settings::local(url, Durability::Process, world, keys)).unwrap();
    (runtime.anchored(Anchoring::OnDemand), clock)
}

fn asking() -> Request {
    Request {
        source: "name: ask\nnodes:\n  ask: {kind: human, prompt: 'Go on?'}\n  after: {kind: echo}\nedges: [ask -> after]\n"
            .to_owned(),
        file: "ask.yaml".to_owned(),
        base_dir: PathBuf::new(),
        task: "x".to_owned(),
        read: no_files(),
        trace: None,
        about: None,
    }
}

#[tokio::test]
async fn what_one_server_commits_wakes_who_follows_on_another() {
    let url = database(&format!("tails_{}", std::process::id()));
    let keys = TempDir::new().unwrap();
    let ((one, _), (other, clock)) = (server(&url, keys.path()), server(&url, keys.path()));
    let run = one.start(asking(), Hooks::default()).await.unwrap();
    assert_eq!(run.status, RunStatus::Waiting);

    let (out, mut events) = tokio::sync::mpsc::channel(64);
    let followed = async {
        let followed = other.follow(run.run, None, Until::Finished, NEVER, &*clock, &out);
        tokio::time::timeout(Duration::from_secs(60), followed).await.expect("nothing woke it").unwrap()
    };
    let worked = async {
        // All there is so far was read, and the follower waits.
        while events.recv().await.unwrap().kind != EventKind::StepHeld {}
        one.rule(run.run, None, Ruling::Approve, "").await.unwrap();
        while events.recv().await.unwrap().kind != EventKind::StepApproved {}
        one.resume(run.run, Hooks::default()).await.unwrap();
        while events.recv().await.unwrap().kind != EventKind::RunFinished {}
    };
    let (status, ()) = tokio::join!(followed, worked);
    assert_eq!(status, RunStatus::Completed);
}
