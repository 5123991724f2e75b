//! A verifier in Python that shares no code with ours says of every proof, whole or damaged, what ours says.
//!
//! `COMITY_PROOFS=10000` compares more, `COMITY_PROOFS_SEED` others.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the other verifier is a process")]

use comity_ledger::log::check::{Shown, Trust, check};
use comity_ledger::log::pack::{PHRASES, code};
use comity_ledger::log::proof::Proof;
use comity_testkit::proofs::{Library, damaged};
use comity_testkit::random::Random;
use std::io::Write;
use std::process::{Command, Stdio};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verify/verify.py");

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// What Python says of each file: nothing if it holds, else why not.
fn ask_python(files: &[Vec<u8>], trust: &Trust, pure: bool) -> Vec<Option<String>> {
    let mut command = Command::new("python3");
    command.arg(PYTHON).args(["--batch", "--key", &trust.key.to_string()]).env("PYTHONUTF8", "1");
    command.args(trust.witnesses.iter().flat_map(|key| ["--witness".to_owned(), key.to_string()]));
    if pure {
        command.arg("--pure");
    }
    let child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).env("PYTHONDONTWRITEBYTECODE", "1").spawn();
    let mut child = child.unwrap_or_else(|error| panic!("python3 has to be on the PATH: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let feed: Vec<u8> = files
        .iter()
        .flat_map(|file| [format!("{}\n", file.len()).into_bytes(), file.clone()].concat())
        .collect();
    let feeding = std::thread::spawn(move || stdin.write_all(&feed));
    let ran = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(ran.status.success(), "python3 failed");
    let answers: Vec<_> = String::from_utf8(ran.stdout)
        .unwrap()
        .lines()
        .map(|line| match line.split_once(' ') {
            Some(("ok", _)) => None,
            Some(("bad", why)) => Some(why.to_owned()),
            _ => panic!("`{line}`"),
        })
        .collect();
    assert_eq!(answers.len(), files.len());
    answers
}

fn agree(pure: bool) {
    let (count, seed) = (number("COMITY_PROOFS", 200), number("COMITY_PROOFS_SEED", 1));
    let random = Random::new(seed);
    let library = Library::new(&random, 40, 30).unwrap();
    let files: Vec<Vec<u8>> = (0..count).map(|_| library.file(&random).unwrap()).collect();
    let other = || files.get(random.below(files.len())).unwrap();
    let bad: Vec<Vec<u8>> = files.iter().map(|file| damaged(&random, file, other())).collect();
    for witnessed in [false, true] {
        let trust = library.trust(witnessed);
        let shown: Vec<Shown> = files.iter().map(|file| check(file, &trust).unwrap()).collect();
        let python = ask_python(&files, &trust, pure);
        let refused = python.iter().flatten().next();
        assert!(refused.is_none(), "seed {seed}: Python refuses a good one: {refused:?}");
        let mut harmless = 0;
        for ((file, whole), python) in bad.iter().zip(&shown).zip(ask_python(&bad, &trust, pure)) {
            let ours = check(file, &trust);
            let text = String::from_utf8_lossy(file);
            assert_eq!(ours.is_ok(), python.is_none(), "seed {seed}: {ours:?}, {python:?}\n{text}");
            // A line that says nothing, or says the same again, may be there: what is shown must not change by it.
            if let Ok(ours) = ours {
                assert_eq!(&ours, whole, "seed {seed}:\n{text}");
                harmless += 1;
            }
        }
        println!(
            "seed {seed}: {count} good, {} refused, {harmless} damaged where nothing was said",
            count - harmless
        );
        assert!(harmless * 4 < count);
    }
}

#[test]
fn python_agrees_about_every_proof() {
    agree(false);
}

#[test]
fn python_agrees_with_its_own_signatures_too() {
    agree(true);
}

/// Two files that are not made anew: what was handed out once is verified ever after.
#[test]
fn files_that_were_handed_out_still_hold() {
    let key = include_str!("proofs/key.txt").trim().parse().unwrap();
    let trust = Trust { key, witnesses: Vec::new() };
    let files =
        [include_bytes!("proofs/plain.proof").to_vec(), include_bytes!("proofs/packed.proof").to_vec()];
    let [plain, packed] = files.each_ref().map(|file| check(file, &trust).unwrap());
    assert_eq!(plain, packed);
    assert!(ask_python(&files, &trust, false).iter().all(Option::is_none));
    // What is written today is the packed one, byte for byte, whichever of them was read.
    let written = files.each_ref().map(|file| Proof::parse(file).unwrap().to_bytes());
    let [_, packed] = files;
    assert_eq!(written, [packed.clone(), packed]);
}

/// The table on the page is the table of the program.
#[test]
fn the_page_names_every_phrase() {
    let page =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reference/ledger-format.md"));
    for (place, phrase) in (0..).zip(PHRASES) {
        let row = format!("\n| `{:02x}` | `{phrase}` |\n", code(place));
        assert!(page.contains(&row), "{row}");
    }
}
