#![expect(clippy::disallowed_methods, reason = "tests write the copy they damage")]

use super::*;
use comity_core::Unwatched;
use comity_runtime::{Durability, Settings, system_world};
use std::sync::Arc;

fn open(path: &Path) -> Runtime {
    let world = system_world(Arc::new(Unwatched));
    Runtime::open(Settings::local(path, Durability::Process, world, comity_testkit::keys::place())).unwrap()
}

/// The bytes of a part that are changed: the first, the last, and some between.
fn places(length: usize) -> impl Iterator<Item = usize> {
    let last = length.saturating_sub(1);
    [0, length / 3, length / 2, last].into_iter().filter(move |at| *at < length)
}

/// Whatever bit of whatever is stored for an entry is flipped, verification names that entry.
#[test]
fn every_changed_byte_is_found_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let run = comity_testkit::fixture::review(&path).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(change_everything(&path, run));
}

async fn change_everything(path: &Path, run: RunId) {
    let copy = beside(path);
    let runtime = open(path);
    let entries = runtime.stored(run, 0).await.unwrap();
    runtime.copy_to(&copy).await.unwrap();
    let whole = std::fs::read(&copy).unwrap();
    let mut tried = 0;
    for (stored, part) in
        entries.iter().flat_map(|stored| stored.parts.iter().map(move |part| (stored, part)))
    {
        for at in places(part.bytes.len()) {
            // Short texts may stand there several times; then nobody can say which one a byte belongs to.
            let Some(offset) = locate(&whole, &part.bytes, at) else { continue };
            flip::clear(&copy).unwrap();
            std::fs::write(&copy, &whole).unwrap();
            flip::flip(&copy, offset).unwrap();
            let report = open(&copy).verify(Some(run)).await.unwrap();
            let found = (report.bad_run.as_deref(), report.bad_seq);
            let name = part.payload.unwrap_or("entry");
            assert_eq!(found, (Some(&*run.to_string()), Some(stored.seq)), "byte {at} of {name}: {report:?}");
            tried += 1;
        }
    }
    assert!(tried > 3 * entries.len(), "{tried} bytes of {} entries", entries.len());
    assert!(runtime.verify(None).await.unwrap().valid);
}

#[test]
fn a_long_text_is_found_by_what_is_around_the_byte() {
    let text: Vec<u8> = (100..300).flat_map(|n| n.to_string().into_bytes()).collect();
    let mut file = vec![7; 100];
    file.extend(&text[..400]);
    file.extend([9; 50]);
    file.extend(&text[400..]);
    assert_eq!(locate(&file, &text, 5), Some(105));
    assert_eq!(locate(&file, &text[..300], 299), Some(399));
    assert_eq!(locate(&file, &text, 599), Some(749));
    assert_eq!(locate(&file, b"not there", 2), None);
}
