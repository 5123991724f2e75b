//! The tenant key of some runs is not here, and that of others is: the first are not taken for erased, and do not keep
//! the rest.

use super::{Aim, House, Mode, survivor};
use comity_core::{RunId, Tenant, Unwatched};
use comity_ledger::keys::Keys;
use comity_runtime::keys::{FolderKeys, in_folder};
use comity_runtime::view::ExportWanted;
use comity_runtime::{Hooks, Request, no_files, system_world};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A run that waits for a person.
fn waits() -> Request {
    Request {
        source: "nodes:\n  say: {kind: echo, text: hello}\n  ask: {kind: human, prompt: 'Go on?'}\n\
                 edges: [say -> ask]\n"
            .to_owned(),
        file: "waits.yaml".to_owned(),
        base_dir: PathBuf::new(),
        task: String::new(),
        read: no_files(),
        trace: None,
        about: None,
    }
}

/// Two runs under one tenant key and two under the next; and the file of one of these keys is lost. Not of the one that
/// opening the database is tried with. Returns the runs whose key is lost, and all.
async fn lose_a_key(house: &House) -> (Vec<RunId>, Vec<RunId>) {
    let (tenant, runtime) = (Tenant::local(), house.open());
    let start = async |request| runtime.start(request, Hooks::default()).await.unwrap().run;
    let mut runs = vec![start(waits()).await, start(survivor()).await];
    let folder = in_folder(&house.keys(), &runtime.store().id().await.unwrap());
    let keys = FolderKeys::open(&folder, system_world(Arc::new(Unwatched)).entropy, None).unwrap();
    let first = keys.current(&tenant).await.unwrap();
    keys.advance(&tenant, first).await.unwrap();
    runs.extend([start(waits()).await, start(survivor()).await]);
    let rows = runtime.store().subjects(&tenant, None, 1_000).await.unwrap();
    let kept = &rows[0].cell.wrapped.by;
    let lost = rows.iter().filter(|row| row.cell.wrapped.by != *kept).filter_map(|row| row.cell.run);
    let lost: BTreeSet<RunId> = lost.collect();
    let number = if kept.to_string() == first.to_string() { 2 } else { 1 };
    std::fs::remove_file(folder.join(format!("tenants/local/{number:08}.key"))).unwrap();
    (lost.into_iter().collect(), runs)
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_whose_key_is_not_here_are_passed_over_and_named() {
    let house = House::new();
    let (lost, runs) = lose_a_key(&house).await;
    assert_eq!(lost.len(), 2);
    let runtime = house.open();
    let waiting = *lost.iter().find(|run| [runs[0], runs[2]].contains(run)).unwrap();
    let refused = runtime.resume(waiting, Hooks::default()).await.unwrap_err().to_string();
    assert!(refused.contains("is not here") && !refused.contains("erased"), "{refused}");
    let export = runtime.export(waiting, ExportWanted { texts: true }).await.unwrap();
    assert!(!String::from_utf8(export).unwrap().contains("\"text\""), "it has a text");
    assert!(runtime.unread().iter().any(|why| why.contains("is not here")), "{:?}", runtime.unread());
    // By its own name it is refused, and nothing is said to have gone.
    let refused = runtime.erase(&Aim::Run(waiting), Mode::Erase).await.unwrap_err().to_string();
    assert!(refused.contains("is not here"), "{refused}");
    let receipt = runtime.erase(&Aim::Tenant, Mode::Erase).await.unwrap();
    let gone: BTreeSet<RunId> = receipt.runs.iter().copied().collect();
    let kept: BTreeSet<RunId> = runs.iter().copied().filter(|run| !lost.contains(run)).collect();
    let passed: BTreeSet<RunId> = receipt.passed_over.iter().copied().collect();
    assert_eq!((passed, gone), (lost.iter().copied().collect(), kept.clone()));
    for row in runtime.runs(9).await.unwrap() {
        let run: RunId = row.run_id.parse().unwrap();
        let shown = if lost.contains(&run) { "[no key]" } else { "[erased]" };
        assert_eq!(row.name, shown, "{run}");
    }
    let verified = runtime.verify(None).await.unwrap();
    // A lost key looks like a row that was changed, and is told.
    assert!(
        verified.fault.as_ref().is_some_and(|fault| fault.contains("not among those at hand")),
        "{verified:?}"
    );
}
