//! The worked example of the page about the ledger's format: it is made from a real run, and its bytes are hashed
//! again from the page alone, by what the page says and not by the code that wrote them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "reads the page, and writes it when asked to")]

use comity_core::{Digest, Tenant};
use comity_ledger::link;
use comity_store::{EntryRow, Options, PayloadRow, Store};
use std::fmt::Write as _;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reference/ledger-format.md");
const BEGIN: &str = "<!-- made by crates/testkit/tests/ledger_page.rs -->\n";
const END: &str = "<!-- end of what is made -->\n";

/// The first two entries of a run that is the same every time.
fn entries() -> Vec<EntryRow> {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let run = comity_testkit::fixture::review(&database).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(Options::new(&database, link)).unwrap();
        let cell = store.run(&Tenant::local(), run).await.unwrap().unwrap();
        let mut rows = Vec::new();
        store.entries(&cell, 0, 2, |row| rows.push(row)).await.unwrap();
        rows
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Hex in lines that fit on a page.
fn lines(bytes: &[u8]) -> String {
    let digits = hex(bytes);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(96).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

fn block(out: &mut String, title: &str, text: &str) {
    let _ = write!(out, "{title}\n\n```text\n{text}\n```\n\n");
}

fn made(rows: &[EntryRow]) -> String {
    let mut out = String::from("\n");
    for row in rows {
        let seq = row.seq;
        let body = String::from_utf8(row.body.clone()).unwrap();
        block(&mut out, &format!("The body of entry {seq}, one line without a line end:"), &body);
        block(&mut out, &format!("The same in hex, {} bytes:", row.body.len()), &lines(&row.body));
        block(&mut out, "Its hash:", &hex(&row.hash));
    }
    let act: &PayloadRow = rows[1].payloads.iter().find(|payload| payload.slot == 0).unwrap();
    let title = format!("The act of entry 1, as it is stored, encrypted, under codec {}:", act.codec);
    block(&mut out, &title, &lines(&act.body));
    block(&mut out, "Its salt:", &hex(&act.salt));
    block(&mut out, "Its subject:", &hex(act.subject.as_deref().unwrap()));
    out
}

/// The fenced blocks of the example.
fn blocks(example: &str) -> Vec<&str> {
    example.split("```text\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn the_example_is_current() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (kept, after) = rest.split_once(END).unwrap();
    let made = made(&entries());
    if std::env::var_os("COMITY_BLESS").is_some() {
        std::fs::write(PAGE, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
    } else {
        assert!(made == kept, "write it again with COMITY_BLESS=1");
    }
}

#[test]
fn the_example_is_what_the_page_says() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let example = page.split_once(BEGIN).unwrap().1.split_once(END).unwrap().0;
    let [body_0, hex_0, hash_0, body_1, hex_1, hash_1, act, salt, subject] = blocks(example)[..] else {
        panic!("nine blocks")
    };
    assert_eq!((unhex(hex_0), unhex(hex_1)), (body_0.into(), body_1.into()));
    let hash = |before: &[u8], seq: u64, body: &str| {
        hex(&Digest::of(&[b"comity/entry/v1\n", before, &seq.to_be_bytes(), body.as_bytes()]).0)
    };
    assert_eq!(hash(&[0; 32], 0, body_0), hash_0);
    assert_eq!(hash(&unhex(hash_0), 1, body_1), hash_1);
    let commitment =
        hex(&Digest::of(&[b"comity/payload/v2\n", &unhex(salt), &[0], &unhex(subject), &unhex(act)]).0);
    assert!(body_1.contains(&format!("\"act\":\"{commitment}\"")), "{commitment}");
}
