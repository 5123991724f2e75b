//! The same on a server: every file of its data folder with the log of its writes, and a dump from before.
//!
//! Whatever looks like a wrapped key is taken out of the files as they lie, deleted rows and old pages with them, and
//! each of today's keys is tried on each, bound to each key that was ever there.

use super::{
    Aim, House, Loot, Mode, RUNS, check, files, in_plain, loot, open_all, plant_all, planted, signing_key,
    stored_secrets, survivor,
};
use comity_core::Tenant;
use comity_ledger::keys::{Secret, TenantKey};
use comity_ledger::log::check::Trust;
use comity_ledger::vault::bound_in;
use comity_runtime::Hooks;
use comity_runtime::view::{ExportWanted, check_export};
use comity_testkit::postgres::{End, Server, bin, psql};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A wrapped key: a nonce, 32 bytes, a tag.
const WRAPPED: usize = 24 + 32 + 16;
/// What stands in front of a value of that length in a row of PostgreSQL's.
const SHORT: u8 = ((WRAPPED as u8 + 1) << 1) | 1;

/// What is found in the files: whatever may be a wrapped key, and what stands there in the clear.
fn dig(folder: &Path, clear: &mut BTreeSet<String>) -> HashSet<Vec<u8>> {
    let mut candidates = HashSet::new();
    for file in files(folder) {
        // Files of a server at work may go while they are listed.
        let Ok(bytes) = std::fs::read(file) else { continue };
        in_plain(&bytes, clear);
        for window in bytes.windows(WRAPPED + 1).filter(|window| window[0] == SHORT) {
            let distinct: HashSet<u8> = window[1..].iter().copied().collect();
            // 72 random bytes have about 63 values, and never so few.
            if distinct.len() >= 45 {
                candidates.insert(window[1..].to_vec());
            }
        }
    }
    candidates
}

fn dump(url: &str, to: &Path) {
    let made = Command::new(bin("pg_dump")).arg("-f").arg(to).arg(url).status().unwrap();
    assert!(made.success(), "pg_dump fails");
}

fn restore(server: &Server, dump: &Path, name: &str) -> String {
    server.create(name);
    let url = server.url(name);
    let mut command = Command::new(bin("psql"));
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-f"]).arg(dump);
    assert!(command.output().unwrap().status.success(), "the dump is not taken in");
    url
}

/// The keys that today's keys open among what was dug out.
fn opened(secrets: &[Secret], candidates: &HashSet<Vec<u8>>, loots: &[Loot]) -> Vec<Secret> {
    let bounds: HashSet<_> = loots.iter().flat_map(|loot| &loot.subjects).map(bound_in).collect();
    let mut out = Vec::new();
    for secret in secrets {
        let key = TenantKey::new(Tenant::local(), secret.clone());
        for wrapped in candidates {
            out.extend(bounds.iter().filter_map(|bound| key.unwrap(bound, wrapped).ok()));
        }
    }
    out
}

/// Everything that today's keys get out of the files of the server, and of these databases of its; and how many keys
/// of texts the files gave away.
async fn hunt(house: &House, server: &Server, urls: &[&str], dumps: &[&Path]) -> (BTreeSet<String>, usize) {
    let (mut found, mut loots) = (BTreeSet::new(), Vec::new());
    for url in urls {
        loots.push(loot(Path::new(url)).await);
    }
    psql(&server.url("postgres"), "CHECKPOINT");
    let candidates = dig(&server.folder().join("data"), &mut found);
    assert!(candidates.len() > 20, "{} candidates", candidates.len());
    dumps.iter().for_each(|dump| in_plain(&std::fs::read(dump).unwrap(), &mut found));
    let secrets = stored_secrets(&house.keys());
    let keys = opened(&secrets, &candidates, &loots);
    let (count, tried) = (keys.len(), open_all(&secrets, &keys, &loots, &mut found));
    assert!(tried > 0, "nothing was tried");
    (found, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_left_on_a_server_opens_what_was_erased() {
    let (house, mut server) = (House::new(), Server::start(&["autovacuum=off", "fsync=off"]));
    server.create("house");
    let url = server.url("house");
    let runtime = house.open_at(PathBuf::from(&url));
    let runs = plant_all(&runtime).await;
    let kept = runtime.start(survivor(), Hooks::default()).await.unwrap().run;
    let key = signing_key(&runtime).await;
    runtime.gate().anchor(runtime.tenant(), &key).await.unwrap();
    let trust = Trust { key: key.verifier().clone(), witnesses: Vec::new() };
    let (mut proofs, mut exports) = (Vec::new(), Vec::new());
    for run in &runs {
        exports.push(runtime.export(*run, ExportWanted::default()).await.unwrap());
        let proof = comity_ledger::log::prove::prove(runtime.store(), runtime.tenant(), *run, 0).await;
        proofs.push(proof.unwrap().to_bytes());
    }
    let before = house.folder.path().join("before.sql");
    dump(&url, &before);
    let restored = restore(&server, &before, "restored");
    // The control: the same search finds all of it, and each run's two keys in the files themselves.
    let (seen, keys) = hunt(&house, &server, &[&url, &restored], &[&before]).await;
    assert_eq!(seen, planted(), "the search does not find what is there");
    assert!(keys >= 2 * RUNS, "{keys} keys were dug out of the files");

    for run in &runs[..5] {
        runtime.erase(&Aim::Run(*run), Mode::Erase).await.unwrap();
    }
    runtime.erase(&Aim::Subject(super::canary(5, 99)), Mode::Erase).await.unwrap();
    for run in &runs[8..] {
        runtime.erase(&Aim::Run(*run), Mode::Erase).await.unwrap();
    }
    let (left, _) = hunt(&house, &server, &[&url, &restored], &[&before]).await;
    assert_eq!(left, BTreeSet::new(), "after the erasure");

    let checked = runtime.verify(None).await.unwrap();
    assert!(checked.valid, "{:?}", checked.fault);
    for proof in &proofs {
        check(proof, &trust).unwrap_or_else(|fault| panic!("an older proof fails: {fault}"));
    }
    assert!(exports.iter().all(|export| check_export(export, &[]).0.valid), "an export does not verify");
    assert_eq!(runtime.report(kept).await.unwrap().output, serde_json::json!("here to stay"));
    drop(runtime);
    // The dump in the place of the database: what was erased stays so, and what was not is read.
    let runtime = house.open_at(PathBuf::from(&restored));
    assert!(runtime.verify(None).await.unwrap().valid);
    assert_eq!(runtime.report(kept).await.unwrap().output, serde_json::json!("here to stay"));
    let rows = runtime.runs(20).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.name == "[erased]").count(), RUNS);
    drop(runtime);
    server.end(End::Fast);
}
